"""The reader of Datadog: the official client, made once, read-only, bounded in time."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Self, cast

from datadog_api_client import Configuration
from datadog_api_client.exceptions import OpenApiException
from urllib3.exceptions import HTTPError

from graph.settings import Settings
from graph.tools.datadog.reads import NoDatadogAnswer, ReadOnlyClient, WriteRefused, unparsed
from graph.tools.datadog.refusal import DatadogRefused, is_late, wait_s, words
from graph.tools.threads import Threads
from graph.tools.window import Window
from graph.untrusted import printable

SOURCE = "datadog"
NOTE_LIMIT = 1000
Api = Callable[[ReadOnlyClient], Any]
"""A class of the official client with a method for each operation."""
_REFUSALS = (OpenApiException, HTTPError, NoDatadogAnswer, WriteRefused)
_FORMLESS = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
"""What the client, or who reads it, raises when an answer has not the form that it should."""


@dataclass(frozen=True)
class Datadog:
    """Asks Datadog. `timeout_s` is how long a tool on it may take in all."""

    timeout_s: float
    client: ReadOnlyClient = field(repr=False)
    threads: Threads = field(repr=False)
    site: str | None = None
    """Where a person sees the same; None when this is not Datadog itself."""
    keys: tuple[str, ...] = field(default=(), repr=False)
    """Texts that no error may hold."""

    def asking(self, question: str, window: Window | None = None) -> "Asking":
        """One question of a tool, whose time runs from now on."""
        return Asking(self, question, window, time.monotonic() + self.timeout_s)


@dataclass
class Asking:
    """One question, which may take several requests; they share its time.

    What is made of the answers inside its context may fail over their form: that is a refusal.
    """

    datadog: Datadog
    question: str
    window: Window | None
    deadline: float
    unparsed: int = 0
    """Parts of the answers so far that the client does not know."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, _FORMLESS):
            raise self._formless(error) from error

    async def __call__(self, api: Api, operation: str, **parameters: Any) -> dict[str, Any]:
        """The answer to one operation as JSON has it, its times as ISO 8601.

        Raises DatadogRefused with Datadog's own words: refusals, no connection, no answer in
        time, an answer that is none, and a request that is not among `reads.READS`.
        """
        attempt = 1
        while True:
            try:
                return await self._once(api, operation, parameters)
            except _Failed as failed:
                wait = wait_s(failed.error, attempt)
                if wait is None or wait >= self.left_s:
                    raise self._refused(failed) from failed.error
            await asyncio.sleep(wait)
            attempt += 1

    async def run(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """What takes its time, off the loop."""
        return await self.datadog.threads.run(work, *arguments)

    @property
    def left_s(self) -> float:
        """Seconds until the question must have ended."""
        return self.deadline - time.monotonic()

    def text(self, table: str, notes: Sequence[str] = ()) -> str:
        """The text of a result: notes, each on one line, then a table.

        The notes may quote the estate. They come first because a text that is too long is cut at
        its end. A last one counts what the client did not know of the answers.
        """
        lines = [printable(note)[:NOTE_LIMIT] for note in notes]
        if self.unparsed:
            lines.append(f"[{self.unparsed} parts of the answer are of an unknown kind]")
        return "\n".join(part for part in (*lines, table) if part)

    async def _once(self, api: Api, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        client = self.datadog.client.until(self.deadline)
        try:
            async with asyncio.timeout(max(self.left_s, 0)):
                answer, unknown = await self.datadog.threads.run(
                    _asked, client, api, operation, parameters
                )
        except TimeoutError:
            raise self._late() from None
        except _REFUSALS as error:
            if is_late(error):
                raise self._late() from error
            raise _Failed(error, client.read.scope if client.read else "") from error
        except _FORMLESS as error:
            raise self._formless(error) from error
        self.unparsed += unknown
        return answer

    def _refused(self, failed: "_Failed") -> DatadogRefused:
        said = words(failed.error, failed.scope, self.datadog.keys)
        status = getattr(failed.error, "status", None)
        return DatadogRefused(said, self.question, self._time, status)

    def _formless(self, error: Exception) -> DatadogRefused:
        said = f"the answer has not the form of Datadog's: {type(error).__name__}: {error}"
        return self._refused(_Failed(NoDatadogAnswer(said), ""))

    def _late(self) -> DatadogRefused:
        said = f"no answer in {self.datadog.timeout_s:g} s: ask for a narrower part, or again"
        return DatadogRefused(said, self.question, self._time, None)

    @property
    def _time(self) -> str | None:
        return str(self.window) if self.window else None


class _Failed(Exception):
    """One attempt that failed, and the scope that its request needs."""

    def __init__(self, error: Exception, scope: str) -> None:
        super().__init__(str(error))
        self.error = error
        self.scope = scope


def _asked(
    client: ReadOnlyClient, api: Api, operation: str, parameters: dict[str, Any]
) -> tuple[dict[str, Any], int]:
    answer = getattr(api(client), operation)(**parameters)
    return answer.to_dict(), unparsed(answer)


async def together(*asked: Awaitable[Any]) -> list[Any]:
    """What all of them answer, asked at once; when one fails the others are not waited for."""
    tasks = [asyncio.ensure_future(one) for one in asked]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()


@asynccontextmanager
async def open_datadog(settings: Settings, threads: Threads) -> AsyncIterator[Datadog | None]:
    """The reader of Datadog; None when DD_API_KEY is not set. Nothing is asked yet."""
    if settings.dd_api_key is None or settings.dd_app_key is None:
        yield None
        return
    keys = (settings.dd_api_key.get_secret_value(), settings.dd_app_key.get_secret_value())
    # Each is passed: what is missing, the client would look for in the environment.
    configuration = cast(Any, Configuration)(
        host=settings.dd_api_url or f"https://api.{settings.dd_site}",
        api_key={"apiKeyAuth": keys[0], "appKeyAuth": keys[1]},
    )
    # None is neither: with False the client refuses, with True it warns at each call.
    configuration.unstable_operations["search_incidents"] = None
    client = ReadOnlyClient(configuration)
    client.user_agent = f"netforge {client.user_agent}"
    try:
        yield Datadog(
            # The tool's own limit must not come first: it knows less to say.
            timeout_s=settings.tool_timeout_s * 0.8,
            client=client,
            threads=threads,
            site=None if settings.dd_api_url else settings.dd_site,
            keys=keys,
        )
    finally:
        client.close()
