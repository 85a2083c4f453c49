"""What a double of an HTTP service can do instead of answering."""

import asyncio
from dataclasses import dataclass, field

from aiohttp import web

TRICKLE_EVERY_S = 0.05


@dataclass(frozen=True)
class Status:
    """An HTTP error in the service's own shape."""

    status: int
    message: str = "injected"
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Hang:
    """No answer until the client gives up."""


@dataclass(frozen=True)
class Trickle:
    """An answer that never ends, a byte at a time."""


@dataclass(frozen=True)
class Reset:
    """The head and a part of the answer, then a reset of the connection."""


@dataclass(frozen=True)
class Raw:
    """A body that is not JSON."""

    text: str
    status: int = 200


Spoiled = Hang | Trickle | Reset | Raw
Fault = Status | Spoiled


async def spoil(fault: Spoiled, request: web.Request, start: bytes) -> web.StreamResponse:
    """Answer the request with that fault; `start` is how a real answer begins."""
    if isinstance(fault, Raw):
        return web.Response(text=fault.text, status=fault.status, content_type="text/html")
    response = web.StreamResponse(headers={"Content-Length": "4096"})
    response.content_type = "application/json"
    if isinstance(fault, Hang):
        await asyncio.Event().wait()
    await response.prepare(request)
    await response.write(start)
    while isinstance(fault, Trickle):
        await asyncio.sleep(TRICKLE_EVERY_S)
        await response.write(b" ")
    if request.transport:
        request.transport.abort()
    return response
