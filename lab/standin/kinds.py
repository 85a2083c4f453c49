"""The kinds of cause that the stand-in tells apart, in its own words and in those of others."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """One kind of cause."""

    name: str
    marks: tuple[str, ...]
    """Parts of the explanation that the stand-in gives for it."""
    words: str
    """A pattern that finds it in what somebody else wrote."""


POOL = "connection pool exhausted"
DEPLOYMENT = "bad deployment"
EXTERNAL = "external dependency degraded"
EXPIRED = "certificate or credential expired"
CALLER = "database overloaded by a caller"
NEIGHBOUR = "noisy neighbour"
TASKS = "tasks missing"
ILL_HOST = "host impaired"
EDITED = "an alert after its monitor was changed"
ANNOUNCED = "an alert during announced maintenance"
UNKNOWN = "degradation"
CALM = (EDITED, ANNOUNCED)
"""Where nothing is wrong, and something else raised the alarm."""
KINDS = (
    Kind(
        POOL,
        ("All connections of",),
        r"connections? (?:\w+ ){0,3}(?:taken|in use|exhausted)|pools? (?:is |are )?full",
    ),
    Kind(
        EXPIRED,
        ("has expired", "is not accepted any more"),
        r"expired|certificates?|credentials?|tokens?",
    ),
    Kind(CALLER, ("than that can do",), r"asks (?:too much|more) of|queries of"),
    Kind(NEIGHBOUR, ("takes the CPU of",), r"(?:takes|steals) the cpu|same (?:host|machine)"),
    Kind(
        TASKS,
        ("does not run as it should",),
        r"tasks? (?:is|are) (?:missing|killed)|out of memory|oom\w*|does not run",
    ),
    Kind(ILL_HOST, ("fails its status check",), r"status check"),
    Kind("database overloaded", ("which caller asks for more",), r"database overloaded"),
    Kind("host overloaded", ("The processors of",), r"host overloaded"),
    Kind("one caller refused", ("Of all who call",), r"one caller refused"),
    Kind(DEPLOYMENT, ("was deployed at",), r"deploy\w*|rollouts?|roll\w* back"),
    Kind(EXTERNAL, ("third party",), r"third.part\w+|external|provider"),
    Kind(EDITED, ("a monitor was changed",), r"monitor was (?:changed|edited)|threshold"),
    Kind(ANNOUNCED, ("maintenance was announced",), r"maintenance"),
)
"""The first whose mark is in an explanation is meant: a cause may have been deployed, too."""


def kind_of(explanation: str) -> str:
    """The kind that this explanation of the stand-in is of."""
    told = (kind.name for kind in KINDS if any(mark in explanation for mark in kind.marks))
    return next(told, UNKNOWN)


def kinds_in(text: str) -> list[str]:
    """The kinds that a text may be about, those that it calls by their names first."""
    lower = text.lower()
    named = [kind.name for kind in KINDS if kind.name in lower]
    meant = [kind.name for kind in KINDS if re.search(rf"\b(?:{kind.words})\b", lower)]
    return list(dict.fromkeys([*named, *meant]))
