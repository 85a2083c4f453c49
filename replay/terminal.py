"""Lines for a terminal."""

import sys

from graph.untrusted import printable


def say(line: str) -> None:
    """One line, whatever is in it: what comes from an estate must not steer a terminal.

    A terminal that cannot show a character still shows the rest.
    """
    encoding = sys.stdout.encoding or "utf-8"
    shown = printable(line).encode(encoding, "replace").decode(encoding)
    sys.stdout.write(f"{shown}\n")
