"""Memory is worth having: the next investigation is shorter and no worse.

Each shipped incident is a family: cold (A), once more (A'), the same alert with another cause
(A''), without memory, and with a wrong entry in memory.
"""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from lab import bolt, minimax, standin
from lab.incident import RECURRENCES, load, recurrence, shipped
from lab.recurring import AGAIN, COLD, OTHER, POISONED, WITHOUT, Family, Ground, play
from tests.conftest import SCRATCH

Played = Callable[[str], Awaitable[Family]]
TOKENS_OF_A_LINE = 25
"""What the system message says of memory that is off, in each call of a model."""


@pytest.fixture(scope="module")
async def played(server: bolt.BoltServer, tmp_path_factory: pytest.TempPathFactory) -> Played:
    """All runs of a family; each family is played once, when a test first asks for it."""
    known: dict[str, Family] = {}

    async def family(name: str) -> Family:
        if name not in known:
            folder: Path = tmp_path_factory.mktemp(name)
            async with minimax.serve(standin.answer) as provider:
                known[name] = await play(name, Ground(server, provider, SCRATCH, folder))
        return known[name]

    return family


@pytest.mark.parametrize("name", shipped())
async def test_the_recurrence_takes_fewer_calls_and_tokens_and_finds_the_same_cause(
    name: str, played: Played
) -> None:
    runs = (await played(name)).runs
    cold, again = runs[COLD], runs[AGAIN]
    assert cold.cause == again.cause == load(name).expected.root_cause
    assert len(again.calls) < len(cold.calls)
    assert again.model_calls < cold.model_calls
    assert again.tokens < cold.tokens
    assert (again.hints["refuted"], again.hints["unused"]) == (0, 0)
    assert again.hints["confirmed"] > 0


@pytest.mark.parametrize("name", shipped())
async def test_what_is_found_again_confirms_what_memory_holds_and_adds_nothing(
    name: str, played: Played
) -> None:
    runs = (await played(name)).runs
    assert runs[COLD].remembered
    assert set(runs[COLD].remembered.values()) == {1}
    assert runs[AGAIN].remembered == dict.fromkeys(runs[COLD].remembered, 2)


@pytest.mark.parametrize("name", shipped())
async def test_the_same_alert_with_another_cause_is_answered_right_with_memory_on(
    name: str, played: Played
) -> None:
    runs = (await played(name)).runs
    other = runs[OTHER]
    assert other.cause == recurrence(name).expected.root_cause != runs[COLD].cause
    assert other.hints["confirmed"] == 0
    assert other.hints["refuted"] > 0
    known = runs[AGAIN].remembered
    assert {key: other.remembered[key] for key in known} == known
    assert len(other.remembered) > len(known)


@pytest.mark.parametrize("name", shipped())
async def test_without_memory_the_recurrence_is_the_first_time_again(
    name: str, played: Played
) -> None:
    runs = (await played(name)).runs
    cold, without = runs[COLD], runs[WITHOUT]
    assert (without.calls, without.model_calls) == (cold.calls, cold.model_calls)
    assert without.cause == cold.cause
    assert without.hints == {"confirmed": 0, "refuted": 0, "unused": 0}
    told = TOKENS_OF_A_LINE * cold.model_calls
    assert 0 < without.tokens - cold.tokens <= told + cold.tokens // 100


@pytest.mark.parametrize("name", shipped())
async def test_a_wrong_entry_does_not_change_the_answer_and_is_believed_less(
    name: str, played: Played
) -> None:
    family = await played(name)
    poisoned = family.runs[POISONED]
    assert poisoned.cause == load(name).expected.root_cause
    assert poisoned.hints == {"confirmed": 0, "refuted": 1, "unused": 0}
    assert family.before > 0.95
    assert family.after < 0.8


@pytest.mark.parametrize("name", shipped())
async def test_the_gate_holds(name: str, played: Played) -> None:
    assert (await played(name)).unmet() == []


def test_each_shipped_incident_has_a_recurrence_of_the_same_alert() -> None:
    assert sorted(folder.name for folder in RECURRENCES.iterdir()) == shipped()
    for name in shipped():
        first, other = load(name), recurrence(name)
        assert (other.like, other.question) == (name, first.question)
        assert other.title != first.title
        assert other.topology.blamable == first.topology.blamable
        alert = first.signals.monitor[0]
        assert (alert.name, alert.status) in {(m.name, m.status) for m in other.signals.monitor}
