"""A run as it is named on the command line: by its id, or by the path of a file."""

import asyncio
import importlib
from pathlib import Path

from graph.settings import load_state
from replay.document import UnreadableRecording, from_text
from replay.recording import Recording
from replay.suffix import SUFFIX


async def recording_of(name: str) -> Recording:
    """The recording of that run, or in that file.

    Raises UnreadableValue, RunUnknown, StateUnavailable, SettingsError.
    """
    if is_file(name):
        return from_text(await file_text(Path(name)))
    # Only here: a file is read without what reads databases.
    library_module = importlib.import_module("replay.library")
    async with library_module.open_library(load_state()) as library:
        found: Recording = await library.recording(name)
        return found


async def file_text(path: Path) -> str:
    """The text of that file. Raises UnreadableRecording."""
    try:
        return await asyncio.to_thread(path.read_text, encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableRecording(f"{path}: {error}") from None


def is_file(name: str) -> bool:
    """Whether the name is a file's, and not a run's id."""
    return name.endswith(SUFFIX) or "/" in name
