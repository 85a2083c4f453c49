"""Logs Insights: starts a query over the story's lines, and hands out its rows when polled."""

import hashlib
from datetime import UTC, datetime

from lab.aws.answers.insights_filter import Row
from lab.aws.answers.insights_query import parse, run
from lab.aws.answers.logs import SCAN_LIMIT, Event, group_named, lines
from lab.aws.scene import ACCOUNT, Parameters, Query, Refused, Result, Scene

BYTES_A_LINE = 100
GROUP_LIMIT = 50
"""Log groups in one query; AWS's own limit."""


def start(scene: Scene, parameters: Parameters) -> Result:
    """StartQuery: the query is run at once, and is `Running` for the first poll."""
    begin, end = int(parameters["startTime"]), int(parameters["endTime"])
    if begin >= end:
        raise Refused("MalformedQueryException", "the start time is not before the end time")
    groups = _groups(parameters)
    limit = int(parameters.get("limit") or 0)
    commands = parse(parameters["queryString"])
    # Both ends belong to the time that Insights looks at.
    span = (datetime.fromtimestamp(begin, UTC), datetime.fromtimestamp(end + 1, UTC))
    found = lines(scene, groups, *span)
    late = found.count > SCAN_LIMIT
    answer = run(commands, [] if late else [_row(event) for event in found.events()], limit)
    identifier = hashlib.sha256(f"{len(scene.queries)} {parameters}".encode()).hexdigest()[:32]
    scene.queries[identifier] = Query(
        rows=[
            [{"field": name, "value": value} for name, value in row.items()] for row in answer.rows
        ],
        status="Timeout" if late else scene.query_ends,
        matched=answer.matched,
        scanned=found.count,
        polls_left=scene.polls_until_complete,
    )
    return {"queryId": identifier}


def results(scene: Scene, parameters: Parameters) -> Result:
    """GetQueryResults: its status, and the rows once it is complete."""
    query = _query(scene, parameters)
    running = query.polls_left > 0
    query.polls_left -= 1
    told = not running and query.status == "Complete"
    return {
        "queryLanguage": "CWLI",
        "status": "Running" if running else query.status,
        "results": query.rows if told else [],
        "statistics": {
            "recordsMatched": query.matched if told else 0,
            "recordsScanned": query.scanned if told else 0,
            "bytesScanned": query.scanned * BYTES_A_LINE if told else 0,
        },
    }


def stop(scene: Scene, parameters: Parameters) -> Result:
    """StopQuery: whether it was still running; what is stopped has no rows."""
    query = _query(scene, parameters)
    if query.polls_left <= 0:
        raise Refused("InvalidParameterException", "the query is not running")
    query.status, query.polls_left = "Cancelled", 0
    return {"success": True}


def _query(scene: Scene, parameters: Parameters) -> Query:
    query = scene.queries.get(parameters["queryId"])
    if query is None:
        raise Refused("ResourceNotFoundException", f"no query {parameters['queryId']!r}")
    return query


def _groups(parameters: Parameters) -> list[str]:
    """The groups that are asked about: by one name, by names, or by identifiers."""
    names = list(parameters.get("logGroupNames") or ())
    names += parameters.get("logGroupIdentifiers") or ()
    names += [parameters["logGroupName"]] if parameters.get("logGroupName") else []
    if not 0 < len(names) <= GROUP_LIMIT:
        raise Refused("InvalidParameterException", f"give 1 to {GROUP_LIMIT} log groups")
    return [group_named({"logGroupName": name}) for name in names]


def _row(event: Event) -> Row:
    return {
        "@timestamp": event.at.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3],
        "@message": event.message,
        "@logStream": event.stream,
        "@log": f"{ACCOUNT}:{event.group}",
        "@ptr": event.id,
    }
