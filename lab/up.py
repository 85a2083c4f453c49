"""The lab as a server, `python -m lab up`: an incident, and NetForge over HTTP until told to stop.

Exit codes: 0 told to stop while it served; 130 told before that, or twice; 2 wrong arguments;
1 anything that failed.
"""

import argparse
import asyncio
import logging
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from graph.errors import NetForgeError
from graph.runtime import open_runtime
from graph.setting_values import LOCAL_CALLER
from graph.untrusted import printable
from lab.bolt import BoltUnavailable
from lab.estate import environment, open_estate
from lab.incident import Incident, IncidentError, load, shipped
from lab.terminal import Screen
from server.serving import SIGNALS, listening, on_signal, serve

HOST = "127.0.0.1"
PORT = 8080
PORTS = range(2**16)
MODEL_DELAY_S = 0.2
LONGEST_DELAY_S = 60
WEBHOOK_TOKEN = "lab-webhook-token-not-a-secret"


@dataclass(frozen=True)
class _Chosen:
    """What the command line asks for."""

    incident: Incident
    port: int
    model_delay_s: float
    state_dir: Path | None


def main(arguments: Sequence[str], default_incident: str) -> int:
    """Serve until told to stop, and answer with the exit code."""
    chosen = _chosen(arguments, default_incident)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("netforge").setLevel(logging.INFO)
    try:
        with _state_directory(chosen.state_dir) as folder:
            asyncio.run(_serve(chosen, folder, Screen(Console())))
    except (NetForgeError, BoltUnavailable) as error:
        Screen(Console(stderr=True)).failed(str(error))
        return 1
    except (KeyboardInterrupt, asyncio.CancelledError):
        return 130
    return 0


def _chosen(arguments: Sequence[str], default_incident: str) -> _Chosen:
    parser = argparse.ArgumentParser(prog="python -m lab up", description=__doc__)
    parser.add_argument(
        "--incident",
        default=default_incident,
        metavar="NAME|PATH",
        help=f"one of {', '.join(shipped())}, or a folder (docs/incidents.md); "
        f"default: {default_incident}",
    )
    parser.add_argument(
        "--port", type=int, default=PORT, help=f"on loopback, 0 is a free one; default: {PORT}"
    )
    parser.add_argument(
        "--model-delay-s",
        type=float,
        default=MODEL_DELAY_S,
        metavar="SECONDS",
        help=f"how long the stand-in takes for an answer; default: {MODEL_DELAY_S}",
    )
    parser.add_argument(
        "--state-dir",
        type=Path,
        metavar="PATH",
        help="keep what was asked and learned there; default: a new folder, deleted at the end",
    )
    given = parser.parse_args(arguments)
    if given.port not in PORTS:
        parser.error(f"--port {given.port}: give one from {PORTS[0]} to {PORTS[-1]}")
    if not 0 <= given.model_delay_s <= LONGEST_DELAY_S:
        parser.error(f"--model-delay-s {given.model_delay_s:g}: give 0 to {LONGEST_DELAY_S}")
    try:
        incident = load(given.incident)
    except IncidentError as error:
        parser.error(printable(str(error)))
    return _Chosen(incident, given.port, given.model_delay_s, given.state_dir)


@contextmanager
def _state_directory(kept: Path | None) -> Iterator[Path]:
    if kept is not None:
        yield kept.absolute()
        return
    with tempfile.TemporaryDirectory(prefix="netforge-lab-") as folder:
        yield Path(folder)


async def _serve(chosen: _Chosen, folder: Path, screen: Screen) -> None:
    task = asyncio.current_task()
    assert task is not None
    told_by = list(SIGNALS)
    # nohup has it ignored on purpose.
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        told_by.append(signal.SIGHUP)
    on_signal(task.cancel, told_by)
    with listening(HOST, chosen.port) as listener:
        screen.opening(chosen.incident)
        port = listener.getsockname()[1]
        added = {
            "server_port": port,
            "webhook_datadog_token": WEBHOOK_TOKEN,
            "fork_callers": LOCAL_CALLER,
        }
        async with (
            open_estate(chosen.incident, folder, **added) as estate,
            open_runtime(estate.settings) as runtime,
        ):
            estate.provider.delay_s = chosen.model_delay_s
            address = f"http://{HOST}:{port}"
            screen.serving(environment(estate.settings), address, chosen.incident)
            # A pipe would keep it until the end.
            sys.stdout.flush()
            await serve(runtime, listener, told_by)
            screen.stopping()
