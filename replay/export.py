"""A recording made fit to leave the machine: without secrets, and still one that can be run."""

from dataclasses import replace
from typing import Any

from graph.errors import NetForgeError
from graph.redaction import Redactor, names_a_secret
from replay.document import from_text, to_text
from replay.recording import Recording
from replay.rerun import rerun

LINE_LIMIT = 1_000_000_000
"""Nothing is cut: what a tool returned was cut when it was recorded."""
METADATA = ("response_metadata", "usage_metadata")
"""Of a model's answer; their names speak of tokens, and hold none."""


class ExportRefused(NetForgeError):
    """A recording still holds what looks like a secret, or could not be freed of it."""


async def exported(recording: Recording) -> str:
    """The file of the recording, redacted.

    What was typed in a question can be a secret; what depends on it is made again, offline, so
    that the file can be run. Raises ExportRefused, UnreadableValue.
    """
    redactor = Redactor(line_limit=LINE_LIMIT)
    clean = _redacted(recording, redactor)
    if clean != recording:
        clean = await _made_again(recording, clean)
    if _redacted(clean, redactor) != clean:
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


def _redacted(recording: Recording, redactor: Redactor) -> Recording:
    def clean(value: Any) -> Any:
        return _without_secrets(value, redactor)

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


def _without_secrets(value: Any, redactor: Redactor, name: str = "") -> Any:
    if name in METADATA:
        return value
    if names_a_secret(name) or not isinstance(value, dict | list):
        return redactor.value(value, name)
    if isinstance(value, list):
        return [_without_secrets(part, redactor) for part in value]
    return {
        redactor.text(str(key)): _without_secrets(part, redactor, str(key))
        for key, part in value.items()
    }
