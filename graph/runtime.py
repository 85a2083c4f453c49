"""The composition root: opens what the graph needs, builds it, closes everything again.

Server, `langgraph dev` and lab all start here. What is configured and fails ends the start
with one clear line; what is not configured is disabled with its reason.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, cast
from uuid import uuid4

from langchain_core.runnables import RunnableConfig

from graph.attempt import Seed
from graph.build import Builder, Ports, build
from graph.detached.branch import ENRICHMENT, Branch, Graph
from graph.detached.breaker import Breaker, Watched
from graph.detached.hand_over import Detached
from graph.detached.queue import Limits, Queue, open_queue, open_worker
from graph.detached.upkeep import Upkeep, kept_up
from graph.errors import InvalidQuestion, StateUnavailable
from graph.memory import Memory
from graph.memory.projection import open_projection
from graph.milestones import Milestones
from graph.models.calls import open_models
from graph.observers import Observer, Observers
from graph.receipts import Receipts
from graph.redaction import Redactor, known_formats
from graph.run import Asked, Run, check_asked
from graph.runs import Runs
from graph.settings import Settings
from graph.setup import Setup
from graph.state import Investigation, Receipt, ReceiptStatus
from graph.storage import STORAGE_ERRORS, Storage, in_one_line, open_storage
from graph.tools import Sources, Toolset, toolset
from graph.tools.aws.client import open_aws
from graph.tools.datadog.client import open_datadog
from graph.tools.threads import open_threads
from graph.tools.topology.cypher import GraphReader, open_graph
from graph.tools.topology.neighbours import Neighbourhood
from graph.turns import Turns

SETUP_WAIT_S = 60.0
"""Replicas that start together set the database up one after the other."""
POLL_S = 0.1
STEP_LOOKS = 20
"""For the checkpoint after a receipt: an enrichment that broke has one, and its step stays open."""
STEPS_PER_VISIT = 2
STEPS_BEYOND = 10
"""LangGraph's own step limit, as a backstop behind the budgets: plan and tool per visit."""


@dataclass(frozen=True)
class Runtime:
    """Everything a started NetForge holds."""

    settings: Settings
    builder: Builder
    graph: Graph
    storage: Storage
    memory: Memory
    receipts: Receipts
    runs: Runs
    detached: Detached
    turns: Turns
    queue: Queue | None
    """None when enrichment is switched off."""
    topology: GraphReader | None
    toolset: Toolset
    observers: Observers
    works: bool
    """Whether it takes turns and runs enrichments, or only looks and hands over."""

    @property
    def disabled(self) -> dict[str, str]:
        """Sources that are not configured, each with its reason."""
        return self.toolset.disabled

    async def submit(self, asked: Asked, seed: Seed | None = None) -> tuple[Run, bool]:
        """Accept a question and start it, from the seed on if one is given; see Turns.submit.

        It runs to its end whether or not somebody follows it. Raises InvalidQuestion for what
        cannot be asked, ThreadBusy, TooManyRuns, KeyReused, StateUnavailable.
        """
        try:
            await self._check(asked)
            redacted = Redactor(self.settings.redact_emails).value(asked.alert)
            return await self.turns.submit(replace(asked, alert=redacted), seed)
        except STORAGE_ERRORS as error:
            raise StateUnavailable(
                f"run {asked.run_id} was not accepted, the state cannot be written: "
                f"{in_one_line(error)}"
            ) from error

    async def stream(self, asked: Asked) -> AsyncIterator[dict[str, Any]]:
        """Submit a question, and yield what happens: `started` and `ended` of each exchange.

        Raises as `submit`, and StateUnavailable when the run breaks off: it goes on by itself.
        The state is read with `state()`.
        """
        run, _ = await self.submit(asked)
        async for event in self.turns.follow(run["run_id"]):
            if event["event"] in ("started", "ended"):
                yield {"event": event["event"], **event["data"]}

    async def investigate(
        self,
        question: str,
        *,
        run_id: str | None = None,
        thread_id: str | None = None,
        focus: Sequence[str] = (),
    ) -> Investigation:
        """Run one turn to its answer; the state it ends with. Raises as `stream` does."""
        run, thread = run_id or str(uuid4()), thread_id or str(uuid4())
        async for _ in self.stream(Asked(question, run, thread, focus)):
            pass
        return await self.state(thread)

    async def state(self, thread_id: str) -> Investigation:
        """The latest state of a thread; empty when there is no such thread."""
        snapshot = await self.graph.aget_state(_place(thread_id))
        return cast(Investigation, snapshot.values)

    async def enrichment(self, turn_id: str) -> Receipt | None:
        """Wait for that turn's enrichment to end; its receipt, None when the turn is unknown.

        Its last step is a checkpoint then, too. Where enrichment is switched off nothing is
        waited for.
        """
        limit_s = self.settings.enrichment_timeout_s * (1 + self.settings.enrichment_backlog)
        try:
            async with asyncio.timeout(limit_s):
                while True:
                    kept = await self.receipts.get(turn_id)
                    ended = kept is None or kept["status"] != "pending"
                    if kept and ended:
                        await self._kept_its_step(kept)
                    if ended or not self.settings.enrichment:
                        return kept
                    await asyncio.sleep(POLL_S)
        except TimeoutError:
            return await self.receipts.get(turn_id)

    async def _kept_its_step(self, receipt: Receipt) -> None:
        """Wait, not for long, for the checkpoint that comes after the receipt."""
        if receipt["thread_id"] is None or receipt["status"] == "skipped":
            return
        for _ in range(STEP_LOOKS):
            if not (await self.graph.aget_state(_place(receipt["thread_id"]))).tasks:
                return
            await asyncio.sleep(POLL_S)

    async def enrichments(
        self, *, status: ReceiptStatus | None = None, since: str | None = None, limit: int = 100
    ) -> list[Receipt]:
        """The receipts with that status of turns asked since then; see Receipts.search."""
        return await self.receipts.search(status=status, since=since, limit=limit)

    async def retry(
        self, turn_id: str, *, model: str | None = None, timeout_s: float | None = None
    ) -> Receipt:
        """Run an enrichment again by hand; see Detached.retry for what is refused."""
        return await self.detached.retry(turn_id, model=model, timeout_s=timeout_s)

    async def _check(self, asked: Asked) -> None:
        if not self.works:
            raise StateUnavailable("this process was opened to look on; ask the one that works")
        check_asked(asked, self.settings.budgets)
        kept = await self.storage.saver.aget_tuple(_place(asked.thread_id))
        if kept and kept.metadata.get("kind") == ENRICHMENT:
            raise InvalidQuestion(
                f"thread {asked.thread_id!r} holds an enrichment; ask on the conversation's own "
                "thread"
            )


def _place(thread_id: str) -> RunnableConfig:
    return {"configurable": {"thread_id": thread_id}}


@asynccontextmanager
async def open_runtime(
    settings: Settings, *, works: bool = True, observe: Sequence[Observer] = ()
) -> AsyncIterator[Runtime]:
    """Start NetForge with these settings; closing ends the enrichments that still run.

    One process works on a state directory; beside it, others opened without `works` read it and
    hand work over. On a database any number of processes work.

    Raises ModelLibraryMissing, TopologyUnavailable, AwsMisconfigured or StateUnavailable.
    """
    async with AsyncExitStack() as stack:
        sources = await _sources(stack, settings)
        orchestrator, analyst = await stack.enter_async_context(open_models(settings))
        storage = await stack.enter_async_context(open_storage(settings, alone=works))
        observers = Observers(observe)
        receipts = Receipts(storage.store, storage.locks, observers)
        memory = await _memory(stack, settings, storage, observers, sources.topology)
        tools = toolset(sources, memory if settings.memory else None, settings.run_cypher)
        runs = Runs(storage.engine)
        breaker = Breaker(settings.enrichment_failures, settings.enrichment_pause_s)
        detached = Detached(receipts, settings.enrichment_backlog)
        ports = Ports(
            orchestrator=orchestrator,
            analyst=Watched(analyst, breaker),
            toolset=tools,
            memory=memory,
            receipts=receipts,
            milestones=Milestones(runs),
            hand_over=detached,
            observers=observers,
        )
        builder = build(ports, Setup.of(settings))
        graph = builder.compile(checkpointer=storage.saver)
        branch = Branch(receipts, storage.locks, breaker, settings.enrichment_timeout_s)
        branch.attach(graph)
        queue = await _queue(stack, settings, storage, branch if works else None)
        detached.attach(graph, queue)
        turns = Turns(graph, runs, storage.locks, _step_limit(settings), observers)
        if works:
            stack.push_async_callback(turns.aclose)
            rounds = [turns.round, detached.round]
            if queue:
                rounds.append(Upkeep(queue, branch, receipts, storage.locks).round)
            await stack.enter_async_context(kept_up(rounds))
        yield Runtime(
            settings=settings,
            builder=builder,
            graph=graph,
            storage=storage,
            memory=memory,
            receipts=receipts,
            runs=runs,
            detached=detached,
            turns=turns,
            queue=queue,
            topology=sources.topology,
            toolset=tools,
            observers=observers,
            works=works,
        )


def _step_limit(settings: Settings) -> int:
    return STEPS_PER_VISIT * settings.turn_max_visits + STEPS_BEYOND


async def _sources(stack: AsyncExitStack, settings: Settings) -> Sources:
    # What they answer is redacted, and to learn how takes a while the first time.
    await asyncio.to_thread(known_formats)
    topology = await stack.enter_async_context(open_graph(settings))
    threads = await stack.enter_async_context(open_threads())
    datadog = await stack.enter_async_context(open_datadog(settings, threads))
    aws = await stack.enter_async_context(open_aws(settings, threads))
    return Sources(topology, datadog, aws)


async def _memory(
    stack: AsyncExitStack,
    settings: Settings,
    storage: Storage,
    observers: Observers,
    topology: GraphReader | None,
) -> Memory:
    near = Neighbourhood(topology) if topology else None
    project = await stack.enter_async_context(open_projection(settings, storage))
    return Memory(storage.store, storage.locks, observers, near, project)


async def _queue(
    stack: AsyncExitStack, settings: Settings, storage: Storage, branch: Branch | None
) -> Queue | None:
    """The queue, with a worker that runs `branch`; None when enrichment is switched off."""
    if not settings.enrichment:
        return None
    if branch is not None:
        limits = Limits(settings.enrichment_concurrency, settings.enrichment_per_minute)
        async with storage.locks.held("setup", SETUP_WAIT_S):
            worker = open_worker(storage.queue_url, storage.executor_id, limits, branch.run)
            await stack.enter_async_context(worker)
        stack.push_async_callback(branch.aclose)
    return await stack.enter_async_context(open_queue(storage.queue_url))
