"""What a recording was made with, against what is here: code, prompts, packages, models."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from graph.errors import SettingsError, UnreadableValue
from graph.settings import StateSettings, load_state
from graph.setup import made_with
from replay.recording import Change, Recording, Segment

ROLES = ("orchestrator", "analyst")


def changed_since(recording: Recording, settings: StateSettings | None = None) -> list[str]:
    """What differs, one thing a line; of which part of the run, when not of all of it.

    A rerun uses the settings that were recorded, its models too: of these it is only said what
    they would be now: in these settings, or as they are set here. Settings that are wrong are
    said here too, for no rerun needs them. Raises UnreadableValue for a recording that does not
    say what it was made with.
    """
    begun = [segment for segment in recording.segments if segment.steps]
    if not begun:
        return []
    parts: dict[str, list[str]] = {}
    models = None
    try:
        models = _models((settings or load_state()).model_dump())
    except SettingsError as error:
        parts[f"model: not known what it would be now: {error}"] = [part.of for part in begun]
    for segment in begun:
        for line in _differences(setup_of(segment), models):
            parts.setdefault(line, []).append(segment.of)
    return [
        line if len(of) == len(begun) else f"{line} ({', '.join(dict.fromkeys(of))})"
        for line, of in parts.items()
    ]


def setup_of(segment: Segment) -> Mapping[str, Any]:
    """What the segment ran with. Raises UnreadableValue when that was not recorded."""
    found = [entry["response"] for entry in segment.exchanges if entry["kind"] == "setup"]
    if found:
        return found[0]  # type: ignore[no-any-return]
    if _is_of_fork(segment):
        return segment.start["fork"]["setup"]  # type: ignore[no-any-return]
    for entry in reversed(segment.start.get("exchanges", [])):
        if entry["kind"] == "setup":
            return entry["response"]  # type: ignore[no-any-return]
    raise UnreadableValue("it was recorded by a version that kept too little to run it again")


def made_here(segment: Segment) -> Segment:
    """The segment, as made with what is here."""

    def entries(known: Any) -> list[Any]:
        return [_of_here(entry) if entry["kind"] == "setup" else entry for entry in known]

    def change(name: str, made: Change) -> Change:
        return {**made, "then": entries(made["then"])} if name == "exchanges" else made

    start = dict(segment.start)
    if _is_of_fork(segment):
        start["fork"] = {**start["fork"], "setup": _with_here(start["fork"]["setup"])}
    elif "exchanges" in start:
        start["exchanges"] = entries(start["exchanges"])
    steps = [
        replace(step, changes={name: change(name, made) for name, made in step.changes.items()})
        for step in segment.steps
    ]
    return replace(segment, start=start, steps=steps)


def _differences(setup: Mapping[str, Any], models: Mapping[str, str] | None) -> list[str]:
    then, now = setup["made_with"], made_with()
    models_then = _models(setup["settings"])
    lines = [f"code {then['code']} → {now['code']}"] if then["code"] != now["code"] else []
    for what, one, other in (
        ("prompt", then["prompts"], now["prompts"]),
        ("package", then["packages"], now["packages"]),
        ("model", models_then, models_then if models is None else models),
    ):
        lines += [
            f"{what} {name} {one.get(name, 'none')} → {other.get(name, 'none')}"
            for name in sorted({*one, *other})
            if one.get(name) != other.get(name)
        ]
    return lines


def _models(settings: Mapping[str, Any]) -> dict[str, str]:
    return {role: settings[f"{role}_model"] for role in ROLES}


def _is_of_fork(segment: Segment) -> bool:
    fork, turn = segment.start.get("fork"), segment.start.get("turn")
    return bool(fork and turn and fork["run_id"] == turn["id"])


def _of_here(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {**entry, "response": _with_here(entry["response"])}


def _with_here(setup: Mapping[str, Any]) -> dict[str, Any]:
    return {**setup, "made_with": made_with()}
