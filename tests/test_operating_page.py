"""What the operator's page grants is what the clients may ask, no more and no less."""

import json
import re
from pathlib import Path

from graph.tools.aws.guard import READS as AWS_READS
from graph.tools.datadog.reads import READS as DATADOG_READS

PAGE = (Path(__file__).parents[1] / "docs" / "operating.md").read_text()
IAM_PREFIX = {"resourcegroupstaggingapi": "tag", "elbv2": "elasticloadbalancing"}
"""Where IAM's name of a service is not the client's."""


def test_the_policy_allows_the_operations_that_the_client_may_send() -> None:
    [policy] = re.findall(r"^```json\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    [statement] = json.loads(policy)["Statement"]
    wanted = [
        f"{IAM_PREFIX.get(service, service)}:{operation}"
        for service, operations in AWS_READS.items()
        for operation in operations
    ]
    assert statement["Action"] == sorted(wanted)


def test_the_scopes_are_those_that_the_requests_need() -> None:
    scopes = re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)
    beside = {"logs_read_index_data"}
    assert set(scopes) == {read.scope for read in DATADOG_READS.values()} | beside
