"""A source that fails is said to fail; the investigation goes on with the others."""

import re
from typing import Any

import pytest

from graph.runtime import Runtime
from graph.state import Investigation
from lab.aws import AwsDouble
from lab.bolt import BoltServer
from lab.datadog import DatadogDouble
from lab.faults import Fault, Hang, Raw, Reset, Status
from lab.incident import load
from lab.minimax import MiniMaxDouble, Reply, calling
from lab.relay import relay
from tests.conftest import OpenRuntime

TOOL_TIMEOUT_S = 2.5
FAULTS: dict[str, Fault] = {
    "401": Status(401, "Unauthorized"),
    "403": Status(403, "Forbidden"),
    "429 with a hint": Status(429, "Too many requests", {"X-Ratelimit-Reset": "40"}),
    "500": Status(500, "Internal error"),
    "a hang": Hang(),
    "a reset": Reset(),
    "garbage": Raw("<html>proxy</html>"),
}
LOOKS = calling(
    ("find_services", {"query": "cart"}),
    ("search_monitors", {"status": ["OK", "Alert", "Warn", "No Data"]}),
    ("aws_alarms", {"state": "ANY"}),
    ("list_changes", {}),
)
SOURCE_OF = {"neo4j": "E1", "datadog": "E2", "aws": "E3"}
CALM = calling(
    (
        "conclude",
        {
            "summary": "It was looked at.",
            "root_cause": None,
            "confidence": "low",
            "evidence": [{"id": id_, "shows": "looked"} for id_ in SOURCE_OF.values()],
        },
    )
)


@pytest.fixture
def doubles(
    datadog_double: DatadogDouble, aws_double: AwsDouble
) -> dict[str, DatadogDouble | AwsDouble]:
    return {"datadog": datadog_double, "aws": aws_double}


async def looked(runtime: Runtime, provider: MiniMaxDouble) -> Investigation:
    """One turn that asks every source once, side by side, and concludes."""
    provider.queue("MiniMax-M3", LOOKS, CALM)
    return await runtime.investigate("Is cart-service slow?")


def statuses(state: Investigation) -> dict[str, str]:
    return {entry["id"]: entry["status"] for entry in state["evidence"]}


def flags(state: Investigation) -> list[str]:
    assert state["report"] is not None
    return [flag for flag in state["report"]["flags"] if "answered with an error" in flag]


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("source", ["datadog", "aws"])
async def test_a_source_that_fails_is_named_and_the_others_are_looked_at(
    source: str,
    fault: str,
    open_lab: OpenRuntime,
    provider: MiniMaxDouble,
    doubles: dict[str, DatadogDouble | AwsDouble],
    reach: dict[str, Any],
) -> None:
    doubles[source].always(FAULTS[fault])
    async with open_lab(**reach, tool_timeout_s=TOOL_TIMEOUT_S) as runtime:
        state = await looked(runtime, provider)
    failed = SOURCE_OF[source]
    assert statuses(state) == {"E1": "ok", "E2": "ok", "E3": "ok", "E4": "ok", failed: "error"}
    [entry] = [entry for entry in state["evidence"] if entry["id"] == failed]
    assert entry["error"]
    [flag] = [flag for flag in flags(state) if flag.startswith(source)]
    assert flag.startswith(f"{source} answered with an error in {failed}")
    changes = state["evidence"][3]
    lost = {"datadog": {"datadog"}, "aws": {"ecs", "cloudtrail"}}[source]
    assert set(changes["unanswered"]) == lost
    took_s = max(step["seconds"] for step in state["exchanges"] if step["kind"] == "tool")
    assert took_s < TOOL_TIMEOUT_S + 1


async def test_a_topology_that_is_gone_is_named_and_the_others_are_looked_at(
    open_lab: OpenRuntime, server: BoltServer, provider: MiniMaxDouble, reach: dict[str, Any]
) -> None:
    port = int(server.uri.rpartition(":")[2])
    async with (
        relay("127.0.0.1", port) as between,
        open_lab(
            **reach, tool_timeout_s=TOOL_TIMEOUT_S, neo4j_uri=f"bolt://127.0.0.1:{between.port}"
        ) as runtime,
    ):
        between.cut()
        state = await looked(runtime, provider)
    assert statuses(state) == {"E1": "error", "E2": "ok", "E3": "ok", "E4": "ok"}
    assert flags(state) == ["neo4j answered with an error in E1, E4"]


async def test_a_topology_that_hangs_ends_at_the_tools_own_limit(
    open_lab: OpenRuntime, server: BoltServer, provider: MiniMaxDouble, reach: dict[str, Any]
) -> None:
    port = int(server.uri.rpartition(":")[2])
    async with (
        relay("127.0.0.1", port) as between,
        open_lab(
            **reach, tool_timeout_s=TOOL_TIMEOUT_S, neo4j_uri=f"bolt://127.0.0.1:{between.port}"
        ) as runtime,
    ):
        between.delay_s = 60
        state = await looked(runtime, provider)
        between.cut()
    first = state["evidence"][0]
    assert (first["status"], first["source"]) == ("error", "neo4j")
    assert re.fullmatch(r"no answer in [\d.]+ s", first["error"] or "")


async def test_a_tool_of_many_slow_questions_ends_in_the_name_of_its_source(
    open_lab: OpenRuntime, server: BoltServer, provider: MiniMaxDouble
) -> None:
    port = int(server.uri.rpartition(":")[2])
    async with (
        relay("127.0.0.1", port) as between,
        open_lab(tool_timeout_s=1, neo4j_uri=f"bolt://127.0.0.1:{between.port}") as runtime,
    ):
        # Each of its questions has its answer in time, and all of them do not.
        between.delay_s = 0.1
        looks = calling(("find_blast_radius", {"name": "pricing-service", "depth": 6}))
        provider.queue("MiniMax-M3", looks, Reply({"content": "Seen [E1]."}))
        state = await runtime.investigate("What depends on pricing-service?")
        between.cut()
    [entry] = state["evidence"]
    assert (entry["status"], entry["source"]) == ("error", "neo4j")
    assert re.fullmatch(r"no answer in [\d.]+ s", entry["error"] or "")


@pytest.mark.parametrize("source", ["datadog", "aws"])
async def test_the_cause_is_found_without_that_source(
    source: str,
    open_lab: OpenRuntime,
    doubles: dict[str, DatadogDouble | AwsDouble],
    reach: dict[str, Any],
) -> None:
    doubles[source].always(FAULTS["500"])
    incident = load("bad-deploy")
    async with open_lab(**reach, tool_timeout_s=4) as runtime:
        state = await runtime.investigate(incident.question)
    assert state["report"] is not None
    assert state["report"]["root_cause"]["component"] == incident.expected.root_cause
    assert any(flag.startswith(f"{source} answered with an error in E") for flag in flags(state))
    assert state["report"]["open_questions"]


async def test_what_is_not_configured_is_not_bound_and_said(
    open_lab: OpenRuntime, provider: MiniMaxDouble
) -> None:
    async with open_lab() as runtime:
        state = await runtime.investigate(load("bad-deploy").question)
        assert set(runtime.disabled) == {"datadog", "aws"}
    offered = {tool["function"]["name"] for tool in provider.of("MiniMax-M3")[0].body["tools"]}
    assert "list_changes" in offered
    assert not {"search_monitors", "aws_alarms", "run_cypher"} & offered
    assert state["report"] is not None
    assert state["report"]["flags"][:2] == [
        "not looked at: datadog (DD_API_KEY and DD_APP_KEY are not set)",
        "not looked at: aws (AWS_REGION is not set)",
    ]
