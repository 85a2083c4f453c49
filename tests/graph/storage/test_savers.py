"""What LangGraph's own server asks of a saver beyond LangGraph's, the same on both databases."""

import operator
from collections.abc import Sequence
from typing import Annotated, Any, TypedDict, cast
from uuid import uuid4

import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.channels.delta import DeltaChannel
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Send

from graph.state import append_entries
from graph.storage import Storage, open_storage
from graph.storage.savers import PostgresSaver, SqliteSaver
from tests.conftest import DATABASES
from tests.graph.storage.conftest import MakeStorage

pytestmark = pytest.mark.parametrize("database", DATABASES, indirect=True)

Saver = SqliteSaver | PostgresSaver
CALLS = 6


class Said(TypedDict, total=False):
    """One channel of each kind."""

    said: Annotated[list[str], DeltaChannel(append_entries, snapshot_frequency=100)]
    count: Annotated[int, operator.add]


def saver_of(storage: Storage) -> Saver:
    connection = cast(Any, storage.saver).conn
    on_files = hasattr(connection, "executescript")
    return SqliteSaver(connection) if on_files else PostgresSaver(connection)


def graph_on(saver: Saver) -> CompiledStateGraph[Any, Any, Any, Any]:
    """Six calls side by side, whose order is that of their paths and not of their ids."""

    def calls(_: Said) -> Sequence[Send]:
        return [Send("call", {"number": number}) for number in range(CALLS)]

    async def call(sent: dict[str, int]) -> Said:
        return {"said": [f"call {sent['number']}"], "count": 1}

    async def end(_: Said) -> Said:
        return {"said": ["end"]}

    built: Any = StateGraph(Said)
    built.add_node("call", call)
    built.add_node("end", end)
    built.add_conditional_edges(START, calls, ["call"])
    built.add_edge("call", "end")
    built.add_edge("end", END)
    return cast("CompiledStateGraph[Any, Any, Any, Any]", built.compile(checkpointer=saver))


def at(thread_id: str, run_id: str = "") -> RunnableConfig:
    """A place, with what LangGraph's server puts into the metadata of its runs' checkpoints."""
    known = {"run_id": run_id, "thread_id": thread_id} if run_id else {}
    return {"configurable": {"thread_id": thread_id}, "metadata": known}


async def history(graph: Any, thread_id: str) -> list[Any]:
    place = {"configurable": {"thread_id": thread_id}}
    return [
        (step.config["configurable"]["checkpoint_id"], step.values, step.next)
        async for step in graph.aget_state_history(place)
    ]


async def rows(saver: Saver, table: str, thread_id: str) -> int:
    statement = f"SELECT count(*) FROM {table} WHERE thread_id = "
    if isinstance(saver, SqliteSaver):
        [[number]] = await saver.conn.execute_fetchall(f"{statement} ?", (thread_id,))
        return int(number)
    async with saver._cursor() as cursor:
        await cursor.execute(cast(Any, f"{statement} %s"), (thread_id,))
        return int((await cursor.fetchall())[0]["count"])


def tables(saver: Saver) -> list[str]:
    if isinstance(saver, SqliteSaver):
        return ["checkpoints", "writes"]
    return ["checkpoints", "checkpoint_writes", "checkpoint_blobs"]


async def test_a_copied_thread_has_the_same_history_and_goes_on_by_itself(
    storage_settings: MakeStorage,
) -> None:
    async with open_storage(storage_settings()) as storage:
        saver = saver_of(storage)
        graph = graph_on(saver)
        source, target = str(uuid4()), str(uuid4())
        await graph.ainvoke({"said": ["asked"]}, at(source, "one"))
        await saver.acopy_thread(source, target)
        kept = await history(graph, source)
        assert kept[0][1]["said"] == ["asked", *(f"call {n}" for n in range(CALLS)), "end"]
        assert await history(graph, target) == kept
        await graph.ainvoke({"said": ["again"]}, at(target))
        assert await history(graph, source) == kept
        assert len((await history(graph, target))[0][1]["said"]) == 2 * (CALLS + 2)


async def test_what_a_copied_checkpoint_says_of_its_thread_is_the_copy(
    storage_settings: MakeStorage,
) -> None:
    async with open_storage(storage_settings()) as storage:
        saver = saver_of(storage)
        source, target = str(uuid4()), str(uuid4())
        await graph_on(saver).aupdate_state(at(source), {"count": 1}, "end")
        checkpoint = await saver.aget_tuple(at(source))
        assert checkpoint is not None
        place: RunnableConfig = {"configurable": {"thread_id": source, "checkpoint_ns": ""}}
        named = cast(Any, {**checkpoint.metadata, "thread_id": source})
        await saver.aput(place, checkpoint.checkpoint, named, {})
        await saver.acopy_thread(source, target)
        copied = await saver.aget_tuple(at(target))
        assert copied is not None
        assert cast(Any, copied.metadata)["thread_id"] == target


async def test_a_run_that_is_undone_leaves_the_thread_as_it_was(
    storage_settings: MakeStorage,
) -> None:
    async with open_storage(storage_settings()) as storage:
        saver = saver_of(storage)
        graph = graph_on(saver)
        thread = str(uuid4())
        await graph.ainvoke({"said": ["first"]}, at(thread, "one"))
        before = await history(graph, thread)
        counted = [await rows(saver, table, thread) for table in tables(saver)]
        # It stops before its end, as a run does that another one replaces.
        await graph.ainvoke({"said": ["second"]}, at(thread, "two"), interrupt_before=["end"])
        assert len(await history(graph, thread)) > len(before)
        await saver.adelete_for_runs(["two"])
        assert await history(graph, thread) == before
        assert [await rows(saver, table, thread) for table in tables(saver)] == counted
        await graph.ainvoke({"said": ["third"]}, at(thread, "three"))
        said = (await history(graph, thread))[0][1]["said"]
        assert said[CALLS + 2] == "third"
        assert "second" not in said


async def test_a_run_that_went_on_where_another_stopped_gives_its_step_back(
    storage_settings: MakeStorage,
) -> None:
    async with open_storage(storage_settings()) as storage:
        saver = saver_of(storage)
        graph = graph_on(saver)
        thread = str(uuid4())
        await graph.ainvoke({"said": ["asked"]}, at(thread, "one"), interrupt_before=["end"])
        before = await history(graph, thread)
        counted = [await rows(saver, table, thread) for table in tables(saver)]
        await graph.ainvoke(None, at(thread, "two"))
        await saver.adelete_for_runs(["two"])
        assert await history(graph, thread) == before
        assert before[0][2] == ("end",)
        assert [await rows(saver, table, thread) for table in tables(saver)] == counted
        ended = await graph.ainvoke(None, at(thread, "three"))
        assert ended["said"].count("end") == 1


async def test_a_run_that_a_later_one_stands_on_is_not_undone(
    storage_settings: MakeStorage,
) -> None:
    async with open_storage(storage_settings()) as storage:
        saver = saver_of(storage)
        graph = graph_on(saver)
        thread = str(uuid4())
        for name in ("one", "two"):
            await graph.ainvoke({"said": [name]}, at(thread, name))
        kept = await history(graph, thread)
        with pytest.raises(ValueError, match=f"thread {thread} stands on that run"):
            await saver.adelete_for_runs(["one"])
        assert await history(graph, thread) == kept
        await saver.adelete_for_runs(["one", "two"])
        assert await history(graph, thread) == []


async def test_an_edit_is_nobodys_run(storage_settings: MakeStorage) -> None:
    async with open_storage(storage_settings()) as storage:
        saver = saver_of(storage)
        graph = graph_on(saver)
        # As the hand-over begins an enrichment's thread from inside a run on another thread.
        await graph.aupdate_state(at("enrichment", "one"), {"said": ["study"]}, "call")
        await graph.ainvoke(None, at("enrichment"))
        await graph.ainvoke({"said": ["asked"]}, at("conversation", "one"))
        kept = await history(graph, "enrichment")
        await saver.adelete_for_runs(["one"])
        assert await history(graph, "conversation") == []
        assert await history(graph, "enrichment") == kept
        assert len(kept) == 2


async def test_undoing_an_unknown_run_changes_nothing(storage_settings: MakeStorage) -> None:
    async with open_storage(storage_settings()) as storage:
        saver = saver_of(storage)
        graph = graph_on(saver)
        await graph.ainvoke({"said": ["asked"]}, at("t", "one"))
        kept = await history(graph, "t")
        await saver.adelete_for_runs(["two"])
        await saver.adelete_for_runs([])
        assert await history(graph, "t") == kept
