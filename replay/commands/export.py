"""export: a run as one text file, on the standard output."""

import argparse
import sys

from replay.export import exported
from replay.file.source import recording_of


async def run(arguments: argparse.Namespace) -> int:
    """Print the file."""
    sys.stdout.write(await exported(await recording_of(arguments.run)))
    return 0
