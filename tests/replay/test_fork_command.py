"""`python -m replay fork`: it says that it is live, follows the run, and ends as the run does."""

import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from graph.errors import NetForgeError
from graph.run import Asked
from graph.runtime import open_runtime
from graph.settings import Settings
from lab.faults import Hang, Status
from lab.minimax import MiniMaxDouble, Reply, calling
from replay.arguments import parser
from replay.commands.fork import run as fork_command
from replay.export import exported
from replay.forking.fork import ForkRefused
from tests.conftest import MakeSettings
from tests.replay.conftest import ended, recorded
from tests.replay.forking import ORCHESTRATOR, SLOW
from tests.server.conftest import environment

FIND: tuple[str, dict[str, Any]] = ("find_services", {"query": "cart"})
WELL = Reply({"content": "All is well [E1].\nNothing is to be done."})
OTHER = "MiniMax-M2.1"
RUN_ID = "6f1a1b0e-0000-4000-8000-00000000001a"
LIVE = (
    "live from plan#2 on, as a new run: minimax/MiniMax-M3 and the sources are asked; left of the "
    "budgets: 15 visits, 39 tool calls, "
)


@pytest.fixture
async def settings(
    lab_settings: MakeSettings,
    provider: MiniMaxDouble,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Settings:
    """Those of the environment, where a run of plan#1, tool#1 and plan#2 is kept."""
    chosen = lab_settings()
    for name, value in environment(chosen).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    provider.queue(ORCHESTRATOR, calling(FIND), WELL)
    async with open_runtime(chosen) as runtime:
        recording = await recorded(runtime, await ended(runtime, Asked(SLOW, RUN_ID, "t")))
        (tmp_path / "run.tape.jsonl").write_text(await exported(recording))
    provider.requests.clear()
    return chosen


async def fork(*arguments: str) -> int:
    return await fork_command(parser().parse_args(["fork", *arguments]))


async def test_it_says_that_it_is_live_before_it_asks_and_tells_what_came_of_it(
    settings: Settings, provider: MiniMaxDouble, capsys: pytest.CaptureFixture[str]
) -> None:
    told: list[str] = []
    answer = provider.policy

    def policy(body: dict[str, Any]) -> dict[str, Any]:
        told.append(capsys.readouterr().out)
        return WELL.message if body["model"] == ORCHESTRATOR else answer(body)

    provider.policy = policy
    assert await fork(RUN_ID, "--at", "plan#2") == 0
    live, begun, *_ = told[0].splitlines()
    assert live.startswith(LIVE)
    assert live.endswith("; its enrichment by minimax/MiniMax-M2.5 writes to memory")
    new = begun.removeprefix("run ").partition(",")[0]
    assert begun == f"run {new}, forked from {RUN_ID}"
    said = "".join([*told[1:], capsys.readouterr().out]).splitlines()
    assert said[0].startswith("plan#2 model orchestrator: ok, ")
    assert "respond#1 detach hand_over: ok, " in said[1]
    assert said[2:4] == ["All is well [E1].", "Nothing is to be done."]
    assert said[4].startswith("enrichment empty: 0 insights, 0 patterns, ")
    assert said[5:] == [
        f"done: run {new}",
        f"compare: python -m replay diff {RUN_ID} {new}",
    ]
    async with open_runtime(settings, works=False) as runtime:
        run = await runtime.runs.get(new)
    assert run is not None
    assert (run["status"], run["parent"]) == ("done", RUN_ID)


@pytest.mark.usefixtures("settings")
async def test_as_json_it_prints_one_document_and_says_the_rest_aside(
    provider: MiniMaxDouble, capsys: pytest.CaptureFixture[str]
) -> None:
    provider.queue(ORCHESTRATOR, WELL)
    assert await fork(RUN_ID, "--at", "plan#2", "--json") == 0
    printed = capsys.readouterr()
    [line] = printed.out.splitlines()
    document = json.loads(line)
    assert (document["parent"], document["at"], document["status"]) == (RUN_ID, "plan#2", "done")
    assert document["thread_id"] not in ("", "t")
    assert document["answer"] == "All is well [E1].\nNothing is to be done."
    assert document["receipt"]["turn_id"] == document["run_id"]
    assert printed.err.startswith(LIVE)


async def test_what_is_set_comes_from_files_and_from_the_line(
    settings: Settings, provider: MiniMaxDouble, tmp_path: Path
) -> None:
    (tmp_path / "state.json").write_text('{"focus": ["cart-service"], "budgets": {"visits": 3}}')
    (tmp_path / "prompt.md").write_text("Say only what you have seen.\n")
    provider.queue(OTHER, WELL)
    more = ["--set", "state.json", "--set", "question=1", "--set", 'alert={"title": "Slow"}']
    more += ["--model", f"minimax/{OTHER}", "--prompt", "prompt.md"]
    assert await fork("run.tape.jsonl", "--at", "plan#2", *more) == 0
    [asked] = provider.of(OTHER)
    system, question, *_ = [part["content"] for part in asked.body["messages"]]
    assert system.startswith("Say only what you have seen.")
    assert "The caller points at: cart-service." in system
    assert '"title": "Slow"' in system
    assert question == "1"
    async with open_runtime(settings, works=False) as runtime:
        [run, _] = (await runtime.runs.page())[0]
    assert (run["question"], run["budgets"]) == ("1", {"visits": 3})


WRONG: list[tuple[list[str], str]] = [
    (["--set", "missing.json"], "missing.json: "),
    (["--set", "prompt.md"], "--set prompt.md: "),
    (["--set", "list.json"], "--set list.json: give an object whose names are channels"),
    (["--set", "focus=cart"], "channel focus: "),
    (["--prompt", "missing.md"], "missing.md: "),
    (["--prompt", "empty.md"], "the prompt is empty"),
    (["--model", "gpt-4"], "unknown model id 'gpt-4'; known: "),
    (["--at", "plan#9"], f"run {RUN_ID} has no step 'plan#9'; it has plan#1, "),
]


async def test_what_is_wrong_is_refused_before_anything_is_opened_or_said(
    settings: Settings,
    provider: MiniMaxDouble,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, text in (("prompt.md", "Be brief."), ("list.json", "[]"), ("empty.md", " \n")):
        (tmp_path / name).write_text(text)
    # It is in use: whatever is opened to work is refused for that.
    async with open_runtime(settings):
        for arguments, expected in WRONG:
            with pytest.raises(NetForgeError) as refused:
                await fork(RUN_ID, "--at", "plan#2", *arguments)
            assert str(refused.value).startswith(expected)
    assert (capsys.readouterr().out, provider.requests) == ("", [])


async def test_beside_a_server_it_is_refused_and_told_to_ask_the_server(
    settings: Settings, provider: MiniMaxDouble
) -> None:
    async with open_runtime(settings):
        with pytest.raises(ForkRefused) as refused:
            await fork(RUN_ID, "--at", "plan#2")
    said = str(refused.value)
    assert said.startswith(f"STATE_DIR={settings.state_dir} is in use by another process; ")
    assert said.endswith(f"or ask the server that works there: POST /v1/runs/{RUN_ID}/fork")
    assert provider.requests == []


@pytest.mark.usefixtures("settings")
async def test_a_run_that_fails_is_an_exit_code_of_its_own(
    provider: MiniMaxDouble, capsys: pytest.CaptureFixture[str]
) -> None:
    provider.queue(ORCHESTRATOR, Status(401, "who are you?"))
    assert await fork(RUN_ID, "--at", "plan#2") == 1
    said = capsys.readouterr().out
    assert "plan#2 model orchestrator: error (" in said
    assert "enrichment skipped (the investigation failed)" in said


async def test_what_is_unfinished_here_is_said_and_goes_on_too(
    settings: Settings, provider: MiniMaxDouble, capsys: pytest.CaptureFixture[str]
) -> None:
    other = "6f1a1b0e-0000-4000-8000-00000000001b"
    provider.queue(ORCHESTRATOR, Hang())
    async with open_runtime(settings) as runtime:
        await runtime.submit(Asked("Who owns the cart?", other, "other"))
        await provider.wait_for(ORCHESTRATOR, 1)
    assert await fork(RUN_ID, "--at", "enrich#1") == 0
    said = capsys.readouterr().out.splitlines()
    guard = "for 60 s at most, and what it finds is written to memory"
    assert said[0] == f"live from enrich#1 on, as a new run: minimax/MiniMax-M2.5 is asked, {guard}"
    assert said[1] == "it also takes up what is unfinished here and nobody works on (runs: 1)"


async def test_an_interrupt_cancels_the_run(settings: Settings, provider: MiniMaxDouble) -> None:
    provider.queue(ORCHESTRATOR, Hang())
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "replay", "fork", RUN_ID, "--at", "plan#2"),
        env=environment(settings),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    await provider.wait_for(ORCHESTRATOR, 1)
    process.send_signal(signal.SIGINT)
    said, complaints = await process.communicate()
    assert (process.returncode, complaints.decode()) == (130, "")
    run_id = said.decode().splitlines()[-1].removeprefix("cancelled: run ")
    async with open_runtime(settings, works=False) as runtime:
        run = await runtime.runs.get(run_id)
    assert run is not None
    assert (run["status"], run["parent"]) == ("cancelled", RUN_ID)
