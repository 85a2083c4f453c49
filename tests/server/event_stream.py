"""Reading a stream of server-sent events as a client does."""

import json
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import httpx

FOLLOW = {"Accept": "text/event-stream"}


class Told(NamedTuple):
    """One event."""

    id: str | None
    event: str
    data: dict[str, Any]


async def told(response: httpx.Response) -> AsyncIterator[Told]:
    """The events of that answer, each as soon as it is whole."""
    fields: dict[str, str] = {}
    async for line in response.aiter_lines():
        if line and not line.startswith(":"):
            name, _, value = line.partition(": ")
            fields[name] = value
        elif fields and not line:
            yield Told(fields.get("id"), fields["event"], json.loads(fields["data"]))
            fields = {}


async def followed(client: httpx.AsyncClient, run_id: str, after: str | None = None) -> list[Told]:
    """What the run's stream tells after that event, to its end."""
    headers = {} if after is None else {"Last-Event-ID": after}
    async with client.stream("GET", f"/v1/runs/{run_id}/events", headers=headers) as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        return [event async for event in told(response)]
