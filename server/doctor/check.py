"""One check: a piece of work with a limit in seconds, and the line that comes of it."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from graph.errors import NetForgeError
from graph.untrusted import printable

TEXT_LIMIT = 900
GRACE_S = 2.0
"""How long a check that ran out of time may take to give up what it holds."""
Status = Literal["ok", "failed", "disabled"]


@dataclass(frozen=True)
class Check:
    """What came of a check."""

    name: str
    status: Status
    detail: str = ""
    """What was found, or the reason."""
    remedy: str = ""
    """What mends it; only of what failed."""
    seconds: float = 0.0
    is_late: bool = False
    """Whether it ran out of time; a thread of it may run on."""


class Trouble(Exception):
    """What is checked fails."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.remedy = remedy


class Disabled(Exception):
    """What would be checked is switched off; the message is the reason."""


@dataclass(frozen=True)
class Work:
    """What is done for one check: it answers with what it found, or raises Trouble or Disabled."""

    name: str
    ask: Callable[[], Awaitable[str]]
    limit_s: float
    when_late: str
    """The remedy when nothing was found out in that time."""


async def examined(work: Work) -> Check:
    """Do it, for `limit_s` seconds at most: nothing that it does can hold up the others.

    An error that nobody foresaw fails this check alone, and says that it is a fault of ours.
    """

    async def asked() -> str:
        return await work.ask()

    began = time.perf_counter()
    task = asyncio.create_task(asked())
    done, _ = await asyncio.wait({task}, timeout=work.limit_s)
    seconds = round(time.perf_counter() - began, 2)
    if done:
        return _outcome(work.name, task, seconds)
    task.cancel()
    ended, _ = await asyncio.wait({task}, timeout=GRACE_S)
    if ended and not task.cancelled():
        # Looked at, or asyncio would complain of an error that nobody saw.
        task.exception()
    reason = f"no answer in {work.limit_s:g} s"
    return Check(work.name, "failed", reason, work.when_late, seconds, is_late=True)


def split(error: NetForgeError) -> tuple[str, str]:
    """Reason and remedy of an error, whose message ends with what to do after a semicolon."""
    reason, _, remedy = str(error).rpartition("; ")
    return (reason, remedy) if reason else (remedy, "see docs/operating.md")


def plain(text: str) -> str:
    """The text on one line, not longer than TEXT_LIMIT."""
    return " ".join(printable(text).split())[:TEXT_LIMIT]


def _outcome(name: str, task: "asyncio.Task[str]", seconds: float) -> Check:
    error = asyncio.CancelledError() if task.cancelled() else task.exception()
    match error:
        case None:
            return Check(name, "ok", plain(task.result()), seconds=seconds)
        case Disabled():
            return Check(name, "disabled", plain(str(error)), seconds=seconds)
        case Trouble():
            return Check(name, "failed", plain(str(error)), plain(error.remedy), seconds)
        case NetForgeError():
            reason, remedy = split(error)
            return Check(name, "failed", plain(reason), plain(remedy), seconds)
    reason = plain(f"{type(error).__name__}: {error}".removesuffix(": "))
    return Check(name, "failed", reason, "this is a fault of NetForge itself: report it", seconds)
