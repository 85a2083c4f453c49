"""A run as it is named on the command line: by its id, or by the path of a file."""

import asyncio
import importlib
import os
from pathlib import Path

from graph.settings import load_state
from replay.file.document import UnreadableRecording, from_text
from replay.file.lines import CHARACTERS_LIMIT
from replay.file.suffix import SUFFIX
from replay.recording import Recording

BYTES_LIMIT = 2 * CHARACTERS_LIMIT


async def recording_of(name: str) -> Recording:
    """The recording of that run, or in that file.

    Raises UnreadableValue, RunUnknown, StateUnavailable, SettingsError.
    """
    if is_file(name):
        return await recording_in(Path(name))
    # Only here: a file is read without what reads databases.
    library_module = importlib.import_module("replay.library")
    async with library_module.open_library(load_state()) as library:
        found: Recording = await library.recording(name)
        return found


async def recording_in(path: Path) -> Recording:
    """The recording in that file. Raises UnreadableRecording."""
    text = await file_text(path)
    try:
        return await asyncio.to_thread(from_text, text)
    except UnreadableRecording as error:
        raise UnreadableRecording(f"{path}: {error}") from None


async def file_text(path: Path) -> str:
    """The text of that file. Raises UnreadableRecording, also for one that is too large."""
    try:
        content = await asyncio.to_thread(_content, path)
    except OSError as error:
        raise UnreadableRecording(f"{path}: {error.strerror or error}") from None
    if content is None:
        raise UnreadableRecording(f"{path}: it has more than {BYTES_LIMIT} bytes")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        number = content.count(b"\n", 0, error.start) + 1
        raise UnreadableRecording(f"{path}: line {number}: it is not UTF-8") from None


def _content(path: Path) -> bytes | None:
    """The bytes of the file; None when there are too many. As bytes, to keep its line ends."""
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_size > BYTES_LIMIT:
            return None
        content = file.read(BYTES_LIMIT + 1)
    return content if len(content) <= BYTES_LIMIT else None


def is_file(name: str) -> bool:
    """Whether the name is a file's, and not a run's id."""
    return name.endswith(SUFFIX) or "/" in name
