"""The composition root: opens what the graph needs, builds it, closes everything again.

Server, `langgraph dev` and lab all start here. What is configured and fails ends the start
with one clear line; what is not configured is disabled with its reason.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any, cast
from uuid import UUID, uuid4

import aiosqlite
from filelock import AsyncFileLock, Timeout
from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.store.sqlite.aio import AsyncSqliteStore

from graph.build import Builder, Ports, build
from graph.detached import ENRICHMENT, Bounds, Detached, Graph
from graph.errors import InvalidQuestion, StateUnavailable, ThreadBusy
from graph.memory import Memory
from graph.models.port import open_models
from graph.settings import Settings
from graph.state import Investigation, Receipt, check_question, is_unicode
from graph.tools import toolset
from graph.tools.aws.client import open_aws
from graph.tools.datadog.client import open_datadog
from graph.tools.threads import open_threads
from graph.tools.topology.cypher import open_graph

STEPS_PER_VISIT = 2
STEPS_BEYOND = 10
"""LangGraph's own step limit, as a backstop behind the budgets: plan and tool per visit."""


@dataclass(frozen=True)
class Runtime:
    """Everything a started NetForge holds."""

    settings: Settings
    builder: Builder
    graph: Graph
    saver: AsyncSqliteSaver
    memory: Memory
    detached: Detached
    disabled: dict[str, str]
    """Sources that are not configured, each with its reason."""
    busy: set[str] = field(default_factory=set)
    """Threads on which a turn runs now."""

    async def stream(
        self,
        question: str,
        *,
        run_id: str,
        thread_id: str,
        focus: Sequence[str] = (),
    ) -> AsyncIterator[dict[str, Any]]:
        """Run one turn, yielding what happens: `started` and `ended` of each exchange.

        Raises InvalidQuestion for what cannot be asked, ThreadBusy while another turn runs on
        the thread. The state is read with `state()`.
        """
        await self._check(question, thread_id, focus)
        with self._occupied(thread_id):
            async for event in self._events(question, run_id, thread_id, focus):
                yield event

    async def investigate(
        self,
        question: str,
        *,
        run_id: str | None = None,
        thread_id: str | None = None,
        focus: Sequence[str] = (),
    ) -> Investigation:
        """Run one turn to its answer; the state it ends with. Raises as `stream` does."""
        thread = thread_id or str(uuid4())
        await self._check(question, thread, focus)
        with self._occupied(thread):
            async for _ in self._events(question, run_id or str(uuid4()), thread, focus):
                pass
            return await self.state(thread)

    async def state(self, thread_id: str) -> Investigation:
        """The latest state of a thread; empty when there is no such thread."""
        snapshot = await self.graph.aget_state(self._config(thread_id))
        return cast(Investigation, snapshot.values)

    async def enrichment(self, turn_id: str) -> Receipt | None:
        """Wait for that turn's enrichment to end; its receipt, None when the turn is unknown."""
        await self.detached.join(turn_id)
        kept = await self.memory.receipt(turn_id)
        return cast(Receipt, kept) if kept else None

    def _events(
        self, question: str, run_id: str, thread_id: str, focus: Sequence[str]
    ) -> AsyncIterator[dict[str, Any]]:
        message = HumanMessage(question, id=f"{run_id}:question")
        return self.graph.astream(
            {"messages": [message], "focus": list(focus)},
            self._config(thread_id, run_id),
            stream_mode="custom",
            durability="sync",
        )

    async def _check(self, question: str, thread_id: str, focus: Sequence[str]) -> None:
        check_question(question)
        if not is_unicode(f"{thread_id}{''.join(focus)}"):
            raise InvalidQuestion("thread or focus holds half a character (a lone surrogate)")
        kept = await self.saver.aget_tuple(self._config(thread_id))
        if kept and kept.metadata.get("kind") == ENRICHMENT:
            raise InvalidQuestion(
                f"thread {thread_id!r} holds an enrichment; ask on the conversation's own thread"
            )

    @contextmanager
    def _occupied(self, thread_id: str) -> Iterator[None]:
        """Keep the thread for one turn: of two at once, the later would overwrite the other."""
        if thread_id in self.busy:
            raise ThreadBusy(
                f"a turn is running on thread {thread_id!r}; ask again when it has answered"
            )
        self.busy.add(thread_id)
        try:
            yield
        finally:
            self.busy.discard(thread_id)

    def _config(self, thread_id: str, run_id: str | None = None) -> RunnableConfig:
        config: RunnableConfig = {
            "configurable": {"thread_id": thread_id},
            "recursion_limit": STEPS_PER_VISIT * self.settings.turn_max_visits + STEPS_BEYOND,
        }
        if run_id:
            config["run_id"] = UUID(run_id)
        return config


@asynccontextmanager
async def open_runtime(settings: Settings) -> AsyncIterator[Runtime]:
    """Start NetForge with these settings; closing ends the enrichments that still run.

    Raises ModelLibraryMissing, TopologyUnavailable, AwsMisconfigured or StateUnavailable.
    """
    async with AsyncExitStack() as stack:
        topology = await stack.enter_async_context(open_graph(settings))
        threads = await stack.enter_async_context(open_threads())
        datadog = await stack.enter_async_context(open_datadog(settings, threads))
        aws = await stack.enter_async_context(open_aws(settings, threads))
        orchestrator, analyst = await stack.enter_async_context(open_models(settings))
        saver, store = await stack.enter_async_context(_open_state(settings))
        memory = Memory(store)
        bounds = Bounds(
            concurrency=settings.enrichment_concurrency,
            backlog=settings.enrichment_backlog,
            guard_s=settings.enrichment_timeout_s,
        )
        detached = Detached(bounds, memory.put_receipt)
        stack.push_async_callback(detached.aclose)
        tools = toolset(topology=topology, datadog=datadog, aws=aws, run_cypher=settings.run_cypher)
        hand_over = detached if settings.enrichment else None
        builder = build(Ports(orchestrator, analyst, tools, memory, hand_over), settings)
        graph = builder.compile(checkpointer=saver)
        detached.attach(graph)
        if settings.enrichment:
            await detached.resume(await memory.pending())
        yield Runtime(settings, builder, graph, saver, memory, detached, tools.disabled)


@asynccontextmanager
async def _open_state(
    settings: Settings,
) -> AsyncIterator[tuple[AsyncSqliteSaver, AsyncSqliteStore]]:
    """Checkpoints and memory, kept for this process alone.

    Two processes on the same files would overwrite each other's turns: what keeps a thread for
    one turn at a time, and memory from losing a confirmation, are locks of this process.
    """
    folder = settings.state_dir
    file = folder
    async with AsyncExitStack() as stack:
        try:
            await asyncio.to_thread(folder.mkdir, mode=0o700, parents=True, exist_ok=True)
            await stack.enter_async_context(AsyncFileLock(folder / "lock", timeout=0))
            file = folder / "checkpoints.sqlite"
            saver = await stack.enter_async_context(AsyncSqliteSaver.from_conn_string(str(file)))
            await saver.setup()
            file = folder / "memory.sqlite"
            store = await stack.enter_async_context(AsyncSqliteStore.from_conn_string(str(file)))
            await store.setup()
        except Timeout as error:
            raise StateUnavailable(
                f"STATE_DIR={folder} is in use by another process; stop it, or give another folder"
            ) from error
        except (OSError, sqlite3.Error, aiosqlite.Error) as error:
            raise StateUnavailable(
                f"STATE_DIR={folder}: {file} cannot be used: {error}; move it away, or give a "
                "folder that can be written"
            ) from error
        yield saver, store
