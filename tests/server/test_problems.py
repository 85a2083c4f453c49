"""Whatever the server refuses is a problem (RFC 9457), and holds nothing that it should not."""

import json
import logging
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI

from graph import errors
from graph.errors import ThreadBusy
from server.openapi import markdown
from server.problems import KINDS, TABLE, Problem
from server.refusal import NotFound
from tests.server import small_app


@pytest.fixture
def app() -> FastAPI:
    return small_app.make(request_body_limit_kib=1024)


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with small_app.client(app) as client:
        yield client


def problem(answer: httpx.Response, status: int, name: str) -> Problem:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    if answer.request.method == "HEAD":
        return Problem(type="", title="", status=status, detail="")
    found = Problem.model_validate_json(answer.content)
    assert found.model_extra == {}
    assert (found.status, found.type) == (status, f"/problems/{name}")
    assert found.title in markdown()
    assert found.instance == f"urn:netforge:request:{answer.headers['x-request-id']}"
    return found


@pytest.mark.parametrize(
    ("which", "status", "name"),
    [
        ("question", 422, "invalid-question"),
        ("busy", 409, "thread-busy"),
        ("enrichment", 409, "enrichment-refused"),
        ("unknown", 404, "not-found"),
        ("state", 503, "state-unavailable"),
    ],
)
async def test_each_error_of_ours_has_its_own_kind_and_says_its_message(
    client: httpx.AsyncClient, which: str, status: int, name: str
) -> None:
    answer = await client.get(f"/v1/raise/{which}")
    assert problem(answer, status, name).detail == str(small_app.RAISED[which])
    assert answer.headers.get("retry-after") == ("5" if status == 503 else None)


async def test_a_busy_thread_names_the_run_that_is_in_the_way(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy = ThreadBusy("a turn runs on thread t")
    busy.run_id = "r-1"  # type: ignore[attr-defined, unused-ignore]
    monkeypatch.setitem(small_app.RAISED, "busy", busy)
    assert problem(await client.get("/v1/raise/busy"), 409, "thread-busy").run_id == "r-1"


async def test_a_message_that_no_answer_can_hold_is_mended_and_cut(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(small_app.RAISED, "unknown", NotFound("no run \ud800" + "x" * 1000))
    found = problem(await client.get("/v1/raise/unknown"), 404, "not-found")
    assert found.detail == "no run ?" + "x" * 491 + "…"


async def test_what_nobody_expected_says_nothing_and_is_logged_by_the_id(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR, "netforge.server"):
        answer = await client.get("/v1/raise/surprise", headers={"X-Request-Id": "mine-1"})
    problem(answer, 500, "internal-error")
    assert "hunter2" not in answer.text
    assert "RuntimeError" not in answer.text
    assert caplog.messages == ["request mine-1 failed: RuntimeError"]
    assert caplog.records[0].exc_info


@pytest.mark.parametrize(
    ("method", "path", "status", "name", "allow"),
    [
        ("GET", "/nothing", 404, "not-found", None),
        ("GET", "/v1/nothing", 404, "not-found", None),
        ("DELETE", "/v1/me", 405, "method-not-allowed", {"GET"}),
        ("OPTIONS", "/v1/me", 405, "method-not-allowed", {"GET"}),
        ("HEAD", "/v1/me", 405, "method-not-allowed", {"GET"}),
        ("BREW", "/v1/me", 405, "method-not-allowed", {"GET"}),
        ("PUT", "/v1/runs/r", 405, "method-not-allowed", {"GET", "POST"}),
    ],
)
async def test_a_path_or_method_that_does_not_exist(
    client: httpx.AsyncClient,
    method: str,
    path: str,
    status: int,
    name: str,
    allow: set[str] | None,
) -> None:
    answer = await client.request(method, path)
    problem(answer, status, name)
    told = answer.headers.get("allow")
    assert (set(told.split(", ")) if told else None) == allow


JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b'{"question": "x"} and more',
        b"[" * 100_000,
        b'{"question":' * 50_000 + b"1" + b"}" * 50_000,
        b'{"question": ' + b"9" * 5000 + b"}",
    ],
    ids=["none", "half", "no text", "more", "deep list", "deep object", "long number"],
)
async def test_a_body_that_is_no_json_is_no_failure_of_the_server(
    client: httpx.AsyncClient, body: bytes
) -> None:
    answer = await client.post("/v1/ask", content=body, headers=JSON)
    if body:
        problem(answer, 400, "malformed-body")
    else:
        problem(answer, 422, "invalid-request")


NESTED = '{"question": "x", "alert": ' + '{"a":' * 900 + "1" + "}" * 900 + "}"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ("{}", "/body/question"),
        ('{"question": NaN}', "/body/question"),
        ('{"question": "\\ud800"}', "/body/question"),
        ('{"question": "\\u0000"}', "/body/question"),
        ('{"question": "x", "budget": NaN}', "/body/budget"),
        ('{"question": "x", "budget": 1e999}', "/body/budget"),
        ('{"question": "x", "alert": {"a": [NaN]}}', "/body/alert"),
        ('{"question": "x", "alert": {"a": -Infinity}}', "/body/alert"),
        ('{"question": "x", "alert": {"\\ud800": 1}}', "/body/alert"),
        ('{"question": "x", "alert": {"a": 9223372036854775808}}', "/body/alert"),
        (NESTED, "/body/alert"),
        ('{"question": "x", "a/b~c": 1}', "/body/a~1b~0c"),
        ('{"question": "x", "\\ud800": 1}', "/body"),
    ],
)
async def test_a_wrong_field_is_pointed_at_and_its_value_is_not_repeated(
    client: httpx.AsyncClient, body: str, pointer: str
) -> None:
    found = problem(
        await client.post("/v1/ask", content=body, headers=JSON), 422, "invalid-request"
    )
    assert found.errors is not None
    assert [error.pointer for error in found.errors] == [pointer]
    assert found.detail.startswith(f"{pointer}: ")
    assert len(found.errors[0].message) < 100


async def test_what_can_be_kept_is_taken(client: httpx.AsyncClient) -> None:
    deep: dict[str, Any] = {"a": [1, -1.5, None, True, "ü"], "b": 2**63 - 1}
    for _ in range(29):
        deep = {"a": deep}
    asked = {"question": "x", "alert": deep, "budget": 2.0}
    answer = await client.post("/v1/ask", json=asked)
    assert (answer.status_code, answer.json()) == (200, asked)
    deeper = {**asked, "alert": {"a": deep}}
    problem(await client.post("/v1/ask", json=deeper), 422, "invalid-request")


async def test_however_much_is_wrong_the_answer_stays_short(client: httpx.AsyncClient) -> None:
    body = {"k" * 5000 + str(number): "v" * 500 for number in range(100)}
    answer = await client.post("/v1/ask", json=body)
    found = problem(answer, 422, "invalid-request")
    assert found.errors is not None
    assert len(found.errors) == 20
    assert found.detail.endswith(", and 100 more")
    assert "vvv" not in answer.text
    assert len(answer.content) < 20 * 700


@pytest.mark.parametrize("sent", [{"Content-Type": "text/plain"}, {}])
async def test_a_body_that_is_not_called_json_is_told_so(
    client: httpx.AsyncClient, sent: dict[str, str]
) -> None:
    answer = await client.post("/v1/ask", content=b'{"question": "x"}', headers=sent)
    assert "application/json" in problem(answer, 415, "unsupported-media-type").detail


@pytest.mark.parametrize("name", ["a%0d%0aX-Evil:%201", "a%20b", "ä", "%00", "a" * 201])
async def test_a_name_that_does_not_fit_a_header_is_refused(
    client: httpx.AsyncClient, name: str
) -> None:
    answer = await client.get(f"/v1/runs/{name}")
    found = problem(answer, 422, "invalid-request")
    assert found.errors is not None
    assert found.errors[0].pointer == "/path/run_id"
    assert "x-evil" not in answer.headers


async def test_a_name_that_fits_is_echoed(client: httpx.AsyncClient) -> None:
    name = "Thread_1:2.3-x"
    answer = await client.get(f"/v1/runs/{name}")
    assert answer.headers["location"] == f"/v1/runs/{name}"


async def test_the_callers_request_id_is_kept_when_it_is_a_name(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/me", headers={"X-Request-Id": "mine:1"})
    assert answer.headers["x-request-id"] == answer.json()["request"] == "mine:1"


@pytest.mark.parametrize("given", [b"", b"a b", b"a\r\nX-Evil: 1", b"\xff", b"a" * 201, b"a\n"])
async def test_any_other_request_id_is_replaced_by_one_of_ours(
    client: httpx.AsyncClient, given: bytes
) -> None:
    both = [
        (await client.get("/v1/me", headers={b"X-Request-Id": given})).headers for _ in range(2)
    ]
    assert "x-evil" not in both[0]
    assert UUID(both[0]["x-request-id"]) != UUID(both[1]["x-request-id"])


async def test_every_route_documents_its_errors_as_problems(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    seen = set()
    for path, operations in document["paths"].items():
        for operation in operations.values():
            for status, response in operation["responses"].items():
                if int(status) >= 400:
                    content = response["content"]
                    assert list(content) == ["application/problem+json"], (path, status)
                    [(_, described)] = content.items()
                    assert described["schema"] == {"$ref": "#/components/schemas/Problem"}
                    for example in described["examples"].values():
                        assert Problem(**example["value"]).status == int(status)
                    seen.add((path, int(status)))
    assert {(path, status) for path, status in seen if path == "/v1/ask"} == {
        ("/v1/ask", status) for status in (400, 401, 409, 413, 415, 422, 429, 500, 503)
    }
    assert ("/v1/runs/{run_id}", 422) in seen
    assert not [path for path, _ in seen if path == "/healthz"]
    named = set(document["components"]["schemas"])
    assert {"Problem", "WrongField", "Asked"} <= named
    assert "HTTPValidationError" not in json.dumps(document)


def test_each_kind_has_one_name_and_stands_in_the_table_of_the_docs() -> None:
    assert len({kind.name for kind in KINDS}) == len(KINDS)
    for kind in KINDS:
        assert f"| {kind.status} | `/problems/{kind.name}` | {kind.title} |" in markdown()


def test_each_error_that_a_request_can_raise_has_a_kind() -> None:
    """Those of the start end the process and reach no request."""
    of_the_start = {
        errors.NetForgeError,
        errors.SettingsError,
        errors.ModelLibraryMissing,
        errors.TopologyUnavailable,
        errors.AwsMisconfigured,
    }
    ours = {
        one
        for one in vars(errors).values()
        if isinstance(one, type) and issubclass(one, errors.NetForgeError)
    }
    without = {one for one in ours - of_the_start if not (set(one.__mro__[:-3]) & set(TABLE))}
    assert without == set()
