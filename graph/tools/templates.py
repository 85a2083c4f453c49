"""Log lines as templates with counts: what differs from line to line becomes `<*>`.

Written here because the library for it (drain3) has had no release since 2022 and pins old
versions of two others.
"""

import re
from dataclasses import dataclass
from typing import Any

from graph.untrusted import printable

TEMPLATE_COLUMNS = ("count", "level", "source", "first", "last", "template")
TEMPLATE_LIMIT = 500
"""Templates that are told apart; further lines are counted as one."""
LINE_LIMIT = 500
"""Characters of one line that are looked at and shown."""
_ALIKE = 0.6
"""Part of the words that two lines must share to be of one template."""
_REST = "<further templates>"
_HOLE = "<*>"
_VARIABLE = re.compile(
    r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"
    r"|\b(?:\d{1,3}\.){3}\d{1,3}(?::\d+)?\b"
    r"|\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\S*"
    r"|\b0x[0-9a-f]+\b"
    r"|\b(?=[0-9a-f]*\d)[0-9a-f]{8,}\b"
    r"|(?<![A-Za-z])[-+]?\d+(?:\.\d+)?",
    re.IGNORECASE,
)


@dataclass
class _Template:
    words: list[str]
    level: str
    source: str
    count: int
    first: str
    last: str
    sample: str


class Templates:
    """Gathers lines; what it holds grows with the number of templates, not of lines."""

    def __init__(self) -> None:
        self._groups: dict[tuple[str, str, int, str], list[_Template]] = {}
        self._known = 0

    def add(self, line: str, *, at: str, level: str = "", source: str = "", count: int = 1) -> None:
        """Count a line; `at` is its time in ISO 8601, `count` how often it was seen."""
        line = printable(line)[:LINE_LIMIT]
        words = _VARIABLE.sub(_HOLE, line).split()
        template = self._alike(words, level, source)
        if template is None:
            if self._known >= TEMPLATE_LIMIT:
                words, line = [_REST], _REST
                template = self._alike(words, level, source)
            if template is None:
                template = _Template(words, level, source, 0, at, at, line)
                self._groups.setdefault(_key(words, level, source), []).append(template)
                self._known += 1
        template.words = [
            mine if mine == theirs else _HOLE
            for mine, theirs in zip(template.words, words, strict=True)
        ]
        template.count += count
        template.first, template.last = min(template.first, at), max(template.last, at)

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

    def _alike(self, words: list[str], level: str, source: str) -> _Template | None:
        for template in self._groups.get(_key(words, level, source), ()):
            same = sum(a == b for a, b in zip(template.words, words, strict=True))
            if same >= _ALIKE * len(words):
                return template
        return None


def _key(words: list[str], level: str, source: str) -> tuple[str, str, int, str]:
    """Lines of one template have the same number of words and begin alike."""
    first = words[0] if words else ""
    return level, source, len(words), "" if _HOLE in first else first
