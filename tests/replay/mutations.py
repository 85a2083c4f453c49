"""Exported files edited by hand: bytes, lines and values, with and without a last line that fits.

The same family and seed always give the same text.
"""

import base64
import copy
import json
import pickle
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from graph.codec import digest
from replay.file.lines import last_line

FAMILIES = ("bytes", "lines", "values")
Path = tuple[Any, ...]


def _nested(depth: int) -> Any:
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


NASTY: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    1,
    -1,
    10**6,
    2**63 - 1,
    -(2**63),
    2**63,
    10**40,
    0.5,
    -0.0,
    -1.5,
    1e308,
    5e-324,
    "",
    "\0",
    "x" * 3000,
    "\u202e\x1b[2J🙂",
    "<script>alert(1)</script>",
    "__import__('os').system('id')",
    "os.system",
    "replay.running.rerun",
    "../../../../tmp/x",
    "file:///etc/passwd",
    "http://127.0.0.1:9/x",
    base64.b64encode(pickle.dumps(print)).decode(),
    "{",
    '{"insights":[{}]}',
    "NaN",
    "E1",
    "plan#1",
    "tool#1.0",
    "place-0",
    "2026-11-27T03:02:26.644Z",
    "9999-12-31T23:59:59.999999+00:00",
    "0001-01-01T00:00:00+14:00",
    "CancelledError",
    "KeyboardInterrupt: x",
    "SystemExit: 3",
    "GeneratorExit",
    "UnreadableValue: x",
    {"lc": 1, "type": "constructor", "id": ["os", "system"], "kwargs": {"command": "id"}},
    {
        "lc": 1,
        "type": "constructor",
        "id": ["langchain_core", "messages", "HumanMessage"],
        "kwargs": {"content": "x"},
    },
    {"lc": 2, "type": "constructor", "id": ["uuid", "UUID"], "args": ["x"]},
    {"__overwrite__": []},
    {"__interrupt__": [{"value": "x"}]},
    {"py/reduce": ["os.system", "id"]},
    {"at": ["plan", 1], "kept": [], "anew": True},
    {"type": "human", "id": "h", "content": "x"},
    {"type": "remove", "id": "__remove_all__", "content": ""},
    [],
    {},
    [[]],
    [None],
    ["plan"],
    ["enrich"],
    {"a": 1},
    _nested(90),
    _nested(200),
)


def mutated(family: str, seed: int, texts: Sequence[str], *, sealed: bool) -> str:
    """One of the texts, edited into another one; `sealed` when its last line was made anew."""
    chance = random.Random(f"{family} {seed} {sealed}")
    edit: Callable[[str, random.Random, Sequence[str]], str]
    edit = {"bytes": _bytes, "lines": _lines, "values": _values}[family]
    while True:
        text = chance.choice(texts)
        made = seal(edit(body_of(text), chance, texts)) if sealed else edit(text, chance, texts)
        if made not in texts:
            return made


def body_of(text: str) -> str:
    """The file without its last line."""
    return text[: text.rindex("\n", 0, -1) + 1]


def seal(body: str) -> str:
    """The lines with a last one that fits them."""
    body = body.encode(errors="replace").decode()
    return f"{body}{last_line(body, body.count(chr(10)))}\n"


def _bytes(text: str, chance: random.Random, _texts: Sequence[str]) -> str:
    data = bytearray(text.encode())
    for _ in range(chance.choice((1, 1, 1, 2, 8))):
        place = chance.randrange(len(data))
        size = chance.choice((1, 1, 2, 10, 200))
        match chance.randrange(6):
            case 0:
                data[place] ^= 1 << chance.randrange(8)
            case 1:
                data[place] = chance.choice(b'0123456789"{}[],:\\\n\r etrufalsn-.')
            case 2:
                del data[place : place + size]
            case 3:
                data[place:place] = chance.randbytes(size)
            case 4:
                data[place:place] = data[place : place + size]
            case _:
                del data[max(1, place) :]
    return data.decode(errors="surrogateescape")


def _lines(text: str, chance: random.Random, texts: Sequence[str]) -> str:
    lines = _blocks(text)
    others = _blocks(chance.choice(texts))
    for _ in range(chance.choice((1, 1, 2, 3))):
        place = chance.randrange(len(lines))
        match chance.randrange(7):
            case 0:
                del lines[place]
            case 1:
                other = chance.randrange(len(lines))
                lines[place], lines[other] = lines[other], lines[place]
            case 2:
                lines.insert(chance.randrange(len(lines) + 1), lines[place])
            case 3:
                lines[place] = chance.choice(others)
            case 4:
                like = [block for block in others if _head(block) == _head(lines[place])]
                lines[place] = chance.choice(like or others)
            case 5:
                lines[place] = _fewer(lines[place], chance)
            case _:
                lines[place] = _other_head(lines[place], chance)
        if not lines:
            break
    return "".join(f"{line}\n" for block in lines for line in block)


def _values(text: str, chance: random.Random, _texts: Sequence[str]) -> str:
    lines = text.split("\n")[:-1]
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        place = chance.randrange(len(lines))
        value = json.loads(lines[place])
        path = chance.choice(list(paths(value)))
        old = at_path(value, path)
        like = chance.random() < 0.6 and not isinstance(old, dict | list)
        if like:
            fits = [new for new in NASTY if type(new) is type(old)]
            fits += [new for new in _strings(chance.choice(lines)) if isinstance(old, str)]
            value = with_value(value, path, chance.choice(fits))
        elif path and chance.random() < 0.25:
            value = without_value(value, path)
        else:
            value = with_value(value, path, copy.deepcopy(chance.choice(NASTY)))
        if chance.random() < 0.7:
            fit_digest(value)
        lines[place] = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return "".join(f"{line}\n" for line in lines)


def _blocks(text: str) -> list[list[str]]:
    """The lines, each list with its entries."""
    blocks: list[list[str]] = []
    for line in text.split("\n")[:-1]:
        if line.startswith('{"entry":') and blocks:
            blocks[-1].append(line)
        else:
            blocks.append([line])
    return blocks


def _head(block: Sequence[str]) -> tuple[Any, ...]:
    head = json.loads(block[0])
    return (*head, head.get("start"), head.get("change"))


def _fewer(block: Sequence[str], chance: random.Random) -> list[str]:
    head = json.loads(block[0])
    entries = [line for line in block[1:] if chance.random() < 0.6]
    if "list" in head:
        head["list"] = len(entries)
    return [json.dumps(head, separators=(",", ":"), ensure_ascii=False), *entries]


def _other_head(block: Sequence[str], chance: random.Random) -> list[str]:
    head = json.loads(block[0])
    if "following" in head:
        nodes = ("plan", "tool", "respond", "enrich")
        head["following"] = [chance.choice(nodes) for _ in range(chance.randrange(4))]
    if "keep" in head:
        head["keep"] = chance.choice((0, 1, max(0, head["keep"] - 1), 10**9, -1))
    if "segment" in head:
        head["segment"] = chance.choice(("turn", "enrichment"))
    return [json.dumps(head, separators=(",", ":"), ensure_ascii=False), *block[1:]]


def paths(value: Any, path: Path = ()) -> Iterator[Path]:
    """Every place in a JSON value."""
    yield path
    if isinstance(value, Mapping):
        for name, part in value.items():
            yield from paths(part, (*path, name))
    elif isinstance(value, list):
        for place, part in enumerate(value):
            yield from paths(part, (*path, place))


def _strings(line: str) -> list[str]:
    value = json.loads(line)
    found = (at_path(value, path) for path in paths(value))
    return [part for part in found if isinstance(part, str)]


def at_path(value: Any, path: Path) -> Any:
    """What stands there."""
    for name in path:
        value = value[name]
    return value


def with_value(value: Any, path: Path, new: Any) -> Any:
    """The value, changed in place to hold `new` there."""
    if not path:
        return new
    at_path(value, path[:-1])[path[-1]] = new
    return value


def without_value(value: Any, path: Path) -> Any:
    """The value without what stands there, changed in place."""
    del at_path(value, path[:-1])[path[-1]]
    return value


def fit_digest(value: Any) -> None:
    """Make the digest of an exchange the one of its request, as whoever edits it can."""
    entry = value.get("entry") if isinstance(value, dict) else None
    if isinstance(entry, dict) and {"digest", "request"} <= entry.keys():
        entry["digest"] = digest(entry["request"])
