"""What a node asks differently: of a model's request only the message or the tool that differs."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from graph.codec import canonical
from replay.telling.brief import call
from replay.telling.differences import difference, limited, opcodes, shown, text_difference
from replay.telling.state_difference import state_difference

SHOWN = 5
"""Lines of a message that is only there or only here."""
BRIEF = 80
"""Characters of a message that is only at another place."""
Message = Mapping[str, Any]


def request_difference(kind: str, before: Any, after: Any) -> list[str]:
    """The lines that tell one request from another, both in full."""
    if kind == "model":
        return limited([*_model(before, after), *_messages(before, after), *_tools(before, after)])
    if "first" in after:
        first = before["first"]
        if first is None:
            return ["-what the analyst began with is not recorded"]
        return state_difference({name: first.get(name) for name in after["first"]}, after["first"])
    return difference(before, after)


def request_lines(kind: str, name: str, request: Any) -> list[str]:
    """A request on a few lines, without what a model was told before."""
    if kind != "model":
        return [f"{kind} {call(name, request)}"]
    messages = request["messages"]
    said = _told(messages[-1], len(messages) - 1, messages) if messages else []
    return [f"{kind} {name}, {len(messages)} messages", *said]


def _model(before: Any, after: Any) -> list[str]:
    return difference({"model": before["model"]}, {"model": after["model"]})


def _messages(before: Any, after: Any) -> Iterator[str]:
    mine, yours = before["messages"], after["messages"]
    keys, now_keys = ([canonical(entry) for entry in entries] for entries in (mine, yours))
    if keys != now_keys and sorted(keys) == sorted(now_keys):
        yield " the same messages in another order:"
        moved = [place for place, key in enumerate(keys) if now_keys[place] != key]
        for sign, entries in (("-", mine), ("+", yours)):
            yield from (f"{sign}{_brief(entries[place], place, entries)}" for place in moved)
        return
    for what, start, end, now_start, now_end in opcodes(keys, now_keys):
        if what == "equal":
            continue
        places, now_places = list(range(start, end)), list(range(now_start, now_end))
        while places and now_places and mine[places[0]]["type"] == yours[now_places[0]]["type"]:
            one, other = mine[places.pop(0)], yours[now_places[0]]
            yield f" {_head(other, now_places.pop(0), yours)}:"
            yield from text_difference(one["text"], other["text"])
            yield from difference(one.get("calls", []), other.get("calls", []), "calls")
        for place in places:
            yield from (f"-{line}" for line in _told(mine[place], place, mine))
        for place in now_places:
            yield from (f"+{line}" for line in _told(yours[place], place, yours))


def _head(message: Message, place: int, among: Sequence[Message]) -> str:
    return f"message {place + 1} of {len(among)} ({message['type']})"


def _brief(message: Message, place: int, among: Sequence[Message]) -> str:
    """A message on one line, under its number and role."""
    return f"{_head(message, place, among)}: {' '.join(message['text'].split())[:BRIEF]}"


def _told(message: Message, place: int, among: Sequence[Message]) -> list[str]:
    """A message's first lines, under its number and role."""
    said = message["text"].split("\n")
    said += [f"calls {call(asked['name'], asked['args'])}" for asked in message.get("calls", [])]
    cut = len(said) - SHOWN
    rest = [f"[{cut} more lines]"] if cut > 0 else []
    first = [f"  {shown(line)}" for line in [*said[:SHOWN], *rest]]
    return [f"{_head(message, place, among)}:", *first]


def _tools(before: Any, after: Any) -> Iterator[str]:
    if before["tools"] == after["tools"]:
        return
    if before["tools"] is None:
        yield "-the tools on offer were not recorded"
        return
    mine, yours = _signatures(before["tools"]), _signatures(after["tools"])
    for name in [*mine, *(name for name in yours if name not in mine)]:
        one, other = mine.get(name), yours.get(name)
        if one == other:
            continue
        if one and other and one[0] == other[0]:
            yield f" tool {one[0]}: its description, or what its arguments may be, has changed"
            continue
        if one:
            yield f"-tool {one[0]}"
        if other:
            yield f"+tool {other[0]}"
    if mine == yours:
        yield " the same tools in another order:"
        yield from text_difference("\n".join(mine), "\n".join(yours))


def _signatures(tools: str) -> dict[str, tuple[str, str]]:
    """Each tool by its name: its name with its arguments, and the digest of all that it says."""
    found = {}
    for line in tools.split("\n") if tools else []:
        signature, _, key = line.rpartition(" ")
        found[signature.partition("(")[0]] = (signature, key)
    return found
