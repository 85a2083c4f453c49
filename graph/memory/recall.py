"""Which items are shown at the start of a turn, or asked for by the tool.

A gate first: only items about a component that is named, or that is at most HOPS calls from one.
Then a score: how sure memory is, less what has faded, less for each hop, more for words in common
with the question. Nothing is shown when the best score is low, and nothing that is far below it.
"""

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from graph.memory.confidence import FLOOR, Standing, faded
from graph.memory.item import Item, name_of, text_of
from graph.memory.sameness import plain, said, score
from graph.memory.shelf import HEAD_LIMIT, Place, Shelf
from graph.state import Recalled
from graph.untrusted import printable

HOPS = 2
RECALL_LIMIT = 5
"""Hints shown in one turn."""
CHARACTERS_LIMIT = 2000
"""Of all hints together; about 500 tokens."""
ADVICE_LIMIT = 300
NAMES_LIMIT = 200
"""Characters of a hint's recommendation, and of its components; whole, they and the finding could
pass the limit above, and a hint that passes it is not shown."""
LOOKED_AT = HEAD_LIMIT
"""Items whose text is compared, the surest of those that passed the gate."""
HOP_WEIGHT = 0.6
"""What an item is worth for each hop away."""
ABSTAIN_BELOW = 0.2
MARGIN = 0.5
"""Part of the best score that an item must have."""
WORDS_LIMIT = 600
"""Words of the question, alone and with those after them, that are looked up as names."""
_WORD = re.compile(r"\w(?:[\w.-]*\w)?")

Neighbours = Callable[[Sequence[str], int], Awaitable[Mapping[str, int]]]
"""For words that may be names of components, and a number of hops: each component that is named
or near, in lower case, with its distance. Raises nothing: what is away has no neighbours."""


@dataclass(frozen=True)
class Hit:
    """An item with why it is shown."""

    place: Place
    item: Item
    hops: int
    score: float

    def hint(self) -> Recalled:
        """The item as the orchestrator sees it."""
        item = self.item
        names = ", ".join(item["components"])
        text = f"{item['tag']} {names[:NAMES_LIMIT]}: {name_of(item)}. {text_of(item)}"
        if advice := item["recommendation"]:
            text += f" Then: {advice[:ADVICE_LIMIT]}"
        counted = (
            f"(found {item['occurrences']}x, confirmed {item['confirmed']}x, "
            f"refuted {item['refuted']}x)"
        )
        return Recalled(
            id=hint_id(self.place[1]),
            text=printable(f"{text} {counted}"),
            last_confirmed=item["last_confirmed"],
            key=self.place[1],
            components=list(item["components"]),
            confidence=round(self.score, 3),
        )


def hint_id(key: str) -> str:
    """How an item is cited."""
    return f"M-{key[:8]}"


async def hits(
    shelf: Shelf, neighbours: Neighbours | None, text: str, focus: Sequence[str], now: datetime
) -> list[Hit]:
    """The items to show, the best first; empty when unsure."""
    distances = await _gate(neighbours, text, focus)
    lists = await shelf.heads(distances)
    near: dict[Place, tuple[int, Standing]] = {}
    for name, listed in lists.items():
        for place, rank in listed.items():
            hops = min(distances[name], near[place][0] if place in near else HOPS)
            near[place] = (hops, rank)
    ranked = sorted(near.items(), key=lambda entry: -_worth(entry[1], now))[:LOOKED_AT]
    places = [place for place, known in ranked if faded(known[1], now) >= FLOOR]
    items = await shelf.some(places)
    asked = plain(text)
    found = []
    for place, (hops, _) in ranked:
        if item := items.get(place):
            worth = _worth((hops, item), now)
            found.append(Hit(place, item, hops, worth * _fitting(item, asked)))
    return _chosen(sorted(found, key=lambda hit: -hit.score))


def _chosen(ranked: Sequence[Hit]) -> list[Hit]:
    if not ranked or ranked[0].score < ABSTAIN_BELOW:
        return []
    least = ranked[0].score * MARGIN
    chosen: list[Hit] = []
    left = CHARACTERS_LIMIT
    for hit in ranked[:RECALL_LIMIT]:
        left -= len(hit.hint()["text"])
        if hit.score < least or left < 0:
            break
        chosen.append(hit)
    return chosen


async def _gate(neighbours: Neighbours | None, text: str, focus: Sequence[str]) -> dict[str, int]:
    """The names that may be meant, with their distance; words that are no component cost a look."""
    named = {name.lower(): 0 for name in focus}
    words = [word.lower() for word in _WORD.findall(text)]
    for word in dict.fromkeys([*words, *_names(words)][:WORDS_LIMIT]):
        named.setdefault(word, 0)
    if neighbours is None:
        return named
    near = await neighbours(list(named), HOPS)
    return {**dict(near), **named}


def _names(words: Sequence[str]) -> Iterable[str]:
    """What may be names of two or three words."""
    for length in (2, 3):
        yield from (" ".join(words[i : i + length]) for i in range(len(words) - length + 1))


def _worth(near: tuple[int, Item | Standing], now: datetime) -> float:
    hops, known = near
    return faded(known, now) * HOP_WEIGHT**hops


def _fitting(item: Item, asked: str) -> float:
    """From a half to one: how much of what it says is asked about."""
    return 0.5 + 0.5 * score(asked, plain(said(item))) / 100
