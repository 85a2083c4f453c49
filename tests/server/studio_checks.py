"""What the public client of LangGraph finds in a real `langgraph dev` on our graph and database.

`test_studio.py` runs this module, on a machine with loopback alone.
"""

import asyncio
import shutil
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
from langgraph_sdk import get_client
from langgraph_sdk.client import LangGraphClient
from langgraph_sdk.errors import NotFoundError
from langgraph_sdk.schema import ThreadState

from lab import bolt, estate, minimax, standin
from lab.faults import Hang
from lab.incident import load
from tests.server.conftest import ROOT, environment, free_port

OFFLINE = {"LANGGRAPH_CLI_NO_ANALYTICS": "1", "LANGGRAPH_NO_VERSION_CHECK": "true"}
GRAPH = "investigate"
INCIDENT = "bad_deploy"
QUESTION = "checkout-service is slow since half an hour. What is wrong?"
INPUT = {"messages": [{"role": "user", "content": QUESTION}]}
CULPRIT = "pricing-service"
ORCHESTRATOR = "MiniMax-M3"
SOON_S = 15
LOOK_S = 0.05
T = TypeVar("T")
STOPS: dict[str, list[tuple[str, str, set[str]]]] = {
    "interrupt_before": [
        ("plan", "__start__", {"plan"}),
        ("tool", "plan", {"tool"}),
        ("respond", "plan", {"respond"}),
    ],
    "interrupt_after": [
        ("plan", "plan", {"tool"}),
        ("tool", "tool", {"plan"}),
        ("respond", "respond", set()),
    ],
}
"""The node of the breakpoint, the node behind the stop, and those ahead of it."""


@dataclass(frozen=True)
class Studio:
    """A running `langgraph dev`, reached over our routes and over LangGraph's."""

    ours: httpx.AsyncClient
    client: LangGraphClient
    provider: minimax.MiniMaxDouble
    earlier: dict[str, Any]
    """The answer of `python -m server`, on the same files, before this process began."""

    async def history(self, thread_id: str) -> list[ThreadState]:
        return await self.client.threads.get_history(thread_id, limit=100)

    async def before(self, thread_id: str, node: str) -> ThreadState:
        """The latest step from which that node goes on."""
        return next(step for step in await self.history(thread_id) if node in step["next"])

    async def run(self, thread_id: str, **options: Any) -> list[Any]:
        """Run to the end or to a breakpoint; the parts of the stream."""
        stream = self.client.runs.stream(thread_id, GRAPH, **{"input": None, **options})
        parts = [part async for part in stream]
        assert "error" not in {part.event for part in parts}, parts
        return parts

    async def listed(self, thread_id: str) -> Any:
        """The thread as LangGraph's server lists it, as soon as it does."""
        return await until(lambda: self.client.threads.get(thread_id), NotFoundError)

    async def receipt(self, run_id: str) -> Any:
        """The receipt of that run's enrichment, when it has ended."""

        async def ended() -> Any:
            receipt = (await self.ours.get(f"/v1/enrichments/{run_id}")).json()
            assert receipt["status"] != "pending"
            return receipt

        return await until(ended, AssertionError)


def asking(word: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": f"{word} {QUESTION}"}]}


async def until(look: Callable[[], Awaitable[T]], not_yet: type[Exception]) -> T:
    async with asyncio.timeout(SOON_S):
        while True:
            try:
                return await look()
            except not_yet:
                await asyncio.sleep(LOOK_S)


@asynccontextmanager
async def process(
    command: list[str], started: bytes, folder: Path, **variables: str
) -> AsyncIterator[None]:
    """A process that has said that line; it is told to end, and what it says is read away."""
    running = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", *command),
        cwd=folder,
        env=variables,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert running.stdout is not None
    said = b""
    try:
        while started not in said:
            line = await running.stdout.readline()
            assert line, said.decode()
            said += line
        reading = asyncio.create_task(running.stdout.read())
        yield
        running.terminate()
        await reading
    finally:
        if running.returncode is None:
            running.kill()
        await running.wait()


@pytest.fixture(scope="module")
async def studio(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Studio]:
    folder = tmp_path_factory.mktemp("studio")
    shutil.copy(ROOT / "langgraph.json", folder)
    async with bolt.serve([INCIDENT]) as server, minimax.serve(standin.answer) as provider:
        await server.load(load("bad-deploy").topology, INCIDENT)
        settings = estate.settings(server, provider, folder / "state", neo4j_database=INCIDENT)
        variables = environment(settings)
        first, second = f"http://127.0.0.1:{free_port()}", f"http://127.0.0.1:{free_port()}"
        port = {"SERVER_PORT": first.rpartition(":")[2]}
        async with (
            process(["server"], b"listening on", folder, **variables, **port),
            httpx.AsyncClient(base_url=first, timeout=60) as http,
        ):
            asked = await http.post("/v1/investigations", json={"question": QUESTION})
        options = ["--no-browser", "--no-reload", "--n-jobs-per-worker", "10"]
        dev = ["langgraph_cli", "dev", *options, "--port", second.rpartition(":")[2]]
        async with (
            process(dev, b"Application started up", folder, **variables, **OFFLINE),
            httpx.AsyncClient(base_url=second, timeout=60) as ours,
            get_client(url=second, api_key=None) as client,
        ):
            yield Studio(ours, client, provider, asked.json())


async def test_the_assistant_its_picture_and_its_schemas_are_shown(studio: Studio) -> None:
    [assistant] = await studio.client.assistants.search()
    assert assistant["graph_id"] == GRAPH
    picture = await studio.client.assistants.get_graph(assistant["assistant_id"], xray=True)
    nodes = {str(node["id"]) for node in picture["nodes"]}
    assert nodes == {"__start__", "plan", "tool", "respond", "enrich", "__end__"}
    schemas: Any = await studio.client.assistants.get_schemas(assistant["assistant_id"])
    assert "messages" in schemas["input_schema"]["properties"]
    assert "report" in schemas["state_schema"]["properties"]


async def test_a_run_made_earlier_by_our_server_is_listed_with_its_history(
    studio: Studio,
) -> None:
    thread = studio.earlier["thread_id"]
    found = await studio.client.threads.search(metadata={"kind": "conversation"}, limit=100)
    assert thread in [known["thread_id"] for known in found]
    state: Any = await studio.client.threads.get_state(thread)
    assert state["values"]["report"]["root_cause"]["component"] == CULPRIT
    assert state["values"]["turn"]["id"] == studio.earlier["run_id"]
    nodes = {task["name"] for step in await studio.history(thread) for task in step["tasks"]}
    assert nodes >= {"plan", "tool", "respond"}


async def test_a_run_made_over_our_http_is_listed_forked_and_run_again_from_a_step(
    studio: Studio,
) -> None:
    answer = (await studio.ours.post("/v1/investigations", json={"question": QUESTION})).json()
    thread = answer["thread_id"]
    listed: Any = await studio.listed(thread)
    assert listed["metadata"]["graph_id"] == GRAPH
    last = await studio.before(thread, "respond")
    assert await studio.client.threads.get_state(thread, last["checkpoint"]) == last

    edit = {"failure": {"kind": "edited", "message": "edited by hand", "attempts": 1}}
    forked: Any = await studio.client.threads.update_state(
        thread, edit, as_node="plan", checkpoint=last["checkpoint"]
    )
    await studio.run(thread, checkpoint=forked["checkpoint"])
    state: Any = await studio.client.threads.get_state(thread)
    assert "edited by hand" in state["values"]["messages"][-1]["content"]
    assert [
        step for step in await studio.history(thread) if step["checkpoint"] == last["checkpoint"]
    ] == [last]

    calls = len(studio.provider.of(ORCHESTRATOR))
    early = (await studio.history(thread))[-2]
    assert early["next"] == ["plan"]
    await studio.run(thread, checkpoint=early["checkpoint"])
    state = await studio.client.threads.get_state(thread)
    assert state["values"]["report"]["root_cause"]["component"] == CULPRIT
    assert state["values"]["failure"] is None
    assert len(studio.provider.of(ORCHESTRATOR)) > calls


async def test_a_run_made_in_studio_streams_its_steps_and_gets_its_enrichment(
    studio: Studio,
) -> None:
    thread = (await studio.client.threads.create())["thread_id"]
    parts = await studio.run(thread, input=INPUT, stream_mode="updates")
    [run_id] = [part.data["run_id"] for part in parts if part.event == "metadata"]
    nodes = [name for part in parts if part.event == "updates" for name in part.data]
    assert nodes[0] == "plan"
    assert nodes[-1] == "respond"
    assert "tool" in nodes
    assert (await studio.receipt(run_id))["status"] == "stored"
    runs = (await studio.ours.get("/v1/runs", params={"thread_id": thread})).json()["items"]
    told = [(run["run_id"], run["status"], run["origin"], run["root_cause"]) for run in runs]
    assert told == [(run_id, "done", "langgraph", "pricing-service")]
    answer = (await studio.ours.get(f"/v1/runs/{run_id}/answer")).json()
    assert answer["report"]["root_cause"]["component"] == "pricing-service"
    steps = (await studio.ours.get(f"/v1/runs/{run_id}/steps")).json()["items"]
    assert steps[-1]["nodes"] == ["respond"]
    wanted = {"kind": "enrichment", "parent_thread_id": thread}

    async def listed() -> str:
        [found] = await studio.client.threads.search(metadata=wanted)
        return found["thread_id"]

    state: Any = await studio.client.threads.get_state(await until(listed, ValueError))
    assert state["values"]["enrichment"]["turn_id"] == run_id


async def test_the_search_of_the_store_shows_memory(studio: Studio) -> None:
    found = await studio.client.store.list_namespaces()
    assert ["insights"] in found["namespaces"]
    items = (await studio.client.store.search_items(["insights"]))["items"]
    assert CULPRIT in str([item["value"] for item in items])
    receipt = await studio.client.store.get_item(["receipts"], studio.earlier["run_id"])
    assert receipt["value"]["status"] == "stored"


@pytest.mark.parametrize("when", ["interrupt_before", "interrupt_after"])
async def test_runs_stop_at_a_breakpoint_on_each_node_take_an_edit_and_go_on(
    studio: Studio, when: str
) -> None:
    async def stops(node: str, behind: str, ahead: set[str]) -> None:
        thread = (await studio.client.threads.create())["thread_id"]
        await studio.run(thread, input=INPUT, **{when: [node]})
        state: Any = await studio.client.threads.get_state(thread)
        assert set(state["next"]) == ahead
        await studio.client.threads.update_state(thread, {"focus": ["edited"]}, as_node=behind)
        state = await studio.client.threads.get_state(thread)
        assert state["values"]["focus"] == ["edited"]
        assert set(state["next"]) == ahead
        if ahead:
            await studio.run(thread)
            state = await studio.client.threads.get_state(thread)
        values = state["values"]
        assert values["report"]["root_cause"]["component"] == CULPRIT
        # At the start of a turn it is taken up by the turn.
        assert [*values["focus"], *values["turn"]["focus"]] == ["edited"]

    await asyncio.gather(*(stops(*stop) for stop in STOPS[when]))


async def test_the_enrichment_stops_at_a_breakpoint_on_its_own_thread_and_takes_an_edit(
    studio: Studio,
) -> None:
    wanted = {"kind": "enrichment", "parent_thread_id": studio.earlier["thread_id"]}
    [found] = await studio.client.threads.search(metadata=wanted)
    thread = found["thread_id"]
    first = await studio.before(thread, "enrich")
    edited: Any = await studio.client.threads.update_state(
        thread, {"focus": ["edited"]}, as_node="respond", checkpoint=first["checkpoint"]
    )
    assert (await studio.client.threads.get_state(thread))["next"] == ["enrich"]
    known = await studio.receipt(studio.earlier["run_id"])
    parts = await studio.run(
        thread,
        checkpoint=edited["checkpoint"],
        stream_mode="updates",
        interrupt_after=["enrich"],
    )
    assert [name for part in parts for name in part.data if part.event == "updates"] == [
        *("enrich", "__interrupt__")
    ]
    state: Any = await studio.client.threads.get_state(thread)
    assert state["values"]["focus"] == ["edited"]
    # It has ended already: its receipt is found, and the analyst is not asked a second time.
    assert state["values"]["enrichment"] == known
    assert known["attempts"] == 1


async def test_a_copied_thread_is_the_same_and_stops_before_the_enrichment(
    studio: Studio,
) -> None:
    thread = studio.earlier["thread_id"]
    copied: Any = await studio.client.threads.copy(thread)  # type: ignore[func-returns-value]
    copy = copied["thread_id"]
    same = [(step["values"], step["next"]) for step in await studio.history(thread)]
    assert [(step["values"], step["next"]) for step in await studio.history(copy)] == same
    last = await studio.before(copy, "respond")
    detached: Any = await studio.client.threads.update_state(
        copy, {"detached": True}, as_node="plan", checkpoint=last["checkpoint"]
    )
    await studio.run(copy, checkpoint=detached["checkpoint"], interrupt_before=["enrich"])
    state: Any = await studio.client.threads.get_state(copy)
    assert state["next"] == ["enrich"]
    assert [(step["values"], step["next"]) for step in await studio.history(thread)] == same


async def test_a_thread_whose_id_is_no_uuid_is_not_listed_and_those_after_it_are(
    studio: Studio,
) -> None:
    odd = {"question": QUESTION, "thread_id": "incident-42"}
    assert (await studio.ours.post("/v1/investigations", json=odd)).status_code == 200
    plain = (await studio.ours.post("/v1/investigations", json={"question": QUESTION})).json()
    assert await studio.listed(plain["thread_id"])
    found = await studio.client.threads.search(limit=1000)
    assert "incident-42" not in [known["thread_id"] for known in found]


async def test_an_edit_that_names_no_node_is_taken_at_each_stop_before_plan(
    studio: Studio,
) -> None:
    thread = (await studio.client.threads.create())["thread_id"]
    await studio.run(thread, input=INPUT, interrupt_after=["tool"])
    # LangGraph puts it down to `plan`: visits of `tool` leave no trace that it looks at.
    await studio.client.threads.update_state(thread, {"focus": ["edited"]})
    await studio.run(thread)
    state: Any = await studio.client.threads.get_state(thread)
    assert state["values"]["report"]["root_cause"]["component"] == CULPRIT
    assert state["values"]["focus"] == ["edited"]


async def test_a_run_that_another_one_replaces_leaves_nothing_behind(studio: Studio) -> None:
    thread = (await studio.client.threads.create())["thread_id"]
    await studio.run(thread, input=INPUT)
    kept = await studio.history(thread)
    studio.provider.queue(ORCHESTRATOR, Hang())
    calls = len(studio.provider.of(ORCHESTRATOR))
    replaced = await studio.client.runs.create(thread, GRAPH, input=asking("replaced"))
    await studio.provider.wait_for(ORCHESTRATOR, calls + 1)
    assert len(await studio.history(thread)) > len(kept)
    await studio.run(thread, input=asking("replacing"), multitask_strategy="rollback")
    state: Any = await studio.client.threads.get_state(thread)
    asked = [said["content"] for said in state["values"]["messages"] if said["type"] == "human"]
    assert asked == [QUESTION, f"replacing {QUESTION}"]
    assert (await studio.history(thread))[-len(kept) :] == kept
    known = [run["run_id"] for run in await studio.client.runs.list(thread)]
    assert replaced["run_id"] not in known
    # What a later run stands on stays, and the server says why.
    refused = await studio.ours.delete(f"/threads/{thread}/runs/{known[-1]}")
    assert refused.status_code == 400
    assert "stands on that run" in refused.json()["detail"]


@pytest.mark.parametrize(
    ("origin", "status", "allowed"),
    [
        ("https://smith.langchain.com", 200, "https://smith.langchain.com"),
        ("https://elsewhere.example", 400, None),
    ],
)
async def test_a_browser_may_reach_it_from_the_page_of_studio_and_no_other(
    studio: Studio, origin: str, status: int, allowed: str | None
) -> None:
    asks = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type",
        "Access-Control-Request-Private-Network": "true",
    }
    for path in ("/threads/search", "/v1/investigations"):
        assert (await studio.ours.options(path, headers=asks)).status_code == status
    found = await studio.ours.post("/threads/search", json={}, headers={"Origin": origin})
    assert found.headers.get("access-control-allow-origin") == allowed
