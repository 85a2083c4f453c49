"""The command line of `python -m replay`. Imports nothing heavy: `--help` is quick."""

import argparse

from replay.file.suffix import SUFFIX

DESCRIPTION = """Look at what a run did, run the current code on what it recorded, fork it, compare
it. RUN is the id of a run in the state that STATE_DIR or DATABASE_URL names, or the path of an
exported file. Nothing but fork reaches a model, a source or the network. Exit code 0: done, or no
difference; 1: a difference; 2: it could not be done, with the reason."""
RUN = f"a run's id, or the path of an exported file (*{SUFFIX})"


def parser() -> argparse.ArgumentParser:
    """All commands with their arguments."""
    whole = argparse.ArgumentParser(prog="python -m replay", description=DESCRIPTION)
    commands = whole.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _list(commands.add_parser("list", help="the runs that are known here"))
    show = commands.add_parser("show", help="what a run did, step by step")
    show.add_argument("run", metavar="RUN", help=RUN)
    _json(show)
    _rerun(commands.add_parser("rerun", help="run the current code on a recording, offline"))
    _fork(commands.add_parser("fork", help="go on from a step of a run, live, in a new run"))
    diff = commands.add_parser("diff", help="what two runs did differently")
    diff.add_argument("run", metavar="A", help=RUN)
    diff.add_argument("other", metavar="B", help=RUN)
    _json(diff)
    export = commands.add_parser("export", help="print a run as one text file")
    export.add_argument("run", metavar="RUN", help=RUN)
    bring = commands.add_parser("import", help="keep an exported file beside the runs")
    bring.add_argument("file", metavar="FILE", help=f"an exported file (*{SUFFIX})")
    return whole


def _list(command: argparse.ArgumentParser) -> None:
    command.add_argument("--status", help="queued, running, done, failed or cancelled")
    command.add_argument("--service", help="that the question, its focus or the root cause names")
    command.add_argument("--since", help="asked at that time or later, ISO 8601 in UTC")
    command.add_argument("--cost", type=float, metavar="USD", help="cost so much or more")
    command.add_argument("--error", action="store_true", help="failed, or a call in it did")
    command.add_argument("--receipt", metavar="STATUS", help="whose enrichment ended so")
    command.add_argument("--limit", type=int, default=20, help="so many at most (20)")
    _json(command)


def _rerun(command: argparse.ArgumentParser) -> None:
    command.add_argument("run", metavar="RUN", help=RUN)
    command.add_argument(
        "--accept",
        action="store_true",
        help="write what the current code does to the file, and show the difference",
    )
    _json(command)


def _fork(command: argparse.ArgumentParser) -> None:
    command.add_argument("run", metavar="RUN", help=RUN)
    command.add_argument(
        "--at", required=True, metavar="STEP", help="the first step that is live, such as plan#2"
    )
    command.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="FILE|KEY=VALUE",
        help="a change of the state before that step: a JSON file, or one key; may be repeated",
    )
    command.add_argument("--model", help="another model for that step's role from there on")
    command.add_argument("--prompt", metavar="FILE", help="another prompt from there on")
    _json(command)


def _json(command: argparse.ArgumentParser) -> None:
    command.add_argument("--json", action="store_true", help="print one JSON document")
