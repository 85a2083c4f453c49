"""What the client does when Datadog does not answer as it should, and what it never sends."""

import asyncio
import time
from dataclasses import replace

import pytest
from datadog_api_client.v1.api.events_api import EventsApi as EventsApiV1
from datadog_api_client.v1.api.monitors_api import MonitorsApi
from datadog_api_client.v1.model.event_create_request import EventCreateRequest
from datadog_api_client.v2.api.logs_api import LogsApi

from graph.tools.datadog.client import Datadog, open_datadog
from graph.tools.datadog.reads import READS
from graph.tools.datadog.refusal import ATTEMPTS, DatadogRefused
from graph.tools.threads import Threads
from lab import faults
from lab.datadog import DatadogDouble
from lab.estate import KEY, LabSettings
from lab.faults import Fault, Hang, Raw, Reset, Status, Trickle
from tests.graph.tools.datadog.conftest import QUESTIONS, OpenDatadog, ask

SCOPES = {
    "search_monitors": "monitors_read",
    "find_metrics": "metrics_read",
    "query_metrics": "timeseries_query",
    "search_logs": "logs_read_data",
    "search_spans": "apm_read",
    "search_incidents": "incident_read",
    "get_slo_status": "slos_read",
}
PAGE = "<html><body>Sign in\x1b[0m to continue</body></html>"
AT_ONCE = {"query_metrics": 2, "search_logs": 2, "search_spans": 2}
"""Requests that a tool sends before it knows of any answer; the others send one."""


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (
            Status(401, "Unauthorized"),
            "401 Unauthorized: Unauthorized: check DD_API_KEY and DD_APP",
        ),
        (Status(403, "Forbidden"), "403 Forbidden: Forbidden: the application key may lack the sc"),
        (Status(400, "bad \x1b[1mfacet"), "400 Bad Request: bad [1mfacet"),
        (Status(500, "oops"), "500 Internal Server Error: oops: ask again"),
        (Status(302, "", {"Location": "http://127.0.0.1:9/"}), "302 Found"),
        (Raw(PAGE), "the answer is none of Datadog's: <html><body>Sign in [0m to continue"),
        (Raw("{}"), "the answer is none of Datadog's: {}"),
        (Raw("[]"), "the answer is none of Datadog's: []"),
        (Raw('{"errors": ["no"]}'), """the answer is none of Datadog's: {"errors": ["no"]}"""),
        (Raw("", status=204), "the answer is none of Datadog's: nothing"),
        (Reset(), "Connection broken"),
    ],
    ids=str,
)
async def test_a_refusal_is_an_error_in_its_own_words_and_is_not_repeated(
    dd: Datadog, double: DatadogDouble, fault: Fault, words: str
) -> None:
    double.always(fault)
    for tool, arguments in QUESTIONS:
        result = await ask(dd, tool, **arguments)
        assert (result.status, result.source, result.returned) == ("error", "datadog", 0)
        assert words in (result.error or ""), tool
        assert next(iter(arguments.values())) in result.query
        if "may lack" in words:
            assert f"may lack the scope {SCOPES[tool]}; " in (result.error or "")
    assert len(double.requests) <= sum(AT_ONCE.get(tool, 1) for tool, _ in QUESTIONS)


@pytest.mark.parametrize("fault", [Hang(), Trickle()], ids=str)
async def test_what_does_not_end_is_an_error_within_its_time(
    hasty: Datadog, double: DatadogDouble, fault: Fault
) -> None:
    double.always(fault)
    began = time.monotonic()
    results = await asyncio.gather(*(ask(hasty, tool, **args) for tool, args in QUESTIONS))
    assert time.monotonic() - began < 10
    for result in results:
        assert (result.status, result.error) == (
            "error",
            "no answer in 0.8 s: ask for a narrower part, or again",
        )
    assert len(double.requests) == sum(AT_ONCE.get(tool, 1) for tool, _ in QUESTIONS)


async def test_a_thread_ends_with_its_question(
    open_lab_datadog: OpenDatadog, double: DatadogDouble
) -> None:
    double.always(Trickle())
    async with open_lab_datadog(tool_timeout_s=0.5) as reader:
        await ask(reader, "search_incidents")
        seen = await double.wait_for("", 1)
        async with asyncio.timeout(2):
            await seen.closed_by_client.wait()


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("header", ["X-Ratelimit-Reset", "Retry-After"])
async def test_a_short_wait_is_kept_to_and_asked_again(
    dd: Datadog, double: DatadogDouble, status: int, header: str
) -> None:
    double.queue(Status(status, "slow down", {header: "0"}))
    assert (await ask(dd, "search_incidents")).status == "ok"
    assert len(double.requests) == 2


async def test_attempts_are_bounded(dd: Datadog, double: DatadogDouble) -> None:
    double.always(Status(429, "slow down", {"X-Ratelimit-Reset": "0"}))
    result = await ask(dd, "search_incidents")
    assert len(double.requests) == ATTEMPTS
    assert result.error == (
        "429 Too Many Requests: slow down: resets in 0 s: ask for less, or again then"
    )


@pytest.mark.parametrize("timeout_s", [20, 3])
async def test_a_long_wait_is_given_up_at_once_with_the_hint(
    open_lab_datadog: OpenDatadog, double: DatadogDouble, timeout_s: float
) -> None:
    wait = "40" if timeout_s == 20 else "4"
    double.always(Status(429, "slow down", {"X-Ratelimit-Reset": wait}))
    async with open_lab_datadog(tool_timeout_s=timeout_s) as reader:
        began = time.monotonic()
        result = await ask(reader, "search_incidents")
    assert time.monotonic() - began < 3
    assert f"resets in {wait} s" in (result.error or "")
    assert len(double.requests) == 1


async def test_a_refused_connection_is_tried_once_more(open_lab_datadog: OpenDatadog) -> None:
    async with open_lab_datadog(dd_api_url="http://127.0.0.1:9") as reader:
        began = time.monotonic()
        result = await ask(reader, "search_incidents")
    assert 0.2 < time.monotonic() - began < 3
    assert "Connection refused" in (result.error or "")
    assert "is DD_SITE or DD_API_URL right" in (result.error or "")


async def test_a_part_that_fails_fails_the_question(dd: Datadog, double: DatadogDouble) -> None:
    double.queue(Status(403, "Forbidden"), path="/api/v2/logs/analytics")
    result = await ask(dd, "search_logs", query="*")
    assert (result.status, "logs_read_data" in (result.error or "")) == ("error", True)


async def test_what_the_client_does_not_know_is_counted(dd: Datadog, double: DatadogDouble) -> None:
    monitors = '{"id": 1, "name": "a", "status": "Sleeping"}, {"id": "x", "name": "b"}'
    double.always(Raw(f'{{"monitors": [{monitors}], "metadata": {{"total_count": 2}}}}'))
    result = await ask(dd, "search_monitors")
    assert (result.status, result.matched) == ("ok", 2)
    assert "[2 parts of the answer are of an unknown kind]" in result.text
    assert "1\tSleeping\ta\t" in result.text


@pytest.mark.parametrize(
    ("tool", "body"),
    [
        ("search_logs", '{"data": [5]}'),
        ("search_logs", '{"data": {"buckets": 7}}'),
        ("search_monitors", '{"monitors": 5}'),
        ("search_monitors", '{"monitors": [5]}'),
        ("search_incidents", '{"data": {"attributes": {"incidents": [{"data": 5}]}}}'),
        ("query_metrics", '{"data": {"attributes": {"series": [{}], "values": [["x"]]}}}'),
        ("find_metrics", '{"data": [null]}'),
        ("get_slo_status", '{"data": {"attributes": {"slos": "many"}}}'),
    ],
)
async def test_an_answer_of_another_form_is_an_error(
    dd: Datadog, double: DatadogDouble, tool: str, body: str
) -> None:
    double.always(Raw(body))
    result = await ask(dd, tool, **dict(QUESTIONS)[tool])
    assert result.status == "error"
    assert result.error


async def test_a_write_is_refused_before_the_wire(dd: Datadog, double: DatadogDouble) -> None:
    asking = dd.asking("a write")
    event = EventCreateRequest(title="t", text="t")
    for api, operation, arguments in (
        (MonitorsApi, "delete_monitor", {"monitor_id": 1}),
        (EventsApiV1, "create_event", {"body": event}),
        (MonitorsApi, "get_monitor", {"monitor_id": 1}),
        (LogsApi, "list_logs_get", {}),
    ):
        with pytest.raises(DatadogRefused, match="is not among the reads that are allowed"):
            await asking(api, operation, **arguments)
    assert double.requests == []


def test_the_list_of_reads_holds_no_write() -> None:
    posts = [path for method, path in READS if method == "POST"]
    assert {method for method, _ in READS} == {"GET", "POST"}
    assert all(path.endswith(("/search", "/aggregate", "/query/timeseries")) for path in posts)


async def test_a_redirect_is_not_followed(dd: Datadog, double: DatadogDouble) -> None:
    double.queue(Status(307, "moved", {"Location": f"{double.url}/api/v1/validate"}))
    result = await ask(dd, "search_incidents")
    assert "307" in (result.error or "")
    assert len(double.requests) == 1


async def test_no_key_is_in_an_error_or_a_representation(
    dd: Datadog, double: DatadogDouble
) -> None:
    double.always(Status(403, f"key {double.api_key} and {double.app_key} are wrong"))
    result = await ask(dd, "search_incidents")
    asking = dd.asking("a question")
    for text in (
        str(result),
        repr(dd),
        repr(asking),
        repr(dd.client),
        repr(replace(dd, site=None)),
    ):
        assert double.api_key not in text
        assert double.app_key not in text
    assert "key [key] and [key] are wrong" in (result.error or "")


async def test_an_answer_that_is_too_large_is_refused(
    dd: Datadog, double: DatadogDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("graph.tools.datadog.wire.ANSWER_LIMIT", 1000)
    double.always(Raw(f'{{"data": {{}}, "filler": "{"x" * 100_000}"}}'))
    result = await ask(dd, "search_incidents")
    assert "the answer has more than 1,000 bytes: ask for a narrower part" in (result.error or "")


async def test_the_environment_is_not_asked_for_keys(
    open_lab_datadog: OpenDatadog, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("DD_API_KEY", "other"), ("DD_APP_KEY", "other"), ("DD_SITE", "nowhere")):
        monkeypatch.setenv(name, value)
    async with open_lab_datadog() as reader:
        assert (await ask(reader, "search_incidents")).status == "ok"


async def test_without_keys_there_is_no_datadog(threads: Threads) -> None:
    settings = LabSettings.model_validate({"minimax_api_key": KEY})
    async with open_datadog(settings, threads) as reader:
        assert reader is None


async def test_many_questions_at_once_are_answered(dd: Datadog) -> None:
    results = await asyncio.gather(*(ask(dd, tool, **args) for tool, args in QUESTIONS * 3))
    assert {result.status for result in results} == {"ok"}


def test_every_fault_of_the_lab_is_tried_here() -> None:
    tried = {Status, Hang, Trickle, Reset, Raw}
    assert set(faults.Fault.__args__) == tried
