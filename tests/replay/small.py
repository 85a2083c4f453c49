"""Small recordings of real runs, as the texts of their files, to be edited by tests."""

from dataclasses import dataclass, replace
from pathlib import Path

from graph.runtime import Runtime, open_runtime
from lab import minimax, standin
from lab.bolt import BoltServer
from lab.estate import settings
from lab.minimax import Reply, calling
from replay.file.document import to_text
from replay.reading import read
from replay.recording import Recording

QUESTION = "Is cart-service well?"
FIND = ("find_services", {"query": "cart"})
LOOK = ("get_topology", {"name": "cart-service", "direction": "dependents", "depth": 1})
CONCLUDE = (
    "conclude",
    {
        "summary": "All is well.",
        "root_cause": None,
        "confidence": "low",
        "evidence": [{"id": "E1", "shows": "that it is there"}],
    },
)


@dataclass(frozen=True)
class Small:
    """The texts of three files, each of which is rerun to the same."""

    report: str
    """Two calls side by side, a report, an enrichment."""
    words: str
    """The next question on its thread, answered in words."""
    from_within: str
    """The first, as if somebody had edited its state before the calls."""

    @property
    def all(self) -> list[str]:
        """All three."""
        return [self.report, self.words, self.from_within]


async def small_runs(server: BoltServer, folder: Path) -> Small:
    """Ask twice, on one thread."""
    async with minimax.serve(standin.answer) as provider:
        chosen = settings(server, provider, folder, neo4j_database="bad_deploy")
        async with open_runtime(chosen) as runtime:
            provider.queue("MiniMax-M3", calling(FIND, LOOK), calling(CONCLUDE))
            first = await _asked(runtime, QUESTION)
            provider.queue("MiniMax-M3", calling(FIND), Reply({"content": "Still well [E3]."}))
            second = await _asked(runtime, "And now?")
    return Small(to_text(first), to_text(second), to_text(_from_within(first)))


async def _asked(runtime: Runtime, question: str) -> Recording:
    run_id = (await runtime.investigate(question, thread_id="t"))["turn"]["id"]
    await runtime.enrichment(run_id)
    run = await runtime.runs.get(run_id)
    assert run is not None
    return await read(runtime.graph, run)


def _from_within(recording: Recording) -> Recording:
    turn, *rest = recording.segments
    begun, *steps = turn.steps
    [_, state, *_] = turn.states()
    later = replace(turn, start=state, following=begun.following, steps=steps, at=begun.at)
    return replace(recording, segments=[later, *rest])
