"""Datadog's metric queries and formulas, as far as the double knows them.

`agg:metric{scope} by {tags}` with `.as_count()`, `.as_rate()`, `.rollup(method, seconds)` and
`.fill(...)`; formulas with + - * / over the names of queries.
Source: https://docs.datadoghq.com/dashboards/functions/ and /metrics/advanced-filtering/.
"""

import ast
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass

from lab.datadog.asked import Refused
from lab.datadog.search import Search, SearchError, parse

_QUERY = re.compile(
    r"\s*(?:(?P<agg>avg|sum|min|max|count|p50|p75|p90|p95|p99):)?"
    r"(?P<metric>[A-Za-z][\w.]*)\{(?P<scope>[^{}]*)\}"
    r"(?:\s*by\s*\{(?P<by>[^{}]*)\})?(?P<functions>(?:\.\w+\([^()]*\))*)\s*"
)
_FUNCTION = re.compile(r"\.(\w+)\(([^()]*)\)")
_IN = re.compile(r"([\w.\-]+)\s+(NOT\s+)?IN\s*\(([^)]*)\)", re.IGNORECASE)
_PIECE = re.compile(r"[!-]?\(*(?:\*|[\w.\-/]+:[^\s,]+)\)*", re.IGNORECASE)
_GLUE = frozenset({"", "AND", "OR", "NOT", "(", ")", "-("})
_OPERATORS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


@dataclass(frozen=True)
class MetricQuery:
    """A query, read."""

    aggregation: str
    metric: str
    scope: Search
    by: tuple[str, ...]
    per: str
    """`count` or `rate` where the query says so."""
    rollup: str
    rollup_s: int | None


def parse_query(text: str) -> MetricQuery:
    """The query of that text. Raises Refused(400) in Datadog's words where it is none."""
    found = _QUERY.fullmatch(text)
    if found is None:
        raise _unreadable(text, "query")
    per, rollup, rollup_s = "", "avg", None
    for name, arguments in _FUNCTION.findall(found["functions"]):
        words = [word.strip() for word in arguments.split(",") if word.strip()]
        if name in ("as_count", "as_rate") and not words:
            per = name.removeprefix("as_")
        elif name == "rollup" and words and words[0] in ("avg", "sum", "min", "max", "count"):
            rollup = words[0]
            rollup_s = int(words[1]) if words[1:] and words[1].isdecimal() else None
        elif name != "fill":
            raise _unreadable(text, "function")
    by = tuple(tag.strip() for tag in (found["by"] or "").split(",") if tag.strip())
    wanted = scope(text, found["scope"])
    return MetricQuery(found["agg"] or "avg", found["metric"], wanted, by, per, rollup, rollup_s)


def parse_formula(text: str, names: list[str]) -> ast.expr:
    """The formula over these names. Raises Refused(400) for anything but + - * / on them."""
    try:
        formula = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError):
        raise _unreadable(text, "formula") from None
    for node in ast.walk(formula):
        known = isinstance(node, ast.Name) and node.id in names
        number = isinstance(node, ast.Constant) and type(node.value) in (int, float)
        sum_ = isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS
        if not (known or number or sum_ or isinstance(node, ast.operator | ast.expr_context)):
            raise _unreadable(text, "formula")
    return formula


def computed(formula: ast.expr, values: dict[str, float | None]) -> float | None:
    """The formula's value; None where a part of it has none, or it divides by zero."""
    if isinstance(formula, ast.Name):
        return values[formula.id]
    if isinstance(formula, ast.Constant) and isinstance(formula.value, int | float):
        return formula.value
    assert isinstance(formula, ast.BinOp), "parse_formula lets nothing else through"
    left, right = computed(formula.left, values), computed(formula.right, values)
    if left is None or right is None or (isinstance(formula.op, ast.Div) and right == 0):
        return None
    return _OPERATORS[type(formula.op)](left, right)


def scope(text: str, tags: str) -> Search:
    """The tags of a query's text; a comma is an AND, and `!` a NOT. Raises Refused(400)."""
    words = _IN.sub(_alternatives, tags)
    pieces = [piece for piece in re.split(r"[\s,]+", words) if piece not in _GLUE]
    if not pieces or not all(_PIECE.fullmatch(piece) for piece in pieces):
        raise _unreadable(text, "scope_expr")
    try:
        return parse(re.sub(r"!(?=\S)", "-", words.replace(",", " AND ")))
    except SearchError:
        raise _unreadable(text, "scope_expr") from None


def _alternatives(found: re.Match[str]) -> str:
    values = [value.strip() for value in found[3].split(",")]
    each = " OR ".join(f"{found[1]}:{value}" for value in values)
    return f"{'-' if found[2] else ''}( {each} )"


def _unreadable(text: str, rule: str) -> Refused:
    return Refused(
        400, f"Error parsing query: \n unable to parse {text}: Rule '{rule}' didn't match"
    )
