"""What the analyst finds: insights and patterns, and how they are read from its answer."""

import json
import re
from typing import Any, Literal, TypeVar

import json_repair
from pydantic import BaseModel, ConfigDict, Field, ValidationError

MAX_ITEMS = 20
"""Items of one kind that are taken from one answer."""


class _Finding(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, str_strip_whitespace=True)

    components: list[str] = Field(min_length=1, max_length=20)
    evidence: list[str] = Field(min_length=1, max_length=20)
    recommendation: str = Field(default="", max_length=1000)


class Insight(_Finding):
    """One thing learned about named components, resting on evidence of the turn."""

    category: Literal["performance", "reliability", "cost", "optimisation"]
    severity: Literal["low", "medium", "high", "critical"]
    title: str = Field(min_length=8, max_length=160)
    finding: str = Field(min_length=16, max_length=1000)


class Pattern(_Finding):
    """How a kind of incident shows itself, to be recognised next time."""

    type: str = Field(min_length=3, max_length=80)
    description: str = Field(min_length=16, max_length=1000)
    trigger: str = Field(default="", max_length=400)
    confidence: float = Field(ge=0, le=1)


Item = TypeVar("Item", bound=_Finding)


class Findings(BaseModel):
    """The valid items of one answer, and how many were dropped."""

    insights: list[Insight] = []
    patterns: list[Pattern] = []
    dropped: int = 0


class UnreadableAnswer(ValueError):
    """The analyst's answer holds no JSON object with insights or patterns."""


def read_findings(text: str, known_evidence: set[str]) -> Findings:
    """The findings in the analyst's answer; `known_evidence` are the ids they may cite.

    An item that fails validation, cites only unknown evidence, or exceeds `MAX_ITEMS` is
    dropped and counted. Raises UnreadableAnswer when there is no such JSON object at all.
    """
    document = _document(text)
    insights, dropped_insights = _valid(Insight, document.get("insights"), known_evidence)
    patterns, dropped_patterns = _valid(Pattern, document.get("patterns"), known_evidence)
    return Findings(
        insights=insights, patterns=patterns, dropped=dropped_insights + dropped_patterns
    )


def _document(text: str) -> dict[str, Any]:
    answer = text.rpartition("</think>")[2]
    fenced = re.search(r"```(?:json)?\s*(.*?)```", answer, re.DOTALL)
    candidate = fenced.group(1) if fenced else answer
    try:
        document = json.loads(candidate)
    except json.JSONDecodeError:
        start = candidate.find("{")
        document = json_repair.loads(candidate[start:]) if start >= 0 else None
    if isinstance(document, list):
        document = next((entry for entry in document if isinstance(entry, dict)), None)
    if not isinstance(document, dict) or not {"insights", "patterns"} & document.keys():
        raise UnreadableAnswer(f"no JSON object with insights or patterns in: {answer[:200]!r}")
    return document


def _valid(model: type[Item], entries: Any, known_evidence: set[str]) -> tuple[list[Item], int]:
    if not isinstance(entries, list):
        return [], 0 if entries is None else 1
    valid: list[Item] = []
    for entry in entries:
        try:
            item = model.model_validate(entry)
        except ValidationError:
            continue
        if len(valid) < MAX_ITEMS and known_evidence.intersection(item.evidence):
            valid.append(item)
    return valid, len(entries) - len(valid)
