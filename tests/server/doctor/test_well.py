"""An estate on which everything answers, and one of which a part is switched off."""

import pytest

from graph.runtime import open_runtime
from graph.storage import open_storage
from graph.tools.aws.guard import READS as AWS_READS
from graph.tools.datadog.reads import READS as DATADOG_READS
from lab.aws import AwsDouble
from lab.datadog import DatadogDouble
from server.doctor.aws_reads import asked
from server.doctor.datadog_reads import ASKED
from tests.conftest import DATABASES, MakeSettings
from tests.server.doctor.conftest import WITHOUT_FULL, checked


@pytest.mark.parametrize("database", DATABASES, indirect=True)
async def test_all_is_ok_on_a_whole_estate(estate_settings: MakeSettings) -> None:
    settings = estate_settings()
    checks = await checked(settings)
    assert list(checks) == WITHOUT_FULL
    assert {check.status for check in checks.values()} == {"ok"}
    assert checks["orchestrator"].detail.startswith("minimax/MiniMax-M3 answered, ")
    assert checks["analyst"].detail.startswith("minimax/MiniMax-M2.5 answered, ")
    assert checks["neo4j"].detail == f"{settings.neo4j_uri} has 15 services"
    assert "11 kinds of read are allowed" in checks["datadog"].detail
    assert checks["aws"].detail.startswith("arn:aws:iam::123456789012:user/lab in eu-central-1, 22")


async def test_a_fresh_state_directory_is_ok_and_then_its_queue_is_there(
    estate_settings: MakeSettings,
) -> None:
    settings = estate_settings()
    fresh = await checked(settings)
    assert fresh["database"].detail.endswith("the queue is made at the first start")
    async with open_runtime(settings):
        beside = await checked(settings)
    assert beside["database"].status == "ok"
    assert beside["database"].detail.endswith("the queue is empty")
    off = await checked(settings.model_copy(update={"enrichment": False}))
    assert off["database"].detail.endswith("no queue: ENRICHMENT is off")


async def test_what_is_not_configured_is_disabled_with_its_reason(
    estate_settings: MakeSettings,
) -> None:
    nothing = {"neo4j_uri": None, "dd_api_key": None, "dd_app_key": None, "aws_region": None}
    checks = await checked(estate_settings(**nothing))
    disabled = {name: check.detail for name, check in checks.items() if check.status == "disabled"}
    assert disabled == {
        "neo4j": "NEO4J_URI is not set",
        "datadog": "DD_API_KEY and DD_APP_KEY are not set",
        "aws": "AWS_REGION is not set",
    }
    assert "failed" not in {check.status for check in checks.values()}


async def test_every_read_of_the_tools_is_asked_for_once_and_nothing_else(
    estate_settings: MakeSettings, datadog_double: DatadogDouble, aws_double: AwsDouble
) -> None:
    assert ASKED.keys() == DATADOG_READS.keys()
    operations = {(service, name) for service, names in AWS_READS.items() for name in names}
    assert asked("eu-central-1", "arn:aws:iam::123456789012:user/lab").keys() == operations
    await checked(estate_settings())
    seen = {(seen.service, seen.operation) for seen in aws_double.requests}
    assert seen == operations | {("sts", "GetCallerIdentity")}
    assert len(aws_double.requests) == len(seen)
    assert len(datadog_double.requests) == 1 + len(DATADOG_READS)
    refused = [seen for seen in datadog_double.requests if seen.status not in (200, 404)]
    assert not refused


async def test_a_look_leaves_nothing_in_the_memory(estate_settings: MakeSettings) -> None:
    settings = estate_settings()
    await checked(settings)
    async with open_storage(settings) as storage:
        assert await storage.store.asearch(()) == []
