"""What every answer of the lab's AWS is made from, and how an answer is refused or paged."""

from dataclasses import dataclass, field
from typing import Any

from lab.story import Story
from lab.topology import Deployment

REGION = "eu-central-1"
ACCOUNT = "123456789012"
"""The account number that AWS's own documentation uses."""

Parameters = dict[str, Any]
Result = dict[str, Any]


class Refused(Exception):
    """AWS says no: its error code, and its words."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


@dataclass
class Query:
    """A Logs Insights query that was started: its rows, and how far it is."""

    rows: list[list[dict[str, str]]]
    status: str
    matched: int
    scanned: int
    polls_left: int


@dataclass
class Scene:
    """The story, and what one endpoint keeps between two requests."""

    story: Story
    queries: dict[str, Query] = field(default_factory=dict)
    polls_until_complete: int = 1
    """How often a Logs Insights query is still running when its results are asked for."""
    query_ends: str = "Complete"
    """The status it comes to, for example `Failed`; only `Complete` has rows."""

    def arn(self, service: str, resource: str) -> str:
        """The full name of a resource in the lab's account and region."""
        return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}"

    def deployments(self, service: str) -> list[Deployment]:
        """The story's deployments of a service, the oldest first."""
        found = [each for each in self.story.topology.deployment if each.service == service]
        return sorted(found, key=lambda each: each.minutes_ago, reverse=True)

    def newest_deployment(self, service: str) -> Deployment | None:
        """The newest deployment of a service, if the story has one."""
        return next(reversed(self.deployments(service)), None)


def page(
    parameters: Parameters,
    entries: list[Any],
    limits: tuple[str, int, int],
    token: str = "NextToken",
    answered: str | None = None,
) -> tuple[list[Any], Result]:
    """The part of the entries that was asked for, and the token for the next, if any.

    `limits` names the parameter that says how many, the number without it, and the most;
    `token` names the parameter to go on with, and `answered` the member of the answer
    that holds it where that has another name. Raises Refused for a token that no answer gave
    out, and for a number below 1.
    """
    name, usual, most = limits
    size = min(int(parameters.get(name) or usual), most)
    given = str(parameters.get(token) or "lab-0")
    start = given.removeprefix("lab-")
    if not start.isdecimal() or size < 1:
        raise Refused("ValidationError", f"no such page: {name} {size}, {token} {given!r}")
    end = int(start) + size
    following = {answered or token: f"lab-{end}"} if end < len(entries) else {}
    return entries[int(start) : end], following
