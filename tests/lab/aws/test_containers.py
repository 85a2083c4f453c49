import pytest

from lab.aws import serve
from lab.incident import load
from lab.story import Story
from tests.lab.aws.conftest import Ask, Client, asked, refused


async def services_of(ask: Ask) -> list[str]:
    arns: list[str] = []
    token: dict[str, str] = {}
    while True:
        answer = await ask("ecs", "list_services", cluster="shop", maxResults=4, **token)
        arns += answer["serviceArns"]
        if "nextToken" not in answer:
            return arns
        token = {"nextToken": answer["nextToken"]}


async def test_the_one_cluster_counts_what_runs(ask: Ask) -> None:
    [arn] = (await ask("ecs", "list_clusters"))["clusterArns"]
    [cluster] = (await ask("ecs", "describe_clusters", clusters=[arn]))["clusters"]
    assert cluster["clusterName"] == "shop"
    assert cluster["activeServicesCount"] == 13
    assert cluster["pendingTasksCount"] == 1
    # One more a service and host: api-gateway has two hosts, pricing-service two tasks.
    assert cluster["runningTasksCount"] == 15


async def test_pages_of_services_hold_each_of_ours_once(ask: Ask) -> None:
    names = [arn.rpartition("/")[2] for arn in await services_of(ask)]
    assert names == sorted(set(names))
    assert len(names) == 13
    assert not {"card-network", "session-cache", "orders-db"} & set(names)


async def test_a_page_is_of_ten_services_unless_more_are_asked_for(ask: Ask) -> None:
    for asked_for, held in (({}, 10), ({"maxResults": 100}, 13)):
        answer = await ask("ecs", "list_services", cluster="shop", **asked_for)
        assert len(answer["serviceArns"]) == held


async def test_a_service_shows_its_tasks_events_tags_and_target_group(
    ask: Ask, story: Story
) -> None:
    answer = await ask(
        "ecs",
        "describe_services",
        cluster="shop",
        services=["pricing-service", "api-gateway", "nowhere"],
        include=["TAGS"],
    )
    pricing, gateway = answer["services"]
    assert [pricing[f"{kind}Count"] for kind in ("desired", "running", "pending")] == [4, 2, 1]
    assert [event["message"] for event in pricing["events"]] == [
        "has started 1 tasks",
        "was unable to place a task",
    ]
    assert abs((story.ago(5) - pricing["events"][0]["createdAt"]).total_seconds()) < 1
    assert pricing["tags"] == [{"key": "Service", "value": "pricing-service"}]
    assert "targetgroup/pricing/" in pricing["loadBalancers"][0]["targetGroupArn"]
    assert (gateway["desiredCount"], gateway["runningCount"]) == (2, 2)
    assert "steady state" in gateway["events"][0]["message"]
    [missing] = answer["failures"]
    assert missing["reason"] == "MISSING"


async def test_the_primary_deployment_is_the_newest_and_runs_its_version(
    ask: Ask, story: Story
) -> None:
    [service] = (await ask("ecs", "describe_services", cluster="shop", services=["web-shop"]))[
        "services"
    ]
    [primary] = service["deployments"]
    assert (primary["status"], primary["rolloutState"]) == ("PRIMARY", "COMPLETED")
    assert abs((story.ago(1750) - primary["createdAt"]).total_seconds()) < 1
    definition = await ask(
        "ecs", "describe_task_definition", taskDefinition=primary["taskDefinition"]
    )
    [container] = definition["taskDefinition"]["containerDefinitions"]
    assert container["image"].endswith("/web-shop:v8.2.1")
    assert "PASSWORD" in container["environment"][0]["name"]


async def test_what_was_rolled_back_does_not_run(ask: Ask) -> None:
    definition = await ask("ecs", "describe_task_definition", taskDefinition="fraud-service")
    [container] = definition["taskDefinition"]["containerDefinitions"]
    assert container["image"].endswith("/fraud-service:v2.3.1")


async def test_while_a_deployment_is_in_progress_the_older_one_is_active(
    client: Client, story: Story
) -> None:
    incident = load("bad-deploy")
    going = tuple(
        each.model_copy(update={"status": "in_progress"}) if each.id == "dep-9104" else each
        for each in incident.topology.deployment
    )
    topology = incident.topology.model_copy(update={"deployment": going})
    told = Story(incident.model_copy(update={"topology": topology}), story.now)
    async with serve(told) as double:
        answer = await asked(
            client(double, "ecs"), "describe_services", cluster="shop", services=["pricing-service"]
        )
    [service] = answer["services"]
    assert [(each["status"], each["rolloutState"]) for each in service["deployments"]] == [
        ("PRIMARY", "IN_PROGRESS"),
        ("ACTIVE", "COMPLETED"),
    ]
    new, old = service["deployments"]
    assert new["taskDefinition"] != old["taskDefinition"]
    assert new["createdAt"] > old["createdAt"]


async def test_tasks_are_as_many_as_run_and_wait(ask: Ask) -> None:
    arns = (await ask("ecs", "list_tasks", cluster="shop", serviceName="pricing-service"))[
        "taskArns"
    ]
    answer = await ask("ecs", "describe_tasks", cluster="shop", tasks=[*arns, "gone"])
    assert [task["lastStatus"] for task in answer["tasks"]] == ["RUNNING", "RUNNING", "PENDING"]
    assert {task["group"] for task in answer["tasks"]} == {"service:pricing-service"}
    assert [failure["arn"] for failure in answer["failures"]] == ["gone"]


@pytest.mark.parametrize(
    ("operation", "parameters", "code"),
    [
        ("list_services", {}, "ClusterNotFoundException"),
        ("list_services", {"cluster": "shop", "nextToken": "x"}, "ValidationError"),
        ("list_tasks", {"cluster": "shop", "serviceName": "no"}, "ServiceNotFoundException"),
        (
            "describe_services",
            {"cluster": "shop", "services": ["s"] * 11},
            "InvalidParameterException",
        ),
        ("describe_task_definition", {"taskDefinition": "web-shop:99"}, "ClientException"),
        ("describe_task_definition", {"taskDefinition": "no-service"}, "ClientException"),
    ],
)
async def test_what_is_not_there_is_refused(
    ask: Ask, operation: str, parameters: dict[str, object], code: str
) -> None:
    assert await refused(ask, "ecs", operation, **parameters) == (400, code)
