"""rerun: the current code on a recording, without anything live."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from replay.acceptance import Acceptance, accept
from replay.file.document import UnreadableRecording
from replay.file.source import is_file, recording_of
from replay.running.rerun import rerun
from replay.running.verdict import Verdict, told
from replay.terminal import say


async def run(arguments: argparse.Namespace) -> int:
    """Run it again and print the verdict; 0 when it is the same or accepted, 1 when it is not."""
    if arguments.accept:
        return await _accept(arguments)
    recording = await recording_of(arguments.run)
    verdict, _ = await rerun(recording)
    if arguments.json:
        say(json.dumps(_document(recording.run_id, verdict), ensure_ascii=False))
    else:
        for line in told(recording.run_id, verdict):
            say(line)
    return 0 if verdict.same else 1


async def _accept(arguments: argparse.Namespace) -> int:
    if not is_file(arguments.run):
        raise UnreadableRecording("--accept writes to a file: give the path of an exported one")
    found: Acceptance = await accept(Path(arguments.run))
    if arguments.json:
        accepted = {"further": found.further, "accepted": found.done}
        document = {**_document(found.run_id, found.verdict), **accepted}
        say(json.dumps(document, ensure_ascii=False))
    else:
        for line in found.lines:
            say(line)
    return 0


def _document(run_id: str, verdict: Verdict) -> dict[str, object]:
    return {"run_id": run_id, **asdict(verdict)}
