"""`python -m replay rerun FILE --accept`: a wanted change becomes what the file holds."""

import json
import shutil
from pathlib import Path

import pytest

from replay.file.document import from_text
from tests.replay.edited import TAPE, Edit, edited, rerun

PLAN = "graph/nodes/plan.py"
WORD = Edit("graph/prompts/plan.md", "- Look before you judge.", "- Think before you judge.")
COMMENT = Edit(PLAN, "import json\n", "# As text.\nimport json\n")
STUDY = Edit("graph/study.py", "STUDY_CHARACTERS = 1200", "STUDY_CHARACTERS = 250")
REVERSED = Edit(PLAN, "in enumerate(answer.tool_calls):", "in enumerate(answer.tool_calls[::-1]):")
CONCLUDED = '        await self.concluded(state["turn"], summary(known))\n'
SILENT = Edit("graph/nodes/respond.py", CONCLUDED, "        summary(known)\n")
TIME = (
    Edit(PLAN, "import json\n", "import json\nimport time\n"),
    Edit(PLAN, "Boundary word: {turn['boundary']}.", "Now: {time.time()}."),
)


@pytest.fixture
def tape(tmp_path: Path) -> Path:
    """A file that a test may change."""
    return Path(shutil.copy(TAPE, tmp_path / "run.tape.jsonl"))


def lines_that_differ(tape: Path) -> int:
    before, after = (path.read_text().splitlines() for path in (TAPE, tape))
    return len(set(before) ^ set(after))


@pytest.mark.parametrize(
    ("edit", "at", "further"),
    [
        (WORD, "diverged at plan#1: ", ["and the same at plan#2, plan#3, plan#4, plan#5"]),
        (STUDY, "diverged at respond#1: ", ["and the same at enrich#1"]),
        (SILENT, "leftover at respond#1: ", []),
    ],
    ids=["a prompt", "what the analyst begins with", "an exchange less"],
)
def test_an_accepted_change_is_shown_and_is_the_same_from_then_on(
    edit: Edit, at: str, further: list[str], tape: Path, tmp_path: Path
) -> None:
    code = edited(tmp_path / "code", edit)
    shown = rerun(code, tape)
    accepted = rerun(code, tape, "--accept")
    assert (accepted.code, accepted.errors) == (0, "")
    done = f"accepted: {tape} is now what this code does"
    assert accepted.lines == [*shown.lines, *further, done]
    assert shown.lines[0].startswith(at)
    again = rerun(code, tape)
    assert (again.code, again.since) == (0, [])
    assert lines_that_differ(tape) < 30
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == [tape.name]


def test_a_difference_beyond_the_first_is_shown_before_it_is_accepted(
    tape: Path, tmp_path: Path
) -> None:
    other = Edit("graph/prompts/enrich.md", "in under 160 characters", "in under 120 characters")
    said = rerun(edited(tmp_path / "code", WORD, other), tape, "--accept")
    assert said.lines[0].startswith("diverged at plan#1: ")
    place = said.lines.index("and enrich#1: model analyst is asked for something else")
    assert '  +      "title": "what, where, in under 120 characters",' in said.lines[place:]


def test_what_the_analyst_begins_with_is_what_the_code_hands_over(
    tape: Path, tmp_path: Path
) -> None:
    def study() -> str:
        [enrichment] = from_text(tape.read_text()).part("enrichment")
        return str(enrichment.start["messages"][0]["content"])

    before = study()
    rerun(edited(tmp_path / "code", STUDY), tape, "--accept")
    assert len(study()) < len(before)


def test_a_change_that_differs_in_nothing_is_noted_in_the_file(tape: Path, tmp_path: Path) -> None:
    code = edited(tmp_path / "code", COMMENT)
    accepted = rerun(code, tape, "--accept")
    assert accepted.code == 0
    assert accepted.lines[-1] == f"accepted: {tape} now says that this code made it"
    assert len(accepted.since) == 1
    assert rerun(code, tape).since == []
    written = tape.read_bytes()
    accepted = rerun(code, tape, "--accept")
    assert accepted.code == 0
    assert accepted.lines[1:] == [f"nothing to accept: {tape} is what this code does, and says so"]
    assert tape.read_bytes() == written


def test_the_run_is_told_as_the_code_tells_it_now(tape: Path, tmp_path: Path) -> None:
    cause = 'cause["component"] if cause'
    edit = Edit("graph/run.py", cause, f'"the " + {cause}')
    assert rerun(edited(tmp_path / "code", edit), tape, "--accept").code == 0
    assert from_text(tape.read_text()).run["root_cause"] == "the pricing-service"


@pytest.mark.parametrize(
    ("edits", "why"),
    [
        (
            [REVERSED],
            "not accepted: diverged at tool#2.0: tool aws_alarms is asked, which was not ",
        ),
        (TIME, "not accepted, the code does something else each time: diverged at plan#1: "),
        (
            [Edit(PLAN, "offered = [] if used_up", "offered = state['x'] if not used_up")],
            "not accepted: raised at plan#1: KeyError: 'x'",
        ),
    ],
    ids=["not recorded", "each time another", "raises"],
)
def test_what_no_recording_can_hold_is_refused_and_the_file_stays(
    edits: list[Edit], why: str, tape: Path, tmp_path: Path
) -> None:
    said = rerun(edited(tmp_path / "code", *edits), tape, "--accept")
    assert said.code == 2
    assert said.errors.startswith(why)
    assert said.errors.count("\n") == 1
    assert tape.read_bytes() == TAPE.read_bytes()
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == [tape.name]


def test_an_accepted_change_is_one_document_where_that_is_wanted(
    tape: Path, tmp_path: Path
) -> None:
    said = rerun(edited(tmp_path / "code", WORD), tape, "--accept", "--json")
    [line] = said.lines
    document = json.loads(line)
    assert (document["kind"], document["at"]) == ("diverged", "plan#1"), document
    assert document["accepted"] == f"accepted: {tape} is now what this code does"
