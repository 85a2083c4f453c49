"""The report: what keeps it from being published, what is left of it, and how it reads."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from graph.report import CheckedReport, Report, as_text, checked, conclude_schema, problems


def report(*cited: str, cause: bool = True, **changes: Any) -> Report:
    fields: dict[str, Any] = {
        "summary": "Orders wait for pricing.",
        "root_cause": {"component": "pricing", "explanation": "Its pool is full."},
        "confidence": "high",
        "evidence": [{"id": id_, "shows": f"claim {id_}"} for id_ in cited],
    }
    return Report.model_validate({**fields, **({} if cause else {"root_cause": None}), **changes})


def test_a_sound_report_has_no_problems() -> None:
    assert problems(report("E1", "E2"), {"E1": "ok", "E2": "ok", "E3": "no_data"}) == []


def test_every_citation_of_unknown_evidence_is_a_problem() -> None:
    assert problems(report("E1", "E8", "E9"), {"E1": "ok"}) == [
        "evidence E8 does not exist",
        "evidence E9 does not exist",
    ]


def test_a_root_cause_without_evidence_is_a_problem() -> None:
    assert problems(report(), {"E1": "ok"}) == ["the root cause cites no evidence that supports it"]


def test_a_root_cause_on_invented_evidence_is_two_problems() -> None:
    assert problems(report("E9"), {"E1": "ok"}) == [
        "evidence E9 does not exist",
        "the root cause cites no evidence that supports it",
    ]


def test_without_a_root_cause_no_evidence_is_needed() -> None:
    assert problems(report(cause=False), {}) == []


def test_checking_a_sound_report_changes_nothing() -> None:
    sound = report("E1", blast_radius=["web"], open_questions=["why?"])
    added: dict[str, list[str]] = {"flags": [], "unused_hints": []}
    assert checked(sound, {"E1": "ok"}).model_dump() == {**sound.model_dump(), **added}


def test_checking_drops_unknown_citations_and_flags_them() -> None:
    left = checked(report("E9", "E1"), {"E1": "ok"})
    assert [citation.id for citation in left.evidence] == ["E1"]
    assert left.flags == ["evidence E9 does not exist"]
    assert left.confidence == "high"


def test_confidence_is_low_when_no_evidence_is_left() -> None:
    left = checked(report("E9"), {"E1": "ok"})
    assert left.root_cause is not None
    assert left.root_cause.component == "pricing"
    assert left.confidence == "low"
    assert left.evidence == []
    assert left.flags == [
        "evidence E9 does not exist",
        "the root cause cites no evidence that supports it",
    ]


def test_an_error_does_not_support_a_cause() -> None:
    left = checked(report("E1"), {"E1": "error"})
    assert (left.confidence, left.evidence) == ("low", [])
    assert left.flags == [
        "evidence E1 is an error and supports no cause",
        "the root cause cites no evidence that supports it",
    ]


def test_an_error_may_be_cited_where_no_cause_is_named() -> None:
    left = checked(report("E1", cause=False), {"E1": "error"})
    assert ([cited.id for cited in left.evidence], left.flags) == (["E1"], [])


def test_confidence_in_no_cause_is_kept() -> None:
    assert checked(report(cause=False, confidence="medium"), {}).confidence == "medium"


def test_a_report_with_a_cause_reads_in_sections() -> None:
    text = as_text(
        CheckedReport.model_validate(
            {
                **report("E1").model_dump(),
                "ruled_out": [{"component": "cart", "reason": "as fast as ever (E1)"}],
                "blast_radius": ["web", "gateway"],
                "actions": [
                    {"description": "Roll back", "command": "rollout undo pricing"},
                    {"description": "Tell the team"},
                ],
                "flags": ["evidence E9 does not exist"],
            }
        )
    )
    assert text.split("\n") == [
        "Orders wait for pricing.",
        "",
        "**Root cause: pricing** (high confidence)",
        "",
        "Its pool is full.",
        "",
        "**Evidence**",
        "- E1: claim E1",
        "",
        "**Ruled out**",
        "- cart: as fast as ever (E1)",
        "",
        "**Blast radius**",
        "- web",
        "- gateway",
        "",
        "**Actions**",
        "- Roll back: `rollout undo pricing`",
        "- Tell the team",
        "",
        "**Flags**",
        "- evidence E9 does not exist",
    ]


def test_a_report_without_a_cause_says_so_and_has_no_empty_sections() -> None:
    text = as_text(checked(report(cause=False, confidence="low", open_questions=["Where?"]), {}))
    assert text.split("\n") == [
        "Orders wait for pricing.",
        "",
        "**Root cause: not found** (low confidence)",
        "",
        "**Open questions**",
        "- Where?",
    ]


def test_the_finishing_tool_is_named_conclude_and_takes_a_report() -> None:
    schema = conclude_schema()
    assert schema["type"] == "function"
    assert schema["function"]["name"] == "conclude"
    assert schema["function"]["description"]
    parameters = schema["function"]["parameters"]
    assert parameters["properties"].keys() == Report.model_fields.keys()
    assert parameters["required"] == ["summary", "root_cause", "confidence", "evidence"]


def test_a_model_cannot_flag_its_own_report() -> None:
    assert "flags" not in conclude_schema()["function"]["parameters"]["properties"]


def test_the_schema_needs_no_references() -> None:
    text = json.dumps(conclude_schema())
    assert "$ref" not in text
    assert "$defs" not in text


def test_a_schema_that_was_changed_is_not_given_out_again() -> None:
    conclude_schema()["function"]["name"] = "spoiled"
    assert conclude_schema()["function"]["name"] == "conclude"


@pytest.mark.parametrize("missing", ["summary", "root_cause", "confidence", "evidence"])
def test_a_report_lacks_nothing_that_is_required(missing: str) -> None:
    fields = report("E1").model_dump(exclude={missing})
    with pytest.raises(ValidationError, match=missing):
        Report.model_validate(fields)
