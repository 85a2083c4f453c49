"""rerun: the current code on a recording, without anything live."""

import argparse
import asyncio
import json
from dataclasses import asdict
from pathlib import Path

from replay.document import UnreadableRecording, to_text
from replay.rerun import Verdict, rerun
from replay.source import is_file, recording_of
from replay.terminal import say


async def run(arguments: argparse.Namespace) -> int:
    """Run it again and print the verdict; 0 when it is the same, 1 when it is not."""
    if arguments.accept and not is_file(arguments.run):
        raise UnreadableRecording("--accept writes to a file: give the path of an exported one")
    recording = await recording_of(arguments.run)
    verdict, _ = await rerun(recording)
    if arguments.json:
        say(json.dumps({"run_id": recording.run_id, **asdict(verdict)}, ensure_ascii=False))
    else:
        for line in told(recording.run_id, verdict):
            say(line)
    if arguments.accept and not verdict.same:
        again, made = await rerun(recording, accept=True)
        if not again.same:
            raise UnreadableRecording(
                f"not accepted: {again.message} at {again.at}; only a live run can answer that"
            )
        await asyncio.to_thread(Path(arguments.run).write_text, to_text(made), encoding="utf-8")
        say(f"accepted: {arguments.run} is what the current code does")
        return 0
    return 0 if verdict.same else 1


def told(run_id: str, verdict: Verdict) -> list[str]:
    """The verdict for a terminal."""
    lines = [f"since it was recorded: {line}" for line in verdict.changed]
    if verdict.same:
        count = verdict.exchanges
        return [*lines, f"same: run {run_id}, {count} exchanges answered from the recording"]
    head = f"{verdict.kind} at {verdict.at}: {verdict.message}"
    return [*lines, head, *(f"  {line}" for line in verdict.lines)]
