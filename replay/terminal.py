"""Lines for a terminal."""

import sys

from graph.untrusted import printable


def say(line: str) -> None:
    """One line, whatever is in it: what comes from an estate must not steer a terminal."""
    sys.stdout.write(f"{printable(line)}\n")
