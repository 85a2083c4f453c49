"""The lab's Datadog: the API that the official client reads, telling one story.

It answers what `routes` names, in Datadog's shapes, honouring query, time and cursor. What would
write is refused and stands in the journal. Faults are used up one a request.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from lab.datadog.asked import Asked, Refused
from lab.datadog.routes import VALIDATE, find
from lab.faults import Fault, Status, spoil
from lab.serving import listening
from lab.story import Story

API_KEY = "lab-datadog-api-key-not-a-secret"
APP_KEY = "lab-datadog-app-key-not-a-secret"


@dataclass
class Seen:
    """One request that arrived."""

    method: str
    path: str
    query: dict[str, str]
    body: Any
    """What the JSON holds; None without one."""
    status: int | None = None
    """Of the answer; None while there is none, or it was spoiled."""
    closed_by_client: asyncio.Event = field(default_factory=asyncio.Event)


class DatadogDouble:
    """The API's journal, faults, and the story that it tells, which may be replaced."""

    api_key = API_KEY
    app_key = APP_KEY

    def __init__(self, story: Story) -> None:
        self.story = story
        self.requests: list[Seen] = []
        self.arrived = asyncio.Condition()
        self.url = ""
        self._queued: list[tuple[str, Fault]] = []
        self._standing: dict[str, Fault] = {}

    def queue(self, *faults: Fault, path: str = "") -> None:
        """Answer the next requests whose path begins so with these, one each."""
        self._queued.extend((path, fault) for fault in faults)

    def always(self, fault: Fault | None, path: str = "") -> None:
        """Answer every request whose path begins so with this, until called with None."""
        if fault is None:
            self._standing.pop(path, None)
        else:
            self._standing[path] = fault

    def of(self, path: str) -> list[Seen]:
        """The requests whose path begins so, in order."""
        return [seen for seen in self.requests if seen.path.startswith(path)]

    async def wait_for(self, path: str, count: int) -> Seen:
        """Wait until `count` requests for that path arrived; the latest of these."""
        async with self.arrived:
            await self.arrived.wait_for(lambda: len(self.of(path)) >= count)
        return self.of(path)[count - 1]

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """The handler of every request."""
        text = await request.text()
        try:
            body, is_json = json.loads(text) if text else None, True
        except ValueError:
            body, is_json = text, False
        seen = Seen(request.method, request.path, dict(request.query), body)
        async with self.arrived:
            self.requests.append(seen)
            self.arrived.notify_all()
        try:
            _check_keys(request)
            fault = self._fault(seen.path)
            if fault is not None and not isinstance(fault, Status):
                return await _spoiled(fault, request, seen)
            if fault is not None:
                return _errors(seen, fault.status, fault.message, fault.headers)
            if not is_json:
                raise Refused(400, "The request body is not valid JSON")
            document = await asyncio.to_thread(_answered, self.story, seen)
        except Refused as refused:
            return _errors(seen, refused.status, str(refused))
        seen.status = 200
        return web.json_response(document)

    def _fault(self, path: str) -> Fault | None:
        for place, (prefix, fault) in enumerate(self._queued):
            if path.startswith(prefix):
                del self._queued[place]
                return fault
        standing = [prefix for prefix in self._standing if path.startswith(prefix)]
        return self._standing[max(standing, key=len)] if standing else None


@asynccontextmanager
async def serve(story: Story) -> AsyncIterator[DatadogDouble]:
    """The API on a free loopback port; `url` is what DD_API_URL takes."""
    double = DatadogDouble(story)
    async with listening(double.answer) as address:
        double.url = address
        yield double


def _check_keys(request: web.Request) -> None:
    """Raises Refused(401) where a key is missing, Refused(403) where it is not ours."""
    wanted = {"DD-API-KEY": API_KEY}
    if request.path != VALIDATE:
        wanted["DD-APPLICATION-KEY"] = APP_KEY
    given = {header: request.headers.get(header) for header in wanted}
    if None in given.values():
        raise Refused(401, "Unauthorized")
    if given != wanted:
        raise Refused(403, "Forbidden")


def _answered(story: Story, seen: Seen) -> dict[str, Any]:
    """The answer. Raises Refused: 404 for an unknown path, 405 for what would write."""
    found = find(seen.method, seen.path)
    if found is None and seen.method != "GET":
        raise Refused(405, "Method Not Allowed")
    if found is None:
        raise Refused(404, "Not found")
    answer, path = found
    return answer(story, Asked(path, seen.query, seen.body))


async def _spoiled(fault: Any, request: web.Request, seen: Seen) -> web.StreamResponse:
    try:
        return await spoil(fault, request, b'{"data": [{"id": "lab", "type"')
    except (asyncio.CancelledError, ConnectionResetError):
        seen.closed_by_client.set()
        raise


def _errors(
    seen: Seen, status: int, words: str, headers: dict[str, str] | None = None
) -> web.StreamResponse:
    seen.status = status
    return web.json_response({"errors": [words]}, status=status, headers=headers)
