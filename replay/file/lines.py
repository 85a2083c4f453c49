"""The lines of an exported file: each a JSON value in one form, the last one a digest."""

import hashlib
import json
from typing import Any

from graph.codec import check_nesting, read_json
from graph.errors import UnreadableValue
from graph.untrusted import printable

VERSION = 1
CHARACTERS_LIMIT = 50_000_000
LINES_LIMIT = 100_000
"""Each takes about 30 microseconds to be read. A run takes some hundreds, and a thread of a
thousand turns before it some ten thousands."""
VALUES_LIMIT = 5_000_000
"""As `values_in` counts those of a file: what it takes in memory grows with these."""
SHOWN = 40
"""Characters of something wrong that an error shows."""
AGAIN = "export it again, and keep it as it is"


class UnreadableRecording(UnreadableValue):
    """A file that is not a recording that this version wrote; says where and what to do."""


def written(number: int, line: dict[str, Any]) -> str:
    """The line of that number. Raises UnreadableValue for what could not be read again."""
    try:
        text = _spelled(line)
        text.encode()
        check_nesting(read_json(text))
    except ValueError as error:
        raise UnreadableValue(f"line {number} of the file could not be read: {error}") from None
    return text


def parsed(number: int, line: str) -> Any:
    """The value of the line of that number. Raises UnreadableRecording."""
    try:
        line.encode()
        value = read_json(line)
        check_nesting(value)
        if _spelled(value) != line:
            raise ValueError("it is not written as this version writes it")
    except json.JSONDecodeError as error:
        said = f"line {number}: it is not JSON: {error.msg} at character {error.colno}"
        raise UnreadableRecording(said) from None
    except ValueError as error:
        raise UnreadableRecording(f"line {number}: {error}") from None
    return value


def last_line(body: str, number: int) -> str:
    """The last line of a file whose lines before it, so many, are `body`."""
    digest = hashlib.blake2b(body.encode(), digest_size=16).hexdigest()
    return _spelled({"end": digest, "lines": number})


def whole(text: str) -> list[str]:
    """The lines of a file, when it is of this version and none is missing.

    Raises UnreadableRecording. What stands in the lines is not looked at.
    """
    if text == "":
        raise UnreadableRecording("it is empty")
    if len(text) > CHARACTERS_LIMIT:
        raise UnreadableRecording(f"it has {len(text)} characters; {CHARACTERS_LIMIT} is the most")
    number = text.count("\n")
    if number > LINES_LIMIT:
        raise UnreadableRecording(f"it has {number} lines; {LINES_LIMIT} is the most")
    values = values_in(text)
    if values > VALUES_LIMIT:
        raise UnreadableRecording(f"it has {values} values; {VALUES_LIMIT} is the most")
    if text.startswith("\ufeff"):
        raise UnreadableRecording(f"line 1 begins with a byte order mark; {AGAIN}")
    lines = text.split("\n")
    if "\r\n" in text:
        crlf = next(place for place, line in enumerate(lines, 1) if line.endswith("\r"))
        raise UnreadableRecording(f"line {crlf} ends with CRLF instead of LF; {AGAIN}")
    _check_version(parsed(1, lines[0]))
    if lines.pop() != "":
        raise UnreadableRecording(f"it is not whole: line {number + 1} does not end; {AGAIN}")
    end = parsed(number, lines[-1])
    if not isinstance(end, dict) or set(end) != {"end", "lines"}:
        raise UnreadableRecording(f"it is not whole: line {number} is not a last one; {AGAIN}")
    if end["lines"] != number - 1:
        said = _shown(end["lines"])
        raise UnreadableRecording(
            f"lines were lost or added: {number - 1} stand before the last, which counted {said}; "
            f"{AGAIN}"
        )
    return lines


def values_in(text: str) -> int:
    """Commas and opening brackets in it: about as many as it has values, and quickly counted."""
    return sum(map(text.count, ",[{"))


def _check_version(first: Any) -> None:
    version = first.get("tape") if isinstance(first, dict) else None
    if version is None:
        raise UnreadableRecording("line 1 is not the first line of a recording")
    if type(version) is not int or version != VERSION:
        said = _shown(version)
        raise UnreadableRecording(f"it is of version {said}; this code reads version {VERSION}")


def _shown(value: Any) -> str:
    return printable(_spelled(value)[:SHOWN])


def _spelled(value: Any) -> str:
    # Not sorted: the names in a call's arguments or in an alert stand in texts in their order.
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
