"""How two states differ: of a list only the entries that do, by what they are called."""

from collections.abc import Mapping, Sequence
from typing import Any

from graph.codec import MESSAGES
from graph.tape import address
from replay.recording import State
from replay.telling.differences import difference, limited, opcodes, shown

TOLD = 80
"""Characters of a message that only one of both has."""


def differing(before: State, after: State) -> list[str]:
    """The names of the channels that differ."""
    return [name for name in sorted({*before, *after}) if before.get(name) != after.get(name)]


def state_difference(before: State, after: State) -> list[str]:
    """The lines that tell one state from the other."""
    found: list[str] = []
    for name in differing(before, after):
        one, other = before.get(name), after.get(name)
        if _is_entries(one) and _is_entries(other) and (one or other):
            found += _entries(name, one or [], other or [])
        else:
            found += difference(one, other, name)
    return limited(found)


def visit_that_differs(visits: Sequence[str], before: State, after: State) -> str | None:
    """Which of the visits side by side made an entry that differs; None when that is not clear."""
    for name in differing(before, after):
        one, other = before.get(name), after.get(name)
        if not (_is_entries(one) and _is_entries(other) and one and other):
            continue
        mine, yours = _labels(name, one), _labels(name, other)
        if mine != yours:
            return None
        for entry, now in zip(one, other, strict=True):
            if entry != now:
                made_by = _made_by(entry)
                return made_by if made_by in visits else None
    return None


def _entries(name: str, before: Sequence[Any], after: Sequence[Any]) -> list[str]:
    mine, yours = _labels(name, before), _labels(name, after)
    if mine != yours and sorted(mine) == sorted(yours):
        moved = [place for place, label in enumerate(mine) if yours[place] != label]
        part = slice(moved[0], moved[-1] + 1)
        return [
            f" {name}: the same entries in another order",
            shown(f"-{', '.join(mine[part])}"),
            shown(f"+{', '.join(yours[part])}"),
        ]
    found: list[str] = []
    for what, start, end, now_start, now_end in opcodes(mine, yours):
        if what == "equal":
            for place, now in zip(range(start, end), range(now_start, now_end), strict=True):
                found += difference(before[place], after[now], f"{name}[{mine[place]}]")
            continue
        found += [f"-{name}: {_told(mine[place], before[place])}" for place in range(start, end)]
        found += [
            f"+{name}: {_told(yours[place], after[place])}" for place in range(now_start, now_end)
        ]
    return found


def _labels(name: str, entries: Sequence[Mapping[str, Any]]) -> list[str]:
    return [_label(name, entry) or str(place) for place, entry in enumerate(entries)]


def _label(name: str, entry: Mapping[str, Any]) -> str:
    """What people call an entry."""
    if name == "exchanges":
        return f"{_made_by(entry)} {entry['kind']} {entry['name']}"
    if name == MESSAGES:
        named = entry.get("name") or entry["type"]
        return f"{_made_by(entry)} {named}"
    return " ".join(str(entry[key]) for key in ("id", "name") if key in entry)


def _told(label: str, entry: Mapping[str, Any]) -> str:
    content = entry.get("content")
    return f"{label}: {' '.join(content.split())[:TOLD]}" if isinstance(content, str) else label


def _made_by(entry: Mapping[str, Any]) -> str:
    """The address of the visit that an entry comes from, as far as it says so."""
    if "node" in entry:
        return address(entry)  # type: ignore[arg-type]
    return str(entry.get("message_id") or entry.get("id") or "").rpartition(":")[2]


def _is_entries(value: Any) -> bool:
    return value is None or (
        isinstance(value, list) and all(isinstance(entry, dict) for entry in value)
    )
