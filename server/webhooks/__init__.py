"""Alerts of Datadog and CloudWatch that start an investigation."""
