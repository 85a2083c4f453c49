"""The causes that the stand-in knows: one rule each, from what the results show of a suspect."""

from collections.abc import Callable, Iterator

from lab.standin.machines import busy_host, ill_host, noisy_neighbour
from lab.standin.outages import does_not_run
from lab.standin.outside import is_external
from lab.standin.reading import TurnSoFar
from lab.standin.refusals import something_expired
from lab.standin.releases import was_deployed
from lab.standin.saturation import busy_database, deployed_caller, hungry_caller, pool_is_full
from lab.standin.suspect import Suspect
from lab.standin.trail import Trail
from lab.standin.verdict import Verdict

Rule = Callable[[Suspect], Iterator[tuple[int, Verdict]]]
"""What may be wrong with a suspect, each with how telling it is."""
RULES: tuple[Rule, ...] = (
    pool_is_full,
    something_expired,
    hungry_caller,
    noisy_neighbour,
    does_not_run,
    ill_host,
    was_deployed,
    deployed_caller,
    is_external,
    busy_database,
    busy_host,
)


def causes(turn: TurnSoFar, trail: Trail, name: str) -> Iterator[tuple[int, Verdict]]:
    """What may be wrong with that suspect, each with how telling it is."""
    suspect = Suspect(turn, trail, name)
    for rule in RULES:
        yield from rule(suspect)
