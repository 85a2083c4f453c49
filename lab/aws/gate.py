"""Serves the lab's AWS on a free loopback port: journal, faults, and an answer from the story."""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TypeVar

from aiohttp import web

from lab.aws import wire
from lab.aws.operations import ANSWERS
from lab.aws.planned import Faults, Planned
from lab.aws.scene import REGION, Parameters, Refused, Scene
from lab.faults import Fault, Status, spoil
from lab.serving import listening
from lab.story import Story

THREADS = 4
_BEGIN_JSON, _BEGIN_XML = b'{"', b"<?xml version="
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Seen:
    """One request that arrived: what it asked, and the status it got (None: it got none)."""

    service: str = ""
    operation: str = ""
    parameters: Parameters | None = None
    status: int | None = None


class AwsDouble:
    """The endpoint: how to reach it, what it was asked, and what it does wrong on purpose."""

    region = REGION
    access_key_id = "AKIALABLABLABLABLAB0"
    secret_access_key = "lab-secret-access-key-not-a-secret"

    def __init__(self, story: Story, pool: ThreadPoolExecutor) -> None:
        self.url = ""
        self.requests: list[Seen] = []
        self.scene = Scene(story)
        """What can be set for Logs Insights: how many polls a query takes, and how it ends."""
        self._faults = Faults()
        self._arrived = asyncio.Condition()
        self._pool = pool

    def queue(
        self,
        *faults: Fault,
        service: str | None = None,
        operation: str | None = None,
        code: str | None = None,
    ) -> None:
        """Answer the next requests with these, one each.

        `service` (boto3's name) and `operation` (as `DescribeAlarms`) limit which requests;
        `code` is AWS's error code of a Status, else one that is usual for its number.
        """
        self._faults.queued.extend(Planned(fault, service, operation, code) for fault in faults)

    def always(
        self,
        fault: Fault | None,
        *,
        service: str | None = None,
        operation: str | None = None,
        code: str | None = None,
    ) -> None:
        """Answer every such request with this, until called with None for the same ones."""
        if fault is None:
            self._faults.clear(service, operation)
        else:
            self._faults.stand(Planned(fault, service, operation, code))

    def of(self, operation: str) -> list[Seen]:
        """The requests for that operation, in order."""
        return [seen for seen in self.requests if seen.operation == operation]

    async def wait_for(self, operation: str, count: int = 1) -> Seen:
        """Wait until that operation was asked `count` times; the latest of these requests."""
        async with self._arrived:
            await self._arrived.wait_for(lambda: len(self.of(operation)) >= count)
        return self.of(operation)[count - 1]

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """The handler of every request."""
        journal, place = self.requests, len(self.requests)
        journal.append(Seen())
        body = await request.read()
        url, headers = str(request.url), dict(request.headers)
        asked, refused = await self._run(lambda: _read(request.method, url, headers, body))
        async with self._arrived:
            journal[place] = Seen(asked.service, asked.operation, asked.parameters)
            self._arrived.notify_all()
        planned = None if refused else self._faults.take(asked)
        if planned and not isinstance(planned.fault, Status):
            begin = _BEGIN_XML if asked.protocol in wire.XML else _BEGIN_JSON
            return await spoil(planned.fault, request, begin)
        if refused:
            reply = wire.refuse(asked, refused)
        elif planned:
            reply = planned.reply(asked)
        else:
            reply = await self._run(lambda: _told(self.scene, asked))
        journal[place] = replace(journal[place], status=reply.status)
        return web.Response(body=reply.body.encode(), status=reply.status, headers=reply.headers)

    async def _run(self, call: Callable[[], _Result]) -> _Result:
        """Off the loop, in threads of its own: a client may block all of the loop's."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, call)


@asynccontextmanager
async def serve(story: Story) -> AsyncIterator[AwsDouble]:
    """The endpoint on a free loopback port; `url` is what AWS_ENDPOINT_URL takes."""
    with ThreadPoolExecutor(THREADS, thread_name_prefix="lab-aws") as pool:
        double = AwsDouble(story, pool)
        services = sorted({service for service, _ in ANSWERS})
        await asyncio.get_running_loop().run_in_executor(pool, wire.load, services)
        async with listening(double.answer) as address:
            double.url = address
            yield double


def _read(
    method: str, url: str, headers: dict[str, str], body: bytes
) -> tuple[wire.Asked, Refused | None]:
    try:
        return wire.read(method, url, headers, body), None
    except Refused as refused:
        return wire.Asked(), refused


def _told(scene: Scene, asked: wire.Asked) -> wire.Reply:
    try:
        if asked.region != REGION:
            raise Refused("UnrecognizedClientException", f"the lab is in {REGION} alone", 403)
        answer = ANSWERS.get((asked.service, asked.operation))
        if answer is None:
            # What is not here would mostly change something.
            name = f"{asked.service}:{asked.operation}"
            raise Refused("AccessDeniedException", f"the lab does not answer {name}", 403)
        return wire.write(asked, answer(scene, asked.parameters))
    except Refused as refused:
        return wire.refuse(asked, refused)
