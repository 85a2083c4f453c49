"""The page of the API: its examples run as they are printed, and it names what is served."""

import asyncio
import re
import shutil
from collections.abc import AsyncIterator

import httpx
import pytest

from server.openapi import markdown
from tests.lab.lab_up import up
from tests.server.conftest import ROOT

PAGE = (ROOT / "docs" / "api.md").read_text()
PRINTED = "http://127.0.0.1:8080"
STRICT = """set -euo pipefail
curl() { command curl --fail-with-body --max-time 30 --write-out "\\n" "$@"; }
"""
METHODS = ("get", "post", "put", "patch", "delete")


@pytest.fixture(scope="module")
async def lab(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """The address of `python -m lab up`."""
    async with up(tmp_path_factory.mktemp("lab")) as running:
        yield running.address


@pytest.fixture(scope="module")
async def printed(lab: str) -> tuple[int, str, str]:
    """The exit status of all examples as one script, what they print, and their last words."""
    if not (shutil.which("curl") and shutil.which("bash")):
        pytest.skip("the examples need curl and bash")
    examples = re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    script = STRICT + "".join(examples).replace(PRINTED, lab)
    assert script.count(lab) == 1
    process = await asyncio.create_subprocess_exec(
        *("bash", "-c", script), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    output, errors = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode(), errors.decode()


async def test_every_example_runs_as_it_is_printed(printed: tuple[int, str, str]) -> None:
    code, output, errors = printed
    assert code == 0, errors + output[-2000:]
    # The two refusals that the page shows on purpose, and nothing else.
    assert re.findall(r"curl: \(22\).*", errors) == [
        "curl: (22) The requested URL returned error: 404",
        "curl: (22) The requested URL returned error: 422",
    ], errors
    assert re.findall(r'"type":"/problems/([\w-]+)"', output) == ["run-unknown", "invalid-request"]


async def test_the_examples_show_what_the_page_says(printed: tuple[int, str, str]) -> None:
    _, output, _ = printed
    lines = output.splitlines()
    assert lines[0] == "pricing-service"
    named = re.findall(r"^event: (\w+)$", output, re.MULTILINE)
    assert named.count("accepted") == 1, "the second stream goes on after the first two events"
    assert named.count("answered") == 2
    ids = re.findall(r"^id: (\S+)$", output, re.MULTILINE)
    assert ids[named.index("answered") + 1] == "1.3"
    assert re.search(r"^idempotency-replayed: true\s*$", output, re.MULTILINE)
    assert re.search(r"^HTTP/1.1 202 ", output, re.MULTILINE)
    for said in ("same", "cancelled", "pending", "acknowledged", "ready", "{}"):
        assert said in lines
    assert '"role":"user","content":"Who owns pricing-service?"' in output
    assert '"duplicate":false' in output


async def test_the_page_names_every_endpoint_that_is_served_and_no_other(lab: str) -> None:
    async with httpx.AsyncClient(base_url=lab) as client:
        document = (await client.get("/openapi.json")).json()
    served = {
        f"{method.upper()} {path}"
        for path, methods in document["paths"].items()
        for method in methods
        if method in METHODS
    }
    assert set(re.findall(r"`((?:GET|POST|PUT|PATCH|DELETE) /\S+)`", PAGE)) == served


def test_the_page_has_the_table_of_problems() -> None:
    assert PAGE.endswith("\n\n" + markdown() + "\n")
