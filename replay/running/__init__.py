"""A recording run again by the current code, with nothing live behind it."""
