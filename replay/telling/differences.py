"""Differences of two values, line by line, for people: `-` as recorded, `+` now.

Only what differs is shown, each with its place; of a text the line before and after it too, and
of a long line the part where it changes.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Any

LINES_LIMIT = 60
CONTEXT = 1
"""Unchanged lines of a text before and after a changed one."""
WIDTH = 200
"""Characters of a line that are shown."""
LEAD = 60
"""Characters that are shown before the place where a long line changes."""
EXACT_LIMIT = 300
"""Lines up to which two texts are compared in full; it takes time with the cube of their number."""
COMPARED_LIMIT = 1000
"""Lines of longer ones that are, from the first that differs on."""


def difference(before: Any, after: Any, name: str = "") -> list[str]:
    """The places at which two JSON-able values differ; `name` is that of the whole."""
    mine, yours = dict(_leaves(before, name)), dict(_leaves(after, name))
    found: list[str] = []
    for place in [*mine, *(place for place in yours if place not in mine)]:
        one, other = mine.get(place), yours.get(place)
        if one == other:
            continue
        if one is not None and other is not None and "\n" in one + other:
            found += [f" {place}:", *text_difference(one, other)]
        else:
            found += _changed(
                [f"{place}: {line}" for line in _split(one)],
                [f"{place}: {line}" for line in _split(other)],
            )
    return limited(found)


def text_difference(before: str, after: str) -> list[str]:
    """The lines of a text that differ, with their neighbours."""
    mine, yours = before.split("\n"), after.split("\n")
    found: list[str] = []
    if max(len(mine), len(yours)) > EXACT_LIMIT:
        start = max(0, _same(mine, yours) - CONTEXT)
        end = start + COMPARED_LIMIT
        mine, yours = mine[start:end], yours[start:end]
    for hunk in _matcher(mine, yours).get_grouped_opcodes(CONTEXT):
        for what, start, end, now_start, now_end in hunk:
            if what == "equal":
                found += [f" {shown(line)}" for line in mine[start:end]]
            else:
                found += _changed(mine[start:end], yours[now_start:now_end])
    return limited(found)


def opcodes(mine: Sequence[str], yours: Sequence[str]) -> Sequence[tuple[str, int, int, int, int]]:
    """How one row of texts becomes the other, as `difflib` says it.

    Of long rows what is far from the first difference is replaced as a whole.
    """
    if max(len(mine), len(yours)) <= EXACT_LIMIT:
        return _matcher(mine, yours).get_opcodes()
    start = _same(mine, yours)
    end, now_end = min(len(mine), start + COMPARED_LIMIT), min(len(yours), start + COMPARED_LIMIT)
    found: list[tuple[str, int, int, int, int]] = [("equal", 0, start, 0, start)] if start else []
    for what, *places in _matcher(mine[start:end], yours[start:now_end]).get_opcodes():
        a, b, c, d = (start + place for place in places)
        found.append((what, a, b, c, d))
    if end < len(mine) or now_end < len(yours):
        found.append(("replace", end, len(mine), now_end, len(yours)))
    return found


def _matcher(mine: Sequence[str], yours: Sequence[str]) -> "SequenceMatcher[str]":
    # What is often there is left out of long ones: else a file of equal lines takes hours.
    return SequenceMatcher(None, mine, yours, max(len(mine), len(yours)) > EXACT_LIMIT)


def _same(mine: Sequence[str], yours: Sequence[str]) -> int:
    """How many of the first are equal."""
    pairs = enumerate(zip(mine, yours, strict=False))
    return next((place for place, (a, b) in pairs if a != b), min(len(mine), len(yours)))


def limited(found: Sequence[str], limit: int = LINES_LIMIT) -> list[str]:
    """The first lines, and how many there are beyond them."""
    cut = len(found) - limit
    return [*found[:limit], f"[{cut} more lines]"] if cut > 0 else list(found)


def shown(line: str, start: int = 0) -> str:
    """The part of a line that is shown."""
    part = f"…{line[start:]}" if start else line
    return part if len(part) <= WIDTH else f"{part[:WIDTH]}… [{len(part) - WIDTH} more]"


def _leaves(value: Any, name: str) -> Iterator[tuple[str, str]]:
    """Every text, number or empty value in it, with its place."""
    if isinstance(value, Mapping) and value:
        for key in sorted(value):
            yield from _leaves(value[key], f"{name}.{key}" if name else str(key))
    elif isinstance(value, Sequence) and not isinstance(value, str) and value:
        for index, part in enumerate(value):
            yield from _leaves(part, f"{name}[{index}]")
    else:
        yield name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _split(text: str | None) -> list[str]:
    return [] if text is None else text.split("\n")


def _changed(before: Sequence[str], after: Sequence[str]) -> list[str]:
    """The lines that went and those that came; each is cut where it differs from its like."""
    removed, added = [], []
    for one, other in zip_longest(before, after):
        start = _start(one or "", other or "")
        removed += [] if one is None else [f"-{shown(one, start)}"]
        added += [] if other is None else [f"+{shown(other, start)}"]
    return removed + added


def _start(one: str, other: str) -> int:
    """From where on two lines are shown, so that what differs is seen."""
    if max(len(one), len(other)) <= WIDTH:
        return 0
    same = next(
        (place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b),
        min(len(one), len(other)),
    )
    return same - LEAD if same > WIDTH - LEAD else 0
