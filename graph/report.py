"""The report: what `conclude` takes, how it is checked, and how it reads as text."""

import functools
import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import BaseModel, ConfigDict, Field

CONCLUDE = "conclude"
REMEMBERED = "remembered"
"""In place of the status of evidence that came from memory, and not from the estate."""


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


class Hint(_Part):
    """What became of a hint from memory."""

    id: str = Field(description="Id of the hint, such as M-1a2b3c4d")
    verdict: Literal["confirmed", "refuted"] = Field(
        description="What live evidence of this investigation says of it"
    )
    evidence: list[str] = Field(min_length=1, description="Ids of that evidence, such as E3")


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
    hints: list[Hint] = Field(
        default=[], description="Each hint from memory that evidence confirmed or refuted"
    )


class CheckedReport(Report):
    """A report whose citations all exist."""

    flags: list[str] = []
    """What the check had to take out, one sentence each."""
    unused_hints: list[str] = []
    """Ids of the hints that were shown and neither confirmed nor refuted."""


def conclude_schema() -> dict[str, Any]:
    """The finishing tool, `conclude`, as an OpenAI function; its arguments are a Report."""
    schema: dict[str, Any] = json.loads(_schema_of_report())
    schema["function"]["name"] = CONCLUDE
    return schema


@functools.cache
def _schema_of_report() -> str:
    # As text: each who asks gets one of his own. To make it takes longer than to read it.
    return json.dumps(convert_to_openai_tool(Report))


def problems(report: Report, statuses: Mapping[str, str], shown: Sequence[str] = ()) -> list[str]:
    """What keeps the report from being published, one sentence each; empty when it is sound.

    `statuses` holds the status of each evidence id, `REMEMBERED` of what is from memory. An error
    shows that something is not known, so it may be cited where no cause is named, and never
    supports one; nor does what is only remembered. `shown` are the ids of the hints.
    """
    cited = [citation.id for citation in report.evidence]
    found = [f"evidence {id_} does not exist" for id_ in cited if id_ not in statuses]
    if report.root_cause:
        found += [
            f"evidence {id_} is an error and supports no cause"
            for id_ in cited
            if statuses.get(id_) == "error"
        ]
        found += [
            f"evidence {id_} is from memory and supports no cause"
            for id_ in cited
            if statuses.get(id_) == REMEMBERED
        ]
        if not any(_supports(report, id_, statuses) for id_ in cited):
            found.append("the root cause cites no evidence that supports it")
    for hint in report.hints:
        if hint.id not in shown:
            found.append(f"hint {hint.id} does not exist")
        elif not _holds(hint, statuses):
            found.append(f"hint {hint.id} is {hint.verdict} by no live evidence")
    return found


def checked(
    report: Report, statuses: Mapping[str, str], shown: Sequence[str] = ()
) -> CheckedReport:
    """The report without citations that do not hold, flagged with what was wrong.

    A root cause that is left without any evidence is kept, but its confidence is low. A hint of
    `shown` that is neither confirmed nor refuted is unused.
    """
    flags = problems(report, statuses, shown)
    hints = [hint for hint in report.hints if hint.id in shown and _holds(hint, statuses)]
    settled = {hint.id for hint in hints}
    kept = [cited for cited in report.evidence if _supports(report, cited.id, statuses)]
    confidence = report.confidence if kept or not report.root_cause else "low"
    kept_fields = report.model_dump(exclude={"evidence", "confidence", "hints"})
    return CheckedReport(
        **kept_fields,
        evidence=kept,
        confidence=confidence,
        hints=hints,
        flags=flags,
        unused_hints=[id_ for id_ in shown if id_ not in settled],
    )


def _supports(report: Report, evidence_id: str, statuses: Mapping[str, str]) -> bool:
    status = statuses.get(evidence_id)
    return status is not None and (status not in ("error", REMEMBERED) or report.root_cause is None)


def _holds(hint: Hint, statuses: Mapping[str, str]) -> bool:
    """Whether something live was seen that may say so."""
    return any(statuses.get(id_) in ("ok", "no_data") for id_ in hint.evidence)


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
        ("Hints from memory", _hints(report)),
        ("Flags", report.flags),
    ]
    for title, entries in sections:
        if entries:
            lines += ["", f"**{title}**", *(f"- {entry}" for entry in entries)]
    return "\n".join(lines)


def _hints(report: CheckedReport) -> list[str]:
    settled = [f"{hint.id}: {hint.verdict} by {', '.join(hint.evidence)}" for hint in report.hints]
    return [*settled, *(f"{id_}: not used" for id_ in report.unused_hints)]


def _action(action: Action) -> str:
    return f"{action.description}: `{action.command}`" if action.command else action.description
