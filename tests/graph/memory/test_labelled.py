"""Two hundred findings, labelled by hand: what says the same is merged, and nothing else."""

import itertools
import random
from collections import Counter

import pytest

from graph.findings import Findings
from graph.memory import Memory
from graph.memory.refusal import refusal
from graph.memory.writing import merged
from tests.graph.memory.found import turn
from tests.graph.memory.labelled import LABELLED, groups, singles, vague


def test_the_data_are_what_the_figures_say() -> None:
    assert (len(groups()), len(LABELLED["group"])) == (120, 15)
    assert len(groups()) + len(singles()) + len(vague()) == 200


def test_every_vague_finding_is_refused_and_no_other_one() -> None:
    assert [found.title for _, found in vague() if refusal(found) is None] == []
    assert [found.title for _, found in [*groups(), *singles()] if refusal(found)] == []


def test_pairs_are_merged_with_high_precision_and_recall() -> None:
    counted: Counter[tuple[bool, bool]] = Counter()
    for (label, first), (other, second) in itertools.combinations([*groups(), *singles()], 2):
        counted[label == other, merged(first, second)] += 1
    precision = counted[True, True] / (counted[True, True] + counted[False, True])
    recall = counted[True, True] / (counted[True, True] + counted[True, False])
    print(f"pairs that say the same: precision {precision:.3f}, recall {recall:.3f}")  # noqa: T201
    assert precision >= 0.98
    assert recall >= 0.95


@pytest.mark.parametrize("seed", range(5))
async def test_two_hundred_findings_leave_about_fifteen_items_for_fifteen_things(
    memory: Memory, seed: int
) -> None:
    found = [*groups(), *singles(), *vague()]
    random.Random(seed).shuffle(found)
    refused = 0
    for number, (label, insight) in enumerate(found):
        of_turn = turn(f"{label}/{number}")
        refused += (await memory.add(Findings(insights=[insight]), of_turn))[1]
    labels = [
        {turn_id.partition("/")[0] for turn_id in item["turns"]} for item in await memory.items()
    ]
    assert refused == len(vague())
    assert [names for names in labels if len(names) > 1] == []
    assert 15 <= sum(1 for names in labels if next(iter(names)).startswith("group")) <= 18
    assert sum(1 for names in labels if next(iter(names)).startswith("single")) == len(singles())
