"""The command as a person runs it."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from graph.settings import Settings
from lab.datadog import DatadogDouble
from lab.faults import Status
from tests.conftest import MakeSettings
from tests.server.conftest import ROOT, environment
from tests.server.doctor.conftest import WITHOUT_FULL, secrets

DOCTOR = ("-m", "server.doctor")
HELP = """
import runpy, sys
sys.argv = ["doctor", "--help"]
try:
    runpy.run_module("server.doctor", run_name="__main__")
finally:
    print(sorted({"litellm", "langgraph", "dbos", "boto3", "neo4j"} & set(sys.modules)))
"""
STUCK = """
import asyncio, sys, threading
from server.doctor import __main__, examination, state

async def stuck(settings):
    await asyncio.to_thread(threading.Event().wait)

state.works = stuck
examination.DATABASE_LIMIT_S = 0.5
sys.exit(__main__.main([]))
"""


async def run(
    folder: Path, environment: dict[str, str], *command: str
) -> tuple[int | None, str, str]:
    """Exit code, output and errors of a process of its own."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, *command),
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        output, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode, output.decode(), errors.decode()


def whole(settings: Settings) -> dict[str, str]:
    """The environment of these settings, with Datadog and AWS."""
    assert settings.dd_api_key
    assert settings.dd_app_key
    assert settings.aws_access_key_id
    assert settings.aws_secret_access_key
    return {
        **environment(settings),
        "DD_API_KEY": settings.dd_api_key.get_secret_value(),
        "DD_APP_KEY": settings.dd_app_key.get_secret_value(),
        "DD_API_URL": str(settings.dd_api_url),
        "AWS_REGION": str(settings.aws_region),
        "AWS_ACCESS_KEY_ID": settings.aws_access_key_id.get_secret_value(),
        "AWS_SECRET_ACCESS_KEY": settings.aws_secret_access_key.get_secret_value(),
        "AWS_ENDPOINT_URL": str(settings.aws_endpoint_url),
    }


async def test_a_whole_estate_gives_a_line_each_and_exit_code_0(
    tmp_path: Path, estate_settings: MakeSettings
) -> None:
    settings = estate_settings()
    code, output, errors = await run(tmp_path, whole(settings), *DOCTOR)
    lines = output.splitlines()
    assert (code, errors) == (0, "")
    assert [line.split()[0] for line in lines] == WITHOUT_FULL
    assert [line.split()[2:4] for line in lines] == [["s", "ok:"]] * len(WITHOUT_FULL)
    assert not [secret for secret in secrets(settings) if secret in output]


async def test_what_fails_gives_exit_code_1_and_json_says_the_same(
    tmp_path: Path, estate_settings: MakeSettings, datadog_double: DatadogDouble
) -> None:
    datadog_double.always(Status(403), "/api/v1/monitor/search")
    code, output, errors = await run(tmp_path, whole(estate_settings()), *DOCTOR, "--json")
    document: dict[str, Any] = json.loads(output)
    assert (code, errors, document["ok"]) == (1, "", False)
    by_name = {entry.pop("name"): entry for entry in document["checks"]}
    assert list(by_name) == WITHOUT_FULL
    assert by_name["datadog"].pop("seconds") > 0
    assert by_name["datadog"] == {
        "status": "failed",
        "detail": "403 for GET /api/v1/monitor/search",
        "remedy": "grant the application key of DD_APP_KEY, and the role of its owner: "
        "monitors_read",
    }
    others = [entry for name, entry in by_name.items() if name != "datadog"]
    assert {(entry["status"], entry["remedy"]) for entry in others} == {("ok", None)}


@pytest.mark.parametrize("options", [[], ["--json"]], ids=["lines", "json"])
async def test_settings_that_are_not_complete_are_the_only_line(
    tmp_path: Path, options: list[str]
) -> None:
    wrong = {"DD_API_KEY": "k", "ORCHESTRATOR_MODEL": "minimax/none"}
    code, output, errors = await run(tmp_path, wrong, *DOCTOR, *options)
    assert (code, errors) == (1, "")
    assert "MINIMAX_API_KEY is not set: create a key at platform.minimax.io" in output
    assert "unknown model id 'minimax/none'" in output
    assert "correct it in the environment or in .env" in output
    if options:
        [entry] = json.loads(output)["checks"]
        assert (entry["name"], entry["status"]) == ("settings", "failed")
    else:
        assert len(output.splitlines()) == 1
        assert output.startswith("settings         0.0 s  failed: ")


@pytest.mark.parametrize("arguments", [["--none"], ["full"], ["--json=yes"]])
async def test_wrong_arguments_give_exit_code_2(tmp_path: Path, arguments: list[str]) -> None:
    code, output, errors = await run(tmp_path, {}, *DOCTOR, *arguments)
    assert (code, output) == (2, "")
    assert errors.startswith("usage: python -m server.doctor")


async def test_help_imports_no_client_and_no_litellm(tmp_path: Path) -> None:
    code, output, _ = await run(tmp_path, {}, "-c", HELP)
    assert code == 0
    assert "--full" in output
    assert output.splitlines()[-1] == "[]"


async def test_a_thread_that_is_held_does_not_hold_up_the_end(
    tmp_path: Path, lab_settings: MakeSettings
) -> None:
    async with asyncio.timeout(60):
        code, output, _ = await run(tmp_path, environment(lab_settings()), "-c", STUCK)
    assert code == 1
    assert output.splitlines()[-1].split("  ")[-1].startswith("failed: no answer in 0.5 s; see ")
