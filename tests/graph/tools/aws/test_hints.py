"""What the AWS tools say about what they left out, and to somebody who asked for the wrong name."""

from datetime import UTC, datetime

import pytest

from graph.tools.aws import logs
from graph.tools.aws.client import Aws
from graph.tools.aws.insights import shaped
from graph.tools.window import Window
from lab.aws import AwsDouble
from lab.faults import Status
from lab.story import Story
from tests.graph.tools.aws.conftest import ask

CART = {"log_group": "/ecs/cart-service"}


def test_bins_that_are_not_whole_are_no_fall_of_the_count() -> None:
    at = datetime.now(UTC).replace(second=30, microsecond=0)
    window = Window(datetime.fromtimestamp(at.timestamp() - 1500, UTC), at)
    first = int(window.start.timestamp()) // 60 * 60
    rows = [
        {
            "bin(1m)": f"{datetime.fromtimestamp(first + 60 * n, UTC):%Y-%m-%d %H:%M:%S.000}",
            "count(*)": "30" if n in (0, 25) else "60",
        }
        for n in range(26)
    ]
    points, text = shaped("count", rows, window, 10)
    assert [count for _, count in points] == [30, *[60] * 24, 30]
    names, row, note = text.splitlines()
    told = dict(zip(names.split("\t"), row.split("\t"), strict=True))
    assert (told["points"], told["min"], told["last"], told["onset"]) == ("24", "60", "60", "-")
    assert note == "[the bins at both ends are not whole; left out of the figures: 30 and 30 lines]"


async def test_a_window_of_few_bins_leaves_none_out(aws: Aws, story: Story) -> None:
    window = f"{story.ago(2).isoformat()}/{story.now.isoformat()}"
    result = await ask(aws, "aws_logs", **CART, mode="count", window=window)
    assert result.text.splitlines()[1].split("\t")[2] in ("2", "3")
    assert "not whole" not in result.text


async def test_what_is_cut_is_said_before_the_patterns(aws: Aws) -> None:
    result = await ask(aws, "aws_logs", **CART, limit=1)
    assert result.text.startswith("[there are further patterns, of fewer lines; ")


async def test_further_log_groups_are_told_of(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "GROUPS_SHOWN", 1)
    result = await ask(aws, "aws_logs", log_group="zeppelin")
    assert result.text.endswith("; log groups there are: /ecs/cart-service and more")


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("pricing-svc", "ecs services like it: pricing-service"),
        ("zeppelin", "ecs services there are: "),
    ],
)
async def test_nothing_of_a_name_says_what_services_there_are(
    aws: Aws, name: str, near: str
) -> None:
    result = await ask(aws, "aws_resource_health", service=name)
    assert result.status == "no_data"
    assert result.text.startswith(f"nothing has that tag or that name; {near}")


async def test_nothing_of_a_name_is_no_data_when_no_names_are_told(
    aws: Aws, double: AwsDouble
) -> None:
    double.queue(Status(403, "no list"), operation="ListServices")
    result = await ask(aws, "aws_resource_health", service="zeppelin")
    assert (result.status, result.text) == ("no_data", "nothing has that tag or that name")


async def test_what_is_not_known_is_said_before_the_resources(aws: Aws, double: AwsDouble) -> None:
    double.queue(Status(403, "no targets"), operation="DescribeTargetHealth")
    result = await ask(aws, "aws_resource_health", service="pricing-service")
    assert result.text.splitlines()[1].startswith("elb: AccessDenied: no targets: ")
