"""A NetForge in a process of its own, which a test may kill: told and answering over a pipe."""

import asyncio
import logging
import multiprocessing
import resource
from multiprocessing.connection import Connection
from typing import Any

from graph.errors import StateUnavailable, ThreadBusy
from graph.run import Asked
from graph.runtime import Runtime, open_runtime
from lab.estate import LabSettings

SETTLE_S = 0.1
SETTLE_ROUNDS = 900
# Forked from a process that has imported everything once, a child starts in half a second.
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["tests.graph.detached.warm"])


class Child:
    """The parent's end: `said` gets what the child says; `kill` is kill -9."""

    def __init__(self, settings: LabSettings) -> None:
        shown = settings.model_dump()
        for name, value in shown.items():
            if hasattr(value, "get_secret_value"):
                shown[name] = value.get_secret_value()
        self._pipe, theirs = _context.Pipe()
        self._process = _context.Process(target=_main, args=(shown, theirs), daemon=True)
        self._process.start()
        theirs.close()

    async def tell(self, *words: Any) -> None:
        """Send a command: ("ask", run, thread), ("limit", bytes), ("settle",)."""
        await asyncio.to_thread(self._pipe.send, words)

    async def said(self) -> tuple[Any, ...]:
        """The next thing that it says; ("dead",) when it says nothing more."""
        try:
            return tuple(await asyncio.to_thread(self._pipe.recv))
        except (EOFError, ConnectionResetError):
            return ("dead",)

    async def until(self, *words: str) -> tuple[Any, ...]:
        """What it says first that begins with one of the words, or ("dead",)."""
        while True:
            heard = await self.said()
            if heard[0] in (*words, "dead"):
                return heard

    async def kill(self) -> None:
        """End it where it stands."""
        self._process.kill()
        await asyncio.to_thread(self._process.join)
        self._pipe.close()
        self._process.close()


def _main(shown: dict[str, Any], pipe: Connection) -> None:
    logging.disable(logging.CRITICAL)
    asyncio.run(_serve(LabSettings(**shown), pipe))


async def _serve(settings: LabSettings, pipe: Connection) -> None:
    async with open_runtime(settings) as runtime:
        pipe.send(("ready",))
        asking: set[asyncio.Task[None]] = set()
        while True:
            command, *words = await asyncio.to_thread(pipe.recv)
            if command == "limit":
                resource.setrlimit(resource.RLIMIT_FSIZE, (words[0], resource.RLIM_INFINITY))
                continue
            work = _ask(runtime, pipe, *words) if command == "ask" else _settle(runtime, pipe)
            asking.add(asyncio.create_task(work))


async def _ask(runtime: Runtime, pipe: Connection, run_id: str, thread_id: str) -> None:
    # Its own question, so that the analyst's request for this turn is told from others.
    question = f"checkout-service is slow since half an hour. What is wrong? (case {run_id})"
    accepted = False
    try:
        async for event in runtime.stream(Asked(question, run_id, thread_id)):
            if not accepted:
                accepted = True
                pipe.send(("accepted", run_id))
            if event["kind"] == "detach":
                pipe.send((f"hand-over {event['event']}", run_id))
    except ThreadBusy:
        pipe.send(("busy", run_id))
        return
    except StateUnavailable as error:
        pipe.send(("unavailable", str(error)))
        return
    pipe.send(("answered", run_id))


async def _settle(runtime: Runtime, pipe: Connection) -> None:
    """Wait until nothing is left to do, then say all that is kept."""
    for _ in range(SETTLE_ROUNDS):
        waiting = await runtime.runs.unfinished(limit=1)
        if not waiting and not await runtime.enrichments(status="pending"):
            break
        await asyncio.sleep(SETTLE_S)
    else:
        pipe.send(("unsettled",))
        return
    items = [(item["occurrences"], item["turns"]) for item in await runtime.memory.items()]
    kept = await runtime.enrichments(limit=500)
    receipts = {entry["turn_id"]: entry["status"] for entry in kept}
    threads = {entry["of_thread"] for entry in kept}
    said = {}
    for thread_id in threads:
        messages = (await runtime.state(thread_id))["messages"]
        said[thread_id] = [
            (message.type, message.id, bool(getattr(message, "tool_calls", [])))
            for message in messages
        ]
    pipe.send(("settled", items, receipts, said))
