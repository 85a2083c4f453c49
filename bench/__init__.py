"""Measures the claims that are about size and time: `python -m bench`."""
