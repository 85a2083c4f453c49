"""What a run did, step by step, as JSON values: for a terminal, a page or a program."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from graph.codec import MESSAGES
from graph.state import Exchange
from graph.tape import address
from replay.recording import Of, Recording, Segment, State, Step, changes

Kind = Literal["answered", "failed", "cancelled", "not ended", "never began"]
"""`not ended`: it runs, or waits to be gone on with, or was broken off for good."""
ENDED = ("answered", "failed", "cancelled")
LISTS = {MESSAGES: "id", "evidence": "id"}
"""Channels that grow, and what their entries are called by."""
TAPE = "exchanges"
Story = dict[str, Any]


def story(recording: Recording) -> Story:
    """All that was recorded of the run.

    `run`: its columns. `setup`: `settings` and `made_with`, None when it has no step. `fork`:
    where it was taken from, None when it began at its question. `parts`: of the turn, then of
    its enrichment, see `_part`. `ending`: see `ending`. `answer`: its text, None while there is
    none. `receipt`: of the enrichment, as last recorded. `last`: the state that the turn came to.
    """
    last = _last(recording.part("turn"))
    branch = _last(recording.part("enrichment"))
    turn = last.get("turn") or {}
    fork = last.get("fork")
    mine = fork if fork and turn and fork["run_id"] == turn["id"] else None
    end = ending(recording)
    final = (last.get(MESSAGES) or [{"type": None}])[-1]
    answered = end["kind"] in ENDED and final["type"] == "ai"
    return {
        "run": dict(recording.run),
        "setup": setup_of(recording),
        "fork": {name: mine[name] for name in mine if name != "setup"} if mine else None,
        "parts": [*_parts(recording, "turn"), *_parts(recording, "enrichment")],
        "ending": end,
        "answer": said(final) if answered else None,
        "receipt": branch.get("enrichment") or last.get("enrichment"),
        "last": dict(last),
    }


def ending(recording: Recording) -> dict[str, Any]:
    """How the turn stands.

    `kind` as above. `following`: the nodes that were to come next. `reason`: why it failed.
    `seconds` from the question to its last step.
    """
    parts = recording.part("turn")
    status = recording.run["status"]
    if not parts:
        kind: Kind = "cancelled" if status == "cancelled" else "never began"
        return {"kind": kind, "following": [], "reason": None, "seconds": None}
    final = parts[-1]
    following = list(final.steps[-1].following if final.steps else final.following)
    failure = _last(parts).get("failure") or {}
    kind = "answered"
    if status == "cancelled":
        kind = "cancelled"
    elif status == "failed":
        kind = "failed"
    elif status != "done" and following:
        kind = "not ended"
    return {
        "kind": kind,
        "following": following,
        "reason": failure.get("message") if kind in ("failed", "cancelled") else None,
        "seconds": _between(str(recording.run["asked_at"]), _ended_at(final)),
    }


def setup_of(recording: Recording) -> dict[str, Any] | None:
    """What the run's turn ran with; of a fork what its live part did. None when not recorded."""
    last = _last(recording.part("turn"))
    fork, turn = last.get("fork"), last.get("turn")
    if fork and turn and fork["run_id"] == turn["id"]:
        return dict(fork["setup"])
    entries = [entry for segment in recording.segments for entry in tape_of(segment)]
    known = [entry["response"] for entry in entries if entry["kind"] == "setup"]
    return next((setup for setup in known if isinstance(setup, dict)), None)


def tape_of(segment: Segment) -> list[Exchange]:
    """What was exchanged up to the end of the segment, in this turn or enrichment."""
    return [*segment.start.get(TAPE, []), *segment.exchanges]


def said(message: Mapping[str, Any]) -> str:
    """The text of a message, whatever form its content has."""
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return "".join(
        str(part.get("text", "")) if isinstance(part, dict) else part for part in content
    )


def short_id(message_id: str) -> str:
    """A message's id without its run: `plan#1`, `tool#1.0`, `question`, `answer`."""
    return message_id.rpartition(":")[2]


def _parts(recording: Recording, of: Of) -> Iterator[dict[str, Any]]:
    """The segments: `of`, `at`, the `start` state, `following`, and the `steps`.

    `edit` is what was changed from outside since the segment before, in short as in a step, with
    what NetForge itself recorded of the turn's end as `recorded`; None of the first. `taken_over`:
    how many exchanges a fork has from the run that it was taken from.
    """
    before: State | None = None
    for segment in recording.part(of):
        states = list(segment.states())
        start = states[0]
        edit = None
        if before is not None:
            made = changes(before, start)
            made.pop(TAPE, None)
            edit = _in_short(before, made)
            failure = start.get("failure") if "failure" in made else None
            edit["recorded"] = failure["message"] if failure else None
        at = [segment.at, *(step.at for step in segment.steps)]
        yield {
            "of": of,
            "at": segment.at,
            "start": dict(start),
            "following": list(segment.following),
            "edit": edit,
            "taken_over": len(start.get(TAPE, [])) if before is None else 0,
            "steps": [
                _step(step, states[number], _between(at[number], at[number + 1]))
                for number, step in enumerate(segment.steps)
            ],
        }
        before = states[-1]


def _step(step: Step, before: State, seconds: float | None) -> dict[str, Any]:
    """A step with its exchanges, what it changed, and the nodes of the next one."""
    made = {name: change for name, change in step.changes.items() if name != TAPE}
    return {
        "address": step.name,
        "visits": list(step.visits),
        "at": step.at,
        "seconds": seconds,
        "exchanges": [{"address": address(entry), **entry} for entry in step.exchanges],
        "changes": made,
        "in_short": _in_short(before, made),
        "following": list(step.following),
    }


def _in_short(before: State, made: Mapping[str, Any]) -> dict[str, Any]:
    """`added`: names of new entries by channel. `replaced`: how many were. `set`: the others."""
    found: dict[str, Any] = {"added": {}, "replaced": {}, "set": []}
    for name, change in made.items():
        if name not in LISTS:
            found["set"].append(name)
            continue
        entries = change["then"] if "keep" in change else change["value"] or []
        had = before.get(name) or []
        gone = {entry[LISTS[name]] for entry in had[change.get("keep", 0) :]}
        called = [entry[LISTS[name]] for entry in entries]
        found["added"][name] = [short_id(entry) for entry in called if entry not in gone]
        if gone:
            found["replaced"][name] = len(gone)
    return found


def _last(segments: Sequence[Segment]) -> State:
    return list(segments[-1].states())[-1] if segments else {}


def _ended_at(segment: Segment) -> str:
    return segment.steps[-1].at if segment.steps else segment.at


def _between(begin: str, end: str) -> float | None:
    """Seconds from one time to another; None when one of them is none."""
    try:
        one, other = (_aware(datetime.fromisoformat(text)) for text in (begin, end))
    except ValueError:
        return None
    return round((other - one).total_seconds(), 4)


def _aware(at: datetime) -> datetime:
    return at if at.tzinfo else at.replace(tzinfo=UTC)
