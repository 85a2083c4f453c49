"""The graph of the current code with nothing behind it: all is answered from a recording."""

import functools
from typing import Any, cast

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.memory import InMemorySaver

from graph.build import Builder, Ports, build
from graph.codec import canonical
from graph.errors import NetForgeError
from graph.memory import Memory
from graph.milestones import Milestones
from graph.models.port import ModelPort
from graph.observers import Observers
from graph.receipts import Receipts
from graph.settings import GraphMapping
from graph.setup import Setup
from graph.tools import Sources, toolset
from replay.reading import Graph
from replay.running.swallowed import note


class WentLive(NetForgeError):
    """The code reached for something outside, round the tape."""


class NothingLive:
    """Stands where a client, a database or a model would; whoever reaches for it is told."""

    timeout_s = 1.0
    mapping = GraphMapping()

    def __init__(self, name: str) -> None:
        self._name = name

    def another(self, _model: str) -> "NothingLive":
        """The same of another model."""
        return self

    def __getattr__(self, name: str) -> Any:
        raise _went_live(f"the code reaches for {self._name}.{name} without asking the tape")

    def __call__(self, *_args: Any, **_kwargs: Any) -> Any:
        """Raises WentLive."""
        raise _went_live(f"the code calls {self._name} without asking the tape")


def _went_live(message: str) -> WentLive:
    """The error, noted too: whoever it is raised to may swallow it."""
    error = WentLive(message)
    note(error)
    return error


def offline_graph(setup: Setup) -> Graph:
    """The graph on a saver in memory; the same for equal setups."""
    return _offline(canonical(setup.model_dump()))


def reading_graph(saver: BaseCheckpointSaver[Any]) -> Graph:
    """The graph on that saver, for reading states; it cannot run."""
    return _built(NO_SETUP).compile(checkpointer=saver)


@functools.lru_cache(maxsize=8)
def _offline(known: str) -> Graph:
    return _built(Setup.model_validate_json(known)).compile(checkpointer=InMemorySaver())


def _built(setup: Setup) -> Builder:
    database: Any = NothingLive("the database")
    there = {name: cast(Any, NothingLive(name)) for name in setup.sources}
    model: Any = NothingLive("a model")
    memory = Memory(database, database)
    ports = Ports(
        orchestrator=ModelPort("orchestrator", setup.orchestrator_model, model),
        analyst=ModelPort("analyst", setup.analyst_model, model),
        toolset=toolset(Sources(**there), memory if setup.memory else None, setup.run_cypher),
        memory=memory,
        receipts=Receipts(database, database),
        milestones=Milestones(database),
        hand_over=cast(Any, NothingLive("the queue")),
        observers=Observers(),
    )
    return build(ports, setup)


NO_SETUP = Setup(
    orchestrator_model="",
    analyst_model="",
    tool_timeout_s=1.0,
    tool_max_tokens=1,
    redact_emails=False,
    turn_max_visits=1,
    turn_max_tool_calls=1,
    turn_max_tokens=1,
    turn_max_cost_usd=1.0,
    turn_max_seconds=1.0,
    enrichment=False,
    enrichment_timeout_s=1.0,
    sources=[],
    run_cypher=False,
)
"""For a graph that is only read from."""
