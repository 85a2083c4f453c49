"""What the analyst finds: insights, patterns, baselines, and how its answer is read."""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Annotated, Any, Literal, TypeVar

import json_repair
from pydantic import BaseModel, ConfigDict, Field, ValidationError

MAX_ITEMS = 20
"""Items of one kind that are taken from one answer."""
NUL = re.compile(r"\x00|\\u0000")
"""PostgreSQL takes none in a text."""
ENTRIES_LIMIT = 1000
"""Items of one kind that are looked at; the others are dropped."""
ANSWER_LIMIT = 500_000
"""Characters of an answer that is read; all of this runs on the event loop."""
STARTS_LIMIT = 500
READ_LIMIT = 2_000_000
"""Braces at which no object begins after all, and characters read in vain from them on, after
which no more are tried."""
REPAIR_LIMIT = 20_000
"""Characters beyond which broken JSON is not repaired."""
REPAIR_DEPTH = 50
"""Brackets left open beyond which it is not either: nested deep, the repair takes time with the
square of the length."""


Name = Annotated[str, Field(min_length=1, max_length=200)]


class _Finding(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, str_strip_whitespace=True)

    components: list[Name] = Field(min_length=1, max_length=20)
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


class Baseline(_Finding):
    """What is usual: the value that a metric of a component has when all is well."""

    metric: str = Field(min_length=2, max_length=80)
    typical: float = Field(allow_inf_nan=False)
    spread: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    unit: str = Field(default="", max_length=20)
    window: str = Field(default="", max_length=80)


Finding = Insight | Pattern | Baseline
Item = TypeVar("Item", bound=_Finding)


class Findings(BaseModel):
    """The valid items of one answer, and how many were dropped."""

    insights: list[Insight] = []
    patterns: list[Pattern] = []
    baselines: list[Baseline] = []
    dropped: int = 0


class UnreadableAnswer(ValueError):
    """The analyst's answer holds no JSON object with insights or patterns."""


def read_findings(text: str, known_evidence: set[str]) -> Findings:
    """The findings in the analyst's answer; `known_evidence` are the ids they may cite.

    An item that fails validation, cites only unknown evidence, or exceeds `MAX_ITEMS` is
    dropped and counted. Raises UnreadableAnswer when there is no such JSON object at all.
    """
    if len(text) > ANSWER_LIMIT:
        raise UnreadableAnswer(f"it has {len(text)} characters; {ANSWER_LIMIT} is the most")
    document = _document(NUL.sub("", text))
    insights, dropped_insights = _valid(Insight, document.get("insights"), known_evidence)
    patterns, dropped_patterns = _valid(Pattern, document.get("patterns"), known_evidence)
    baselines, dropped_baselines = _valid(Baseline, document.get("baselines"), known_evidence)
    return Findings(
        insights=insights,
        patterns=patterns,
        baselines=baselines,
        dropped=dropped_insights + dropped_patterns + dropped_baselines,
    )


def _document(text: str) -> dict[str, Any]:
    """The JSON object with findings: the text itself, one after the thinking, or one repaired."""
    answer = text.rpartition("</think>")[2]
    try:
        for document in _candidates(text, answer):
            if isinstance(document, dict) and {"insights", "patterns"} & document.keys():
                return document
    except (RecursionError, ValueError) as error:
        raise UnreadableAnswer(f"{type(error).__name__} in: {answer[:200]!r}") from error
    raise UnreadableAnswer(f"no JSON object with insights or patterns in: {answer[:200]!r}")


def _candidates(text: str, answer: str) -> Iterator[Any]:
    """What may be meant, the surest first.

    The text as it is comes first, because a string in it may hold `</think>`; but an object
    within the thinking is a draft and never taken.
    """
    with suppress(json.JSONDecodeError):
        yield json.loads(text)
    yield from _objects(answer)
    start = answer.find("{")
    broken = answer[start:] if start >= 0 else ""
    if broken and len(broken) <= REPAIR_LIMIT and _depth(broken) <= REPAIR_DEPTH:
        repaired = json_repair.loads(broken)
        yield from repaired if isinstance(repaired, list) else [repaired]


def _objects(text: str) -> Iterator[Any]:
    """The whole JSON objects in the text, outermost only."""
    decoder, position = json.JSONDecoder(), text.find("{")
    starts = read = 0
    while position >= 0 and starts < STARTS_LIMIT and read < READ_LIMIT:
        try:
            document, end = decoder.raw_decode(text, position)
        except json.JSONDecodeError as error:
            starts, read = starts + 1, read + error.pos - position
            end = position + 1
        else:
            yield document
        position = text.find("{", end)


def _depth(text: str) -> int:
    """How many brackets are open at once, at most; those in strings count too."""
    depth = deepest = 0
    for character in text:
        if character in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "]}":
            depth -= 1
    return deepest


def _valid(model: type[Item], entries: Any, known_evidence: set[str]) -> tuple[list[Item], int]:
    if not isinstance(entries, list):
        return [], 0 if entries is None else 1
    valid: list[Item] = []
    for entry in entries[:ENTRIES_LIMIT]:
        try:
            item = model.model_validate(entry)
        except ValidationError:
            continue
        if len(valid) < MAX_ITEMS and known_evidence.intersection(item.evidence):
            valid.append(item)
    return valid, len(entries) - len(valid)
