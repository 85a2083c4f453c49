"""A whole estate to examine, and how one is."""

from typing import Any

import pytest
from pydantic import SecretStr

from graph.settings import Settings
from lab.aws import AwsDouble
from lab.datadog import DatadogDouble
from lab.estate import LabSettings, sources
from server.doctor.check import Check
from server.doctor.examination import examine
from server.doctor.telling import line
from tests.conftest import MakeSettings

Checks = dict[str, Check]
WITHOUT_FULL = ["settings", "orchestrator", "analyst", "neo4j", "datadog", "aws", "database"]


@pytest.fixture
def estate_settings(
    lab_settings: MakeSettings, datadog_double: DatadogDouble, aws_double: AwsDouble
) -> MakeSettings:
    """Settings with every source; keyword arguments override them."""

    def make(**overrides: Any) -> LabSettings:
        return lab_settings(**{**sources(datadog_double, aws_double), **overrides})

    return make


def secrets(settings: Settings) -> list[str]:
    """The values that may never be printed."""
    values = [getattr(settings, name) for name in type(settings).model_fields]
    known = [value.get_secret_value() for value in values if isinstance(value, SecretStr)]
    return list(filter(None, known))


async def checked(settings: Settings, *, full: bool = False) -> Checks:
    """Examine; no line holds a secret, more than a line, or a fault of our own."""
    checks = await examine(settings, full=full)
    for check in checks:
        said = line(check)
        assert len(said.splitlines()) == 1
        assert "fault of NetForge" not in said
        assert not [secret for secret in secrets(settings) if secret in said]
    return {check.name: check for check in checks}


async def only_failure(settings: Settings, *names: str) -> Check:
    """Examine; exactly these lines fail, each with a reason and a remedy: the first of them."""
    checks = await checked(settings)
    assert list(checks) == WITHOUT_FULL
    failed = [check for check in checks.values() if check.status == "failed"]
    assert [check.name for check in failed] == list(names)
    assert all(check.detail and check.remedy for check in failed)
    return failed[0]
