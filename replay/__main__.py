"""The command line: `python -m replay COMMAND`. See `replay.arguments`."""

import asyncio
import importlib
import logging
import os
import signal
import sys
from collections.abc import Sequence

from replay.arguments import parser

COULD_NOT = 2
MODULES = {"import": "bring", "list": "overview"}
"""Commands whose module has another name, because Python keeps theirs for itself."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what is asked, and answer with the exit code."""
    chosen = parser().parse_args(arguments)
    logging.basicConfig(level=logging.ERROR, format="%(message)s")
    # Only now, for they take a second that `--help` does not need.
    name = MODULES.get(chosen.command, chosen.command)
    command = importlib.import_module(f"replay.commands.{name}")
    errors = importlib.import_module("graph.errors")
    untrusted = importlib.import_module("graph.untrusted")
    try:
        code = int(asyncio.run(command.run(chosen)))
        sys.stdout.flush()
    except errors.NetForgeError as error:
        sys.stderr.write(f"{untrusted.printable(str(error))}\n")
        return COULD_NOT
    except BrokenPipeError:
        # Nobody reads any more. Python writes out what is left at its end: let that go nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return COULD_NOT
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    return code


if __name__ == "__main__":
    sys.exit(main())
