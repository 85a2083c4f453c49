"""Hand-made estates with one cause each, and conversations about them."""

from collections.abc import Sequence
from typing import Any

from graph.report import Report
from graph.tools.aws.found import EVENT_COLUMNS, RESOURCE_COLUMNS
from graph.tools.changes import CHANGE_COLUMNS
from graph.tools.result import ToolResult, table
from graph.tools.templates import TEMPLATE_COLUMNS
from tests.lab.wire import SYMPTOM, TOOLS, Wire, calls, concluded, found

WINDOW = "2026-11-24T07:00:00Z/2026-11-24T10:00:00Z"
DAY = "2026-11-23T10:00:00Z/2026-11-24T10:00:00Z"
BEGAN = "2026-11-24T09:30:00Z"
LONG_AGO = "2026-11-24T07:00:20Z"
DATADOG = ("search_monitors", "query_metrics", "search_logs")
AWS = ("aws_alarms", "aws_metrics", "aws_resource_health")
ALL = (*TOOLS, *DATADOG, *AWS)
HEALTH, FACTS, LOGS, METRICS = (
    "aws_resource_health",
    "get_component",
    "search_logs",
    "query_metrics",
)
CHANGES, CLOUDWATCH = "list_changes", "aws_metrics"
P99 = "p99:trace.http.request{service:store}"
FAULTS = "sum:trace.http.request.errors{service:store}"
USAGE = "avg:container.cpu.usage{host:box-1} by {service}"
BOX = "avg:system.cpu.user{host:box-1}"
TIME = "sum:postgresql.queries.time{database:store} by {user}"

Key = tuple[str, str]
Scene = dict[Key, ToolResult]


def slow(source: str, target: str, *, per_min: int = 100) -> tuple[object, ...]:
    return (source, target, 300, 900, 100, per_min, 0.0)


def failing(source: str, target: str) -> tuple[object, ...]:
    return (source, target, 30, 90, 100, 100, 0.9)


def well(source: str, target: str) -> tuple[object, ...]:
    return (source, target, 30, 100, 100, 100, 0.0)


def facts(*rows: tuple[str, str], hosts: tuple[str, ...] = ()) -> ToolResult:
    told = [("component", name, value) for name, value in rows]
    return found(("of", "property", "value"), *told, *(("host", "name", host) for host in hosts))


def series(*rows: tuple[str, float, float, str]) -> ToolResult:
    return found(("series", "min", "last", "onset"), *rows)


def lines(*rows: tuple[int, str, str], matched: int = 0, window: str = WINDOW) -> ToolResult:
    cells = [(count, "error", "x", first, BEGAN, text) for count, first, text in rows]
    seen = sum(row[0] for row in rows)
    update = {"window": window, "matched": matched or seen, "returned": seen}
    return found(TEMPLATE_COLUMNS, *cells).model_copy(update=update)


def changes(*rows: tuple[str, str, str, str, str]) -> ToolResult:
    """Each row: at, component, kind, status, detail."""
    cells = [(at, "t", who, kind, "v2", how, "sam", what) for at, who, kind, how, what in rows]
    return found(CHANGE_COLUMNS, *cells).model_copy(update={"window": DAY})


def deployment(component: str, at: str = BEGAN, status: str = "succeeded") -> ToolResult:
    return changes((at, component, "deployment", status, "New client"))


def resources(*rows: tuple[str, str, str, str], events: tuple[str, ...] = ()) -> ToolResult:
    rows_of_events = [{"at": BEGAN, "about": "store", "message": message} for message in events]
    told = table(EVENT_COLUMNS, rows_of_events)
    result = found(RESOURCE_COLUMNS, *rows)
    return result.model_copy(update={"text": f"{result.text}\nevents, newest first:\n{told}"})


def rose(query: str) -> Scene:
    return {(METRICS, query): series((query, 100, 900, BEGAN))}


NEIGHBOUR = series(
    ("service:encoder, host:box-1", 0.5, 7.0, BEGAN), ("service:store, host:box-1", 1.0, 2.0, "-")
)
HUNGRY = series(("user:batch", 100, 9000, BEGAN), ("user:edge-proxy", 400, 500, "-"))
DATABASE = (("engine", "postgresql"), ("connections_in_use", "40"), ("max_connections", "300"))
BUSY_DATABASE = facts(*DATABASE, ("cpu_percent", "98"))
SHORT = resources(("ecs service", "store", "ACTIVE 2/4", "x"), events=("OutOfMemoryError",))
REFUSED = (500, BEGAN, "POST /labels: <*> Unauthorized (token no longer valid)")
EXPIRED = (500, BEGAN, "x509: certificate has expired")
COMPLAINTS = "service:{} status:(error OR warn)".format
PATH = [slow("edge-proxy", "store")]
FAILING_PATH = [failing("edge-proxy", "store")]
SHARED = [slow("edge-proxy", "store"), slow("batch", "store")]
WITH_ANOTHER = [failing("edge-proxy", "store"), well("returns", "store")]
CALM = [well("edge-proxy", "store"), well("mobile", "edge-proxy")]

SCENES: dict[str, tuple[list[tuple[object, ...]], Scene]] = {
    "deployment": (PATH, {(CHANGES, ""): deployment("store"), **rose(P99)}),
    "noisy neighbour": (
        PATH,
        {
            (FACTS, "store"): facts(("type", "api"), hosts=("box-1",)),
            (FACTS, "box-1"): facts(("cpu_percent", "97")),
            (METRICS, USAGE): NEIGHBOUR,
            **rose(P99),
            **rose(BOX),
        },
    ),
    "hungry caller": (
        SHARED,
        {(FACTS, "store"): BUSY_DATABASE, (METRICS, TIME): HUNGRY, **rose(P99)},
    ),
    "credential": (
        WITH_ANOTHER,
        {
            (FACTS, "store"): facts(("type", "external")),
            (LOGS, COMPLAINTS("edge-proxy")): lines(REFUSED),
            **rose(FAULTS),
        },
    ),
    "certificate": (FAILING_PATH, {(LOGS, COMPLAINTS("store")): lines(EXPIRED)}),
    "tasks": (PATH, {(HEALTH, "store"): SHORT, **rose(P99)}),
    "impaired host": (
        PATH,
        {
            (FACTS, "store"): facts(("type", "api"), hosts=("box-1",)),
            (HEALTH, "box-1"): resources(
                ("ec2 instance", "box-1", "running", "system check impaired")
            ),
        },
    ),
    "third party": (PATH, {(FACTS, "store"): facts(("type", "external")), **rose(P99)}),
    "function of a neighbour": (
        CALM,
        {(HEALTH, "store"): resources(("lambda function", "store-fn", "Failed", "x"))},
    ),
}
NOTHING = ToolResult(status="no_data", source="t", query="q")
BLAMED = {
    "deployment": "store",
    "noisy neighbour": "encoder",
    "hungry caller": "batch",
    "credential": "edge-proxy",
    "certificate": "store",
    "tasks": "store",
    "impaired host": "box-1",
    "third party": "store",
    "function of a neighbour": "store",
}


def key(name: str, args: dict[str, Any]) -> Key:
    if name == CLOUDWATCH:
        return name, args["dimensions"]["DBInstanceIdentifier"]
    if name == LOGS and "/" in args["window"]:
        return name, f"earlier {args['query']}"
    subject = args.get("name") or args.get("service") or args.get("query")
    return name, str(subject or "")


def wire(
    cause: str,
    changed: Scene | None = None,
    calling: Sequence[tuple[object, ...]] = (),
    **fields: Any,
) -> Wire:
    """A conversation about that scene, with some results, or the calls, in the place of others."""
    edges, scene = SCENES[cause]
    told = {**scene, **(changed or {})}
    columns = (
        "from",
        "to",
        "avg_latency_ms",
        "p99_latency_ms",
        "baseline_p99_latency_ms",
        "requests_per_min",
        "error_rate",
    )

    def answer(name: str, args: dict[str, Any]) -> ToolResult:
        if name == "find_services":
            return found(("name", "kind"), ("edge-proxy", "Service"))
        if name == "get_topology":
            return found(columns, *(calling or edges))
        if name == "find_blast_radius":
            return found(("name", "distance"), ("edge-proxy", 1))
        return told.get(key(name, args)) or ToolResult(status="no_data", source="t", query="q")

    return Wire(SYMPTOM, **{"tools": ALL, "answer": answer, **fields})


def report_on(conversation: Wire) -> Report:
    return concluded(conversation.to_the_end()[0])


def blamed(report: Report) -> str:
    return report.root_cause.component if report.root_cause else ""


def asked_by(conversation: Wire) -> list[str]:
    return [
        f"{name} {sorted(args.items())}"
        for message in conversation.messages
        if message["role"] == "assistant"
        for name, args in calls(message)
    ]
