"""What the commands import: no model's library, no server, no client of a source."""

import asyncio
import sys
from pathlib import Path

import pytest

from replay.file.document import from_text

ROOT = Path(__file__).parents[2]
FILE = Path(__file__).parent / "tapes" / "bad-deploy.tape.jsonl"
LIMIT_S = 100
LIVE = {"litellm", "langchain_litellm", "openai", "aiohttp", "dbos", "uvicorn", "fastapi"}
CLIENTS = {"boto3", "botocore", "neo4j"}
DATABASES = {"psycopg", "sqlalchemy", "aiosqlite", "filelock"}
LARGE = {"langgraph", "langchain_core", "pydantic", "langsmith"}


async def imported(*arguments: str | Path, state_dir: Path) -> set[str]:
    """The packages that `python -m replay` has imported with these arguments, at its end."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-X", "importtime", "-m", "replay", *map(str, arguments)),
        cwd=state_dir,
        env={"PYTHONPATH": str(ROOT), "STATE_DIR": str(state_dir)},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(LIMIT_S):
        said, errors = (part.decode() for part in await process.communicate())
    told = [line for line in errors.splitlines() if line.startswith("import time:")]
    assert process.returncode == 0, said + errors.replace("\n".join(told), "")
    found = {line.rpartition("|")[2].strip().partition(".")[0] for line in told}
    assert "argparse" in found
    return found


async def test_help_imports_nothing_that_is_large(tmp_path: Path) -> None:
    found = await imported("--help", state_dir=tmp_path)
    assert not found & (LIVE | CLIENTS | DATABASES | LARGE)


@pytest.mark.parametrize("told", [[], ["--json"]])
async def test_a_rerun_of_a_file_imports_no_client_of_anything(
    told: list[str], tmp_path: Path
) -> None:
    found = await imported("rerun", FILE, *told, state_dir=tmp_path)
    assert "langgraph" in found
    assert not found & (LIVE | CLIENTS | DATABASES)


async def test_a_rerun_of_a_run_that_is_kept_imports_what_reads_it_and_no_client(
    tmp_path: Path,
) -> None:
    run_id = from_text(FILE.read_text(encoding="utf-8")).run_id
    await imported("import", FILE, state_dir=tmp_path)
    found = await imported("rerun", run_id, state_dir=tmp_path)
    assert "aiosqlite" in found
    assert not found & (LIVE | CLIENTS)
