"""A difference is told on a few short lines, and found in bounded time, whatever is compared."""

import json
from typing import Any

from graph.codec import digest
from replay.file.document import from_text
from replay.running.rerun import rerun
from replay.telling.differences import LINES_LIMIT, text_difference
from replay.telling.state_difference import state_difference
from tests.replay.mutations import body_of, seal
from tests.replay.small import Small
from tests.replay.test_hostile_files import not_long

SHORT = 300
"""Characters of a line that is told, with all that is said round it."""


def test_texts_that_are_hard_to_compare_are_compared_in_part() -> None:
    ones = "\n".join(f"x\n{number}" for number in range(20_000))
    others = "\n".join(f"x\n{-number}" for number in range(20_000))
    with not_long():
        found = text_difference(ones, others)
        assert text_difference("x\n" * 50_000, "x\n" * 40_000 + "y")
        unlike = text_difference("a\nb\n" * 20_000, "b\na\n" * 20_000)
    assert found[:2] == [" x", "-1"]
    assert len(found) <= 61
    # What is there hundreds of times is not aligned.
    assert unlike[-1] == "[1940 more lines]"


def test_lists_that_are_hard_to_compare_are_compared_in_part() -> None:
    entry = {"id": "E1", "name": "find", "status": "ok"}
    other = {**entry, "id": "E2"}
    with not_long():
        found = state_difference(
            {"evidence": [entry, other] * 20_000}, {"evidence": [other, entry] * 19_000}
        )
    assert found
    assert len(found) <= 61


def test_of_long_texts_a_thousand_lines_from_the_first_difference_on_are_compared() -> None:
    ones = [str(number) for number in range(5000)]
    others = ["a", *ones[1:900], "b", *ones[901:4000], "c", *ones[4001:]]
    found = text_difference("\n".join(ones), "\n".join(others))
    assert [line for line in found if line[0] != " "] == ["-0", "+a", "-900", "+b"]


def test_of_long_lists_what_is_far_from_the_first_difference_is_replaced_as_a_whole() -> None:
    ones = [{"id": f"E{number}"} for number in range(5000)]
    found = state_difference({"evidence": ones}, {"evidence": [{"id": "a"}, *ones[1:]]})
    assert found[:2] == ["-evidence: E0", "+evidence: a"]
    assert found[2] == "-evidence: E1000"
    assert found[-1] == f"[{2 + 2 * 4000 - LINES_LIMIT} more lines]"


def test_of_a_long_line_the_part_that_differs_is_told() -> None:
    [one, other] = text_difference("x" * 10**6 + "y" * 10**6, "x" * 10**6 + "z" * 10**6)
    assert len(one) < SHORT
    assert "xy" in one
    assert "xz" in other


async def test_of_many_exchanges_that_are_left_over_the_first_are_told(small: Small) -> None:
    lines = [json.loads(line) for line in body_of(small.report).split("\n")[:-1]]
    place = next(n for n, line in enumerate(lines) if line.get("entry", {}).get("kind") == "tool")
    head = max(number for number in range(place) if "change" in lines[number])
    more = [_asking(lines[place], f"{'x' * 10_000}{number}") for number in range(200)]
    lines[head]["list"] += 200
    lines[place + 1 : place + 1] = more
    written = [json.dumps(line, separators=(",", ":"), ensure_ascii=False) for line in lines]
    verdict, _ = await rerun(from_text(seal("".join(f"{line}\n" for line in written))))
    assert (verdict.kind, verdict.at) == ("leftover", "tool#1.0")
    assert verdict.lines[-1] == f"[{200 - LINES_LIMIT} more exchanges]"
    assert len(verdict.lines) == LINES_LIMIT + 1
    assert all(len(line) < SHORT for line in verdict.lines)


def _asking(line: Any, query: str) -> Any:
    """The line of an exchange that asks for something else."""
    request = {"query": query}
    return {"entry": {**line["entry"], "request": request, "digest": digest(request)}}
