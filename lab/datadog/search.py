"""Datadog's search language, as logs, spans, events, monitors, incidents and SLOs are searched.

Words and "phrases", `field:value` with `*`, `field:(a OR b)`, `field:>1s`, `field:[1 TO 5]`,
AND (also unwritten), OR, NOT, `-` and brackets.
Source: https://docs.datadoghq.com/logs/explorer/search_syntax/.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

HOLE = re.compile(r"\{(?:ms|n|id|ip)\}")
_TOKEN = re.compile(
    r"\s*(?:(?P<bracket>[()])"
    r"|(?P<not>-(?=[^\s-])|NOT(?=[\s(]))"
    r"|(?P<junction>(?:AND|OR)(?=[\s(]|$))"
    r"|(?P<field>@?[A-Za-z_][\w.\-]*:)"
    r'|"(?P<phrase>(?:[^"\\]|\\.)*)"'
    r"|\[(?P<range>[^\]]*)\]"
    r'|(?P<word>(?:\\.|[^\s()"\\])+))'
)
_LIMIT = re.compile(r"(>=|<=|>|<)(-?[\d.]+)(ns|us|µs|ms|s|m|h)?")
_NANOSECONDS = {"ns": 1, "us": 1e3, "µs": 1e3, "ms": 1e6, "s": 1e9, "m": 6e10, "h": 3.6e12}
_FROM_HOLES = re.compile(r"[0-9a-f.*]+")
"""What a filled hole, or a wildcard, can stand for."""


class SearchError(Exception):
    """A search text that is none; the message says where."""


@dataclass(frozen=True)
class Subject:
    """What a search is held against.

    With a field that is open, or holes of a log message in the text, each record may have to
    be looked at.
    """

    fields: Mapping[str, Sequence[str]]
    text: str = ""
    open: frozenset[str] = field(default_factory=frozenset)
    """Fields that differ from record to record."""


Search = Callable[[Subject], bool | None]
"""True, False, or None where the subject is too open to say."""


def parse(text: str) -> Search:
    """The search of that text; empty matches all.

    Raises SearchError for brackets or quotes that do not close, and dangling operators.
    """
    tokens = _tokens(text)
    if not tokens:
        return lambda _: True
    parser = _Parser(tokens)
    search = parser.any_of("")
    if parser.left:
        raise SearchError(f"unexpected {parser.left[0][1]!r}")
    return search


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens, place = [], 0
    text = text.strip()
    while place < len(text):
        found = _TOKEN.match(text, place)
        if found is None:
            raise SearchError(f"cannot read {text[place:]!r}")
        kind = found.lastgroup or ""
        tokens.append((kind, found[kind]))
        place = found.end()
    return tokens


class _Parser:
    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self.left = tokens

    def any_of(self, name: str) -> Search:
        parts = [self._all_of(name)]
        while self.left[:1] == [("junction", "OR")]:
            self.left = self.left[1:]
            parts.append(self._all_of(name))
        return parts[0] if len(parts) == 1 else lambda subject: _any([p(subject) for p in parts])

    def _all_of(self, name: str) -> Search:
        parts = [self._one(name)]
        while self.left and self.left[0] not in (("junction", "OR"), ("bracket", ")")):
            if self.left[0] == ("junction", "AND"):
                self.left = self.left[1:]
            parts.append(self._one(name))
        return parts[0] if len(parts) == 1 else lambda subject: _all([p(subject) for p in parts])

    def _one(self, name: str) -> Search:
        if not self.left:
            raise SearchError("it ends where a term is expected")
        (kind, text), self.left = self.left[0], self.left[1:]
        if kind == "not":
            return _none_of(self._one(name))
        if kind == "field" and not name:
            return self._one(text[:-1].lstrip("@").lower())
        if (kind, text) == ("bracket", "("):
            inner = self.any_of(name)
            if self.left[:1] != [("bracket", ")")]:
                raise SearchError("a bracket does not close")
            self.left = self.left[1:]
            return inner
        if kind == "range" and name:
            return _between(name, text)
        if kind in ("word", "phrase", "field"):
            return _term(name, re.sub(r"\\(.)", r"\1", text), kind == "phrase")
        raise SearchError(f"unexpected {text!r}")


def _term(name: str, text: str, is_phrase: bool) -> Search:
    if name == "":
        return _word(text.lower(), is_phrase)
    if not is_phrase and (limit := _LIMIT.fullmatch(text)):
        value = float(limit[2]) * _NANOSECONDS.get(limit[3], 1)
        compare: dict[str, Callable[[float], bool]] = {
            ">": lambda x: x > value,
            ">=": lambda x: x >= value,
            "<": lambda x: x < value,
            "<=": lambda x: x <= value,
        }
        return _numeric(name, compare[limit[1]])
    pattern = re.compile(_wild(text.lower(), ".*"), re.DOTALL)
    return _on_field(name, lambda value: pattern.fullmatch(value.lower()) is not None)


def _between(name: str, text: str) -> Search:
    ends = re.fullmatch(r"\s*(\*|-?[\d.]+)\s+TO\s+(\*|-?[\d.]+)\s*", text)
    if ends is None:
        raise SearchError(f"[{text}] is no range")
    low = float("-inf") if ends[1] == "*" else float(ends[1])
    high = float("inf") if ends[2] == "*" else float(ends[2])
    return _numeric(name, lambda value: low <= value <= high)


def _numeric(name: str, holds: Callable[[float], bool]) -> Search:
    def of_text(value: str) -> bool:
        return re.fullmatch(r"-?\d+(\.\d+)?", value) is not None and holds(float(value))

    return _on_field(name, of_text)


def _on_field(name: str, holds: Callable[[str], bool]) -> Search:
    def search(subject: Subject) -> bool | None:
        if name in subject.open:
            return None
        return any(holds(value) for value in subject.fields.get(name, ()))

    return search


def _word(text: str, is_phrase: bool) -> Search:
    """Whole words of the text, in any case."""
    if text == "*" and not is_phrase:
        return lambda _: True
    words = _wild(text, r"\S*")
    pattern = re.compile(rf"(?<![^\W_]){words}(?![^\W_])")
    fixed = [part for part in _FROM_HOLES.split(text) if part]

    def search(subject: Subject) -> bool | None:
        message = subject.text.lower()
        # A digit keeps a word beside a hole from being whole.
        if pattern.search(HOLE.sub("0", message)):
            return True
        if not HOLE.search(message):
            return False
        written = HOLE.sub("\0", message)
        return None if all(part in written for part in fixed) else False

    return search


def _wild(text: str, anything: str) -> str:
    return anything.join(re.escape(part) for part in text.split("*"))


def _none_of(search: Search) -> Search:
    def inverse(subject: Subject) -> bool | None:
        found = search(subject)
        return None if found is None else not found

    return inverse


def _any(found: Sequence[bool | None]) -> bool | None:
    if True in found:
        return True
    return None if None in found else False


def _all(found: Sequence[bool | None]) -> bool | None:
    if False in found:
        return False
    return None if None in found else True
