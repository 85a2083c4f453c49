"""How a certificate is fetched: bounded in time and size, from the asked address alone."""

import asyncio
import gzip
from collections.abc import AsyncIterator

import httpx
import pytest
from aiohttp import web

from lab.serving import listening
from server.webhooks.fetch import BYTES_LIMIT, Unfetched, fetched, get


@pytest.fixture
async def asked() -> list[str]:
    """The paths that were asked for."""
    return []


@pytest.fixture
async def host(asked: list[str]) -> AsyncIterator[str]:
    """A host with an answer of each kind."""

    async def answer(request: web.Request) -> web.StreamResponse:
        asked.append(request.path)
        if request.path == "/moved":
            raise web.HTTPFound("/certificate")
        if request.path == "/silent":
            await asyncio.Event().wait()
        if request.path == "/folded":
            body = gzip.compress(bytes(100 * BYTES_LIMIT))
            return web.Response(body=body, headers={"Content-Encoding": "gzip"})
        size = {"/certificate": 5, "/full": BYTES_LIMIT, "/long": BYTES_LIMIT + 1}.get(request.path)
        return web.Response(status=404) if size is None else web.Response(body=b"x" * size)

    async with listening(answer) as address:
        yield address


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """Without a limit of its own, so that the limits are the product's."""
    async with httpx.AsyncClient(timeout=None) as opened:
        yield opened


async def test_what_stands_there_is_given(host: str) -> None:
    assert await fetched(f"{host}/certificate") == b"xxxxx"
    assert len(await fetched(f"{host}/full")) == BYTES_LIMIT


async def test_a_redirect_is_not_followed(host: str, asked: list[str]) -> None:
    with pytest.raises(Unfetched, match="answered 302"):
        await fetched(f"{host}/moved")
    assert asked == ["/moved"]


async def test_an_answer_that_is_too_long_is_refused(host: str) -> None:
    with pytest.raises(Unfetched, match="longer than 65536 bytes"):
        await fetched(f"{host}/long")


async def test_a_compressed_answer_is_not_unfolded(host: str) -> None:
    assert len(await fetched(f"{host}/folded")) < BYTES_LIMIT


async def test_a_host_that_says_nothing_is_given_up(host: str, client: httpx.AsyncClient) -> None:
    with pytest.raises(Unfetched, match=r"took longer than 0\.2 s"):
        await get(client, f"{host}/silent", total_s=0.2)


async def test_a_host_that_is_not_there_is_named(client: httpx.AsyncClient) -> None:
    async def refuse(request: web.Request) -> web.StreamResponse:
        raise AssertionError(request.path)

    async with listening(refuse) as gone:
        pass
    with pytest.raises(Unfetched, match="ConnectError"):
        await get(client, f"{gone}/certificate")


async def test_a_status_without_a_document_is_refused(host: str) -> None:
    with pytest.raises(Unfetched, match="answered 404"):
        await fetched(f"{host}/nothing")
