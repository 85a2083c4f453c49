"""A recording as one text file: written the same each time, and read as untrusted."""
