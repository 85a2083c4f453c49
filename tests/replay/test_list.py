"""`python -m replay list`: the runs that are known here, by what is asked of them."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, text

from graph.errors import StateUnavailable
from graph.run import Asked
from graph.runs import Runs
from graph.settings import StateSettings
from graph.storage import open_storage
from graph.storage.tables import recordings
from lab.minimax import MiniMaxDouble, Reply, calling
from replay.file.document import to_text
from replay.library import open_library
from replay.listing import names
from tests.conftest import OpenRuntime
from tests.replay.commanded import Shell, shell_on
from tests.replay.conftest import recorded

ORCHESTRATOR = "MiniMax-M3"
ASKED: list[tuple[str, str, list[str], dict[str, Any]]] = [
    ("failed", "Why is cart-service slow?", [], {"reason": "no answer", "cost_usd": 0.5}),
    ("done", "Is payments healthy?", ["db-1"], {"root_cause": "pricing-service"}),
    ("done", "Is cart-service-canary up?", [], {"cost_usd": 0.01, "analyst_cost_usd": 0.02}),
    ("cancelled", "Who owns Cart-Service?", ["payments"], {"tool_calls": 7, "seconds": 1.25}),
]
"""Status, question, focus and other columns; the oldest first."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def shell(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    return shell_on(folder, monkeypatch)


@pytest.fixture
async def runs(folder: Path) -> AsyncIterator[Runs]:
    """The rows of an empty state directory."""
    async with open_storage(StateSettings(state_dir=folder), alone=False) as storage:
        yield Runs(storage.engine)


async def keep(runs: Runs, number: int) -> None:
    status, question, focus, known = ASKED[number]
    await runs.add(Asked(question, f"run-{number}", "t", focus, origin="http"))
    await runs.end(f"run-{number}", status, **known)  # type: ignore[arg-type]


@pytest.fixture
async def four(runs: Runs) -> Runs:
    """The four runs of ASKED."""
    for number in range(len(ASKED)):
        await keep(runs, number)
    return runs


async def listed(shell: Shell, *arguments: str) -> list[str]:
    said = await shell.run("list", "--json", *arguments)
    assert (said.code, said.err) == (0, "")
    return [run["run_id"] for run in said.document["runs"]]


@pytest.mark.parametrize(
    ("arguments", "numbers"),
    [
        ([], [3, 2, 1, 0]),
        (["--limit", "2"], [3, 2]),
        (["--status", "done"], [2, 1]),
        (["--service", "cart-service"], [3, 0]),
        (["--service", "PAYMENTS"], [3, 1]),
        (["--service", "pricing-service"], [1]),
        (["--service", "db-1"], [1]),
        (["--service", "db"], []),
        (["--cost", "0.03"], [2, 0]),
        (["--cost", "0.031"], [0]),
        (["--service", "cart-service", "--cost", "0.1"], [0]),
        (["--status", "done", "--service", "cart-service"], []),
        (["--since", "2000-01-01"], [3, 2, 1, 0]),
        (["--since", "2999-01-01T00:00:00+02:00"], []),
        (["--receipt", "stored"], []),
    ],
    ids=lambda value: " ".join(map(str, value)) or "none",
)
async def test_filters_leave_the_runs_that_meet_all_of_them_the_latest_first(
    four: Runs, shell: Shell, arguments: list[str], numbers: list[int]
) -> None:
    assert four
    assert await listed(shell, *arguments) == [f"run-{number}" for number in numbers]


async def test_since_takes_the_run_that_was_asked_at_that_very_moment(
    four: Runs, shell: Shell
) -> None:
    run = await four.get("run-2")
    assert run
    assert await listed(shell, "--since", run["asked_at"]) == ["run-3", "run-2"]


async def test_a_run_is_one_line_with_its_whole_id_and_the_question_cut_to_the_width(
    four: Runs, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = "0f6b8b8e-6f0f-4a4e-9f43-2f1f6f0b7a11"
    await four.add(Asked("What is wrong? " * 30, run_id, "t", origin="webhook"))
    await four.end(run_id, "done", cost_usd=0.25, seconds=3.14, tool_calls=11)
    monkeypatch.setenv("COLUMNS", "160")
    said = await shell.run("list", "--limit", "1")
    [head, line] = said.lines
    assert head.split()[:3] == ["RUN", "ASKED", "AT"]
    assert line.split()[0] == run_id
    assert line.split()[3:][:6] == ["done", "0.2500", "3.1", "11", "-", "webhook"]
    assert len(line) == 160
    assert line.endswith("…")


async def test_on_a_narrow_terminal_the_words_stand_on_a_line_of_their_own(
    four: Runs, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert four
    monkeypatch.setenv("COLUMNS", "80")
    said = await shell.run("list", "--status", "failed")
    assert [line.split()[0] for line in said.lines] == ["RUN", "FROM", "run-0", "http"]
    assert said.lines[-1].endswith("Why is cart-service slow?")


async def test_what_matches_on_a_later_page_is_found(runs: Runs, shell: Shell) -> None:
    await keep(runs, 0)
    for number in range(120):
        await runs.add(Asked("Is all well?", f"later-{number}", "t"))
    assert await listed(shell, "--service", "cart-service") == ["run-0"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--status", "gone"], "--status 'gone': there are queued, running, done, failed, cancel"),
        (["--receipt", "lost"], "--receipt 'lost': there are pending, stored, empty, timeout, fa"),
        (["--since", "last tuesday"], "--since 'last tuesday': it is no time of ISO 8601, su"),
        (["--cost", "nan"], "--cost nan: give an amount of USD"),
        (["--cost=-1"], "--cost -1: give an amount of USD"),
        (["--limit", "0"], "--limit 0: give 1 or more"),
        (["--service", " "], "--service is empty: give the name of a component"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
async def test_a_wrong_value_is_one_line_that_says_what_there_is(
    four: Runs, shell: Shell, arguments: list[str], said: str
) -> None:
    assert four
    told = await shell.run("list", *arguments)
    assert (told.code, told.out) == (2, "")
    assert told.err.startswith(said)
    assert told.err.count("\n") == 1


async def test_nothing_that_matches_is_said_in_one_line(runs: Runs, shell: Shell) -> None:
    assert runs
    said = await shell.run("list")
    assert (said.code, said.out) == (0, "No run here is like that.\n")
    assert await listed(shell) == []


async def test_a_state_directory_that_is_not_there_is_not_made(shell: Shell, folder: Path) -> None:
    said = await shell.run("list")
    assert said.code == 2
    assert said.err.startswith(f"STATE_DIR={folder} is not there")
    assert [path.name for path in await asyncio.to_thread(lambda: [*folder.parent.iterdir()])] == []


async def test_an_imported_file_that_cannot_be_read_any_more_is_named(
    runs: Runs, shell: Shell, folder: Path
) -> None:
    assert runs
    row = {"run_id": "run-9", "asked_at": "2026-11-26T00:00:00.000000Z", "document": "{}\n"}
    async with (
        open_library(StateSettings(state_dir=folder)) as library,
        library.engine.begin() as connection,
    ):
        await connection.execute(insert(recordings).values(row))
    said = await shell.run("list")
    assert (said.code, said.out, said.err.count("\n")) == (2, "", 1)
    assert said.err.startswith("run run-9, which was imported: ")


async def test_what_a_database_says_while_it_is_read_is_one_line(runs: Runs, folder: Path) -> None:
    assert runs
    said = "^what is kept cannot be read or written: no such table: nowhere; see [^\\n]*$"
    with pytest.raises(StateUnavailable, match=said):
        async with (
            open_library(StateSettings(state_dir=folder)) as library,
            library.engine.connect() as connection,
        ):
            await connection.execute(text("SELECT 1 FROM nowhere"))


async def test_a_question_cannot_steer_the_terminal(runs: Runs, shell: Shell) -> None:
    await runs.add(Asked("Is it\x1b[2J\r\nwell?\u202e", "run-1", "t"))
    said = await shell.run("list")
    assert len(said.lines) == 2
    assert said.lines[1].endswith("Is it [2J well?")


async def test_calls_that_failed_receipts_and_imported_files_are_found(
    open_lab: OpenRuntime, provider: MiniMaxDouble, shell: Shell, tmp_path: Path
) -> None:
    conclusion = Reply({"content": "I do not know."})
    async with open_lab() as runtime:
        provider.queue(ORCHESTRATOR, calling(("find_services", {"limit": "many"})), conclusion)
        broke = (await runtime.investigate("What of cart-service?"))["turn"]["id"]
        provider.queue(ORCHESTRATOR, calling(("find_services", {"query": "cart"})), conclusion)
        well = (await runtime.investigate("What of cart?"))["turn"]["id"]
        provider.queue(ORCHESTRATOR, conclusion)
        skipped = (await runtime.investigate("Hello?"))["turn"]["id"]
        files = [to_text(await recorded(runtime, run_id)) for run_id in (broke, well)]
        ended = await runtime.enrichment(well)
    assert ended
    assert await listed(shell, "--error") == [broke]
    assert set(await listed(shell, "--receipt", ended["status"])) == {broke, well}
    assert await listed(shell, "--receipt", "skipped") == [skipped]
    await imported_alone(shell, tmp_path, files, broke, ended["status"])


async def imported_alone(
    shell: Shell, tmp_path: Path, files: list[str], broke: str, receipt: str
) -> None:
    """The same of what was imported where nothing was run."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STATE_DIR", str(elsewhere))
        for number, content in enumerate(files):
            file = tmp_path / f"{number}.tape.jsonl"
            file.write_text(content)
            assert (await shell.run("import", file)).code == 0
        assert await listed(shell, "--error") == [broke]
        assert len(await listed(shell, "--receipt", receipt)) == 2
        assert await listed(shell, "--service", "cart-service", "--status", "done") == [broke]
        assert await listed(shell, "--since", "2999-01-01") == []
        said = await shell.run("list")
    assert [" imported, code " in line for line in said.lines] == [False, True, True]


@pytest.mark.parametrize(
    ("question", "named"),
    [
        ("cart-service is slow", True),
        ("Is it cart-service.", True),
        ("(CART-SERVICE)", True),
        ("cart-service-2 is slow", False),
        ("my-cart-service", False),
        ("cart-service.shop.internal", False),
    ],
)
def test_a_component_is_named_by_its_whole_name_alone(question: str, named: bool) -> None:
    assert names(question, "cart-service") is named
