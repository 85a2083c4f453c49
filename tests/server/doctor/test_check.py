"""One check by itself: whatever it does, it ends in its time, and becomes one line."""

import asyncio
import threading

import pytest

from graph.errors import AwsMisconfigured, StateUnavailable
from server.doctor.check import GRACE_S, Check, Disabled, Trouble, Work, examined
from server.doctor.hiding import secrets_of, without
from server.doctor.telling import line
from tests.conftest import MakeSettings

LIMIT_S = 0.1


async def outcome(*raised: Exception) -> Check:
    async def ask() -> str:
        for error in raised:
            raise error
        return "found\nit"

    return await examined(Work("one", ask, 5, "wait"))


@pytest.mark.parametrize(
    ("raised", "said"),
    [
        ([], "ok: found it"),
        ([Disabled("X is not set")], "disabled: X is not set"),
        ([Trouble("it\nis down", "start\x00it")], "failed: it is down; start it"),
        ([AwsMisconfigured("a; b; set C")], "failed: a; b; set C"),
        ([StateUnavailable("it broke")], "failed: it broke; see docs/operating.md"),
        (
            [KeyError("services")],
            "failed: KeyError: 'services'; this is a fault of NetForge itself: report it",
        ),
    ],
    ids=["ok", "disabled", "trouble", "ours", "ours without a remedy", "unforeseen"],
)
async def test_each_outcome_is_one_line(raised: list[Exception], said: str) -> None:
    assert line(await outcome(*raised)) == f"one              0.0 s  {said}"


async def test_the_reason_of_an_error_of_ours_is_apart_from_its_remedy() -> None:
    check = await outcome(AwsMisconfigured("a; b; set C"))
    assert (check.detail, check.remedy) == ("a; b", "set C")


async def test_what_never_answers_is_ended_with_its_remedy() -> None:
    check = await examined(Work("one", asyncio.Event().wait, LIMIT_S, "wait"))  # type: ignore[arg-type]
    assert (check.status, check.detail, check.remedy) == ("failed", "no answer in 0.1 s", "wait")
    assert check.is_late
    assert LIMIT_S <= check.seconds < GRACE_S


async def test_what_does_not_let_itself_be_ended_is_left_behind() -> None:
    let_go = threading.Event()

    async def ask() -> str:
        while not let_go.is_set():
            try:
                await asyncio.to_thread(let_go.wait)
            except asyncio.CancelledError:
                continue
        return ""

    try:
        async with asyncio.timeout(30):
            check = await examined(Work("one", ask, LIMIT_S, "wait"))
        assert check.detail == "no answer in 0.1 s"
    finally:
        let_go.set()


def test_no_secret_of_the_settings_is_in_a_line(lab_settings: MakeSettings) -> None:
    url = "postgresql://me:p%40ssword@localhost/db"
    settings = lab_settings(
        database_url=url, executor_id="one", dd_api_key="k1k1", dd_app_key="k2k2"
    )
    said = f"{url} p%40ssword p@ssword k1k1 k2k2 {settings.neo4j_password.get_secret_value()}"
    check = without(secrets_of(settings), Check("one", "failed", said, said))
    assert check.detail == check.remedy == " ".join(["[secret]"] * 6)
