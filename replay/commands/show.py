"""show: what a run did, step by step."""

import argparse
import json
import textwrap
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from graph.codec import MESSAGES
from graph.untrusted import printable
from replay.file.source import recording_of
from replay.telling.brief import Messages, answer_of, answered, asked, counted, cut, thought
from replay.telling.story import ENDED, Story, said, short_id, story
from replay.terminal import say

WIDTH = 100
RULE = "--- answered; below: the enrichment, off the caller's path ---"
QUIET = ("clock", "identity", "setup", "run")
"""Kinds of exchanges that are named in one line, unless they failed."""
THOUGHT_LIMIT = 180
NAME_WIDTH = 12


async def run(arguments: argparse.Namespace) -> int:
    """Print it."""
    told = story(await recording_of(arguments.run))
    if arguments.json:
        say(json.dumps(told))
        return 0
    for line in shown(told):
        say(line)
    return 0


def shown(told: Story) -> Iterator[str]:
    """The story for a terminal."""
    yield from _head(told)
    for part in told["parts"]:
        if part["of"] == "turn":
            yield from _part(part)
    yield ""
    yield from _end(told)
    branch = [part for part in told["parts"] if part["of"] == "enrichment"]
    receipt = told["receipt"]
    if branch or (receipt and told["ending"]["kind"] in ENDED):
        yield ""
        yield RULE
    for part in branch:
        yield from _part(part)
    if receipt:
        yield ""
        yield from _receipt(receipt)


def _head(told: Story) -> Iterator[str]:
    run, setup, fork = told["run"], told["setup"] or {}, told["fork"]
    settings, made_with = setup.get("settings") or {}, setup.get("made_with") or {}
    prompts = ", ".join(f"{name} {v}" for name, v in (made_with.get("prompts") or {}).items())
    yield f"run {run['run_id']}"
    rows = {
        "question": run["question"],
        "asked at": f"{run['asked_at']} by {run['origin']}, on thread {run['thread_id']}",
        "forked": fork and _forked(fork),
        "status": run["status"],
        "root cause": run["root_cause"],
        "reason": run["reason"],
        "used": _used(run),
        "analyst": _used(run, "analyst_"),
        "models": settings
        and f"{settings.get('orchestrator_model')}, analyst {settings.get('analyst_model')}",
        "sources": ", ".join(settings.get("sources") or []),
        "code": made_with and f"{made_with.get('code')}, prompts {prompts}",
    }
    for name, value in rows.items():
        if value:
            yield from _row(name, str(value))


def _used(run: Mapping[str, Any], who: str = "") -> str:
    """What the orchestrator used, or the analyst; empty for nothing."""
    cost_usd, given, made = (
        run[f"{who}{name}"] or 0 for name in ("cost_usd", "input_tokens", "output_tokens")
    )
    told = f"{cost_usd:.4f} USD, {given} tokens in, {made} out"
    if who:
        return told if given or made else ""
    return (
        f"{told}, {run['visits']} visits, {run['tool_calls']} tool calls, "
        f"{run['seconds'] or 0.0:.3f} s"
    )


def _forked(fork: Mapping[str, Any]) -> str:
    other = [f"{name} {fork[name]}" for name in ("model",) if fork.get(name)]
    other += ["another prompt"] if fork.get("prompt") else []
    return ", ".join([f"from run {fork['parent']} at {fork['at']}", *other])


def _part(part: Mapping[str, Any]) -> Iterator[str]:
    if part["taken_over"]:
        yield ""
        yield f"--- {part['taken_over']} exchanges before this were taken over ---"
    if edit := part["edit"]:
        yield ""
        recorded = edit["recorded"]
        what = f"recorded: {recorded}" if recorded else "edited from outside"
        yield from _wrapped(f"--- {what} ({part['at']}): {_changes(edit)} ---", "    ")
    messages: dict[str, Mapping[str, Any]] = {
        message["id"]: message for message in part["start"].get(MESSAGES) or []
    }
    for step in part["steps"]:
        change = step["changes"].get(MESSAGES) or {}
        added = change["then"] if "keep" in change else change.get("value") or []
        messages |= {message["id"]: message for message in added}
        yield ""
        yield from _step(step, messages)
        yield from _not_run(step, added)
        yield from _row("state", _changes(step["in_short"]), "  ")
    following = part["steps"][-1]["following"] if part["steps"] else part["following"]
    if part["of"] == "enrichment" and following:
        yield f"it has not ended: next is {counted(following)}"


def _step(step: Mapping[str, Any], messages: Messages) -> Iterator[str]:
    took = "" if step["seconds"] is None else f"  {step['seconds']:.3f} s"
    visits = step["visits"]
    side_by_side = f"  {len(visits)} side by side" if len(visits) > 1 else ""
    yield f"{step['address']}{took}{side_by_side}  → {counted(step['following']) or 'end'}"
    numbers = _evidence(step)
    quiet: list[str] = []
    for entry in step["exchanges"]:
        if entry["kind"] in QUIET and entry["status"] != "error":
            quiet.append(f"{entry['kind']} {entry['name']}")
        else:
            yield from _exchange(entry, messages, numbers)
    if quiet:
        yield from _row("and", counted(quiet), "  ")


def _not_run(step: Mapping[str, Any], added: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The calls of a step that were answered without being run."""
    run_at = {entry["address"] for entry in step["exchanges"]}
    for message in added:
        place = short_id(message["id"])
        if message["type"] == "tool" and place in step["visits"] and place not in run_at:
            text = cut(said(message), THOUGHT_LIMIT)
            yield from _row("not run", f"{place} {message.get('name')}: {text}", "  ")


def _evidence(step: Mapping[str, Any]) -> dict[str, str]:
    """The ids of the step's evidence, by its message."""
    change = step["changes"].get("evidence") or {}
    entries = change["then"] if "keep" in change else change.get("value") or []
    return {short_id(entry["message_id"]): entry["id"] for entry in entries}


def _exchange(
    entry: Mapping[str, Any], messages: Messages, numbers: Mapping[str, str]
) -> Iterator[str]:
    what, came = asked(entry), answered(entry, messages)
    if entry["kind"] == "tool":
        what = f"{entry['address']} {what}"
        came = f"{numbers.get(entry['address'], '')} {came}".strip()
    head = f"  {entry['status']:<7} {entry['seconds']:7.3f} s  "
    yield from _wrapped(f"{head}{what}{f' → {came}' if came else ''}", " " * len(head))
    inner = " " * len(head)
    # Earlier versions measured nothing.
    measured = entry.get("measured") or {}
    if entry["kind"] == "model" and "input_tokens" in measured:
        cost = measured.get("cost_usd")
        tokens = f"{measured['input_tokens']} tokens in, {measured['output_tokens']} out"
        yield f"{inner}{tokens}, {'no known price' if cost is None else f'{cost:.5f} USD'}"
        if text := thought(answer_of(entry, messages)):
            yield from _wrapped(f"{inner}thought: {cut(text, THOUGHT_LIMIT)}", inner)
    for number, failed in enumerate(measured.get("attempts") or [], 1):
        why = f"failed after {failed.get('seconds')} s: {failed.get('error')}"
        yield from _wrapped(f"{inner}attempt {number} {why}", inner + "  ")
    if entry["error"]:
        yield from _wrapped(f"{inner}error: {entry['error']}", inner + "  ")


def _end(told: Story) -> Iterator[str]:
    end = told["ending"]
    after = "" if end["seconds"] is None else f" after {end['seconds']:.3f} s"
    because = f": {end['reason']}" if end["reason"] else ""
    following = counted(end["following"])
    lines = {
        "answered": f"answered{after}",
        "failed": f"failed{after}{because}",
        "cancelled": f"cancelled{after}{f', before {following}' if following else ''}{because}",
        "not ended": f"not ended: broken off, or still at work{after}; next is {following}",
        "never began": "it never began: nothing of it was kept but the question",
    }
    yield from _wrapped(lines[end["kind"]], "  ")
    for line in (told["answer"] or "").splitlines():
        yield from _wrapped(f"  {line}", "  ") if line.strip() else [""]


def _receipt(kept: Mapping[str, Any]) -> Iterator[str]:
    # Earlier versions kept less of it.
    receipt = defaultdict(lambda: None, kept)
    told = {
        "": receipt["status"],
        "because": receipt["reason"],
        "covered by": receipt["superseded_by"],
    }
    if receipt["attempts"]:
        told |= {
            "kept": f"{receipt['insights']} insights, {receipt['patterns']} patterns, "
            f"{receipt['dropped']} dropped",
            "used": f"{receipt['seconds']:.3f} s, {receipt['cost_usd'] or 0.0:.4f} USD, "
            f"{receipt['input_tokens']} tokens in, {receipt['output_tokens']} out, "
            f"{receipt['attempts']} started",
            "made by": f"{receipt['model']}, prompt {receipt['prompt_version']}",
        }
    words = [f"{name} {value}".strip() for name, value in told.items() if value]
    yield from _row("receipt", "; ".join(words))


def _changes(short: Mapping[str, Any]) -> str:
    """What a step changed, in a few words."""
    told = []
    for name, entries in short["added"].items():
        replaced = short["replaced"].get(name)
        told += [f"{name} +{len(entries)} ({', '.join(entries)})"] if entries else []
        told += [f"{name}: {replaced} replaced"] if replaced else []
    if short["set"]:
        told.append(f"set {', '.join(short['set'])}")
    return "; ".join(told) or "nothing changed"


def _row(name: str, text: str, before: str = "") -> Iterator[str]:
    head = f"{before}{name:<{NAME_WIDTH - len(before)}}"
    return _wrapped(f"{head}{text}", " " * NAME_WIDTH)


def _wrapped(line: str, after: str) -> Iterator[str]:
    """The line within the width, what follows with `after` before it."""
    yield from textwrap.wrap(
        printable(line), WIDTH, subsequent_indent=after, break_on_hyphens=False, tabsize=1
    ) or [""]
