"""Provider errors as values: what failed, whether it is worth another attempt, what to do.

Nothing here imports litellm: its exceptions are told apart by the HTTP status they carry,
which `graph.models.minimax` makes true for MiniMax's errors inside a 200 answer too.
"""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from graph.errors import UnreadableValue
from graph.state import Failure

Kind = Literal[
    "authentication",
    "balance",
    "request",
    "rate_limit",
    "timeout",
    "connection",
    "provider",
    "empty",
    "budget",
]

_TRANSIENT: frozenset[Kind] = frozenset({"rate_limit", "timeout", "connection", "provider"})
_REMEDY: dict[Kind, str] = {
    "authentication": "check MINIMAX_API_KEY",
    "balance": "top up the MiniMax account",
    "request": "the provider refuses this request; check the model id and its limits",
    "rate_limit": "the provider limits the rate; wait, or ask for a higher limit",
    "timeout": "the provider did not answer in time; see MODEL_TIMEOUT_S",
    "connection": "check MINIMAX_API_BASE and the network",
    "provider": "the provider has a fault; try again later",
    "empty": "the model answered with nothing twice; ask again",
    "budget": "raise the TURN_MAX_* settings or ask a narrower question",
}


@dataclass(frozen=True)
class ModelFailure:
    """Why a model call gave no answer, after the last attempt."""

    kind: Kind
    detail: str
    model: str
    attempts: int = 1
    retry_after_s: float | None = None

    @property
    def transient(self) -> bool:
        """Whether the same request may succeed when sent again."""
        return self.kind in _TRANSIENT

    @property
    def remedy(self) -> str:
        """What an operator can do about it."""
        return _REMEDY[self.kind]

    @property
    def message(self) -> str:
        """One line: the model, what happened, how often it was tried, what to do."""
        times = "1 attempt" if self.attempts == 1 else f"{self.attempts} attempts"
        return f"{self.model}: {self.kind} ({times}): {self.detail}; {self.remedy}"

    def as_state(self) -> Failure:
        """The failure as it is kept in the state."""
        return Failure(kind=self.kind, message=self.message, attempts=self.attempts)

    def as_json(self) -> dict[str, object]:
        """The failure as it is kept on the tape."""
        return asdict(self)


def failure_of(kept: Any) -> ModelFailure:
    """The failure that was kept. Raises UnreadableValue."""
    try:
        return _FAILURE.validate_python(kept)
    except ValidationError as error:
        raise UnreadableValue(f"not a failure of a model: {str(error)[:200]}") from None


def kind_of_status(status: int | None) -> Kind:
    """The kind of failure that an HTTP status means; without a status, the connection's."""
    if status is None:
        return "connection"
    if status in (401, 403):
        return "authentication"
    named: dict[int, Kind] = {402: "balance", 408: "timeout", 409: "provider", 429: "rate_limit"}
    if status in named:
        return named[status]
    return "request" if 400 <= status < 500 else "provider"


_FAILURE = TypeAdapter(ModelFailure)
