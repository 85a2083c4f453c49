"""Recall: hints about what is asked or near it, the likeliest first, or none at all."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from graph.memory import Memory
from graph.memory.recall import CHARACTERS_LIMIT, RECALL_LIMIT
from tests.graph.memory.found import baseline, insight, learn, pattern, recalled, turn


def today(days_ago: int = 0) -> str:
    return f"{datetime.now(UTC) - timedelta(days=days_ago):%Y-%m-%d}"


@pytest.mark.parametrize(
    ("question", "focus"),
    [
        ("why is pricing-service slow", []),
        ("Why is PRICING-SERVICE slow?", []),
        ("tell me about pricing-service.", []),
        ("is 'pricing-service', as I fear, slow again", []),
        ("what is wrong", ["pricing-service"]),
        ("what is wrong", ["cart-service", "Pricing-Service"]),
    ],
)
async def test_a_finding_is_recalled_when_its_component_is_named(
    memory: Memory, question: str, focus: list[str]
) -> None:
    await learn(memory, insight(), turn("t1", day=today()))
    [hint] = await recalled(memory, question, *focus)
    assert hint == (
        "[MiniMax] pricing-service: Client pool too small. Calls wait for one of five connections "
        "of the pool. Then: Roll back v2.14.0 (found 1x, confirmed 0x, refuted 0x)"
    )


@pytest.mark.parametrize(
    ("question", "focus"),
    [
        ("why is cart-service slow", []),
        ("why is everything slow", ["cart-service"]),
        ("is pricing slow", ["pricing"]),
        ("why is pricing-service-2 slow", ["my-pricing-service"]),
        ("Client pool too small", []),
        ("", []),
    ],
)
async def test_a_finding_about_another_component_is_not_recalled(
    memory: Memory, question: str, focus: list[str]
) -> None:
    await learn(memory, insight(), turn("t1", day=today()))
    await learn(memory, pattern(), turn("t1", day=today()))
    assert await memory.recall(question, focus) == []


async def test_a_name_of_several_words_is_recalled_from_the_question(memory: Memory) -> None:
    await learn(memory, insight(components=["Big Order Service"]), turn("t1", day=today()))
    assert len(await recalled(memory, "Is the big order service slow?")) == 1
    assert await recalled(memory, "Is the big order service-bus slow?") == []


async def test_what_is_near_in_the_topology_is_recalled_and_what_is_nearer_comes_first(
    memory_near: Callable[[dict[str, int]], Memory],
) -> None:
    memory = memory_near({"checkout-service": 0, "tax-service": 1, "pricing-service": 2})
    for name in ("pricing-service", "tax-service", "far-service"):
        await learn(memory, insight(components=[name]), turn(name, day=today()))
    hints = await memory.recall("checkout-service is slow: its pool is full", [])
    assert [hint.get("components") for hint in hints] == [["tax-service"], ["pricing-service"]]


async def test_what_fits_the_question_comes_before_what_does_not(memory: Memory) -> None:
    certificate = insight(title="Certificate expired", finding="The TLS certificate expired.")
    await learn(memory, certificate, turn("t1", day=today()))
    await learn(memory, insight(), turn("t2", day=today()))
    hints = await recalled(memory, "pricing-service: TLS certificate refused?")
    assert "Certificate expired" in hints[0]


async def test_what_was_refuted_often_is_not_shown_any_more(memory: Memory) -> None:
    await learn(memory, insight(), turn("t1", day=today()))
    [item] = await memory.items()
    for number in range(4):
        await memory.learn(f"r{number}", {item["id"]: "refuted"}, f"{today()}T11:00:00.000Z")
    assert await memory.recall("is pricing-service slow?", []) == []
    assert len(await memory.items()) == 1


async def test_what_was_not_confirmed_for_long_fades_and_is_kept(memory: Memory) -> None:
    await learn(memory, insight(), turn("t1", day=today(days_ago=200)))
    assert await memory.recall("is pricing-service slow?", []) == []
    assert len(await memory.items()) == 1


async def test_hints_far_below_the_best_one_are_left_out(memory: Memory) -> None:
    await learn(memory, pattern(confidence=1.0), turn("t1", day=today()))
    await learn(memory, insight(severity="low"), turn("t2", day=today(days_ago=50)))
    assert len(await memory.recall("is pricing-service slow after the deployment?", [])) == 1


async def test_hints_are_bounded_in_number_and_length(memory: Memory) -> None:
    for name in (
        "certificate expired",
        "disk volume grows",
        "retry storm of callers",
        "index missing on orders",
        "clock drifts by seconds",
        "cache evicts carts",
        "fonts absent on hosts",
    ):
        found = insight(title=name.capitalize(), finding=f"{name}, {name}")
        await learn(memory, found, turn(name, day=today()))
    hints = await memory.recall("is pricing-service slow?", [])
    assert len(hints) == RECALL_LIMIT
    long = insight(title="t" * 160, finding="f" * 1000, recommendation="r" * 1000)
    for name in ("a", "b", "c"):
        other = long.insights[0].model_copy(update={"components": [name, "tax-service"]})
        await learn(memory, insight(**other.model_dump()), turn(name, day=today()))
    texts = await recalled(memory, "is tax-service slow?")
    assert 0 < sum(map(len, texts)) <= CHARACTERS_LIMIT


async def test_a_hint_stays_on_its_line(memory: Memory) -> None:
    await learn(memory, insight(components=["x", "y\n--- end"]), turn("t1", day=today()))
    [hint] = await recalled(memory, "x")
    assert hint.startswith("[MiniMax] x, y --- end: ")


async def test_a_baseline_says_what_is_usual(memory: Memory) -> None:
    await learn(memory, baseline(), turn("t1", day=today()))
    [hint] = await recalled(memory, "is pricing-service slow?")
    assert "p99 latency is typically 45 ms (spread 5, window last 24h)" in hint


async def test_a_hint_tells_its_key_and_when_it_was_confirmed(memory: Memory) -> None:
    await learn(memory, insight(), turn("t1", day=today()))
    [item], [hint] = await memory.items(), await memory.recall("pricing-service", [])
    assert hint["id"] == f"M-{item['id'][:8]}"
    assert hint.get("key") == item["id"]
    assert hint["last_confirmed"] == item["last_confirmed"]
