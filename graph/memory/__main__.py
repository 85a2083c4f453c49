"""What the agent believes, for people: `python -m graph.memory`.

Exit code 0: done; 2: it could not be done, with the reason.
"""

import argparse
import asyncio
import getpass
import json
import logging
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from graph.errors import NetForgeError, StateUnavailable
from graph.memory.item import MemoryStatus, Provenance, name_of
from graph.memory.keeper import Memory
from graph.memory.lines import UnreadableMemory, exported, imported
from graph.memory.projection import Projection, open_projection, open_writer
from graph.memory.recall import hint_id
from graph.settings import StateSettings, load_memory, load_state
from graph.storage import Storage, open_storage
from graph.untrusted import printable

DESCRIPTION = """Look at what was learned in the state that STATE_DIR or DATABASE_URL names, say
what is wrong, take it elsewhere. ID is an item's id, or the beginning of one, as in a hint
(M-1a2b3c4d)."""
COULD_NOT = 2
READS = ("list", "show", "export")
MARKS: dict[str, MemoryStatus] = {
    "acknowledge": "acknowledged",
    "resolve": "resolved",
    "retire": "retired",
}


class NoCopy(NetForgeError):
    """There is no graph database to copy to."""


class MemoryUnknown(NetForgeError):
    """No item, or more than one, has that id."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what is asked, and answer with the exit code."""
    chosen = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.ERROR, format="%(message)s")
    # What could not be copied to the graph is a warning, and must not be missed.
    logging.getLogger("graph.memory").setLevel(logging.WARNING)
    try:
        code = asyncio.run(_run(chosen))
        sys.stdout.flush()
    except NetForgeError as error:
        sys.stderr.write(f"{error}\n")
        return COULD_NOT
    except BrokenPipeError:
        # Nobody reads any more. Python writes out what is left at its end: let that go nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return COULD_NOT
    return code


def _parser() -> argparse.ArgumentParser:
    whole = argparse.ArgumentParser(prog="python -m graph.memory", description=DESCRIPTION)
    commands = whole.add_subparsers(dest="command", required=True, metavar="COMMAND")
    listed = commands.add_parser("list", help="the items, the latest confirmed first")
    listed.add_argument("--limit", type=int, default=50)
    listed.add_argument("--component", help="about that component")
    show = commands.add_parser("show", help="one item with its history")
    show.add_argument("id", metavar="ID")
    for name, does in (
        ("acknowledge", "say that it is known"),
        ("resolve", "say that it was mended"),
        ("retire", "say that it is wrong, or of no use: it is not recalled any more"),
    ):
        marked = commands.add_parser(name, help=does)
        marked.add_argument("id", metavar="ID")
        marked.add_argument("--by", default=getpass.getuser(), help="who says so")
    commands.add_parser("export", help="print all items as JSON lines")
    commands.add_parser("copy", help="copy all insights to the graph database (MEMORY_NEO4J_USER)")
    bring = commands.add_parser("import", help="take in items and findings, a JSON line each")
    bring.add_argument("file", metavar="FILE")
    return whole


async def _run(chosen: argparse.Namespace) -> int:
    if chosen.command == "copy":
        await _copy()
        return 0
    async with _opened(changes=chosen.command not in READS) as memory:
        match chosen.command:
            case "list":
                await _list(memory, chosen.limit, chosen.component)
            case "show":
                _print(json.dumps(await _found(memory, chosen.id), indent=1, ensure_ascii=False))
            case "export":
                for line in exported(await memory.everything()):
                    sys.stdout.write(f"{line}\n")
            case "import":
                await _import(memory, Path(chosen.file))
            case _:
                status = MARKS[chosen.command]
                item = await _found(memory, chosen.id)
                await memory.mark(item["id"], status, chosen.by)
                _print(f"{item['id']} is {status} now, by {chosen.by}")
    return 0


@asynccontextmanager
async def _opened(*, changes: bool) -> AsyncIterator[Memory]:
    """The memory; what it `changes` is copied to the graph database, where that is set."""
    if not changes:
        async with _storage(load_state()) as storage:
            yield Memory(storage.store, storage.locks)
        return
    settings = load_memory()
    async with (
        _storage(settings) as storage,
        open_projection(settings, storage) as project,
    ):
        yield Memory(storage.store, storage.locks, project=project)


@asynccontextmanager
async def _storage(settings: StateSettings) -> AsyncIterator[Storage]:
    if settings.database_url is None and not await asyncio.to_thread(settings.state_dir.is_dir):
        raise StateUnavailable(f"STATE_DIR={settings.state_dir} is not there: nothing was learned")
    async with open_storage(settings, alone=False) as storage:
        yield storage


async def _copy() -> None:
    settings = load_memory()
    if settings.memory_neo4j_user is None:
        raise NoCopy("nothing was copied, MEMORY_NEO4J_USER is not set: see docs/operating.md")
    async with _storage(settings) as storage, open_writer(settings) as driver:
        memory = Memory(storage.store, storage.locks)
        keys = [key async for key, kind, _ in memory.walk() if kind == "insights"]
        copied = await Projection(driver, settings, storage).copy(keys)
    _print(f"{copied} insights were copied to {settings.neo4j_uri}")


async def _list(memory: Memory, limit: int, component: str | None) -> None:
    shown = 0
    async for key, kind, item in memory.walk():
        names = {name.lower() for name in item["components"]}
        if component and component.lower() not in names:
            continue
        if shown == limit:
            _print(f"[there are more than {limit}; --limit shows more]")
            return
        shown += 1
        counted = f"{item['occurrences']}x +{item['confirmed']} -{item['refuted']}"
        _print(
            f"{hint_id(key)}  {item['last_confirmed'][:10]}  {item['confidence']:.2f}  "
            f"{item['status']:<12}  {counted:<12}  {kind[:-1]:<8}  "
            f"{', '.join(item['components'])}: {name_of(item)}"
        )
    if not shown:
        _print("nothing was learned yet" + (f" about {component}" if component else ""))


async def _found(memory: Memory, wanted: str) -> dict[str, Any]:
    """The item of that id, or the only one whose id begins so. Raises MemoryUnknown."""
    if exact := await memory.item(wanted):
        return exact
    begin = wanted.removeprefix("M-").lower()
    found = [key async for key, _, _ in memory.walk() if key.startswith(begin)]
    if len(found) != 1:
        raise MemoryUnknown(f"{len(found)} items have an id that begins with {wanted!r}")
    item = await memory.item(found[0])
    assert item is not None, "it was read a moment ago"
    return item


async def _import(memory: Memory, file: Path) -> None:
    try:
        text = await asyncio.to_thread(file.read_text, encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableMemory(f"{file}: {error}") from None
    found = imported(text.splitlines())
    for line in found.refused:
        _print(line)
    written = await memory.put_back(found.items) if found.items else 0
    at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    for findings, turn_id in found.findings:
        origin = Provenance(turn_id=turn_id, thread_id="", model="", prompt_version="", at=at)
        await memory.add(findings, origin)
    _print(
        f"{written} items written, {len(found.findings)} findings taken in, "
        f"{len(found.refused)} refused"
    )


def _print(text: str) -> None:
    for line in text.split("\n"):
        sys.stdout.write(f"{printable(line)}\n")


if __name__ == "__main__":
    sys.exit(main())
