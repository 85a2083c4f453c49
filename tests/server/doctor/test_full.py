"""The investigation of `--full`: through the real start, with its enrichment."""

import pytest

from graph.runtime import open_runtime
from lab.datadog import DatadogDouble
from lab.faults import Status
from lab.minimax import MiniMaxDouble, Reply
from server.doctor.investigation import QUESTION
from tests.conftest import DATABASES, MakeSettings
from tests.server.doctor.conftest import WITHOUT_FULL, checked


@pytest.mark.parametrize("database", DATABASES, indirect=True)
async def test_a_whole_estate_answers_and_its_enrichment_ends(
    estate_settings: MakeSettings, provider: MiniMaxDouble
) -> None:
    settings = estate_settings()
    checks = await checked(settings, full=True)
    assert list(checks) == [*WITHOUT_FULL, "investigation"]
    assert {check.status for check in checks.values()} == {"ok"}
    assert "; its enrichment is " in checks["investigation"].detail
    async with open_runtime(settings) as runtime:
        [receipt] = await runtime.enrichments()
    assert receipt["status"] in ("stored", "empty")
    assert QUESTION in str(provider.of("MiniMax-M3")[-1].body["messages"])


async def test_it_is_not_run_when_something_failed(
    estate_settings: MakeSettings, datadog_double: DatadogDouble, provider: MiniMaxDouble
) -> None:
    datadog_double.always(Status(403), "/api/v1/monitor/search")
    checks = await checked(estate_settings(), full=True)
    investigation = checks["investigation"]
    assert investigation.status == "disabled"
    assert investigation.detail == "not run, because it needs what failed: datadog"
    assert len(provider.requests) == 2


@pytest.mark.parametrize(
    ("database", "remedy"),
    [
        ("sqlite", "STATE_DIR=/tmp/netforge-doctor python -m server.doctor --full"),
        ("postgres", "EXECUTOR_ID=one-doctor python -m server.doctor --full"),
    ],
    indirect=["database"],
)
async def test_beside_a_server_it_alone_is_refused_with_what_to_do(
    estate_settings: MakeSettings, remedy: str
) -> None:
    settings = estate_settings()
    async with open_runtime(settings):
        checks = await checked(settings, full=True)
    failed = [check for check in checks.values() if check.status == "failed"]
    assert [check.name for check in failed] == ["investigation"]
    assert "is in use by another process" in failed[0].detail
    assert failed[0].remedy == f"stop that process, or run beside it: {remedy}"


async def test_an_enrichment_that_fails_is_told_by_its_receipt(
    estate_settings: MakeSettings, provider: MiniMaxDouble
) -> None:
    settings = estate_settings(model_attempts=1)
    # The first is the check of the analyst's own line.
    provider.queue("MiniMax-M2.5", Reply({"content": "ready"}), Status(500, "out of order"))
    investigation = (await checked(settings, full=True))["investigation"]
    assert investigation.status == "failed"
    assert "; its enrichment is failed: " in investigation.detail
    assert "out of order" in investigation.detail
    assert investigation.remedy == "look at the line of the analyst, and ask again"


async def test_an_investigation_that_the_model_ends_is_told_with_its_remedy(
    estate_settings: MakeSettings, provider: MiniMaxDouble
) -> None:
    provider.queue("MiniMax-M3", Reply({"content": "ready"}), Status(402, "no money"))
    investigation = (await checked(estate_settings(), full=True))["investigation"]
    assert investigation.status == "failed"
    assert "no money" in investigation.detail
    assert investigation.remedy == "top up the MiniMax account"


async def test_without_enrichment_the_answer_is_enough(estate_settings: MakeSettings) -> None:
    checks = await checked(estate_settings(enrichment=False), full=True)
    assert checks["investigation"].status == "ok"
    assert checks["investigation"].detail.endswith("; ENRICHMENT is off")
