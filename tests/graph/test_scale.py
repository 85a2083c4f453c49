"""An estate of the size of a large company: every answer stays small, and says what it left out.

10,000 services, 5,000 monitors, more than 20 MB of log lines in an hour, thousands of changes.
"""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from langchain_core.messages import ToolMessage

from graph.tools.result import CHARACTERS_PER_TOKEN
from lab.bolt import BoltServer
from lab.incident import Incident, load
from lab.minimax import MiniMaxDouble, Reply, calling
from lab.signals import Alarm, Event, Log, Monitor, Signals, Trail
from lab.story import Story
from tests.conftest import SCRATCH, OpenRuntime

SERVICES = 10_000
"""Half of them call one, and each of these is called by one of the other half."""
DEPLOYMENTS = 3_000
PART = 1_000
"""Services, or nodes to delete, of one statement."""
MONITORS = 5_000
ALARMS = 1_000
KINDS = 150
"""Kinds of log lines."""
LINES = 95_000
LOG_BYTES = 20_000_000
"""At least so much from each of two services in the hour that is looked at."""
STATE_LIMIT = 2_500_000
"""Bytes of all files of the state directory after the turn."""
DATA_LIMIT = 300_000
"""Characters of the data of one answer, which are kept beside what the model reads."""
WORDS = [
    *("payment", "basket", "session", "voucher", "catalogue", "inventory", "shipment", "invoice"),
    *("refund", "customer", "address", "currency", "discount", "supplier", "warehouse"),
]
BUSY, BUSIEST = "cart-service", "pricing-service"


def line(kind: int) -> str:
    """A message of about 240 characters; no two kinds share a template."""
    one, other = WORDS[kind % len(WORDS)], WORDS[kind // len(WORDS)]
    return (
        f"{one} {other} step-{chr(97 + kind % 26)}{chr(97 + kind // 26)} failed after {{ms}} ms, "
        f"request {{id}} from {{ip}}: the {other} of this {one} could not be written because the "
        "pool of connections had none left in the time that was given; attempt {n} of the retries"
    )


@pytest.fixture
def incident() -> Incident:
    logs = [
        Log(service=service, level="error", message=line(kind), per_min=per_min / KINDS)
        # The second has more than the lab's Logs Insights looks at.
        for service, per_min in ((BUSY, 1_650), (BUSIEST, 2_000))
        for kind in range(KINDS)
    ]
    signals = Signals(
        log=tuple(logs),
        monitor=tuple(
            Monitor(
                name=f"latency of endpoint {number:04}",
                service=BUSY,
                query=f"avg(last_5m):avg:trace.http.request{{resource:{number}}} > 1",
                status=("Alert", "OK", "Warn", "OK")[number % 4],
                minutes_ago=number,
            )
            for number in range(MONITORS)
        ),
        alarm=tuple(
            Alarm(
                name=f"queue-{number:04}-depth",
                namespace="AWS/SQS",
                metric="ApproximateNumberOfMessagesVisible",
                dimensions={"QueueName": f"queue-{number:04}"},
                threshold=100,
                state="ALARM",
                reason="Threshold Crossed: 3 datapoints were greater than the threshold (100.0).",
                minutes_ago=number / 10,
            )
            for number in range(ALARMS)
        ),
        event=tuple(
            Event(
                title=f"Deployed {BUSY} v1.{number}",
                source="deployment",
                service=BUSY,
                minutes_ago=number / 10,
            )
            for number in range(DEPLOYMENTS)
        ),
        trail=tuple(
            Trail(
                event_name="UpdateService",
                event_source="ecs.amazonaws.com",
                user="ann",
                resource=f"service-{number}",
                resource_type="AWS::ECS::Service",
                minutes_ago=number / 10,
            )
            for number in range(DEPLOYMENTS)
        ),
    )
    return load("bad-deploy").model_copy(update={"signals": signals})


@pytest.fixture
async def crowded(server: BoltServer) -> AsyncIterator[str]:
    """The database with the services, emptied at the end.

    In parts, because the server ends what takes it more than 5 s.
    """

    async def run(cypher: str, **parameters: Any) -> None:
        await server.admin.execute_query(cypher, parameters, database_=SCRATCH)

    await run("MATCH (n) DETACH DELETE n")
    await run("CREATE (:Service {name: 'hub'})-[:RUNS_ON]->(:Host {name: 'node-1'})")
    for part in range(0, SERVICES // 2, PART):
        await run(
            "MATCH (hub:Service {name: 'hub'})-[:RUNS_ON]->(host) UNWIND range(1, $part) AS n "
            "CREATE (c:Service {name: 'service-' + toString($first + n), type: 'api'})"
            "-[:CALLS {avg_latency_ms: 12.5, p99_latency_ms: 80.25, requests_per_min: 600}]->(hub),"
            " (c)-[:RUNS_ON]->(host), "
            "(:Service {name: 'edge-' + toString($first + n), type: 'api'})-[:CALLS]->(c)",
            first=part,
            part=PART,
        )
    now = datetime.now(UTC)
    await run(
        "MATCH (s:Service {name: 'hub'}) UNWIND $times AS at CREATE (s)-[:HAD_DEPLOYMENT]->"
        "(:Deployment {id: at, deployed_at: at, version: 'v1', change: 'Another one'})",
        times=[f"{now - timedelta(seconds=20 * n):%FT%TZ}" for n in range(DEPLOYMENTS)],
    )
    yield SCRATCH
    for _ in range(0, SERVICES + DEPLOYMENTS, PART):
        await run("MATCH (n) WITH n LIMIT $part DETACH DELETE n", part=PART + 1)


def found_in(incident: Incident, service: str) -> tuple[int, int]:
    """How many lines that service wrote in the last hour, and their bytes.

    Each is taken to be as long as the first of its kind.
    """
    now = datetime.now(UTC)
    story = Story(incident, now)
    count = size = 0
    for log in incident.signals.log:
        if log.service == service:
            indexes = story.indexes(log, now - timedelta(hours=1), now)
            count += len(indexes)
            size += len(indexes) * len(story.line(log, indexes[0]).message.encode())
    return count, size


EVERY_STATUS = ["Alert", "Warn", "No Data", "OK"]
ASKED: list[tuple[str, dict[str, Any], str]] = [
    ("find_services", {}, "[951 or more further rows; ask for a narrower part]"),
    ("get_component", {"name": "node-1"}, "[5001 components run here, of which 200 are shown]"),
    ("get_topology", {"name": "hub"}, "[1 or more further rows; ask for a narrower part]"),
    ("find_blast_radius", {"name": "hub"}, "[only the first 1000 calls were followed; more may"),
    ("search_monitors", {"status": EVERY_STATUS}, "[there is more: ask with cursor=1]"),
    ("search_logs", {"query": "status:error"}, "patterns of the newest 3000 of 21"),
    (
        "search_logs",
        {"query": "*", "mode": "raw", "limit": 200},
        "[there is more: ask with cursor=",
    ),
    (
        "search_logs",
        {"query": "*", "mode": "count", "group_by": "host", "limit": 1},
        "lines are in further groups",
    ),
    ("aws_logs", {"log_group": f"/ecs/{BUSY}"}, "[there are further patterns"),
    (
        "aws_logs",
        {"log_group": f"/ecs/{BUSY}", "mode": "raw", "limit": 200, "window": "last 10m"},
        "more lines cut; ask for less]",
    ),
    ("aws_alarms", {}, "[only the first 500 alarms were read; ask with a prefix]"),
    ("list_changes", {"limit": 500}, "neo4j: 1000 or more; datadog: 500 or more; ecs: "),
]
"""What is asked, and how the answer says that something is missing."""
TOO_MUCH = ("aws_logs", {"log_group": f"/ecs/{BUSIEST}"})


async def test_every_answer_is_small_and_says_what_it_left_out(
    crowded: str,
    incident: Incident,
    open_lab: OpenRuntime,
    provider: MiniMaxDouble,
    reach: dict[str, Any],
) -> None:
    for service in (BUSY, BUSIEST):
        count, size = found_in(incident, service)
        assert count > LINES
        assert size > LOG_BYTES
    calls = [*((tool, arguments) for tool, arguments, _ in ASKED), TOO_MUCH]
    provider.queue("MiniMax-M3", calling(*calls), Reply({"content": "Seen [E1]."}))
    async with open_lab(**reach, neo4j_database=crowded, tool_timeout_s=60) as runtime:
        state = await runtime.investigate("What is there?")
        kept = sum(file.stat().st_size for file in runtime.settings.state_dir.iterdir())
    assert kept < STATE_LIMIT
    messages = [entry for entry in state["messages"] if isinstance(entry, ToolMessage)]
    *evidence, too_much = state["evidence"]
    for (tool, arguments, said), message, entry in zip(ASKED, messages, evidence, strict=False):
        assert (entry["name"], entry["status"], entry["error"]) == (tool, "ok", None)
        assert len(message.text) <= runtime.settings.tool_max_tokens * CHARACTERS_PER_TOKEN
        assert said in message.text
        assert entry["matched"] > entry["returned"] or "name" in arguments
    assert all(len(str(message.artifact["data"])) < DATA_LIMIT for message in messages)
    assert too_much["status"] == "error"
    assert too_much["error"] == "the query ended as Timeout: ask again, or for less"
