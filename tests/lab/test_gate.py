"""`python -m lab recurrences`: a table, and an exit code that says whether memory is worth it."""

import io
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from lab import gate
from lab.recurring import AGAIN, COLD, OTHER, POISONED, WITHOUT, Family, Ran

ROOT = Path(__file__).parents[2]
LONG, SHORT = ["a()", "b()", "c()"], ["a()"]


def ran(label: str, calls: list[str], tokens: int, times: int) -> Ran:
    return Ran(
        label=label,
        cause="other" if label == OTHER else "store",
        expected="other" if label == OTHER else "store",
        calls=calls,
        model_calls=len(calls),
        tokens=tokens,
        seconds=1.234,
        hints={"confirmed": 1, "refuted": 0, "unused": 0},
        remembered={"k": times},
    )


def good() -> Family:
    """A family with which nothing is wrong."""
    runs = [
        ran(COLD, LONG, 1000, 1),
        ran(AGAIN, SHORT, 400, 2),
        ran(OTHER, LONG, 1200, 2),
        ran(WITHOUT, LONG, 1015, 3),
        ran(POISONED, LONG, 1100, 1),
    ]
    return Family("shop", {one.label: one for one in runs}, before=0.98, after=0.74)


def concluded(family: Family) -> tuple[int, str]:
    told = io.StringIO()
    code = gate.conclude([family], Console(file=told, width=gate.WIDTH))
    return code, told.getvalue()


def test_where_all_conditions_hold_the_exit_code_is_0() -> None:
    code, told = concluded(good())
    assert code == 0
    assert "NOT MET" not in told
    row = next(line.split() for line in told.splitlines() if f" {AGAIN} " in line)
    assert row == ["shop", AGAIN, "store,", "right", "1", "1", "400", "1.23", "1/0/0"]
    assert "believed 0.98, then 0.74" in told


@pytest.mark.parametrize(
    ("label", "changes", "complaint"),
    [
        (COLD, {"cause": ""}, "A blames nobody instead of store"),
        (AGAIN, {"cause": "cart"}, "A' blames cart instead of store"),
        (AGAIN, {"calls": LONG}, "A' takes 3 tool calls, A took 3"),
        (AGAIN, {"tokens": 1000}, "A' takes 1000 tokens, A took 1000"),
        (AGAIN, {"remembered": {"k": 1, "l": 1}}, "A' is not found to be A again"),
        (OTHER, {"cause": "store"}, "A'' blames store instead of other"),
        (WITHOUT, {"calls": SHORT}, "A' without memory makes other calls than A"),
        (WITHOUT, {"model_calls": 9}, "A' without memory makes other calls than A"),
        (WITHOUT, {"tokens": 1021}, "A' without memory takes 1021 tokens, A took 1000"),
        (POISONED, {"cause": "cart"}, "A' poisoned blames cart instead of store"),
    ],
)
def test_each_condition_that_does_not_hold_is_named_and_the_exit_code_is_3(
    label: str, changes: dict[str, Any], complaint: str
) -> None:
    family = good()
    family.runs[label] = replace(family.runs[label], **changes)
    code, told = concluded(family)
    assert code == 3
    assert f"NOT MET  shop: {complaint}" in told


def test_a_wrong_entry_that_is_believed_as_before_does_not_hold() -> None:
    family = good()
    family.after = family.before
    code, told = concluded(family)
    assert code == 3
    assert "the wrong entry is believed with 0.98, it was with 0.98" in told


def test_an_unknown_family_is_a_wrong_argument(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        gate.main(["bad-luck"])
    assert ended.value.code == 2
    assert "no incident 'bad-luck': give some of bad-deploy" in capsys.readouterr().err


@pytest.mark.timeout(300)
def test_the_command_plays_a_family_to_its_table() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "lab", "recurrences", "false-alarm"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "All conditions hold." in done.stdout
    assert done.stdout.count("false-alarm  ") == 6
