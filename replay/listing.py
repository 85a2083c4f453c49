"""The runs that are known here, by what is asked of them: the database's and the imported ones."""

import math
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from langchain_core.runnables import RunnableConfig

from graph.errors import NetForgeError
from graph.receipts import enrichment_thread
from graph.run import Run, RunStatus
from graph.runs import PAGE_LIMIT
from graph.state import ReceiptStatus
from replay.library import Library
from replay.reading import Graph
from replay.recording import KEPT, Of, Recording

PARTS: tuple[Of, ...] = ("turn", "enrichment")
PAGES_LIMIT = 50
"""Pages of the database that one listing looks through."""
Listed = dict[str, Any]
"""The columns that `replay.recording.KEPT` names, with `imported`, and the status of the receipt
of its enrichment as `receipt`, None where there is none."""


class WrongFilter(NetForgeError):
    """A filter with a value that it cannot have."""


@dataclass(frozen=True)
class Wanted:
    """Which runs are asked for; those that meet all of it. Raises WrongFilter."""

    status: RunStatus | None = None
    service: str | None = None
    """The root cause, or in focus, or named in the question as a whole word."""
    since: str | None = None
    """Asked then or later; a time as `graph.run.moment` gives it."""
    cost_usd: float | None = None
    """Of both models together, so much or more."""
    error: bool = False
    """It failed, or a call in it or in its enrichment did."""
    receipt: ReceiptStatus | None = None
    limit: int = 20

    def __post_init__(self) -> None:
        _one_of("status", self.status, get_args(RunStatus))
        _one_of("receipt", self.receipt, get_args(ReceiptStatus))
        if self.cost_usd is not None and not (math.isfinite(self.cost_usd) and self.cost_usd >= 0):
            raise WrongFilter(f"--cost {self.cost_usd:g}: give an amount of USD, such as 0.05")
        if self.limit < 1:
            raise WrongFilter(f"--limit {self.limit}: give 1 or more")
        if self.service is not None and not self.service.strip():
            raise WrongFilter("--service is empty: give the name of a component")


@dataclass(frozen=True)
class Listing:
    """What was found, the latest asked first."""

    runs: list[Listed]
    complete: bool
    """False when there are so many runs that the oldest were not looked at."""


async def listed(library: Library, wanted: Wanted) -> Listing:
    """The runs of the database and the imported recordings that are wanted.

    Raises UnreadableValue, STORAGE_ERRORS.
    """
    found: list[Listed] = []
    seen = 0
    async for run in _rows(library, wanted):
        seen += 1
        if entry := await _of_row(library, run, wanted):
            found.append(entry)
            if len(found) == wanted.limit:
                break
    complete = len(found) == wanted.limit or seen < PAGES_LIMIT * PAGE_LIMIT
    imported = [_of_recording(recording, wanted) for recording in await library.imported()]
    found += [entry for entry in imported if entry]
    found.sort(key=lambda entry: (entry["asked_at"], entry["run_id"]), reverse=True)
    return Listing(found[: wanted.limit], complete)


def names(text: str, component: str) -> bool:
    """Whether the text names the component itself, not one whose name is longer."""
    whole = rf"(?<![\w.-]){re.escape(component.strip())}(?![\w-]|\.\w)"
    return re.search(whole, text, re.IGNORECASE) is not None


async def _rows(library: Library, wanted: Wanted) -> AsyncIterator[Run]:
    """The rows, the latest first, page by page and not more than so many."""
    cursor = None
    for _ in range(PAGES_LIMIT):
        page, cursor = await library.runs.page(
            cursor=cursor, status=wanted.status, since=wanted.since
        )
        for run in page:
            yield run
        if cursor is None:
            return


async def _of_row(library: Library, run: Run, wanted: Wanted) -> Listed | None:
    if not _fits(run, run["focus"], wanted):
        return None
    receipt = await library.receipts.get(run["run_id"])
    status = receipt["status"] if receipt else None
    if wanted.receipt and status != wanted.receipt:
        return None
    if wanted.error and run["status"] != "failed" and not await _failed(library.graph, run):
        return None
    return _entry(run, status, imported=False)


def _of_recording(recording: Recording, wanted: Wanted) -> Listed | None:
    run = recording.run
    last = [list(part[-1].states())[-1] for of in PARTS if (part := recording.part(of))]
    turn: Mapping[str, Any] = last[0].get("turn") or {} if last else {}
    receipt = (last[-1].get("enrichment") or {}).get("status") if last else None
    if wanted.status and run["status"] != wanted.status:
        return None
    if wanted.since and str(run["asked_at"]) < wanted.since:
        return None
    if wanted.receipt and receipt != wanted.receipt:
        return None
    if not _fits(run, turn.get("focus") or [], wanted):
        return None
    failed = run["status"] == "failed" or any(_holds_error(state) for state in last)
    return None if wanted.error and not failed else _entry(run, receipt, imported=True)


def _fits(run: Mapping[str, Any], focus: list[str], wanted: Wanted) -> bool:
    """Whether its columns are as wanted."""
    if wanted.cost_usd is not None:
        cost_usd = (run["cost_usd"] or 0.0) + (run["analyst_cost_usd"] or 0.0)
        if cost_usd < wanted.cost_usd:
            return False
    if wanted.service is None:
        return True
    name = wanted.service.strip().casefold()
    pointed_at = [run["root_cause"] or "", *focus]
    named = any(name == component.casefold() for component in pointed_at)
    return named or names(str(run["question"]), wanted.service)


async def _failed(graph: Graph, run: Run) -> bool:
    """Whether a call in it failed, or one in its enrichment."""
    thread: RunnableConfig = {"configurable": {"thread_id": run["thread_id"]}}
    history = graph.aget_state_history(thread, filter={"run_id": run["run_id"]}, limit=1)
    branch: RunnableConfig = {"configurable": {"thread_id": enrichment_thread(run["run_id"])}}
    states = [snapshot.values async for snapshot in history]
    states.append((await graph.aget_state(branch)).values)
    return any(_holds_error(state) for state in states)


def _holds_error(state: Mapping[str, Any]) -> bool:
    turn = state.get("turn") or {}
    gathered = [e for e in state.get("evidence", []) if e["turn_id"] == turn.get("id")]
    return any(entry["status"] == "error" for entry in [*state.get("exchanges", []), *gathered])


def _entry(run: Mapping[str, Any], receipt: str | None, *, imported: bool) -> Listed:
    return {**{name: run.get(name) for name in KEPT}, "receipt": receipt, "imported": imported}


def _one_of(name: str, value: str | None, known: tuple[str, ...]) -> None:
    if value is not None and value not in known:
        raise WrongFilter(f"--{name} {value!r}: there are {', '.join(known)}")
