"""Reruns a file as often as it is told, for each line that it reads; tells what it came to.

`alone.py` starts its text with `-c`, in the folder that holds the code and the file.
"""

import asyncio
import json
import socket
import sys
import time
from pathlib import Path
from typing import Any

from replay.file.document import from_text
from replay.recording import Recording
from replay.running.rerun import rerun

noticed: list[str] = []
"""What was reached for: sockets, names, processes, sleep."""


class StandsStill(asyncio.SelectorEventLoop):
    """A loop on which whatever waits for a moment waits for ever."""

    def time(self) -> float:
        return 0.0


def notice(event: str, told: tuple[Any, ...]) -> None:
    beyond = event == "socket.__new__" and told[1] != socket.AF_UNIX
    if beyond or event in ("socket.connect", "socket.getaddrinfo", "subprocess.Popen"):
        noticed.append(f"{event} {told}")


def sleep(seconds: object) -> None:
    noticed.append(f"time.sleep {seconds}")


def ends(recording: Recording) -> list[str]:
    """The last state of each part, as text, with what is in it in its order."""
    states = [list(part.states())[-1] for part in recording.segments]
    return [json.dumps(sorted(state.items())) for state in states]


async def often(text: str, times: int) -> dict[str, Any]:
    recording = from_text(text)
    told: list[str | None] = []
    same = exchanges = 0
    for _ in range(times):
        verdict, made = await rerun(recording)
        told = [verdict.kind, verdict.at, verdict.message, *verdict.lines]
        exchanges = verdict.exchanges
        if not verdict.same or ends(made) != ends(recording):
            break
        same += 1
    return {"same": same, "told": told, "noticed": noticed, "exchanges": exchanges}


if __name__ == "__main__":
    # Only now: urllib3 tries, as it is imported, whether there is IPv6.
    sys.addaudithook(notice)
    time.sleep = sleep
    name, count = sys.argv[1:]
    for _ in sys.stdin:
        with asyncio.Runner(loop_factory=StandsStill) as runner:
            text = Path(name).read_text(encoding="utf-8")
            print(json.dumps(runner.run(often(text, int(count)))), flush=True)  # noqa: T201
