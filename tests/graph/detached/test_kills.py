"""kill -9 at random moments of a turn: nothing accepted is lost, nothing learned is doubled."""

import asyncio
import random
from collections import Counter
from uuid import uuid4

import pytest

from lab.minimax import MiniMaxDouble
from tests.conftest import MakeSettings
from tests.graph.detached.child import Child

ANALYST = "MiniMax-M2.5"
KILLS = 60
MOMENTS = ("before the answer", "hand-over", "analyst", "memory")
MODEL_DELAY_S = 0.04
UNANSWERED_S = 0.4
"""A turn is not answered sooner: its five model calls take half of that, the process the rest."""


async def moment_of(
    run: str, moment: str, child: Child, provider: MiniMaxDouble, chance: random.Random
) -> None:
    """Wait for that moment of the turn that the child was just asked."""
    if moment == "before the answer":
        await asyncio.sleep(chance.uniform(0, UNANSWERED_S))
    elif moment == "hand-over":
        await child.until("hand-over started", "answered")
        await asyncio.sleep(chance.uniform(0, 0.04))
    else:
        await child.until("answered")
        while not any(run in str(seen.body) for seen in provider.of(ANALYST)):
            await provider.wait_for(ANALYST, len(provider.of(ANALYST)) + 1)
        waited_s = MODEL_DELAY_S if moment == "memory" else 0
        await asyncio.sleep(waited_s + chance.uniform(0, 0.04))


@pytest.mark.timeout(400)
@pytest.mark.parametrize("database", ["sqlite", "postgres"], indirect=True)
async def test_whatever_is_killed_every_question_is_answered_and_learned_from_once(
    lab_settings: MakeSettings, provider: MiniMaxDouble
) -> None:
    seed = random.randrange(10**6)
    chance = random.Random(seed)
    provider.delay_s = MODEL_DELAY_S
    settings = lab_settings(enrichment_timeout_s=5)
    accepted: dict[str, str] = {}
    moments: Counter[str] = Counter()
    for number in range(KILLS):
        child = Child(settings)
        assert await child.until("ready") == ("ready",)
        moment = MOMENTS[number % len(MOMENTS)]
        while True:
            run, thread = str(uuid4()), f"t{chance.randrange(8)}"
            await child.tell("ask", run, thread)
            heard = await child.until("accepted", "busy")
            if heard[0] == "accepted":
                break
        accepted[run] = thread
        await moment_of(run, moment, child, provider, chance)
        await child.kill()
        moments[moment] += 1
    child = Child(settings)
    assert await child.until("ready") == ("ready",)
    await child.tell("settle")
    word, items, receipts, said = await child.until("settled", "unsettled")
    await child.kill()
    assert word == "settled"
    print(  # noqa: T201 (what was tried; pytest -rP shows it)
        f"seed {seed}: {sum(moments.values())} kills {dict(moments)}, {len(accepted)} questions, "
        f"receipts {dict(Counter(receipts.values()))}, {len(provider.of(ANALYST))} calls of the "
        f"analyst, {len(items)} items"
    )
    for run, thread in accepted.items():
        told = [name for _, name, _ in said[thread]]
        assert told.count(f"{run}:question") == 1, (seed, run)
        own = said[thread][told.index(f"{run}:question") + 1 :]
        own = own[: next((i for i, entry in enumerate(own) if entry[0] == "human"), len(own))]
        assert own, (seed, run, told)
        assert own[-1][0] == "ai", (seed, run, own)
        assert not own[-1][2], (seed, run, own)
    for thread, messages in said.items():
        names = [name for _, name, _ in messages]
        assert len(names) == len(set(names)), (seed, thread)
    assert set(receipts) == set(accepted), seed
    assert set(receipts.values()) <= {"stored", "skipped"}, (seed, receipts)
    stored = {turn for turn, status in receipts.items() if status == "stored"}
    assert {turn.split()[0] for _, turns in items for turn in turns} == stored, seed
    assert len(provider.of(ANALYST)) > KILLS + KILLS // 6, "too few kills hit the analyst's call"
    for occurrences, turns in items:
        assert len(turns) == len(set(turns)), seed
        # The others say what became of it as a hint.
        assert occurrences == len([turn for turn in turns if " " not in turn]), seed
