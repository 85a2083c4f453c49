"""Whether two findings say the same, the opposite, or different things.

They are compared only where they share components and are of the same kind. Words are brought
to one form first (`slow` and `latency` are one thing to an engineer), then compared with
rapidfuzz. The threshold was measured on findings labelled by hand, in
`tests/graph/memory/findings.toml`.
"""

import re
from typing import Literal

from rapidfuzz import fuzz

from graph.memory.item import Item, name_of, text_of

SAME_AT = 42.0
"""Score, 0 to 100, from which two texts say the same."""
OTHER_KIND = 8.0
"""So much more where the category of two insights, or the type of two patterns, differs."""
Sameness = Literal["same", "opposite", "different"]
_TERMS: tuple[tuple[str, str], ...] = (
    ("latency", r"slow\w*|latenc\w+|p9\d|response times?|takes? longer|delays?|sluggish"),
    ("pool", r"(?:connection )?pools?|connections?"),
    ("deploy", r"deploy\w*|releases?|rollouts?|roll(?:ed)? out|versions? v?[\d.]+|v\d[\d.]*"),
    ("full", r"exhaust\w*|satur\w*|full|used up|maxed out|at (?:its|the) limit|all taken"),
    ("errors", r"errors?|5xx|50[0234]s?|fail\w*|exceptions?"),
    ("timeout", r"time[sd]?[ -]?outs?|timing out"),
    ("cpu", r"cpus?|processors?|cores?"),
    ("memory", r"memory|heap|oom\w*|out of memory|rss"),
    ("disk", r"disks?|volumes?|storage|iops"),
    ("certificate", r"cert\w*|tls|ssl|credentials?"),
    ("expired", r"expir\w*|lapsed|not renewed"),
    ("queue", r"queues?|backlogs?|lag\w*|consumers?"),
    ("retry", r"retr(?:y|ies|ied|ying)"),
    ("external", r"third[ -]party|external|providers?|upstream"),
    ("caused", r"caus\w+|because of|due to|after|since|following"),
)
_COMPILED = tuple((term, re.compile(rf"\b(?:{pattern})\b")) for term, pattern in _TERMS)
_DENIED = re.compile(
    r"\b(?:no longer|not (?:the )?cause[ds]?|not due|not because|not related|unrelated|ruled out|"
    r"no sign|no evidence|does not explain|(?:is|are|was|were) (?:healthy|fine|normal)|"
    r"back to normal|within (?:its |the )?(?:baseline|limits?))\b"
)
_SMALL = (
    r"a|all|an|and|are|as|at|be|been|by|each|every|for|from|had|has|have|in|into|is|it|its|no|not|"
    r"of|on|one|only|or|per|since|so|than|that|the|to|was|were|which|with|within"
)
_NOISE = re.compile(rf"\d[\d.,:%]*\w*|[^\w\s-]|\b(?:{_SMALL})\b")


def sameness(one: Item, other: Item) -> tuple[Sameness, float]:
    """How the two relate, and the score.

    They are different unless they have more than half of the shorter list of components in
    common: two causes of one symptom may both name the component that shows it.
    """
    mine, theirs = _lower(one["components"]), _lower(other["components"])
    if 2 * len(mine & theirs) <= min(len(mine), len(theirs)):
        return "different", 0.0
    if one.get("metric") or other.get("metric"):
        same_metric = one.get("metric") == other.get("metric")
        return ("same", 100.0) if same_metric else ("different", 0.0)
    if _called(one) == _called(other):
        return "same", 100.0
    alike = score(plain(said(one)), plain(said(other)))
    of_a_kind = all(one.get(name) == other.get(name) for name in ("category", "type"))
    if alike < (SAME_AT if of_a_kind else SAME_AT + OTHER_KIND):
        return "different", alike
    return ("same" if _denies(one) == _denies(other) else "opposite"), alike


def score(one: str, other: str) -> float:
    """How alike two texts are, 0 to 100; both in the one form that `plain` gives.

    The mean of rapidfuzz's ratio of the sets of words, which forgives endings and spelling, and
    of the part of the shorter one's words that the other has, which does not.
    """
    words, others = set(one.split()), set(other.split())
    shared = len(words & others) / max(1, min(len(words), len(others)))
    return (float(fuzz.token_set_ratio(one, other)) + 100 * shared) / 2


def said(item: Item) -> str:
    """What is compared of an item."""
    return f"{name_of(item)}. {text_of(item)}"


def plain(text: str) -> str:
    """The text in the one form: lower case, a term for its synonyms, no numbers or small words."""
    found = text.lower()
    for term, pattern in _COMPILED:
        found = pattern.sub(term, found)
    return " ".join(_NOISE.sub(" ", found).split())


def _called(item: Item) -> tuple[str, frozenset[str]]:
    """Its name and components: what is called the same of the same components is the same."""
    return " ".join(name_of(item).lower().split()), frozenset(_lower(item["components"]))


def _denies(item: Item) -> bool:
    """Whether it says that something is not so."""
    return _DENIED.search(said(item).lower()) is not None


def _lower(names: list[str]) -> set[str]:
    return {name.lower() for name in names}
