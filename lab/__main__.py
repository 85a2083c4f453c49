"""The lab's command line: plays an incident on this machine and shows an investigation of it.

`python -m lab up` serves it over HTTP instead, see `lab/up.py`; `python -m lab recurrences` shows
what memory is worth, see `lab/gate.py`.

Exit codes: 0 a report and a stored enrichment; 3 an answer without one of them; 2 wrong
arguments; 1 anything that failed; 128 and its number when a signal ended it.
"""

import argparse
import asyncio
import io
import json
import logging
import os
import signal
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from graph.errors import InvalidQuestion, NetForgeError
from graph.question import check_question
from graph.runtime import open_runtime
from graph.untrusted import printable
from lab import gate, up
from lab.bolt import BoltUnavailable
from lab.estate import open_estate
from lab.incident import Incident, IncidentError, load, shipped
from lab.investigation import Finished, ask, finish
from lab.terminal import Screen

DEFAULT_INCIDENT = "bad-deploy"


def main() -> int:
    """Parse, play, and answer with the exit code."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal that cannot show a character still shows the rest.
        sys.stdout.reconfigure(errors="replace")
    try:
        if sys.argv[1:2] == ["up"]:
            return up.main(sys.argv[2:], DEFAULT_INCIDENT)
        if sys.argv[1:2] == ["recurrences"]:
            return gate.main(sys.argv[2:])
        return _main()
    except BrokenPipeError:
        # Nobody reads any more. Python writes out what is left at its end: let that go nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _main() -> int:
    parser = argparse.ArgumentParser(prog="python -m lab", description=__doc__)
    parser.add_argument(
        "--incident",
        default=DEFAULT_INCIDENT,
        metavar="NAME|PATH",
        help=f"one of {', '.join(shipped())}, or a folder (docs/incidents.md); "
        f"default: {DEFAULT_INCIDENT}",
    )
    parser.add_argument("--question", metavar="TEXT", help="ask this instead of the incident's")
    parser.add_argument("--json", action="store_true", help="print one JSON object, nothing else")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    screen = Screen(Console(quiet=arguments.json))
    told: list[signal.Signals] = []
    try:
        incident = load(arguments.incident)
        asked = incident.question if arguments.question is None else arguments.question
        check_question(asked)
    except (IncidentError, InvalidQuestion) as error:
        parser.error(printable(str(error)))
    try:
        finished = asyncio.run(_play(incident, asked, screen, told))
    except (NetForgeError, BoltUnavailable) as error:
        Screen(Console(stderr=True)).failed(str(error))
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except asyncio.CancelledError:
        return 128 + told[0]
    if arguments.json:
        print(json.dumps(finished.as_json(incident.name), indent=2), flush=True)
    return 0 if finished.complete else 3


async def _play(
    incident: Incident, asked: str, screen: Screen, told: list[signal.Signals]
) -> Finished:
    """One investigation in a fresh estate. `told` gets the signal that ended it early, if any."""
    _stop_when_told(told, screen)
    screen.opening(incident)
    with tempfile.TemporaryDirectory(prefix="netforge-lab-") as folder:
        async with (
            open_estate(incident, Path(folder)) as estate,
            open_runtime(estate.settings) as runtime,
        ):
            screen.question(asked)
            answered = await ask(runtime, asked, screen.event)
            screen.answer(answered)
            finished = await finish(runtime, answered)
            screen.enrichment(finished)
            return finished


def _stop_when_told(told: list[signal.Signals], screen: Screen) -> None:
    """Let SIGTERM, and SIGHUP of a closed terminal, cancel this task: the estate is stopped."""
    task = asyncio.current_task()
    assert task is not None

    def stop(number: signal.Signals) -> None:
        # Shells send a second one, which must not cut the cleaning up short.
        if not told:
            screen.stopping()
            task.cancel()
        told.append(number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        # nohup has it ignored on purpose.
        if signal.getsignal(number) is not signal.SIG_IGN:
            asyncio.get_running_loop().add_signal_handler(number, stop, number)


if __name__ == "__main__":
    sys.exit(main())
