"""What memory is worth, `python -m lab recurrences`: plays the families and prints a table.

Exit codes: 0 all conditions hold; 3 one does not; 2 wrong arguments; 1 anything that failed; 130
told to stop.
"""

import argparse
import asyncio
import logging
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from graph.errors import NetForgeError
from lab import bolt, minimax, standin
from lab.bolt import BoltUnavailable
from lab.estate import DATABASE
from lab.incident import shipped
from lab.recurring import Family, Ground, play
from lab.terminal import BANNER, Screen
from server.serving import on_signal

WIDTH = 118
"""Of the table where the output is no terminal."""
COLUMNS = ("family", "run", "root cause", "tool calls", "model calls", "tokens", "seconds", "hints")
NOT_MET = 3


def main(arguments: Sequence[str]) -> int:
    """Play the families, print the table, and answer with the exit code."""
    names = _chosen(arguments)
    logging.basicConfig(level=logging.ERROR, format="%(levelname)s %(name)s: %(message)s")
    screen = Console()
    console = screen if screen.is_terminal else Console(width=WIDTH)
    console.print(BANNER)
    try:
        families = asyncio.run(_play(names, console))
    except (NetForgeError, BoltUnavailable) as error:
        Screen(Console(stderr=True)).failed(str(error))
        return 1
    except (KeyboardInterrupt, asyncio.CancelledError):
        return 130
    return conclude(families, console)


def conclude(families: Sequence[Family], console: Console) -> int:
    """Print the table and each condition that does not hold; the exit code."""
    console.print(_table(families))
    unmet = [f"{family.name}: {said}" for family in families for said in family.unmet()]
    for line in unmet:
        console.print(f"NOT MET  {line}", style="bold red", markup=False, soft_wrap=True)
    if not unmet:
        console.print("All conditions hold.", style="green")
    return NOT_MET if unmet else 0


def _table(families: Sequence[Family]) -> Table:
    """A row for each run of each family."""
    shown = Table(box=None, header_style="bold")
    for column in COLUMNS:
        shown.add_column(column, justify="left" if column in COLUMNS[:3] else "right")
    for family in families:
        for ran in family.runs.values():
            cause = ran.cause or "nothing wrong"
            shown.add_row(
                family.name,
                ran.label,
                f"{cause}, right" if ran.right else f"{cause}, WRONG",
                str(len(ran.calls)),
                str(ran.model_calls),
                str(ran.tokens),
                f"{ran.seconds:.2f}",
                "/".join(str(count) for count in ran.hints.values()),
            )
        shown.add_row(
            family.name,
            "wrong entry",
            f"believed {family.before:.2f}, then {family.after:.2f}",
            end_section=True,
        )
    shown.caption = "hints: confirmed/refuted/unused; tokens: to and from the orchestrator"
    shown.caption_justify = "left"
    return shown


def _chosen(arguments: Sequence[str]) -> list[str]:
    parser = argparse.ArgumentParser(prog="python -m lab recurrences", description=__doc__)
    parser.add_argument(
        "family",
        nargs="*",
        metavar="FAMILY",
        help=f"of {', '.join(shipped())}; default: all",
    )
    names: list[str] = parser.parse_args(arguments).family
    for name in names:
        if name not in shipped():
            parser.error(f"no incident {name!r}: give some of {', '.join(shipped())}")
    return names or shipped()


async def _play(names: Sequence[str], console: Console) -> list[Family]:
    task = asyncio.current_task()
    assert task is not None
    on_signal(task.cancel)
    families: list[Family] = []
    with tempfile.TemporaryDirectory(prefix="netforge-lab-") as folder:
        async with bolt.serve([DATABASE]) as server, minimax.serve(standin.answer) as provider:
            for name in names:
                console.print(f"{name} …", style="dim", markup=False)
                ground = Ground(server, provider, DATABASE, Path(folder) / name)
                families.append(await play(name, ground))
    return families
