"""The doctor's line for the copy of insights: where it is configured, and it leaves nothing."""

from typing import Any

import pytest

from lab.bolt import READER, WRITER, BoltServer
from tests.conftest import MakeSettings
from tests.server.doctor.conftest import WITHOUT_FULL, checked


@pytest.fixture
def writer(server: BoltServer) -> dict[str, Any]:
    return {"memory_neo4j_user": WRITER, "memory_neo4j_password": server.writer_password}


async def test_a_writer_who_may_write_is_ok_and_nothing_is_left_behind(
    estate_settings: MakeSettings, server: BoltServer, writer: dict[str, Any]
) -> None:
    settings = estate_settings(**writer)
    checks = await checked(settings)
    assert list(checks) == [*WITHOUT_FULL, "projection"]
    assert (checks["projection"].status, checks["projection"].detail) == (
        "ok",
        f"scribe may copy insights to {settings.neo4j_uri}",
    )
    found, _, _ = await server.admin.execute_query(
        "MATCH (i:Insight) RETURN count(i) AS insights", database_="bad_deploy"
    )
    assert found[0]["insights"] == 0


@pytest.mark.parametrize(
    ("change", "reason", "remedy"),
    [
        (
            {"memory_neo4j_password": "wrong-password"},
            "Authentication failed",
            "correct MEMORY_NEO4J_USER and MEMORY_NEO4J_PASSWORD",
        ),
        (
            {"memory_neo4j_user": READER},
            "not allowed to",
            "let MEMORY_NEO4J_USER write in NEO4J_DATABASE (docs/operating.md)",
        ),
    ],
    ids=["wrong password", "may only read"],
)
async def test_a_writer_who_cannot_write_fails_that_line_alone(
    estate_settings: MakeSettings,
    server: BoltServer,
    writer: dict[str, Any],
    change: dict[str, Any],
    reason: str,
    remedy: str,
) -> None:
    chosen = {**writer, **change}
    if chosen["memory_neo4j_user"] == READER:
        chosen["memory_neo4j_password"] = server.reader_password
    checks = await checked(estate_settings(**chosen))
    assert [check.name for check in checks.values() if check.status != "ok"] == ["projection"]
    failure = checks["projection"]
    assert reason in failure.detail
    assert failure.remedy == remedy


async def test_a_database_that_is_away_fails_both_lines(
    estate_settings: MakeSettings, writer: dict[str, Any]
) -> None:
    checks = await checked(estate_settings(**writer, neo4j_uri="bolt://127.0.0.1:9"))
    failed = {name: check.remedy for name, check in checks.items() if check.status == "failed"}
    assert list(failed) == ["neo4j", "projection"]
    assert failed["projection"] == "start it, or correct NEO4J_URI"
