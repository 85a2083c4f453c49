"""The conditions of a Logs Insights query: `@message like /re/ and not (level = "x")`."""

import re
from collections.abc import Callable, Iterator

from lab.aws.scene import Refused

Row = dict[str, str]
Condition = Callable[[Row], bool]

_TOKEN = re.compile(
    r"\s*(?:(?P<regex>/(?:\\.|[^/\\])+/)|(?P<text>\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*')"
    r"|(?P<sign>[()\[\],]|!=|=~|>=|<=|=|<|>)|(?P<word>[^\s()\[\],=!<>]+))"
)
_COMPARED: dict[str, Callable[[str, str], bool]] = {
    "=": lambda mine, given: mine == given,
    "!=": lambda mine, given: mine != given,
    ">": lambda mine, given: ordered(mine) > ordered(given),
    ">=": lambda mine, given: ordered(mine) >= ordered(given),
    "<": lambda mine, given: ordered(mine) < ordered(given),
    "<=": lambda mine, given: ordered(mine) <= ordered(given),
}


def condition(text: str) -> Condition:
    """What the text asks of a row.

    Raises Refused (MalformedQueryException) for what the lab cannot read.
    """
    reader = _Reader(list(_tokens(text)))
    whole = reader.either()
    if reader.left:
        raise malformed(f"unexpected {reader.left[0]!r} in {text!r}")
    return whole


def malformed(message: str) -> Refused:
    """The error for a query that cannot be read."""
    return Refused("MalformedQueryException", message)


class _Reader:
    """Reads a condition from its tokens, the weakest binding first."""

    def __init__(self, tokens: list[str]) -> None:
        self.left = tokens

    def either(self) -> Condition:
        sides = [self._both()]
        while self._next_is("or"):
            sides.append(self._both())
        return lambda row: any(side(row) for side in sides)

    def _both(self) -> Condition:
        sides = [self._one()]
        while self._next_is("and"):
            sides.append(self._one())
        return lambda row: all(side(row) for side in sides)

    def _one(self) -> Condition:
        if self._next_is("not"):
            inner = self._one()
            return lambda row: not inner(row)
        if self._next_is("("):
            inner = self.either()
            self._expect(")")
            return inner
        return self._comparison()

    def _comparison(self) -> Condition:
        name = self._take()
        if name == "ispresent":
            self._expect("(")
            inside = self._take()
            self._expect(")")
            return lambda row: inside in row
        negated = self._next_is("not")
        sign = self._take().lower()
        found = self._test(sign)
        return lambda row: found(row.get(name, "")) != negated

    def _test(self, sign: str) -> Callable[[str], bool]:
        if sign == "in":
            given = self._list()
            return lambda mine: mine in given
        value = self._take()
        if sign in ("like", "=~"):
            return _like(value)
        if sign not in _COMPARED:
            raise malformed(f"the lab knows no comparison {sign!r}")
        compare, plain = _COMPARED[sign], unquoted(value)
        return lambda mine: compare(mine, plain)

    def _list(self) -> set[str]:
        self._expect("[")
        given = {unquoted(self._take())}
        while self._next_is(","):
            given.add(unquoted(self._take()))
        self._expect("]")
        return given

    def _take(self) -> str:
        if not self.left:
            raise malformed("the query ends too early")
        return self.left.pop(0)

    def _next_is(self, token: str) -> bool:
        if self.left and self.left[0].lower() == token:
            self.left.pop(0)
            return True
        return False

    def _expect(self, token: str) -> None:
        if not self._next_is(token):
            raise malformed(f"expected {token!r} before {self.left[:1]}")


def unquoted(value: str) -> str:
    """The text without its quotes."""
    return re.sub(r"\\(.)", r"\1", value[1:-1]) if value[:1] in ("'", '"') else value


def _tokens(text: str) -> Iterator[str]:
    place = 0
    while text[place:].strip():
        token = _TOKEN.match(text, place)
        if token is None:
            raise malformed(f"cannot read {text[place:]!r}")
        yield token[0].strip()
        place = token.end()


def _like(value: str) -> Callable[[str], bool]:
    if not (value.startswith("/") and len(value) > 1):
        plain = unquoted(value)
        return lambda mine: plain in mine
    try:
        pattern = re.compile(value[1:-1])
    except re.error as error:
        raise malformed(f"invalid regular expression {value}: {error}") from error
    return lambda mine: pattern.search(mine) is not None


def ordered(value: str) -> tuple[int, float, str]:
    """Numbers before texts, each in its own order."""
    try:
        return (0, float(value), "")
    except ValueError:
        return (1, 0.0, value)
