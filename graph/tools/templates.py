"""Log lines as templates with counts: what differs from line to line becomes `<*>`.

Written here because the library for it (drain3) has had no release since 2022 and pins old
versions of two others.
"""

import re
from dataclasses import dataclass
from typing import Any

from graph.tools.window import UNREADABLE, ordering
from graph.untrusted import printable

TEMPLATE_COLUMNS = ("count", "level", "source", "first", "last", "template")
TEMPLATE_LIMIT = 500
"""Templates that are told apart; further lines are counted as one, whatever their source."""
GROUP_LIMIT = 100
"""Templates that a line is compared with: those of its level, source, length and first word."""
WORD_LIMIT = 64
"""Words that are told apart; what follows them is taken as one."""
LINE_LIMIT = 500
"""Characters of one line that are looked at and shown."""
_ALIKE = 0.6
"""Part of the words that two lines must share to be of one template; numbers say nothing."""
_REST = "<further templates>"
_HOLE = "<*>"
_VARIABLE = re.compile(
    r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"
    r"|\b(?:\d{1,3}\.){3}\d{1,3}(?::\d+)?\b"
    r"|\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\S*"
    r"|\b0x[0-9a-f]+\b"
    r"|\b(?=[0-9a-f]*\d)[0-9a-f]{8,}\b"
    r"|(?<![a-z0-9])(?<!\d\.)[-+]?\d+(?:\.\d+)*"
    r"|(?<=[a-z])\d{3,}",
    re.IGNORECASE,
)
_COLOUR = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
_LETTER = re.compile(r"[^\W\d_]")


@dataclass
class _Template:
    words: list[str]
    level: str
    source: str
    count: int
    first: str
    last: str
    sample: str

    def seen(self, at: str) -> None:
        moment, first = ordering(at), ordering(self.first)
        if moment is not UNREADABLE and (moment < first or first is UNREADABLE):
            self.first = at
        if moment > ordering(self.last):
            self.last = at


class Templates:
    """Gathers lines; what it holds grows with the number of templates, not of lines."""

    def __init__(self) -> None:
        self._groups: dict[tuple[str, str, int, str], list[_Template]] = {}
        self._known = 0

    def add(self, line: str, *, at: str, level: str = "", source: str = "", count: int = 1) -> None:
        """Count a line; `at` is its time in ISO 8601, `count` how often it was seen."""
        line = printable(_COLOUR.sub("", line[: 4 * LINE_LIMIT]))[:LINE_LIMIT]
        words = _VARIABLE.sub(_HOLE, line).split(maxsplit=WORD_LIMIT)
        group = self._groups.get(_key(words, level, source), [])
        template = _alike(words, group)
        if template is None and (self._known >= TEMPLATE_LIMIT or len(group) >= GROUP_LIMIT):
            words, line, level, source = [_REST], _REST, "", ""
            template = next(iter(self._groups.get(_key(words, level, source), ())), None)
        if template is None:
            template = _Template(words, level, source, 0, at, at, line)
            self._groups.setdefault(_key(words, level, source), []).append(template)
            self._known += 1
        template.words = [
            mine if mine == theirs else _HOLE
            for mine, theirs in zip(template.words, words, strict=True)
        ]
        template.count += count
        template.seen(at)

    def rows(self) -> list[dict[str, Any]]:
        """The TEMPLATE_COLUMNS and `sample` of each template, the most frequent first."""
        every = [template for group in self._groups.values() for template in group]
        every.sort(key=lambda template: (-template.count, template.words))
        return [
            {
                "count": template.count,
                "level": template.level,
                "source": template.source,
                "first": template.first,
                "last": template.last,
                "template": " ".join(template.words),
                "sample": template.sample,
            }
            for template in every
        ]


def _alike(words: list[str], group: list[_Template]) -> _Template | None:
    """The first that shares enough of the words; equal ones without a letter do not count."""
    says = [bool(_LETTER.search(word)) for word in words]
    for template in group:
        same = different = 0
        for mine, theirs, says_something in zip(template.words, words, says, strict=True):
            if mine != theirs:
                different += 1
            elif says_something:
                same += 1
        if same >= _ALIKE * (same + different):
            return template
    return None


def _key(words: list[str], level: str, source: str) -> tuple[str, str, int, str]:
    """Lines of one template have the same number of words and begin alike."""
    first = words[0] if words else ""
    return level, source, len(words), "" if _HOLE in first else first
