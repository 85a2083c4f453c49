"""One turn has a hint and a finding of the same thing, or two causes of one symptom."""

import pytest

from graph.memory import Memory
from tests.graph.memory.found import insight, learn, turn

LATER = "2026-11-25T10:00:00.000Z"


@pytest.mark.parametrize(
    ("verdict", "confirmed", "unused"), [("confirmed", 1, 0), ("unused", 1, 1)]
)
async def test_a_hint_that_is_found_again_is_counted_as_found_and_confirmed_once(
    memory: Memory, verdict: str, confirmed: int, unused: int
) -> None:
    await learn(memory, insight(), turn("t1"))
    [item] = await memory.items()
    await memory.learn("t2", {item["id"]: verdict}, LATER)
    await learn(memory, insight(), turn("t2"))
    [item] = await memory.items()
    assert (item["occurrences"], item["confirmed"], item["unused"]) == (2, confirmed, unused)


async def test_what_a_turn_refuted_is_not_found_again_by_it(memory: Memory) -> None:
    await learn(memory, insight(), turn("t1"))
    [item] = await memory.items()
    await memory.learn("t2", {item["id"]: "refuted"}, LATER)
    assert await learn(memory, insight(title="Client pool is too small"), turn("t2")) == 1
    items = {item["id"]: item for item in await memory.items()}
    before = items.pop(item["id"])
    assert (before["occurrences"], before["confirmed"], before["refuted"]) == (1, 0, 1)
    assert [other["occurrences"] for other in items.values()] == [1]


async def test_two_causes_of_one_symptom_are_two_items(memory: Memory) -> None:
    for cause in ("pricing-service", "promotion-service"):
        found = insight(
            title=f"{cause}: bad deployment",
            finding=f"{cause} was deployed, and since then its callers wait for it.",
            components=[cause, "checkout-service"],
        )
        await learn(memory, found, turn(cause))
    assert [item["occurrences"] for item in await memory.items()] == [1, 1]


@pytest.mark.parametrize(
    "named", [["pricing-service"], ["cart-service", "pricing-service", "checkout-service"]]
)
async def test_naming_fewer_or_more_components_makes_no_other_item(
    memory: Memory, named: list[str]
) -> None:
    await learn(memory, insight(components=["pricing-service", "checkout-service"]), turn("t1"))
    await learn(memory, insight(components=named), turn("t2"))
    assert [item["occurrences"] for item in await memory.items()] == [2]
