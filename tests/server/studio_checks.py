"""What the public client of LangGraph finds in a real `langgraph dev` on our graph and database.

`test_studio.py` runs this module, on a machine with loopback alone.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from lab.faults import Hang
from tests.server.studio import GRAPH, QUESTION, Studio, open_studio, run_of, until

INPUT = {"messages": [{"role": "user", "content": QUESTION}]}
CULPRIT = "pricing-service"
ORCHESTRATOR = "MiniMax-M3"
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


def asking(word: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": f"{word} {QUESTION}"}]}


@pytest.fixture(scope="module")
async def studio(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Studio]:
    async with open_studio(tmp_path_factory.mktemp("studio")) as opened:
        yield opened


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
    run_id = run_of(parts)
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


async def test_a_run_made_in_studio_is_rerun_to_the_same_also_after_a_fork_of_it(
    studio: Studio,
) -> None:
    thread = (await studio.client.threads.create())["thread_id"]
    run_id = run_of(await studio.run(thread, input=INPUT))
    count = await studio.exchanged(thread)
    last = await studio.before(thread, "respond")
    edit = {"failure": {"kind": "edited", "message": "edited by hand", "attempts": 1}}
    forked: Any = await studio.client.threads.update_state(
        thread, edit, as_node="plan", checkpoint=last["checkpoint"]
    )
    await studio.run(thread, checkpoint=forked["checkpoint"])
    assert await studio.rerun(run_id) == ("same", count)


async def test_a_run_that_was_stopped_edited_and_taken_on_is_rerun_to_its_answer(
    studio: Studio,
) -> None:
    thread = (await studio.client.threads.create())["thread_id"]
    run_id = run_of(await studio.run(thread, input=INPUT, interrupt_after=["tool"]))
    await studio.client.threads.update_state(thread, {"focus": ["edited"]}, as_node="tool")
    await studio.run(thread, interrupt_before=["respond"])
    await studio.run(thread)
    count = await studio.exchanged(thread)
    assert await studio.rerun(run_id) == ("same", count)


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
    # A step that is still to be written would come after the edit.
    await studio.exchanged(studio.earlier["thread_id"])
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
