"""list: the runs that are known here."""

import argparse
import json
import shutil
from collections.abc import Mapping, Sequence
from typing import Any

from graph.run import moment
from graph.runs import PAGE_LIMIT
from graph.settings import load_state
from graph.untrusted import printable
from replay.library import open_library
from replay.listing import PAGES_LIMIT, Listing, Wanted, WrongFilter, listed
from replay.terminal import say

HEAD = ("RUN", "ASKED AT (UTC)", "STATUS", "USD", "SECONDS", "CALLS", "RECEIPT")
NUMBERS = ("USD", "SECONDS", "CALLS")
TOLD = ("FROM", "ROOT CAUSE", "QUESTION")
CAUSE_WIDTH = 28
QUESTION_WIDTH = 24
"""Where less is left for the question, a run is told on two lines."""
PIPE_WIDTH = 200
GAP = "  "
OLDER = f", among the latest {PAGES_LIMIT * PAGE_LIMIT} runs and the imported ones"


async def run(arguments: argparse.Namespace) -> int:
    """Print the runs that are asked for."""
    wanted = Wanted(
        status=arguments.status,
        service=arguments.service,
        since=_since(arguments.since) if arguments.since is not None else None,
        cost_usd=arguments.cost,
        error=arguments.error,
        receipt=arguments.receipt,
        limit=arguments.limit,
    )
    async with open_library(load_state()) as library:
        found = await listed(library, wanted)
    if arguments.json:
        say(json.dumps({"runs": found.runs, "complete": found.complete}))
        return 0
    for line in table(found, shutil.get_terminal_size((PIPE_WIDTH, 1)).columns):
        say(line)
    return 0


def table(found: Listing, width: int) -> list[str]:
    """The runs as lines of a table, for a terminal of that width."""
    if not found.runs:
        return [f"No run here is like that{'' if found.complete else OLDER}."]
    rows = [(HEAD, TOLD), *((_numbers(run), _words(run)) for run in found.runs)]
    sizes = [max(map(len, column)) for column in zip(*(row for row, _ in rows), strict=True)]
    told = [max(map(len, column)) for column in zip(*(words for _, words in rows), strict=True)][:2]
    left = width - sum(sizes) - sum(told) - len(GAP) * (len(sizes) + len(told))
    lines = []
    for row, words in rows:
        first = GAP.join(_aligned(*cell) for cell in zip(HEAD, row, sizes, strict=True))
        second = GAP.join(map(str.ljust, words, told))
        if left >= QUESTION_WIDTH:
            lines.append(f"{first}{GAP}{second}{GAP}{_cut(words[-1], left)}")
        else:
            room = width - len(second) - 3 * len(GAP)
            lines += [first, f"{GAP}{GAP}{second}{GAP}{_cut(words[-1], max(room, QUESTION_WIDTH))}"]
    older = [] if found.complete else [f"This is all{OLDER}."]
    return [line.rstrip() for line in [*lines, *older]]


def _numbers(run: Mapping[str, Any]) -> Sequence[str]:
    cost_usd = (run["cost_usd"] or 0.0) + (run["analyst_cost_usd"] or 0.0)
    return (
        printable(run["run_id"]),
        printable(run["asked_at"])[:16].replace("T", " "),
        printable(run["status"]),
        f"{cost_usd:.4f}",
        f"{run['seconds'] or 0.0:.1f}",
        str(run["tool_calls"] or 0),
        run["receipt"] or "-",
    )


def _words(run: Mapping[str, Any]) -> Sequence[str]:
    parent = run["parent"]
    came = f"fork of {parent[:8]}" if parent else str(run["origin"])
    return (
        printable(f"imported, {came}" if run["imported"] else came),
        _cut(printable(run["root_cause"] or "-"), CAUSE_WIDTH),
        printable(run["question"]),
    )


def _aligned(name: str, text: str, size: int) -> str:
    return text.rjust(size) if name in NUMBERS else text.ljust(size)


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"


def _since(text: str) -> str:
    try:
        return moment(text)
    except ValueError as error:
        raise WrongFilter(f"--since {text!r}: {error}") from None
