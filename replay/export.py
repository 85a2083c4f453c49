"""A recording made fit to leave the machine: without secrets, and still one that can be run."""

import asyncio
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from graph.errors import NetForgeError
from graph.redaction import SHORTEST_SECRET, Redactor, names_a_secret
from replay.document import from_text, to_text
from replay.recording import Recording
from replay.rerun import rerun

LINE_LIMIT = 1_000_000_000
"""Nothing is cut: what a tool returned was cut when it was recorded."""
METADATA = ("response_metadata", "usage_metadata")
"""Of a model's answer; their names speak of tokens, and hold none."""
ELSEWHERE = "[redacted: a secret elsewhere]"
TakeOut = Callable[[Any, str], Any]
"""What becomes of a value with that name."""


class ExportRefused(NetForgeError):
    """A recording still holds what looks like a secret, or could not be freed of it."""


async def exported(recording: Recording) -> str:
    """The file of the recording, redacted.

    What was typed in a question can be a secret; what depends on it is made again, offline, so
    that the file can be run. Raises ExportRefused, UnreadableValue.
    """
    # In a thread: it takes a tenth of a second, and a server answers others meanwhile.
    clean = await asyncio.to_thread(_without_secrets, recording)
    if clean != recording:
        clean = await _made_again(recording, clean)
    return await asyncio.to_thread(_checked, clean)


def _checked(clean: Recording) -> str:
    """The file of a recording that holds no secret any more."""
    if _redacted(clean, Redactor(line_limit=LINE_LIMIT).value) != clean:
        raise ExportRefused("not exported: what looks like a secret is still there")
    text = to_text(clean)
    from_text(text)
    return text


async def _made_again(recording: Recording, clean: Recording) -> Recording:
    verdict, _ = await rerun(recording)
    if not verdict.same:
        raise ExportRefused(
            "not exported: it holds what looks like a secret, and the current code does not do "
            f"what was recorded ({verdict.kind} at {verdict.at}); export it with the code of then"
        )
    verdict, made = await rerun(clean, accept=True)
    if not verdict.same:
        raise ExportRefused(
            f"not exported: without what looks like a secret it goes another way "
            f"({verdict.kind} at {verdict.at})"
        )
    return made


def _without_secrets(recording: Recording) -> Recording:
    """The recording without what looks like a secret, and without that anywhere else.

    A model repeats a password where nothing says that it is one.
    """
    noticed: set[str] = set()
    clean = _redacted(recording, Redactor(line_limit=LINE_LIMIT, notice=noticed.add).value)
    bare = {text.strip("\"'") for text in noticed}
    known = {text for text in bare if len(text) >= SHORTEST_SECRET and "[redacted:" not in text}
    return _redacted(clean, _taking_out(known)) if known else clean


def _taking_out(texts: Iterable[str]) -> TakeOut:
    longest_first = sorted(texts, key=len, reverse=True)
    pattern = re.compile("|".join(map(re.escape, longest_first)))

    def take_out(value: Any, _name: str) -> Any:
        return pattern.sub(ELSEWHERE, value) if isinstance(value, str) else value

    return take_out


def _redacted(recording: Recording, take_out: TakeOut) -> Recording:
    def clean(value: Any) -> Any:
        return _cleaned(value, take_out)

    return Recording(
        clean(dict(recording.run)),
        [
            replace(
                segment,
                start=clean(dict(segment.start)),
                steps=[replace(step, changes=clean(dict(step.changes))) for step in segment.steps],
            )
            for segment in recording.segments
        ],
    )


def _cleaned(value: Any, take_out: TakeOut, name: str = "") -> Any:
    if name in METADATA:
        return value
    if names_a_secret(name) or not isinstance(value, dict | list):
        return take_out(value, name)
    if isinstance(value, list):
        return [_cleaned(part, take_out) for part in value]
    return {
        take_out(str(key), ""): _cleaned(part, take_out, str(key)) for key, part in value.items()
    }
