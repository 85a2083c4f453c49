"""A new run that takes over what another one did up to a step, and goes on live from there.

What was recorded before the step is served as the state with which the new run's own thread
begins; nothing of it is asked again, and nothing of the parent is written to.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID, uuid4

from graph.attempt import Seed
from graph.codec import MESSAGES, decode_message, decode_state
from graph.errors import UnreadableValue
from graph.model_ids import model_id
from graph.question import is_storable
from graph.receipts import receipt
from graph.redaction import Redactor
from graph.run import FORK, Asked, Run, check_asked
from graph.settings import Settings
from graph.setup import Setup, made_with
from graph.state import Fork, Spent
from replay.forking.edits import edited
from replay.forking.points import ForkRefused, Point, point_of, question_id
from replay.forking.renaming import Renaming
from replay.recording import Recording, State
from replay.running.rerun import as_node

if TYPE_CHECKING:
    # It takes seconds, and whoever only prepares a fork does without.
    from graph.runtime import Runtime

__all__ = ["Changed", "ForkRefused", "Prepared", "fork", "prepared"]


@dataclass(frozen=True)
class Changed:
    """What is to be different from the step on."""

    model: str | None = None
    """Instead of the model of that step's role, such as `minimax/MiniMax-M2.5`."""
    prompt: str | None = None
    """Instead of that role's prompt."""
    values: Mapping[str, Any] = field(default_factory=dict)
    """Channels of the state before the step, as JSON, messages too; or `question`, a text."""

    def check(self) -> None:
        """Raise ForkRefused for a model that the provider does not have, or an empty prompt."""
        try:
            if self.model is not None:
                model_id(self.model)
        except ValueError as error:
            raise ForkRefused(str(error)) from None
        prompt = self.prompt
        if prompt is not None and not (prompt.strip() and is_storable(prompt)):
            raise ForkRefused("the prompt is empty, or holds a NUL or half a character")


@dataclass(frozen=True)
class Prepared:
    """A fork that has been checked and not begun."""

    asked: Asked
    seed: Seed
    study: Mapping[str, Any] | None
    """With what the enrichment begins, when that is what is forked."""
    spent: Spent | None
    """What the turn has used of its budgets; None before it begins."""


async def fork(runtime: "Runtime", recording: Recording, at: str, changed: Changed) -> Run:
    """Start a run that goes on before the step named `at`, such as `plan#2`; that run.

    Raises ForkRefused, UnreadableValue, and as Runtime.submit does.
    """
    ready = prepared(runtime.settings, recording, at, changed)
    run, _ = await runtime.submit(ready.asked, ready.seed)
    if ready.study is not None:
        await runtime.detached(ready.study["turn"], dict(ready.study))
    return run


def prepared(settings: Settings, recording: Recording, at: str, changed: Changed) -> Prepared:
    """The fork with everything checked, its edits made, and new ids.

    Raises ForkRefused, UnreadableValue, InvalidQuestion.
    """
    changed.check()
    found = point_of(recording, at)
    redactor = Redactor(settings.redact_emails)
    point = edited(found, changed.values, recording.run_id, redactor)
    turn = None if point.begins else point.state["turn"]
    names = Renaming(
        parent=_id_of(recording),
        question=str(turn["message_id"] if turn else question_id(point.state)),
        run_id=str(uuid4()),
        thread_id=str(uuid4()),
    )
    known = Fork(
        run_id=names.run_id,
        parent=names.parent,
        at=at,
        model=changed.model,
        prompt=changed.prompt,
        idle_s=0.0,
        setup={"settings": Setup.of(settings).model_dump(), "made_with": made_with()},
    )
    if point.of == "enrichment":
        return _of_enrichment(settings, recording, point, names, known)
    if turn is not None:
        known["idle_s"], known["spent"] = _until(point)
    state = {**names.state(point.state), "fork": known}
    asked = _asked(settings, state, names, explicit="budgets" in changed.values)
    return Prepared(asked, _seed(state, point.following), None, known.get("spent"))


def _of_enrichment(
    settings: Settings, recording: Recording, point: Point, names: Renaming, known: Fork
) -> Prepared:
    """Of the turn nothing is left to do; only its enrichment is done again."""
    if not settings.enrichment:
        raise ForkRefused("enrichment is switched off by ENRICHMENT")
    segments = recording.part("turn")
    *_, last = segments[-1].states() if segments else [{}]
    following = segments[-1].steps[-1].following if segments and segments[-1].steps else ()
    if following or not last.get("turn"):
        raise ForkRefused(f"run {names.parent} has no answer yet; fork it at an earlier step")
    ended = {**names.state(last), "fork": {**known, "spent": last["spent"]}}
    study = {**names.state(point.state), "fork": known, "covers": []}
    if known["model"] and study.get("retry"):
        study["retry"] = {**study["retry"], "model": None}
    ended["enrichment"] = receipt(ended["turn"], "pending")
    decoded = decode_state(study)
    return Prepared(_asked(settings, ended, names), _seed(ended, ()), decoded, None)


def _id_of(recording: Recording) -> str:
    try:
        return str(UUID(recording.run_id))
    except ValueError:
        raise UnreadableValue(f"{recording.run_id!r} is not the id of a run") from None


def _until(point: Point) -> tuple[float, Spent]:
    """How long ago the step began, not to count as time spent, and what the turn had used then."""
    turn, known = point.state["turn"], point.state.get("fork")
    begun, idle_s = point.begun_at, 0.0
    if known and known["run_id"] == turn["id"]:
        idle_s = known["idle_s"]
    passed = begun - datetime.fromisoformat(turn["asked_at"])
    gathered = [
        entry for entry in point.state.get("evidence", []) if entry["turn_id"] == turn["id"]
    ]
    seconds = round(passed.total_seconds() - idle_s, 3)
    used = {**point.state["spent"], "tool_calls": len(gathered), "seconds": seconds}
    idle_s += (datetime.now(UTC) - begun).total_seconds()
    return round(idle_s, 3), cast(Spent, used)


def _asked(settings: Settings, state: State, names: Renaming, *, explicit: bool = False) -> Asked:
    """What the run's row says of the question. Raises InvalidQuestion.

    A budget of the parent that is not lower than the configured one has no effect.
    """
    turn = state.get("turn") or {}
    if turn.get("id") == names.run_id:
        question, source = turn["question"], turn
    else:
        [message] = [
            entry for entry in state[MESSAGES] if entry.get("id") == f"{names.run_id}:question"
        ]
        question, source = decode_message(message).text, state
    budgets = {
        name: value
        for name, value in (source.get("budgets") or {}).items()
        if explicit or value < settings.budgets.get(name, value + 1)
    }
    asked = Asked(
        question,
        names.run_id,
        names.thread_id,
        focus=source.get("focus") or [],
        alert=source.get("alert"),
        budgets=budgets,
        origin=FORK,
        parent=names.parent,
    )
    check_asked(asked, settings.budgets)
    return asked


def _seed(state: State, following: Sequence[str]) -> Seed:
    return Seed(decode_state(state), as_node(following))
