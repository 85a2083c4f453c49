"""What two runs did differently: their exchanges, and what came of them."""

from collections import deque
from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any

from replay.comparing.likeness import Likeness, Told, without_times
from replay.recording import Recording
from replay.telling.brief import call
from replay.telling.differences import difference
from replay.telling.request_difference import request_difference
from replay.telling.story import Story, story

Contrast = dict[str, Any]
Pair = tuple[Told | None, Told | None]
OUTCOME = ("status", "root_cause", "reason", "report", "answer", "receipt")
FIGURES = ("cost_usd", "input_tokens", "output_tokens", "tool_calls", "visits")
ANALYST = ("analyst_cost_usd", "analyst_input_tokens", "analyst_output_tokens")
UNCOUNTED = ("seconds",)
"""It is another in every run."""


def contrast(one: Recording, other: Recording) -> Contrast:
    """How run B (`other`) differs from run A (`one`).

    `a`, `b`: the columns of each. `same`: whether nothing that counts differs. `made_with`: what
    differs of their code and settings, which does not count by itself. `counts`: exchanges of
    `a` and `b`, and how many are `same`, `differ`, `moved`, `only_a`, `only_b`. `exchanges`: those
    that are not the same, as `_Entries` tells of them. `times`: the tool calls that were answered
    the same but for times, which does not count. `outcome`: of what came out differently the
    `name`, `a`, `b`, the `lines`, and whether it `counts`. Raises UnreadableValue.
    """
    mine, yours = Likeness(one), Likeness(other)
    pairs = _paired([*mine.exchanges()], [*yours.exchanges()])
    entries = [*_Entries(pairs).all()]
    stories = story(one), story(other)
    outcome = [*_outcome(mine.value(_came(stories[0])), yours.value(_came(stories[1])))]
    kinds = [entry["kind"] for entry in entries]
    return {
        "a": dict(one.run),
        "b": dict(other.run),
        "same": not entries and not any(entry["counts"] for entry in outcome),
        "made_with": _made_with(*stories),
        "counts": {
            "a": sum(a is not None for a, _ in pairs),
            "b": sum(b is not None for _, b in pairs),
            "same": len(pairs) - len(entries),
            **{name: kinds.count(name) for name in ("differ", "moved", "only_a", "only_b")},
        },
        "exchanges": entries,
        "times": [a.at for a, b in pairs if a and b and _times_alone(a, b)],
        "outcome": outcome,
    }


def _paired(one: Sequence[Told], other: Sequence[Told]) -> list[Pair]:
    """Every exchange of both once, beside its like, in the order of A.

    The surest likeness comes first: what is asked at one place in A and at another in B has
    moved, also when something else of that name is asked at the first place.
    """
    found: dict[int, int] = {}
    for likeness in (_same_place, _same_request, _place_alone):
        waiting: dict[Hashable, deque[int]] = {}
        taken = set(found.values())
        for place, told in enumerate(other):
            if place not in taken:
                waiting.setdefault(likeness(told), deque()).append(place)
        for place, told in enumerate(one):
            if place not in found and (like := waiting.get(likeness(told))):
                found[place] = like.popleft()
    pairs: list[tuple[float, Pair]] = [
        (place, (told, other[found[place]] if place in found else None))
        for place, told in enumerate(one)
    ]
    beside = {b: a for a, b in found.items()}
    ends = {_step(told): place for place, told in enumerate(one)}
    after = -1
    for place, told in enumerate(other):
        if place in beside:
            after = max(after, beside[place])
        else:
            pairs.append((max(after, ends.get(_step(told), -1)) + 0.5, (None, told)))
    return [pair for _, pair in sorted(pairs, key=lambda entry: entry[0])]


def _step(told: Told) -> str:
    return told.at.partition(".")[0]


def _same_place(told: Told) -> Hashable:
    return told.at, told.kind, told.name, told.key


def _same_request(told: Told) -> Hashable:
    return told.kind, told.name, told.key


def _place_alone(told: Told) -> Hashable:
    return told.at, told.kind, told.name


def _same(a: Told, b: Told) -> bool:
    return (a.at, a.key, a.outcome) == (b.at, b.key, b.outcome)


def _times_alone(a: Told, b: Told) -> bool:
    return a.kind == "tool" and _same(a, b) and a.answer != b.answer


class _Entries:
    """What is told of the pairs that are not the same; nothing is shown twice.

    A model is asked with all that came before: of its messages those are shown that no other
    entry tells of, and the places that do are named.
    """

    def __init__(self, pairs: Sequence[Pair]) -> None:
        self._pairs = pairs
        self._told_of = {
            told.at for pair in pairs if not _is_same(pair) for told in pair if told is not None
        }
        self._shown: set[tuple[str, str, str]] = set()

    def all(self) -> Iterator[dict[str, Any]]:
        """The entries, in their order."""
        for pair in self._pairs:
            if not _is_same(pair):
                yield self._entry(*pair)

    def _entry(self, a: Told | None, b: Told | None) -> dict[str, Any]:
        """`kind`; the address in `a` and in `b`; the exchange; how it was answered in each.

        `request` and `answer`: the lines that differ, `-` in A, `+` in B. `because`: the places
        that tell of what the request holds differently besides.
        """
        told = a or b
        assert told is not None, "a pair is of one at least"
        entry: dict[str, Any] = {
            "kind": "differ" if b else "only_a",
            "a": a.at if a else None,
            "b": b.at if b else None,
            "exchange": told.kind,
            "name": told.name,
            "asked": call(told.name, told.request) if told.kind == "tool" else told.name,
            "status": {"a": a and a.answer["status"], "b": b and b.answer["status"]},
            "request": [],
            "because": [],
            "answer": [],
        }
        if a is None or b is None:
            return {**entry, "kind": "only_a" if a else "only_b"}
        if a.key != b.key:
            entry["request"], entry["because"] = self._request(a, b)
        if a.outcome != b.outcome:
            entry["answer"] = difference(without_times(a.answer), without_times(b.answer))
        return {**entry, "kind": "differ" if a.at == b.at else "moved"}

    def _request(self, a: Told, b: Told) -> tuple[list[str], list[str]]:
        mine, yours = without_times(a.request), without_times(b.request)
        because: list[str] = []
        if a.kind == "model":
            one, other = _messages(a, mine), _messages(b, yours)
            for name in {**one, **other}:
                pair = (name, str(one.get(name)), str(other.get(name)))
                if pair[1] == pair[2]:
                    continue
                if name in self._told_of or pair in self._shown:
                    because.append(name)
                self._shown.add(pair)
            mine, yours = _without(a, mine, because), _without(b, yours, because)
        return request_difference(a.kind, mine, yours), because


def _messages(told: Told, request: Any) -> dict[str, Any]:
    return dict(zip(told.refers, request["messages"], strict=True))


def _without(told: Told, request: Any, names: Sequence[str]) -> Any:
    """The request without the messages of these names."""
    kept = [message for name, message in _messages(told, request).items() if name not in names]
    return {**request, "messages": kept}


def _is_same(pair: Pair) -> bool:
    a, b = pair
    return a is not None and b is not None and _same(a, b)


def _came(told: Story) -> dict[str, Any]:
    """What came of a run, by the names of OUTCOME and of the figures."""
    run, state = told["run"], told["last"]
    spent = state.get("spent") or run
    receipt = told["receipt"] or {}
    report = state.get("report")
    return {
        **{name: run[name] for name in ("status", "root_cause", "reason", *ANALYST)},
        **{name: spent[name] for name in (*FIGURES, *UNCOUNTED)},
        "report": report,
        "answer": None if report else told["answer"],
        "receipt": {name: receipt.get(name) for name in ("status", "reason")} if receipt else None,
    }


def _outcome(one: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for name in (*OUTCOME, *FIGURES, *UNCOUNTED, *ANALYST):
        a, b = without_times(one[name]), without_times(other[name])
        if isinstance(a, float) and isinstance(b, float):
            # Sums of the same prices, in another order.
            a, b = round(a, 9), round(b, 9)
        if a == b:
            continue
        lines = difference(a, b) if isinstance(a or b, dict | str) else []
        yield {"name": name, "a": a, "b": b, "lines": lines, "counts": name not in UNCOUNTED}


def _made_with(one: Story, other: Story) -> list[str]:
    """What differs of their code, prompts, packages and settings, one thing a line."""
    if not one["setup"] or not other["setup"]:
        return []
    return difference(one["setup"], other["setup"])
