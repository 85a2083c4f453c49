"""The report: what `conclude` takes, how it is checked, and how it reads as text."""

import functools
import json
from collections.abc import Mapping
from typing import Any, Literal

from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import BaseModel, ConfigDict, Field

CONCLUDE = "conclude"


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class RootCause(_Part):
    """The one component that is to blame."""

    component: str = Field(min_length=1, description="Name of the component that is the cause")
    explanation: str = Field(description="What is wrong with it and how that explains the symptom")


class Citation(_Part):
    """A claim and the evidence it rests on."""

    id: str = Field(description="Evidence id, such as E3")
    shows: str = Field(description="The claim that this evidence supports")


class RuledOut(_Part):
    """A suspect that is not the cause."""

    component: str
    reason: str = Field(description="Why it is not the cause, with the evidence id")


class Action(_Part):
    """What a person should do."""

    description: str
    command: str = Field(default="", description="The exact command, if there is one")


class Report(_Part):
    """Conclude the investigation with a report; call this alone, once, when you are done."""

    summary: str = Field(min_length=1, description="What is wrong, in two or three sentences")
    root_cause: RootCause | None = Field(description="null when no cause was found")
    confidence: Literal["low", "medium", "high"]
    evidence: list[Citation] = Field(description="Every claim with the evidence it rests on")
    ruled_out: list[RuledOut] = []
    blast_radius: list[str] = Field(default=[], description="Names of the affected components")
    actions: list[Action] = []
    open_questions: list[str] = []


class CheckedReport(Report):
    """A report whose citations all exist."""

    flags: list[str] = []
    """What the check had to take out, one sentence each."""


def conclude_schema() -> dict[str, Any]:
    """The finishing tool, `conclude`, as an OpenAI function; its arguments are a Report."""
    schema: dict[str, Any] = json.loads(_schema_of_report())
    schema["function"]["name"] = CONCLUDE
    return schema


@functools.cache
def _schema_of_report() -> str:
    # As text: each who asks gets one of his own. To make it takes longer than to read it.
    return json.dumps(convert_to_openai_tool(Report))


def problems(report: Report, statuses: Mapping[str, str]) -> list[str]:
    """What keeps the report from being published, one sentence each; empty when it is sound.

    `statuses` holds the status of each evidence id. An error shows that something is not known,
    so it may be cited where no cause is named, and never supports one.
    """
    cited = [citation.id for citation in report.evidence]
    found = [f"evidence {id_} does not exist" for id_ in cited if id_ not in statuses]
    if report.root_cause:
        found += [
            f"evidence {id_} is an error and supports no cause"
            for id_ in cited
            if statuses.get(id_) == "error"
        ]
        if not any(_supports(report, id_, statuses) for id_ in cited):
            found.append("the root cause cites no evidence that supports it")
    return found


def checked(report: Report, statuses: Mapping[str, str]) -> CheckedReport:
    """The report without citations that do not hold, flagged with what was wrong.

    A root cause that is left without any evidence is kept, but its confidence is low.
    """
    flags = problems(report, statuses)
    kept = [cited for cited in report.evidence if _supports(report, cited.id, statuses)]
    confidence = report.confidence if kept or not report.root_cause else "low"
    kept_fields = report.model_dump(exclude={"evidence", "confidence"})
    return CheckedReport(**kept_fields, evidence=kept, confidence=confidence, flags=flags)


def _supports(report: Report, evidence_id: str, statuses: Mapping[str, str]) -> bool:
    status = statuses.get(evidence_id)
    return status is not None and (status != "error" or report.root_cause is None)


def as_text(report: CheckedReport) -> str:
    """The report as Markdown, for a chat window or a terminal."""
    cause = report.root_cause
    lines = [report.summary, ""]
    if cause:
        lines.append(f"**Root cause: {cause.component}** ({report.confidence} confidence)")
        lines += ["", cause.explanation]
    else:
        lines.append(f"**Root cause: not found** ({report.confidence} confidence)")
    sections = [
        ("Evidence", [f"{citation.id}: {citation.shows}" for citation in report.evidence]),
        ("Ruled out", [f"{entry.component}: {entry.reason}" for entry in report.ruled_out]),
        ("Blast radius", report.blast_radius),
        ("Actions", [_action(action) for action in report.actions]),
        ("Open questions", report.open_questions),
        ("Flags", report.flags),
    ]
    for title, entries in sections:
        if entries:
            lines += ["", f"**{title}**", *(f"- {entry}" for entry in entries)]
    return "\n".join(lines)


def _action(action: Action) -> str:
    return f"{action.description}: `{action.command}`" if action.command else action.description
