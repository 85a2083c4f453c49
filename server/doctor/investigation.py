"""Check of everything together: one real investigation, with its enrichment."""

import asyncio
from contextlib import AsyncExitStack
from uuid import uuid4

from graph.errors import StateUnavailable
from graph.runtime import open_runtime
from graph.settings import Settings
from graph.state import Receipt
from server.doctor.check import Trouble, split

QUESTION = "Is anything wrong in the estate at the moment?"
WAIT_S = 30.0
"""How much longer than its guard an enrichment is waited for."""
_REMEDIES = {
    "timeout": "raise ENRICHMENT_TIMEOUT_S, or set ANALYST_MODEL to a faster model",
    "pending": "others are before it, see ENRICHMENT_CONCURRENCY; it goes on when a server runs",
    "skipped": "see ENRICHMENT_BACKLOG, and why the analyst keeps failing",
    "failed": "look at the line of the analyst, and ask again",
}


async def answers(settings: Settings) -> str:
    """That a question is answered with a report, and that its enrichment is stored."""
    async with AsyncExitStack() as stack:
        try:
            runtime = await stack.enter_async_context(open_runtime(settings))
        except StateUnavailable as error:
            raise Trouble(split(error)[0], _another_place(settings)) from error
        run_id = str(uuid4())
        state = await runtime.investigate(QUESTION, run_id=run_id)
        if failure := state["failure"]:
            reason, _, remedy = failure["message"].rpartition("; ")
            raise Trouble(reason, remedy)
        if not state["report"]:
            raise Trouble("the answer holds no report", "ask again; see the thread in Studio")
        spent = state["spent"]
        answered = f"answered in {spent['seconds']:.1f} s after {spent['tool_calls']} tool calls"
        if not settings.enrichment:
            return f"{answered}; ENRICHMENT is off"
        receipt: Receipt | None = None
        try:
            async with asyncio.timeout(settings.enrichment_timeout_s + WAIT_S):
                receipt = await runtime.enrichment(run_id)
        except TimeoutError:
            receipt = await runtime.receipts.get(run_id)
    if receipt is None:
        raise Trouble(f"{answered}; its enrichment has no receipt", "see the log, and ask again")
    if receipt["status"] in _REMEDIES:
        why = f": {receipt['reason']}" if receipt["reason"] else ""
        reason = f"{answered}; its enrichment is {receipt['status']}{why}"
        raise Trouble(reason, _REMEDIES[receipt["status"]])
    return f"{answered}; its enrichment is {receipt['status']} after {receipt['seconds']:.1f} s"


def _another_place(settings: Settings) -> str:
    """The database answers its own check before: what refuses is who works on it."""
    own = "STATE_DIR=/tmp/netforge-doctor"
    if settings.database_url is not None:
        own = f"EXECUTOR_ID={settings.executor_id}-doctor"
    return f"stop that process, or run beside it: {own} python -m server.doctor --full"
