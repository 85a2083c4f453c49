"""A recording as one text file: JSON lines, one value or list entry a line, always the same text.

The last line holds a digest of those before it, so that an edit, a lost line or a flipped bit
is seen. A file is untrusted all the same: it is read by a form that has no room for anything
but values, and nothing in it is imported or run.
"""

from collections.abc import Iterator
from typing import Any

from replay.file.line_reader import LineReader
from replay.file.lines import AGAIN, VERSION, UnreadableRecording, last_line, whole, written
from replay.recording import Recording

__all__ = ["UnreadableRecording", "from_text", "to_text"]


def to_text(recording: Recording) -> str:
    """The file of it. Raises UnreadableValue for what no file could hold."""
    lines = [written(number, line) for number, line in enumerate(_lines(recording), 1)]
    body = "".join(f"{line}\n" for line in lines)
    return f"{body}{last_line(body, len(lines))}\n"


def from_text(text: str) -> Recording:
    """The recording in that text. Raises UnreadableRecording, with the line where one is wrong."""
    lines = whole(text)
    reader = LineReader(lines)
    found = Recording(reader.run(), reader.segments())
    if lines[-1] != last_line(text[: -len(lines[-1]) - 1], len(lines) - 1):
        raise UnreadableRecording(f"it is not as it was exported: a line was changed; {AGAIN}")
    return found


def _lines(recording: Recording) -> Iterator[dict[str, Any]]:
    yield {"tape": VERSION, "run": dict(recording.run)}
    for segment in recording.segments:
        yield {"segment": segment.of, "following": list(segment.following), "at": segment.at}
        for name in sorted(segment.start):
            value = segment.start[name]
            if isinstance(value, list):
                yield {"start": name, "list": len(value)}
                yield from ({"entry": entry} for entry in value)
            else:
                yield {"start": name, "value": value}
        for step in segment.steps:
            yield {"step": list(step.visits), "following": list(step.following), "at": step.at}
            for name in sorted(step.changes):
                change = step.changes[name]
                if "keep" in change:
                    rest = change["then"]
                    yield {"change": name, "keep": change["keep"], "list": len(rest)}
                    yield from ({"entry": entry} for entry in rest)
                else:
                    yield {"change": name, "value": change["value"]}
