"""import: an exported file, kept beside the runs."""

import argparse
from pathlib import Path

from graph.settings import load_state
from replay.file.document import to_text
from replay.file.source import recording_in
from replay.library import open_library
from replay.terminal import say


async def run(arguments: argparse.Namespace) -> int:
    """Check the file and keep it."""
    # Read before anything is opened; its text is the same again.
    text = to_text(await recording_in(Path(arguments.file)))
    async with open_library(load_state()) as library:
        found = await library.keep(text)
    say(f"imported run {found.run_id}, asked at {found.run['asked_at']}")
    return 0
