"""Plays a family of incidents, and shows by it what memory is worth.

A shipped incident cold (A), once more (A'), another cause behind the same alert (A''), without
memory, and with a wrong entry in it.
"""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from graph.findings import Findings, Pattern
from graph.memory import Memory, Provenance
from graph.runtime import Runtime, open_runtime
from lab import aws, bolt, datadog
from lab.aws.scene import Scene
from lab.estate import Provider, settings, sources
from lab.incident import Incident, load, recurrence
from lab.investigation import ask, finish
from lab.standin.reading import place_of
from lab.story import Story

COLD, AGAIN, OTHER = "A", "A'", "A''"
WITHOUT, POISONED = "A' without memory", "A' poisoned"
CLOCK_TOKENS = 0.02
"""Part of the tokens that two runs without memory may differ by: figures move with the clock, and
the second one is told that memory is switched off."""
POISON_CONFIDENCE = 0.95
POISON_FOUND = 5
"""How often the wrong entry seems to have been found."""
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z?")


@dataclass(frozen=True)
class Ran:
    """One run of a family."""

    label: str
    cause: str
    """The component that the report blames; empty when it blames none."""
    expected: str
    calls: list[str]
    """Tools with their arguments, in order; moments are left out."""
    model_calls: int
    tokens: int
    """To and from the orchestrator."""
    seconds: float
    hints: dict[str, int]
    """How many were confirmed, refuted, unused."""
    remembered: dict[str, int]
    """What memory holds after its enrichment, by key, with how often it was found."""

    @property
    def right(self) -> bool:
        """Whether it found what was to be found."""
        return self.cause == self.expected


@dataclass
class Family:
    """The runs of one family, and what memory thought of the wrong entry before and after."""

    name: str
    runs: dict[str, Ran] = field(default_factory=dict)
    before: float = 0.0
    after: float = 0.0

    def unmet(self) -> list[str]:
        """What a memory that is worth having would have done and this one has not."""
        cold, again, without = (self.runs[label] for label in (COLD, AGAIN, WITHOUT))
        wrong = [
            f"{ran.label} blames {ran.cause or 'nobody'} instead of {ran.expected or 'nobody'}"
            for ran in self.runs.values()
            if not ran.right
        ]
        allowed = CLOCK_TOKENS * cold.tokens
        conditions = {
            f"{AGAIN} takes {len(again.calls)} tool calls, {COLD} took {len(cold.calls)}": (
                len(again.calls) < len(cold.calls)
            ),
            f"{AGAIN} takes {again.tokens} tokens, {COLD} took {cold.tokens}": (
                again.tokens < cold.tokens
            ),
            f"{AGAIN} is not found to be {COLD} again": (
                again.remembered == {key: times + 1 for key, times in cold.remembered.items()}
            ),
            f"{WITHOUT} makes other calls than {COLD}": (
                (without.calls, without.model_calls) == (cold.calls, cold.model_calls)
            ),
            f"{WITHOUT} takes {without.tokens} tokens, {COLD} took {cold.tokens}": (
                abs(without.tokens - cold.tokens) <= allowed
            ),
            f"the wrong entry is believed with {self.after:g}, it was with {self.before:g}": (
                self.after < self.before
            ),
        }
        return [*wrong, *(said for said, holds in conditions.items() if not holds)]


@dataclass(frozen=True)
class Ground:
    """Where families are played: the servers, a database to fill, a folder for the state."""

    server: bolt.BoltServer
    provider: Provider
    database: str
    folder: Path


async def play(name: str, ground: Ground) -> Family:
    """All runs of the family of that shipped incident. Raises IncidentError, StateUnavailable."""
    first, other = load(name), recurrence(name)
    family = Family(name)
    async with _estate(first, ground) as estate:
        async with estate.opened("learned") as runtime:
            await estate.run(runtime, family, COLD)
            await estate.run(runtime, family, AGAIN)
            await estate.tell(other)
            await estate.run(runtime, family, OTHER)
        await estate.tell(first)
        async with estate.opened("learned", memory=False) as runtime:
            await estate.run(runtime, family, WITHOUT)
        await estate.tell(first)
        async with estate.opened("poisoned") as runtime:
            key = await poison(runtime.memory, first)
            family.before = await _confidence(runtime.memory, key)
            await estate.run(runtime, family, POISONED)
            family.after = await _confidence(runtime.memory, key)
    return family


async def poison(memory: Memory, incident: Incident) -> str:
    """Teach it, as if found again and again, that a decoy was the cause; the entry's key."""
    services = [service.name for service in incident.topology.service]
    decoy = next(name for name in incident.expected.decoys if name in services)
    wrong = Pattern(
        type="bad deployment",
        description=f"{decoy} was deployed, and what waits for it got slow or failed.",
        components=[decoy, _subject(incident)],
        trigger=f"a deployment of {decoy}",
        confidence=POISON_CONFIDENCE,
        evidence=["E1"],
        recommendation=f"Roll {decoy} back",
    )
    for number in range(POISON_FOUND):
        provenance = Provenance(
            turn_id=f"wrong-{number}",
            thread_id=f"wrong-{number}-enrichment",
            model="minimax/MiniMax-M2.5",
            prompt_version="unknown",
            at=datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        )
        await memory.add(Findings(patterns=[wrong]), provenance)
    [entry] = await memory.items()
    return str(entry["id"])


@dataclass
class _Estate:
    """The doubles, on one incident at a time."""

    ground: Ground
    datadog: datadog.DatadogDouble
    aws: aws.AwsDouble
    told: Incident

    async def tell(self, incident: Incident) -> None:
        """Let everything show that incident, with times counted back from now."""
        story = Story(incident, datetime.now(UTC))
        await self.ground.server.load(incident.topology, self.ground.database)
        self.told, self.datadog.story, self.aws.scene = incident, story, Scene(story)

    @asynccontextmanager
    async def opened(self, state: str, **overrides: Any) -> AsyncIterator[Runtime]:
        """NetForge on the doubles, with its state in that folder."""
        ground = self.ground
        reached = {**sources(self.datadog, self.aws), "neo4j_database": ground.database}
        chosen = {**reached, **overrides}
        made = settings(ground.server, ground.provider, ground.folder / state, **chosen)
        async with open_runtime(made) as runtime:
            yield runtime

    async def run(self, runtime: Runtime, family: Family, label: str) -> None:
        """Ask the incident's question on a new thread, and wait for its enrichment."""
        answered = await ask(runtime, self.told.question, lambda _event: None)
        finished = await finish(runtime, answered)
        spent, report = answered.state["spent"], answered.report or {}
        cause = (report.get("root_cause") or {}).get("component", "")
        said = [hint["verdict"] for hint in report.get("hints", [])]
        family.runs[label] = Ran(
            label=label,
            cause=cause if report else "no report",
            expected=self.told.expected.root_cause,
            calls=[_call(entry["name"], entry["args"]) for entry in answered.evidence],
            model_calls=spent["visits"],
            tokens=spent["input_tokens"] + spent["output_tokens"],
            seconds=answered.seconds,
            hints={
                "confirmed": said.count("confirmed"),
                "refuted": said.count("refuted"),
                "unused": len(report.get("unused_hints", [])),
            },
            remembered={item["id"]: item["occurrences"] for item in finished.remembered},
        )


@asynccontextmanager
async def _estate(incident: Incident, ground: Ground) -> AsyncIterator[_Estate]:
    story = Story(incident, datetime.now(UTC))
    async with datadog.serve(story) as datadog_double, aws.serve(story) as aws_double:
        estate = _Estate(ground, datadog_double, aws_double, incident)
        await estate.tell(incident)
        yield estate


async def _confidence(memory: Memory, key: str) -> float:
    item = await memory.item(key)
    assert item is not None, "what was added stays"
    return float(item["confidence"])


def _subject(incident: Incident) -> str:
    """The component that the question names first."""
    places = {name: place_of(name, incident.question) for name in incident.topology.blamable}
    named = [name for name, place in places.items() if place >= 0]
    return min(named, key=lambda name: places[name])


def _call(name: str, arguments: dict[str, Any]) -> str:
    told = ", ".join(f"{key}={value!r}" for key, value in sorted(arguments.items()))
    return _MOMENT.sub("MOMENT", f"{name}({told})")
