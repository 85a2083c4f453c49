"""Whether what the server needs answers now."""

import asyncio
from collections.abc import Awaitable, Callable

from neo4j.exceptions import DriverError, Neo4jError

from graph.runtime import Runtime
from graph.storage import STORAGE_ERRORS
from server.schemas import Dependency

LIMIT_S = 3.0
_REFUSALS: tuple[type[Exception], ...] = (TimeoutError, DriverError, Neo4jError, *STORAGE_ERRORS)


async def looked_at(runtime: Runtime) -> dict[str, Dependency]:
    """How each answers, asked side by side. Datadog, AWS and the models cost: see the doctor."""
    asked: dict[str, Callable[[], Awaitable[object]]] = {
        "database": lambda: runtime.runs.unfinished(limit=1),
        "memory": lambda: runtime.receipts.get("readiness"),
    }
    found = {}
    if runtime.queue is None:
        found["queue"] = Dependency(status="disabled", reason="ENRICHMENT is off")
    else:
        queue = runtime.queue
        asked["queue"] = lambda: queue.has_at_least(1)
    if runtime.topology is None:
        found["topology"] = Dependency(status="disabled", reason=runtime.disabled["topology"])
    else:
        asked["topology"] = runtime.topology.driver.verify_connectivity
    answers = await asyncio.gather(*(_answer(question) for question in asked.values()))
    return {**found, **dict(zip(asked, answers, strict=True))}


async def _answer(question: Callable[[], Awaitable[object]]) -> Dependency:
    try:
        async with asyncio.timeout(LIMIT_S):
            await question()
    except _REFUSALS as error:
        said = str(error).splitlines() or [f"no answer in {LIMIT_S:g} s"]
        return Dependency(status="failed", reason=f"{type(error).__name__}: {said[0]}"[:300])
    return Dependency(status="ok")
