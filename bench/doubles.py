"""The lab's estate in a process of its own, with a model that marks what it answers.

The mark is the ticket that a question names: the report on it names it too, so that an answer
which reaches somebody else is seen.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from bench.apart import apart
from lab import standin
from lab.estate import environment, open_estate
from lab.incident import load
from lab.minimax import MiniMaxDouble
from lab.standin.reading import turn_so_far

TICKET = re.compile(r"T\d{6}")


@asynccontextmanager
async def serve(incident: str, state_dir: Path) -> AsyncIterator[dict[str, str]]:
    """The environment of a server that is to look at that incident; all is ended at the end."""
    async with apart(_main, incident, state_dir) as pipe:
        yield await asyncio.to_thread(pipe.recv)


def _main(pipe: Connection, incident: str, state_dir: Path) -> None:
    asyncio.run(_serve(pipe, incident, state_dir))


async def _serve(pipe: Connection, incident: str, state_dir: Path) -> None:
    async with open_estate(load(incident), state_dir) as estate:
        estate.provider.policy = _Marking(estate.provider)
        pipe.send(environment(estate.settings))
        await asyncio.to_thread(pipe.poll, None)


class _Marking:
    """The stand-in, with the ticket of the question in the summary of each report."""

    def __init__(self, double: MiniMaxDouble) -> None:
        self._double = double

    def __call__(self, body: dict[str, Any]) -> dict[str, Any]:
        # The journal of thousands of investigations is nothing that anybody reads.
        self._double.requests.clear()
        message = standin.answer(body)
        for call in message.get("tool_calls", []):
            if call["function"]["name"] == "conclude":
                report = json.loads(call["function"]["arguments"])
                [ticket] = TICKET.findall(turn_so_far(body).question)
                report["summary"] += f" This is {ticket}."
                call["function"]["arguments"] = json.dumps(report)
        return message
