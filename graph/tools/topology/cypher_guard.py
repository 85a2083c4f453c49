"""Whether a Cypher text that we did not write only reads, judged by its words alone.

This is one layer of several: the account, the mode of the transaction, EXPLAIN and the limits
are others. It refuses what it does not know. What it takes may still be no valid Cypher: that is
for the server to say.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, takewhile

from graph.redaction import names_a_secret

LONGEST_QUERY = 4000
MOST_HOPS = 6


def _words(text: str) -> frozenset[str]:
    return frozenset(text.upper().split())


_FIRST_WORDS = _words("match optional unwind with return")
_KEYWORDS = _FIRST_WORDS | _words(
    "where order by asc ascending desc descending skip limit union all distinct as and or xor not "
    "in starts ends contains is null true false case when then else end"
)
_NO_NAME_AFTER = _words("null true false end asc ascending desc descending union optional")
_NEVER = _words(
    "call yield load foreach use show terminate explain profile cypher create insert merge set "
    "delete detach nodetach remove drop alter rename grant deny revoke start stop periodic commit"
)
"""Refused wherever they stand: the rule of the places below would refuse them too."""
_FUNCTION_NAMES = (
    "all any none single exists isEmpty coalesce nullIf count collect sum avg min max stDev stDevP "
    "percentileCont percentileDisc id elementId type labels properties startNode endNode "
    "nodes relationships length shortestPath allShortestPaths size head last tail reverse range "
    "toString toStringOrNull toInteger toIntegerOrNull toFloat toFloatOrNull toBoolean toLower "
    "toUpper trim lTrim rTrim left right substring split abs ceil floor round sign sqrt "
    "date time localtime datetime localdatetime duration timestamp"
)
"""Not among them: `reduce` and `replace`, which make a text of gigabytes out of one line, and
`keys`, which is for looking properties up one by one."""
_FUNCTIONS = _words(_FUNCTION_NAMES)
_CLAUSES = (
    "allowed are MATCH, OPTIONAL MATCH, WHERE, WITH, RETURN, ORDER BY, SKIP, LIMIT, UNWIND, UNION"
)
_LOOK_UP = (
    "look up by a number or a range of them alone, and a property by its name as in s.name; "
    "properties(s) has them all"
)
_HOPS = f"write an upper bound of at most {MOST_HOPS}, such as [:CALLS*1..{MOST_HOPS}]"
# Whatever the parsers of Neo4j and ArcadeDB could read differently matches none of these.
_TOKEN = re.compile(
    r"""(?P<skip>[ \t\r\n]+ | //[\t -~]* | /\*(?:(?!\*/)[\t\r\n -~])*\*/)
    | (?P<string>'(?:[^'\\]|\\[\\'"bfnrt])*' | "(?:[^"\\]|\\[\\'"bfnrt])*")
    | (?P<quoted>`[^`\\]+`(?!`))
    | (?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w$]))
    | (?P<word>[A-Za-z_]\w*+(?![$]))
    | (?P<mark>\.\.|=~|/(?![*/])|[][(){},.:|&!%+\-*^=<>])""",
    re.VERBOSE | re.ASCII,
)
_UNICODE_ESCAPE = re.compile(r"\\u", re.IGNORECASE)
_CONTROL = re.compile(r"\r(?!\n)|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_ARROWS = frozenset({("-", "["), ("-", "-"), ("-", ">"), ("<", "-")})
_CLOSING = {"(": ")", "[": "]", "{": "}"}


class NotAllowed(Exception):
    """The query is not one that is known to only read; the message says where, and what is."""


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str

    @property
    def word(self) -> str:
        """The bare word in capitals; of anything else the empty text."""
        return self.text.upper() if self.kind == "word" else ""

    @property
    def is_name(self) -> bool:
        """Whether it names a variable, a label, a property or a function."""
        return self.kind == "quoted" or (self.kind == "word" and self.word not in _KEYWORDS)

    @property
    def ends_a_value(self) -> bool:
        """Whether a value or a clause may be complete with it, so that no name can follow."""
        return (
            self.is_name
            or self.kind in ("string", "number")
            or self.word in _NO_NAME_AFTER
            or self.text in _CLOSING.values()
        )


_NOTHING = _Token("mark", "")


def refuse_unless_reading(query: str) -> None:
    """Raise NotAllowed unless every clause, word and function of the query is an allowed one.

    Source of the clauses: the Cypher manual of Neo4j 5, "Clauses" and "Reserved keywords".
    """
    if len(query) > LONGEST_QUERY:
        raise NotAllowed(f"the query has {len(query)} characters, more than {LONGEST_QUERY}")
    tokens = _tokens(query)
    if not tokens or tokens[0].word not in _FIRST_WORDS:
        first = tokens[0].text if tokens else ""
        raise NotAllowed(f"a query cannot begin with {first!r}; {_CLAUSES}")
    padded = [_NOTHING, *tokens, _NOTHING]
    for before, token, after in zip(padded, tokens, padded[2:], strict=False):
        _refuse_word(before, token, after)
        _refuse_secret(token)
        _refuse_mark(before, token, after)
    _refuse_long_ways(tokens)


def _tokens(query: str) -> list[_Token]:
    """The query without its white space and comments."""
    if escape := _UNICODE_ESCAPE.search(query):
        # Neo4j decodes them before it looks for quotes and words.
        raise NotAllowed(f"{escape[0]!r} at {escape.start()}: unicode escapes are not allowed")
    if control := _CONTROL.search(query):
        raise NotAllowed(f"{control[0]!r} at {control.start()}: control characters are not allowed")
    tokens, position = [], 0
    while position < len(query):
        found = _TOKEN.match(query, position)
        if found is None:
            raise NotAllowed(_unreadable(query, position))
        if found.lastgroup != "skip":
            tokens.append(_Token(str(found.lastgroup), found[0]))
        position = found.end()
    return tokens


def _unreadable(query: str, position: int) -> str:
    at = f"{query[position : position + 20]!r} at {position}"
    if query[position] == ";":
        return f"{at}: one statement, and no ';', not even at its end"
    if query[position] == "$":
        return f"{at}: there are no parameters; write the value"
    if query[position] in "'\"":
        return (
            f"{at}: the string is not closed, or holds an escape other than \\\\ \\' \\\" \\n \\t"
        )
    if query[position] == "`":
        return f"{at}: the name is not closed, is empty, or holds a backtick or a backslash"
    return f"{at}: not allowed outside strings"


def _refuse_word(before: _Token, token: _Token, after: _Token) -> None:
    if token.word in _NEVER:
        raise NotAllowed(
            f"the word {token.text!r} is not allowed; {_CLAUSES}; "
            f"if it is a name, write `{token.text}` with backticks"
        )
    if token.kind not in ("word", "quoted"):
        return
    if after.text == "(":
        if before.text == ".":
            raise NotAllowed(f"{token.text!r}: a function with a dot in its name is not allowed")
        if token.is_name and token.word not in _FUNCTIONS:
            raise NotAllowed(
                f"the function {token.text!r} is not allowed; allowed are {_FUNCTION_NAMES}"
            )
    if token.is_name and before.ends_a_value:
        raise NotAllowed(f"{token.text!r} after {before.text!r} is not allowed; {_CLAUSES}")


def _refuse_secret(token: _Token) -> None:
    """Refuse a name that a redacted row would no longer have, such as in `n.password AS x`."""
    if token.kind in ("word", "quoted") and names_a_secret(token.text.strip("`")):
        raise NotAllowed(
            f"the name {token.text!r} is not allowed, for it may be a secret's; "
            "properties(n) shows all that is none"
        )


def _refuse_mark(before: _Token, token: _Token, _: _Token) -> None:
    if token.text == "=~":
        # Neo4j 5.26 was seen to go on with (.*a){12}b long after it had ended the transaction.
        raise NotAllowed("'=~' is not allowed: use CONTAINS, STARTS WITH or ENDS WITH")
    after_an_arrow = before.text in ("-", ">") and token.text in ("+", "*", "{")
    if after_an_arrow or (before.text == ")" and token.text == "{"):
        raise NotAllowed(f"the quantifier {token.text!r} is not allowed: {_HOPS}")


def _refuse_long_ways(tokens: Sequence[_Token]) -> None:
    """Refuse patterns that may be as long as the graph lets them."""
    opened: list[int] = []
    for position, token in enumerate(tokens):
        if token.text in _CLOSING:
            opened.append(position)
        elif token.text in _CLOSING.values():
            if not opened or _CLOSING[tokens[opened[-1]].text] != token.text:
                raise NotAllowed(f"there is a {token.text!r} too many")
            _refuse_group(tokens, opened.pop(), position)
    if opened:
        raise NotAllowed(f"a {tokens[opened[-1]].text!r} is not closed")


def _refuse_group(tokens: Sequence[_Token], start: int, end: int) -> None:
    before = tokens[start - 1]
    inside = tokens[start + 1 : end]
    if tokens[start].text == "[":
        _refuse_look_up(before, inside)
    if tokens[start].text == "[" and before.text == "-":
        for place, token in enumerate(inside):
            if token.text == "*":
                _refuse_hops(inside[place + 1 :])
    following = tokens[end + 1].text if end + 1 < len(tokens) else ""
    if tokens[start].text == "(" and following in ("+", "*"):
        texts = [token.text for token in inside]
        if any(pair in _ARROWS for pair in pairwise(texts)):
            raise NotAllowed(f"the quantifier {following!r} is not allowed: {_HOPS}")


def _refuse_look_up(before: _Token, inside: Sequence[_Token]) -> None:
    """Refuse to look up by a text, which may name a secret and is known to the server alone."""
    if before.ends_a_value:
        allowed = all(token.kind == "number" or token.text in ("..", "-") for token in inside)
    else:
        # Neo4j takes most keywords for names too, so that `in[x]` may look up as well.
        allowed = before.kind != "word" or _can_only_be_a_list(inside)
    if not allowed:
        told = " ".join(token.text for token in inside)
        raise NotAllowed(f"'[{told}]' after {before.text!r} is not allowed: {_LOOK_UP}")


def _can_only_be_a_list(inside: Sequence[_Token]) -> bool:
    if len(inside) <= 1:
        return all(
            token.kind == "number"
            or (token.kind == "string" and not names_a_secret(token.text[1:-1]))
            for token in inside
        )
    outer, depth = [], 0
    for token in inside:
        depth -= token.text in _CLOSING.values()
        if depth == 0:
            outer.append(token)
        depth += token.text in _CLOSING
    # CASE is the one expression that may hold a comma or a bar.
    divided = any(token.text in (",", "|") for token in outer) or inside[1].word == "IN"
    return divided and all(token.word != "CASE" for token in outer)


def _refuse_hops(after_star: Sequence[_Token]) -> None:
    parts = takewhile(lambda token: token.kind == "number" or token.text == "..", after_star)
    written = "".join(part.text for part in parts)
    bound = re.fullmatch(r"(?:\d*\.\.)?(\d+)", written, re.ASCII)
    if bound is None or int(bound[1]) > MOST_HOPS:
        raise NotAllowed(f"a way of '*{written}' is not allowed: {_HOPS}")
