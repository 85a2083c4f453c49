"""Looks at everything that is configured, without a server: `python -m server.doctor`.

Exit code 0 when all that is configured is ok (what is switched off is fine), 1 when something
fails, 2 for wrong arguments.
"""

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import Sequence

DESCRIPTION = """Check what NetForge is configured to use, one line each: ok, disabled with the
reason, or failed with the reason and the remedy. Exit code 0: nothing failed; 1: something
failed; 2: wrong arguments."""
FULL = """also run one real investigation with its enrichment: it costs tokens, writes to memory,
and takes up what a server that died left behind"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Check, print, and answer with the exit code."""
    parser = argparse.ArgumentParser(prog="python -m server.doctor", description=DESCRIPTION)
    parser.add_argument("--full", action="store_true", help=FULL)
    parser.add_argument("--json", action="store_true", help="print one JSON document, nothing else")
    chosen = parser.parse_args(arguments)
    # What fails is said in the lines; the clients would say it again, at length and among them.
    logging.basicConfig(level=logging.CRITICAL)
    try:
        return asyncio.run(_main(full=chosen.full, as_json=chosen.json))
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


async def _main(*, full: bool, as_json: bool) -> int:
    # Here, for they take more than a second that `--help` does not need.
    from graph.errors import SettingsError
    from graph.settings import load
    from server.doctor.examination import each, unset
    from server.doctor.telling import document, is_well, line

    checks = []
    try:
        settings = load()
    except SettingsError as error:
        checks.append(unset(str(error)))
        if not as_json:
            _print(line(checks[0]))
    else:
        async for check in each(settings, full=full):
            checks.append(check)
            if not as_json:
                _print(line(check))
    if as_json:
        _print(document(checks))
    code = 0 if is_well(checks) else 1
    if any(check.is_late for check in checks):
        # The end of the process would wait for a thread that may still be held.
        os._exit(code)
    return code


def _print(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
