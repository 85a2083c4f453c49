"""Differences and steps in words that people understand."""
