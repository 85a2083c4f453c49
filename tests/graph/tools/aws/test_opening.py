"""The environment does not get past the settings, and nothing outlives the reader."""

import pytest

from lab.aws import AwsDouble
from tests.graph.tools.aws.conftest import OpenAws


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AWS_PROFILE", "not-there"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:9"),
        ("HTTP_PROXY", "http://127.0.0.1:9"),
        ("http_proxy", "http://127.0.0.1:9"),
    ],
)
async def test_a_variable_that_is_no_setting_of_ours_changes_nothing(
    double: AwsDouble, open_on: OpenAws, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    async with open_on() as aws:
        answer = await aws.call("ecs", "ListClusters")
    assert len(answer["clusterArns"]) == 1
    assert [seen.status for seen in double.requests] == [200]


async def test_what_is_still_asked_at_the_end_is_waited_for(
    double: AwsDouble, open_on: OpenAws
) -> None:
    async with open_on() as aws:
        aws.later("ecs", "ListClusters")
    assert [seen.status for seen in double.requests] == [200]
