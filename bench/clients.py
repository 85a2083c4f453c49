"""Two hundred clients on a server, over HTTP, and the memory it holds when they are gone.

The server runs as its own process, and so does the lab's estate. The model answers without delay,
so that the server has all the work that it can do. Each question names a ticket of its own; the
report, the run and the thread must be those of that ticket, and every report must be right.
Enrichment is on, as by default; beyond its backlog it is skipped.
"""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import httpx

from bench import doubles, server_process
from bench.doubles import TICKET
from bench.figure import Figure
from lab.incident import load

CLIENTS = 200
INVESTIGATIONS = 2000
WARM_UP = 50
BAR = 1.3
ANSWER_LIMIT_S = 300
IDLE_LIMIT_S = 300
POLL_S = 1.0
REQUESTS_EACH = 3
INCIDENT = load("external-dependency")
"""Of the shipped ones, that which is found with the fewest calls."""
SETTINGS = {"REQUESTS_PER_MINUTE": "1000000"}
"""The bench is one caller, and asks as fast as two hundred."""


@dataclass
class _Load:
    """Clients, each with one investigation at a time."""

    client: httpx.AsyncClient
    latencies_s: list[float] = field(default_factory=list)

    async def run(self, tickets: Iterator[int], clients: int) -> None:
        """Ask about all tickets."""
        async with asyncio.TaskGroup() as group:
            for _ in range(clients):
                group.create_task(self._one_client(tickets))

    async def _one_client(self, tickets: Iterator[int]) -> None:
        for number in tickets:
            await self._investigate(f"T{number:06}")

    async def _investigate(self, ticket: str) -> None:
        question = f"{INCIDENT.question} See {ticket}."
        started = time.perf_counter()
        answered = await self._json("POST", "/v1/investigations", {"question": question})
        self.latencies_s.append(time.perf_counter() - started)
        assert answered["report"], answered["answer"]
        cause = answered["report"]["root_cause"]["component"]
        assert cause == INCIDENT.expected.root_cause, answered
        assert TICKET.findall(answered["report"]["summary"]) == [ticket], answered
        run = await self._json("GET", f"/v1/runs/{answered['run_id']}")
        assert (run["question"], run["thread_id"]) == (question, answered["thread_id"]), run
        thread = await self._json("GET", f"/v1/threads/{answered['thread_id']}")
        assert [message["content"] for message in thread["messages"]] == [
            question,
            answered["answer"],
        ], thread

    async def idle(self) -> None:
        """Wait until no enrichment waits or runs."""
        async with asyncio.timeout(IDLE_LIMIT_S):
            while True:
                found = await self._json("GET", "/v1/enrichments?status=pending&limit=1")
                if not found["items"]:
                    return
                await asyncio.sleep(POLL_S)

    async def _json(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        answer = await self.client.request(method, path, json=body)
        assert answer.status_code == httpx.codes.OK, answer.text
        return answer.json()


async def measure(clients: int = CLIENTS, investigations: int = INVESTIGATIONS) -> Figure:
    """The ratio of the memory after all that to the memory after the warm-up, both idle."""
    async with _served() as served:
        limits = httpx.Limits(max_connections=clients)
        async with httpx.AsyncClient(
            base_url=served.address, limits=limits, timeout=ANSWER_LIMIT_S
        ) as client:
            warming, measured = _Load(client), _Load(client)
            await warming.run(iter(range(WARM_UP)), WARM_UP)
            await warming.idle()
            before_mib = await served.memory_mib()
            watching = asyncio.create_task(served.watch())
            started = time.perf_counter()
            await measured.run(iter(range(WARM_UP, WARM_UP + investigations)), clients)
            took_s = time.perf_counter() - started
            await measured.idle()
            watching.cancel()
        # The connections are gone too.
        after_mib = await served.memory_mib()
    detail = (
        f"{investigations} investigations in {took_s:.0f} s, "
        f"{REQUESTS_EACH * investigations / took_s:.1f} requests a second, no error, none mixed "
        f"up; {median(measured.latencies_s):.2f} s to the answer (median), "
        f"{quantiles(measured.latencies_s, n=20)[-1]:.2f} s (p95); the server holds "
        f"{before_mib:.0f} MiB idle after {WARM_UP}, {served.peak_mib:.0f} MiB at most, "
        f"{after_mib:.0f} MiB idle after all"
    )
    name = f"memory after {clients} clients and {investigations} investigations / before"
    return Figure(name, after_mib / before_mib, BAR, detail)


@asynccontextmanager
async def _served() -> AsyncIterator[server_process.Served]:
    with tempfile.TemporaryDirectory(prefix="netforge-bench-") as name:
        folder = Path(name)
        async with (
            doubles.serve(INCIDENT.name, folder / "state") as environment,
            server_process.serve({**environment, **SETTINGS}, folder) as served,
        ):
            yield served
