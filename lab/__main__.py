"""The lab's command line: plays an incident on this machine and shows an investigation of it.

Exit codes: 0 a report and a stored enrichment; 3 an answer without one of them; 2 wrong
arguments; 1 anything that failed.
"""

import argparse
import asyncio
import json
import logging
import signal
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from graph.errors import NetForgeError
from graph.runtime import open_runtime
from lab.bolt import BoltUnavailable
from lab.estate import open_estate
from lab.incident import Incident, IncidentError, load, shipped
from lab.investigation import Finished, ask, finish
from lab.terminal import Screen

DEFAULT_INCIDENT = "bad-deploy"


def main() -> int:
    """Parse, play, and answer with the exit code."""
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
    try:
        incident = load(arguments.incident)
    except IncidentError as error:
        parser.error(str(error))
    try:
        finished = asyncio.run(_play(incident, arguments.question, screen))
    except (NetForgeError, BoltUnavailable) as error:
        Screen(Console(stderr=True)).failed(str(error))
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except asyncio.CancelledError:
        return 128 + signal.SIGTERM
    if arguments.json:
        print(json.dumps(finished.as_json(incident.name), indent=2))
    return 0 if finished.complete else 3


async def _play(incident: Incident, question: str | None, screen: Screen) -> Finished:
    """One investigation in a fresh estate. SIGTERM cancels it, so that the estate is stopped."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    asked = incident.question if question is None else question
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


if __name__ == "__main__":
    sys.exit(main())
