"""What is not kept: a finding that says nothing, or that tries to be an order or somebody else."""

import re
import unicodedata
from collections.abc import Iterator

from graph.findings import Baseline, Finding, Findings, Insight
from graph.untrusted import printable

_VAGUE = re.compile(
    r"\b(?:multiple|several|various|numerous|some|many)\s+(?:\w+\s+){0,3}"
    r"(?:issues?|problems?|errors?|anomal\w+|concerns?|services?)\b"
    r"|\b(?:issues?|problems?|anomal\w+)\s+(?:\w+\s+){0,8}?"
    r"(?:detected|found|observed)\b"
    r"|\b(?:needs?|requires?)\s+(?:further\s+)?(?:attention|investigation|monitoring|review)\b"
    r"|\bgeneral(?:ly)?\s+(?:health|degradation|instability)\b",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"(?<![\w.])\d")
_CHANGE = re.compile(
    r"\b(?:v\d|deploy|release|expire|exhaust|leak|evict|restart|killed|timeout)", re.IGNORECASE
)
_ORDER = re.compile(
    r"\b(?:ignore|disregard|forget)\b.{0,40}\b(?:instructions?|rules?|previous|above|prompt)\b"
    r"|\b(?:system|developer)\s+(?:prompt|message)\b"
    r"|\byou\s+(?:must|should|shall|are)\b"
    r"|\b(?:always|never)\s+(?:answer|conclude|report|say|blame|call|tell)\b"
    r"|\b(?:as an? (?:ai|assistant|model)|new instructions?|from now on)\b"
    r"|<\s*/?\s*(?:system|assistant|user|tool|instructions?)\s*>",
    re.IGNORECASE,
)
# What only a hint, a message of a chat or a call of a tool begins with.
_POSES = re.compile(
    r"\bM-\w+ \(\d{4}-[^)]*\):|\(found \d+x, confirmed \d+x"
    r"|<\|\s*\w+\s*\|>|\[/?INST\]|\]~b\]|<\s*/?\s*(?:minimax:)?tool_call\b|<\s*invoke\s+name\b",
    re.IGNORECASE,
)


def refusal(finding: Finding) -> str | None:
    """Why it is not kept; None when it may be."""
    readings = list(_readings(finding))
    if any(map(_ORDER.search, readings)):
        return "it reads as an instruction"
    if any(map(_POSES.search, readings)):
        return "it poses as a hint, a message or a call"
    if isinstance(finding, Baseline):
        return None
    said = (
        f"{finding.title} {finding.finding}"
        if isinstance(finding, Insight)
        else f"{finding.type} {finding.description}"
    )
    if _VAGUE.search(said) and not (_NUMBER.search(said) and _CHANGE.search(said)):
        return "it is vague: it says that something is wrong, and neither what nor how much"
    return None


def _readings(finding: Finding) -> Iterator[str]:
    """All it says on one line, in plain letters.

    What does not show may stand within a word or between two, so it is read both ways.
    """
    values = finding.model_dump(exclude={"evidence"}).values()
    parts = [part for value in values for part in (value if isinstance(value, list) else [value])]
    text = unicodedata.normalize("NFKC", " ".join(" ".join(map(str, parts)).split()))
    yield printable(text)
    yield printable(text, "")


def sifted(findings: Findings) -> Findings:
    """Those that may be kept; the others are counted as dropped."""
    insights = [one for one in findings.insights if refusal(one) is None]
    patterns = [one for one in findings.patterns if refusal(one) is None]
    baselines = [one for one in findings.baselines if refusal(one) is None]
    kept = len(insights) + len(patterns) + len(baselines)
    found = len(findings.insights) + len(findings.patterns) + len(findings.baselines)
    return Findings(
        insights=insights,
        patterns=patterns,
        baselines=baselines,
        dropped=findings.dropped + found - kept,
    )
