"""What the tests of forks share: a fork followed to its end, and what a run has left behind."""

from dataclasses import dataclass
from typing import Any

from langchain_core.runnables import RunnableConfig

from graph.receipts import enrichment_thread
from graph.run import Run
from graph.runtime import Runtime
from graph.state import Investigation, Receipt
from lab.aws import AwsDouble
from lab.datadog import DatadogDouble
from lab.minimax import MiniMaxDouble
from replay.forking.fork import Changed, fork
from replay.recording import Recording, Step
from tests.replay.conftest import recorded

ORCHESTRATOR, ANALYST = "MiniMax-M3", "MiniMax-M2.5"
SLOW = "checkout-service is slow since half an hour. What is wrong?"
NOTHING = Changed()


@dataclass(frozen=True)
class Forked:
    """A fork that has ended, its enrichment too."""

    run: Run
    receipt: Receipt
    state: Investigation
    recording: Recording

    @property
    def names(self) -> list[str]:
        """Its steps."""
        return [step.name for step in steps(self.recording)]


async def forked(
    runtime: Runtime, parent: Recording, at: str, changed: Changed = NOTHING
) -> Forked:
    """Fork it there, and wait for the end."""
    begun = await fork(runtime, parent, at, changed)
    return await at_its_end(runtime, begun["run_id"])


async def at_its_end(runtime: Runtime, run_id: str) -> Forked:
    """Wait for the end of a run."""
    async for _ in runtime.turns.follow(run_id):
        pass
    receipt = await runtime.enrichment(run_id)
    run = await runtime.runs.get(run_id)
    assert run is not None
    assert receipt is not None
    state = await runtime.state(run["thread_id"])
    return Forked(run, receipt, state, await recorded(runtime, run_id))


def steps(recording: Recording) -> list[Step]:
    """All steps of a run, its enrichment's last."""
    return [step for segment in recording.segments for step in segment.steps]


async def left_behind(runtime: Runtime, recording: Recording) -> list[Any]:
    """All that is kept of a run: its row, its events, its receipt and every checkpoint."""
    run = await runtime.runs.get(recording.run_id)
    assert run is not None
    kept: list[Any] = [run, await runtime.runs.events(recording.run_id)]
    kept.append(await runtime.receipts.get(recording.run_id))
    for thread_id in (run["thread_id"], enrichment_thread(recording.run_id)):
        place: RunnableConfig = {"configurable": {"thread_id": thread_id}}
        kept += [repr(checkpoint) async for checkpoint in runtime.storage.saver.alist(place)]
    return kept


@dataclass(frozen=True)
class Wire:
    """Counts what arrives at the doubles."""

    provider: MiniMaxDouble
    datadog: DatadogDouble
    aws: AwsDouble

    def counted(self) -> list[int]:
        """Requests so far: to orchestrator, analyst, Datadog and AWS."""
        models = [len(self.provider.of(model)) for model in (ORCHESTRATOR, ANALYST)]
        return [*models, len(self.datadog.requests), len(self.aws.requests)]

    def since(self, before: list[int]) -> list[int]:
        """Requests after that count."""
        return [now - then for now, then in zip(self.counted(), before, strict=True)]
