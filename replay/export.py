"""A recording made fit to leave the machine: without secrets, and still one that can be run."""

import asyncio
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

from graph.errors import NetForgeError, UnreadableValue
from graph.redaction import SHORTEST_SECRET, Redactor, names_a_secret
from replay.file.document import from_text, to_text
from replay.recording import Recording
from replay.running.rerun import rerun

LINE_LIMIT = 1_000_000_000
"""Nothing is cut: what a tool returned was cut when it was recorded."""
METADATA = ("response_metadata", "usage_metadata")
"""Of a model's answer; names in them speak of tokens, and are of numbers."""
ELSEWHERE = "[redacted: a secret elsewhere]"
KNOWN_LIMIT = 1000
"""Texts that look like secrets in one recording; each is looked for everywhere."""
OPEN = ("args", "data", "alert", "additional_kwargs", "response_metadata", "unanswered")
"""Names of what has names of its own, that someone chose."""
FIXED = (
    *("type", "kind", "status", "node", "name", "source", "model", "origin", "digest"),
    *("category", "severity", "confidence", "code", "prompts", "packages", "sources"),
)
"""Names of what is not of free choice."""
Clean = Callable[[Any], Any]


class ExportRefused(NetForgeError):
    """A recording still holds what looks like a secret, or could not be freed of it."""


async def exported(recording: Recording) -> str:
    """The file of the recording, redacted.

    What was typed in a question can be a secret; what depends on it is made again, offline, so
    that the file can be run. Raises ExportRefused, UnreadableValue.
    """
    # In a thread: it takes a tenth of a second, and a server answers others meanwhile.
    clean = await asyncio.to_thread(_without_secrets, recording)
    if clean == recording:
        return await asyncio.to_thread(_checked, clean)
    verdict, _ = await rerun(recording)
    if not verdict.same:
        raise ExportRefused(
            "not exported: it holds what looks like a secret, and the current code does not do "
            f"what was recorded ({verdict.kind} at {verdict.at}); export it with the code of then"
        )
    try:
        return await asyncio.to_thread(_checked, await _made_again(clean))
    except UnreadableValue as error:
        raise ExportRefused(
            f"not exported: without what looks like a secret it cannot be read: {error}"
        ) from None


def _checked(clean: Recording) -> str:
    """The file of a recording that holds no secret any more."""
    if _redacted(clean, _redacting(Redactor(line_limit=LINE_LIMIT))) != clean:
        raise ExportRefused("not exported: what looks like a secret is still there")
    text = to_text(clean)
    from_text(text)
    return text


async def _made_again(clean: Recording) -> Recording:
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
    redactor = Redactor(line_limit=LINE_LIMIT, notice=noticed.add)
    clean = _redacted(recording, _redacting(redactor))
    bare = {text.strip("\"'") for text in noticed}
    known = {text for text in bare if len(text) >= SHORTEST_SECRET and "[redacted:" not in text}
    if len(known) > KNOWN_LIMIT:
        raise ExportRefused(f"not exported: it holds {len(known)} texts that look like secrets")
    # A word that every file has tells nothing, and without it no file can be read.
    words = "\n".join(set(_words_of_the_form(clean)))
    secret = {text for text in known if text not in words}
    return _redacted(clean, _taking_out(secret)) if secret else clean


def _words_of_the_form(recording: Recording) -> Iterator[str]:
    """Names, and values that are not of free choice, in no order and some of them often."""
    parts: list[Any] = [recording.run]
    for segment in recording.segments:
        parts += [segment.start, *(step.changes for step in segment.steps)]
    while parts:
        part = parts.pop()
        if isinstance(part, list):
            parts += part
        elif isinstance(part, dict):
            for name, value in part.items():
                yield name
                if name in FIXED and isinstance(value, str):
                    yield value
                elif name not in OPEN:
                    parts.append(value)


def _redacted(recording: Recording, clean: Clean) -> Recording:
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


def _redacting(redactor: Redactor) -> Clean:
    """Takes out what looks like a secret, or has the name of one."""

    def clean(value: Any, name: str = "", counts: bool = False) -> Any:
        counts = counts or name in METADATA
        if names_a_secret(name) and not (counts and not _holds_text(value)):
            return redactor.value(value, name)
        if isinstance(value, list):
            return [clean(part, counts=counts) for part in value]
        if isinstance(value, dict):
            return {
                redactor.text(str(key)): clean(part, str(key), counts)
                for key, part in value.items()
            }
        return redactor.value(value)

    return clean


def _taking_out(texts: Iterable[str]) -> Clean:
    """Takes these texts out wherever they may stand by chance or by choice."""
    longest_first = sorted(texts, key=len, reverse=True)
    pattern = re.compile("|".join(map(re.escape, longest_first)))

    def clean(value: Any) -> Any:
        if isinstance(value, list):
            return [clean(part) for part in value]
        if isinstance(value, dict):
            return {pattern.sub(ELSEWHERE, key): clean(part) for key, part in value.items()}
        return pattern.sub(ELSEWHERE, value) if isinstance(value, str) else value

    return clean


def _holds_text(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_holds_text, value.values()))
    return any(map(_holds_text, value)) if isinstance(value, list) else isinstance(value, str)
