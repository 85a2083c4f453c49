"""Who may ask, how often, how much at once, and how much in one body."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from server.access import Access
from server.problems import Problem
from tests.server import small_app

ANN = "ann-0123456789abcdef"
BEN = "ben-0123456789abcdef"
TOKENS = f"ann:{ANN}, ben:{BEN}"


def name(answer: httpx.Response) -> str:
    assert answer.headers["content-type"] == "application/problem+json"
    problem = Problem.model_validate_json(answer.content)
    assert problem.status == answer.status_code
    return f"{problem.status} {problem.type.removeprefix('/problems/')}"


@pytest.mark.parametrize(
    ("sent", "challenge"),
    [
        (None, 'Bearer realm="netforge"'),
        ("Basic YW5uOmFubg==", 'Bearer realm="netforge"'),
        ("Bearer ", 'Bearer realm="netforge"'),
        (f"Bearer {ANN}x", 'Bearer realm="netforge", error="invalid_token"'),
        (f"Bearer {ANN[:-1]}", 'Bearer realm="netforge", error="invalid_token"'),
        (f"Bearer ann:{ANN}", 'Bearer realm="netforge", error="invalid_token"'),
        ("Bearer \xff\xfe", 'Bearer realm="netforge", error="invalid_token"'),
    ],
)
async def test_without_a_token_of_ours_nothing_is_answered(
    sent: str | None, challenge: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "netforge")
    headers = {b"Authorization": sent.encode("latin-1")} if sent is not None else {}
    async with small_app.client(small_app.make(api_tokens=TOKENS)) as client:
        for request in (
            client.build_request("GET", "/v1/me", headers=headers),
            client.build_request("POST", "/v1/ask", headers=headers, json={"question": 1}),
        ):
            answer = await client.send(request)
            assert name(answer) == "401 token-refused"
            assert answer.headers["www-authenticate"] == challenge
            assert ANN[:-1] not in answer.text + caplog.text


async def test_each_token_is_its_holder() -> None:
    app = small_app.make(api_tokens=TOKENS)
    for token, holder in ((ANN, "ann"), (BEN, "ben")):
        async with small_app.client(app, token) as client:
            assert (await client.get("/v1/me")).json()["name"] == holder


async def test_health_needs_no_token_and_without_tokens_nothing_does() -> None:
    async with small_app.client(small_app.make(api_tokens=TOKENS)) as client:
        assert (await client.get("/healthz")).status_code == 200
    async with small_app.client(small_app.make()) as client:
        assert (await client.get("/v1/me")).json()["name"] == "local"


async def test_a_token_that_asks_too_often_is_told_when_to_come_back_and_no_other_is() -> None:
    app = small_app.make(api_tokens=TOKENS, requests_per_minute=3)
    async with small_app.client(app, ANN) as ann, small_app.client(app, BEN) as ben:
        got = [await ann.get("/v1/me") for _ in range(4)]
        assert [answer.status_code for answer in got] == [200, 200, 200, 429]
        assert name(got[3]) == "429 too-many-requests"
        assert got[3].headers["retry-after"] == "20"
        assert got[3].json()["retry_after_s"] == 20
        assert (await ann.get("/healthz")).status_code == 200
        assert (await ben.get("/v1/me")).status_code == 200


async def test_a_token_may_ask_again_when_it_was_told_to(monkeypatch: pytest.MonkeyPatch) -> None:
    app = small_app.make(requests_per_minute=3)
    loop = asyncio.get_running_loop()
    async with small_app.client(app) as client:
        for _ in range(3):
            await client.get("/v1/me")
        refused = await client.get("/v1/me")
        later = loop.time() + int(refused.headers["retry-after"])
        monkeypatch.setattr(loop, "time", lambda: later)
        assert [(await client.get("/v1/me")).status_code for _ in range(2)] == [200, 429]


async def test_200_requests_at_once_fit_the_defaults() -> None:
    app = small_app.make(api_tokens=TOKENS)
    access: Access = app.state.access
    async with small_app.client(app, ANN) as client:
        got = await asyncio.gather(*(client.get("/v1/me") for _ in range(200)))
    assert {answer.status_code for answer in got} == {200}
    assert access.running() == {"ann": 0, "ben": 0}


class Quiet(uvicorn.Server):
    """Without signal handlers: those are the test run's."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Served:
    """The application behind a real uvicorn, which says when a stream is over."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app
        self.over = asyncio.Event()
        self.url = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self.app(scope, receive, send)
        finally:
            if scope["type"] == "http" and scope["path"] == "/v1/stream":
                self.over.set()


@asynccontextmanager
async def served(app: FastAPI, http: Any) -> AsyncIterator[Served]:
    serving = Served(app)
    server = Quiet(uvicorn.Config(serving, http=http, log_config=None, lifespan="off"))
    listener = socket.create_server(("127.0.0.1", 0))
    serving.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    task = asyncio.create_task(server.serve([listener]))
    try:
        yield serving
    finally:
        server.should_exit = True
        await task
        listener.close()


@pytest.mark.parametrize("http", ["h11", "httptools"])
async def test_a_stream_holds_its_place_until_its_client_goes_away(http: str) -> None:
    app = small_app.make(api_tokens=TOKENS, requests_at_once=1)
    access: Access = app.state.access
    headers = {"Authorization": f"Bearer {ANN}"}
    async with (
        served(app, http) as server,
        httpx.AsyncClient(base_url=server.url, headers=headers) as client,
    ):
        async with client.stream("GET", "/v1/stream") as stream:
            assert await anext(stream.aiter_raw()) == b"first"
            refused = await client.get("/v1/me")
            assert name(refused) == "429 too-many-at-once"
            assert refused.headers["retry-after"] == "1"
            assert access.running() == {"ann": 1, "ben": 0}
            other = {"Authorization": f"Bearer {BEN}"}
            assert (await client.get("/v1/me", headers=other)).status_code == 200
        await server.over.wait()
        assert access.running() == {"ann": 0, "ben": 0}
        assert (await client.get("/v1/me")).status_code == 200


async def test_a_request_that_fails_gives_its_place_back() -> None:
    app = small_app.make(requests_at_once=1)
    async with small_app.client(app) as client:
        for path, status in (("raise/surprise", 500), ("raise/busy", 409), ("me", 200)):
            assert (await client.get(f"/v1/{path}")).status_code == status


LIMIT = 1024
"""One KiB, which the applications below allow."""


async def parts(size: int, drawn: list[int]) -> AsyncIterator[bytes]:
    """A body of that size, which is not announced."""
    yield b'{"question": "'
    for number in range(size // 256):
        drawn.append(number)
        yield b"x" * 256
    yield b'"}'


async def test_a_body_that_is_announced_as_too_large_is_not_read() -> None:
    app = small_app.make(request_body_limit_kib=1)
    drawn: list[int] = []
    async with small_app.client(app) as client:
        for path in ("/v1/ask", "/v1/runs/r", "/webhooks/any"):
            answer = await client.post(
                path, content=parts(LIMIT * 4, drawn), headers={"Content-Length": str(LIMIT + 1)}
            )
            assert name(answer) == "413 body-too-large"
            assert answer.json()["detail"] == "the body has 1025 bytes; 1024 is the most"
            assert answer.json()["instance"].endswith(answer.headers["x-request-id"])
    assert app.state.access.running() == {"local": 0}


async def test_a_body_in_parts_is_refused_where_it_becomes_too_large() -> None:
    app = small_app.make(request_body_limit_kib=1)
    drawn: list[int] = []
    json = {"Content-Type": "application/json"}
    async with small_app.client(app) as client:
        answer = await client.post("/v1/ask", content=parts(LIMIT * 100, drawn), headers=json)
        assert name(answer) == "413 body-too-large"
        assert len(drawn) <= 5
        assert (await client.post("/v1/ask", content=parts(512, []), headers=json)).is_success


@pytest.mark.parametrize(("size", "status"), [(LIMIT, 200), (LIMIT + 1, 413)])
@pytest.mark.parametrize("announced", [True, False])
async def test_the_limit_is_exact(size: int, status: int, announced: bool) -> None:
    body = b'{"question": "' + b"x" * (size - 16) + b'"}'
    assert len(body) == size

    async def unannounced() -> AsyncIterator[bytes]:
        yield body

    headers = {"Content-Type": "application/json"}
    content = body if announced else unannounced()
    async with small_app.client(small_app.make(request_body_limit_kib=1)) as client:
        answer = await client.post("/v1/ask", content=content, headers=headers)
    assert answer.status_code == status


async def test_paths_of_others_have_no_limit() -> None:
    app = small_app.make(request_body_limit_kib=1)

    async def threads(_: Scope, receive: Receive, send: Send) -> None:
        size, more = 0, True
        while more:
            message = await receive()
            size, more = size + len(message["body"]), message["more_body"]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": str(size).encode()})

    app.mount("/threads", threads)
    async with small_app.client(app) as client:
        assert (await client.post("/threads/t", content=b"x" * 5000)).text == "5000"


@pytest.mark.parametrize("http", ["h11", "httptools"])
async def test_a_large_upload_gets_its_answer_and_the_server_goes_on(http: str) -> None:
    app = small_app.make()
    async with (
        served(app, http) as server,
        httpx.AsyncClient(base_url=server.url) as client,
    ):
        answer = await client.post("/v1/ask", content=b"x" * 8_000_000)
        assert name(answer) == "413 body-too-large"
        assert (await client.get("/v1/me")).status_code == 200


@pytest.mark.parametrize("http", ["h11", "httptools"])
@pytest.mark.parametrize("bad", [b"X-Request-Id: a\x00b", b"X-Request-Id: a\rX-Evil: 1"])
async def test_bytes_that_are_no_header_reach_no_header_of_the_answer(
    http: str, bad: bytes
) -> None:
    async with served(small_app.make(), http) as server:
        port = int(server.url.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /v1/me HTTP/1.1\r\nHost: lab\r\nConnection: close\r\n" + bad)
        writer.write(b"\r\n\r\n")
        got = await reader.read()
        writer.close()
        await writer.wait_closed()
    head = got.partition(b"\r\n\r\n")[0]
    assert b"evil" not in head.lower()
    assert head.startswith((b"HTTP/1.1 400", b"HTTP/1.1 200"))
