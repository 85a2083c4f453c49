"""Gets a small document from an address that was checked before, and nothing else."""

import asyncio
from collections.abc import Awaitable, Callable

import httpx

CONNECT_TIMEOUT_S = 2.0
TOTAL_TIMEOUT_S = 5.0
"""SNS waits 15 seconds for our answer."""
BYTES_LIMIT = 64 * 1024

Fetch = Callable[[str], Awaitable[bytes]]
"""Gives what stands at an address; raises Unfetched. Whoever calls it has checked the address."""


class Unfetched(Exception):
    """The address gave nothing that can be used; says why."""


async def fetched(address: str) -> bytes:
    """What stands at the address, with a connection of its own: it is wanted rarely."""
    timeout = httpx.Timeout(TOTAL_TIMEOUT_S, connect=CONNECT_TIMEOUT_S)
    async with httpx.AsyncClient(timeout=timeout, follow_redirects=False) as client:
        return await get(client, address)


async def get(client: httpx.AsyncClient, address: str, total_s: float = TOTAL_TIMEOUT_S) -> bytes:
    """What stands at the address: answered with 200, within the time, at most BYTES_LIMIT."""
    try:
        async with (
            asyncio.timeout(total_s),
            client.stream("GET", address, headers={"Accept-Encoding": "identity"}) as answer,
        ):
            if answer.status_code != 200:
                raise Unfetched(f"it answered {answer.status_code}")
            content = b""
            # Raw, because a small compressed answer can unfold to any size.
            async for part in answer.aiter_raw():
                content += part
                if len(content) > BYTES_LIMIT:
                    raise Unfetched(f"it is longer than {BYTES_LIMIT} bytes")
            return content
    except (TimeoutError, httpx.TimeoutException) as error:
        raise Unfetched(f"it took longer than {total_s:g} s") from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise Unfetched(f"{type(error).__name__}: {error}") from error
