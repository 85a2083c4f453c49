"""How a checkpoint holds the tape: what a visit exchanged, without what is empty or repeats.

A visit writes one packed value, of JSON as all of the state is. The channel's reducer unpacks it,
so that the state holds whole exchanges, equal to those that were packed. Long texts, which are
our own prompts for the most part, are compressed, and so is the setup.
"""

import functools
import json
import zlib
from base64 import b64decode, b85decode, b85encode
from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile
from os.path import commonprefix
from typing import Any

from graph.codec import canonical, digest

COMPRESSION = 9
TICKS = 10_000
"""Of a second. What is measured is rounded to them, and a small integer takes few bytes."""


def packed(
    address: tuple[str, int, int | None], exchanges: Sequence[Mapping[str, Any]], *, anew: bool
) -> dict[str, Any]:
    """What one visit writes; all its exchanges have that address. `anew`: the tape begins here."""
    at = [part for part in address if part is not None]
    written = {"at": at, "kept": [_packed(entry, at) for entry in exchanges]}
    return {**written, "anew": True} if anew else written


def append_exchanges(state: list[Any], writes: Sequence[Any]) -> list[Any]:
    """Append what the visits wrote, in order, from where the tape began last.

    Plain lists, as an edit of the state has them, are appended as they are.
    """
    later = len([*takewhile(lambda write: not _begins(write), reversed(writes))])
    begun = later < len(writes)
    known = writes[len(writes) - later - begun :]
    whole = [_unpacked(write) if isinstance(write, Mapping) else write for write in known]
    return [*([] if begun else state), *(entry for entries in whole for entry in entries)]


def _begins(write: Any) -> bool:
    return isinstance(write, Mapping) and "anew" in write


def _empty() -> dict[str, Any]:
    """The values of a packed exchange, in their order; at its end those like these are left out.

    Its digest is left out always: it is that of the request.
    """
    return {
        "kind": None,
        "name": None,
        "request": {},
        "response": None,
        "seconds": 0.0,
        "measured": {},
        "texts": {},
        "status": "ok",
        "error": None,
    }


def _packed(entry: Mapping[str, Any], at: Sequence[Any]) -> list[Any]:
    empty = _empty()
    known = {name: entry.get(name, value) for name, value in empty.items()}
    known["texts"] = {key: _compressed(text) for key, text in known["texts"].items()}
    if entry["kind"] == "model":
        messages = _without_prefixes(entry["request"]["messages"])
        known["request"] = {**entry["request"], "messages": messages}
    if entry["kind"] == "setup":
        known["response"] = _compressed(canonical(entry["response"]))
    ticks = round(entry["seconds"] * TICKS)
    if ticks / TICKS == entry["seconds"]:
        known["seconds"] = ticks
    if entry["kind"] == "tool":
        known["response"] = _turn_of(entry["response"], at)
        known["measured"] = _source_of(entry["measured"])
    while known[last := next(reversed(known))] == empty[last]:
        del known[last]
    return [*known.values()]


def _unpacked(write: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    node, visit, *index = write["at"]
    for values in write["kept"]:
        empty = _empty()
        known = {**empty, **dict(zip(empty, values, strict=False))}
        if known["kind"] == "model":
            messages = list(_with_prefixes(known["request"]["messages"]))
            known["request"] = {**known["request"], "messages": messages}
        if known["kind"] == "setup" and isinstance(known["response"], str):
            known["response"] = json.loads(_text(known["response"]))
        if isinstance(known["response"], str) and known["kind"] == "tool":
            known["response"] = {"artifact": _message_id(known["response"], write["at"])}
        if isinstance(known["seconds"], int):
            known["seconds"] /= TICKS
        if isinstance(known["measured"], str):
            known["measured"] = {"source": known["measured"]}
        texts = {key: _text(compressed) for key, compressed in known.pop("texts").items()}
        entry = {
            "node": node,
            "visit": visit,
            "index": index[0] if index else None,
            **known,
            "digest": digest(known["request"]),
        }
        yield {**entry, "texts": texts} if texts else entry


def _turn_of(response: Any, at: Sequence[Any]) -> Any:
    """The turn alone, where the response is the message of that very call."""
    if isinstance(response, dict) and [*response] == ["artifact"]:
        turn, _, _ = str(response["artifact"]).rpartition(":")
        if response["artifact"] == _message_id(turn, at):
            return turn
    return response


def _message_id(turn: str, at: Sequence[Any]) -> str:
    node, visit, *index = at
    return ".".join([f"{turn}:{node}#{visit}", *map(str, index)])


def _source_of(measured: Mapping[str, Any]) -> Any:
    return measured["source"] if [*measured] == ["source"] else measured


# Both remember: what is so long are prompts, tools and the setup for the most part, the same in
# every turn.
@functools.lru_cache(maxsize=64)
def _compressed(text: str) -> str:
    return b85encode(zlib.compress(text.encode(), COMPRESSION)).decode()


@functools.lru_cache(maxsize=64)
def _text(compressed: str) -> str:
    # Older checkpoints have base 64; what zlib writes begins so there, and with `c` in base 85.
    decoded = b64decode if compressed.startswith("eJ") else b85decode
    return zlib.decompress(decoded(compressed)).decode()


def _without_prefixes(messages: Sequence[Any]) -> list[Any]:
    """Ids without what each begins with as the one before it did: a number says how much."""
    kept: list[Any] = []
    before = ""
    for part in messages:
        if isinstance(part, str):
            shared = len(commonprefix((before, part)))  # noqa: RUF071 (these are no paths)
            kept += [shared, part[shared:]] if shared else [part]
            before = part
        else:
            kept.append(part)
    return kept


def _with_prefixes(kept: Sequence[Any]) -> Iterator[Any]:
    before, shared = "", 0
    for part in kept:
        if isinstance(part, int):
            shared = part
        elif isinstance(part, str):
            before, shared = before[:shared] + part, 0
            yield before
        else:
            yield part
