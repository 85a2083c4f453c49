"""The reader of AWS: the official clients, made once, read-only, bounded in time.

Nothing of boto3 is imported before `open_aws`: a rerun needs the tools and asks nobody.
"""

import asyncio
import importlib
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from graph.settings import Settings
from graph.tools.aws.refusal import AwsRefused, refusals, words
from graph.tools.threads import Threads
from graph.tools.window import Window, iso

SOURCE = "aws"
QUESTION_LIMIT = 1000
"""Characters of a question that are shown in a result."""
_TOKENS = {
    "rds": ("Marker", "Marker"),
    "elbv2": ("Marker", "NextMarker"),
    "resourcegroupstaggingapi": ("PaginationToken", "PaginationToken"),
    "logs": ("nextToken", "nextToken"),
    "ecs": ("nextToken", "nextToken"),
}
"""What the token of the next page is called, in the request and in the answer."""
_FORMLESS = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
"""What the client raises on its own when an answer has not the form of its model."""


@dataclass(frozen=True, eq=False)
class Aws:
    """Asks AWS in one region. `timeout_s` is how long a tool on it may take in all."""

    region: str
    timeout_s: float
    clients: Mapping[str, Any] = field(repr=False)
    threads: Threads
    keys: tuple[str, ...] = field(default=(), repr=False)
    """Texts that no error may hold."""
    console: str | None = None
    """Where a person sees the region; None when this is not AWS itself."""
    _left: set[asyncio.Task[None]] = field(default_factory=set, repr=False)

    async def call(self, service: str, operation: str, /, **parameters: Any) -> dict[str, Any]:
        """What AWS answers to an operation of its API, named as in its reference.

        Raises AwsRefused with AWS's own words and code: refusals, no connection, no answer in
        time, an answer that is none, and an operation that guard.READS does not have.
        """
        question = asked(service, operation, parameters)
        try:
            async with asyncio.timeout(self.timeout_s):
                answer = await self.threads.run(self._send, service, operation, parameters)
        except TimeoutError:
            raise AwsRefused(f"no answer in {self.timeout_s:g} s", question) from None
        except refusals() as error:
            code, said = words(error, self.keys)
            raise AwsRefused(said, question, code) from error
        except _FORMLESS as error:
            said = f"the answer has not the form of AWS's: {type(error).__name__}: {error}"
            raise AwsRefused(said[:QUESTION_LIMIT], question) from error
        return answer

    async def pages(
        self, service: str, operation: str, most: int, /, **parameters: Any
    ) -> tuple[list[dict[str, Any]], bool]:
        """The answers of at most `most` pages, and whether there are more."""
        ask, told = _TOKENS.get(service, ("NextToken", "NextToken"))
        answers: list[dict[str, Any]] = []
        token: str | None = None
        while len(answers) < most:
            following = {ask: token} if token else {}
            answers.append(await self.call(service, operation, **parameters, **following))
            token = answers[-1].get(told)
            if not token:
                break
        return answers, bool(token)

    def later(self, service: str, operation: str, /, **parameters: Any) -> None:
        """Ask without waiting, for what only tidies up: its failure is nobody's."""

        async def ask() -> None:
            try:
                await self.call(service, operation, **parameters)
            except AwsRefused:
                return

        task = asyncio.create_task(ask())
        self._left.add(task)
        task.add_done_callback(self._left.discard)

    async def aclose(self) -> None:
        """Let end what is still asked, which its own limits bound, and close the clients."""
        await asyncio.gather(*self._left)
        for client in self.clients.values():
            client.close()

    def link(self, place: str) -> str | None:
        """The console's address of a place such as `cloudwatch/home` with its fragment."""
        if self.console is None:
            return None
        path, _, fragment = place.partition("#")
        return f"https://{self.console}/{path}?region={self.region}#{fragment}"

    def _send(self, service: str, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        from botocore import xform_name

        answer: dict[str, Any] = getattr(self.clients[service], xform_name(operation))(**parameters)
        return answer


def asked(service: str, operation: str, parameters: Mapping[str, Any]) -> str:
    """The question as text: `service:Operation` as in a policy, and its parameters."""
    given = json.dumps(parameters, default=_plain, ensure_ascii=False)
    return f"{service}:{operation} {given}"[:QUESTION_LIMIT]


@contextmanager
def within(window: Window) -> Iterator[None]:
    """Lets the refusals of what is asked inside say which time it was about."""
    try:
        yield
    except AwsRefused as refused:
        refused.window = str(window)
        raise


@asynccontextmanager
async def open_aws(settings: Settings, threads: Threads) -> AsyncIterator[Aws | None]:
    """The reader of AWS_REGION; None when AWS_REGION is not set. Nothing is asked yet.

    Raises AwsMisconfigured when the region or the profile does not exist.
    """
    if settings.aws_region is None:
        yield None
        return
    session = await threads.run(importlib.import_module, "graph.tools.aws.session")
    aws = Aws(
        region=settings.aws_region,
        # The rest is for what is left to do when AWS was slow.
        timeout_s=settings.tool_timeout_s * 0.8,
        clients=await threads.run(session.clients_of, settings, settings.aws_region),
        threads=threads,
        keys=session.keys_of(settings),
        console=None if settings.aws_endpoint_url else session.console_of(settings.aws_region),
    )
    try:
        yield aws
    finally:
        await aws.aclose()


def _plain(value: Any) -> str:
    return iso(value) if isinstance(value, datetime) else str(value)
