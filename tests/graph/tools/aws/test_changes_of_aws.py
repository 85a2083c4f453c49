"""What AWS tells about changes, for the one list of them: CloudTrail and ECS."""

import json

import pytest

from graph.tools.aws import ecs, trail
from graph.tools.aws.client import Aws
from graph.tools.aws.refusal import AwsRefused
from graph.tools.changes import CHANGE_COLUMNS
from graph.tools.window import Window, iso
from lab.aws import AwsDouble
from lab.faults import Status
from lab.story import Story
from tests.graph.tools.aws.conftest import ask

DAY = "last 24h"


async def test_calls_that_changed_something_come_newest_first(aws: Aws, story: Story) -> None:
    rows = await trail.events(aws, "", Window.parse(DAY))
    assert [(row["component"], row["kind"], row["by"]) for row in rows] == [
        ("recommendation-service", "ecs UpdateService", "sam.okafor"),
        ("pricing-service", "ecs UpdateService", "aiko.tanaka"),
        ("orders-db", "rds ModifyDBInstance", "lea.moreau"),
        ("fraud-service", "ecs UpdateService", "jonas.weber"),
    ]
    assert rows[1]["at"] == iso(story.ago(31))
    assert [row["status"] for row in rows] == ["done", "done", "refused: AccessDenied", "done"]
    assert all(set(row) <= set(CHANGE_COLUMNS) for row in rows)


@pytest.mark.parametrize(
    ("service", "window", "kinds"),
    [
        ("pricing-service", DAY, ["ecs UpdateService"]),
        ("orders-db", DAY, ["rds ModifyDBInstance"]),
        ("orders-db", "last 1h", []),
        ("zeppelin", DAY, []),
    ],
)
async def test_calls_are_chosen_by_resource_and_window(
    aws: Aws, service: str, window: str, kinds: list[str]
) -> None:
    rows = await trail.events(aws, service, Window.parse(window))
    assert [row["kind"] for row in rows] == kinds


async def test_only_changes_are_asked_for(aws: Aws, double: AwsDouble) -> None:
    await trail.events(aws, "", Window.parse(DAY))
    [seen] = double.requests
    assert (seen.parameters or {})["LookupAttributes"] == [
        {"AttributeKey": "ReadOnly", "AttributeValue": "false"}
    ]


def test_a_call_is_about_what_its_parameters_name_as_a_whole() -> None:
    def about(name: str, **parameters: object) -> bool:
        told = json.dumps({"requestParameters": parameters})
        return trail.is_about({"CloudTrailEvent": told}, name)

    assert about("cart", service="cart")
    assert about("cart", service="arn:aws:ecs:eu-central-1:1:service/shop/cart")
    assert about("a.b", list=[{"x": "a.b"}])
    assert not about("cart", service="cart-v2", other="go-cart", note="the cart is full")
    assert not about("a.b", service="axb")
    assert not trail.is_about({"CloudTrailEvent": "{"}, "cart")
    assert not trail.is_about({}, "cart")


async def test_deployments_of_ecs_come_with_their_revision(aws: Aws, story: Story) -> None:
    rows = await ecs.deployments(aws, "", Window.parse(DAY))
    assert [row["component"] for row in rows[:2]] == ["recommendation-service", "pricing-service"]
    [pricing] = await ecs.deployments(aws, "pricing-service", Window.parse(DAY))
    assert pricing == rows[1]
    assert (pricing["at"], pricing["status"]) == (iso(story.ago(31)), "COMPLETED")
    assert pricing["version"].startswith("pricing-service:")
    assert set(pricing) <= set(CHANGE_COLUMNS)


async def test_deployments_before_the_window_are_left_out(aws: Aws) -> None:
    assert await ecs.deployments(aws, "pricing-service", Window.parse("last 20m")) == []
    assert await ecs.deployments(aws, "zeppelin", Window.parse(DAY)) == []


async def test_a_refusal_says_which_time_it_was_about(aws: Aws, double: AwsDouble) -> None:
    window = Window.parse(DAY)
    for ask_, operation in ((trail.events, "LookupEvents"), (ecs.deployments, "DescribeServices")):
        double.queue(Status(403, "not for you"), operation=operation)
        with pytest.raises(AwsRefused, match="AccessDeniedException: not for you") as refused:
            await ask_(aws, "pricing-service", window)
        assert refused.value.window == str(window)


async def test_they_are_no_tools_of_their_own(aws: Aws) -> None:
    with pytest.raises(KeyError):
        await ask(aws, "events")
