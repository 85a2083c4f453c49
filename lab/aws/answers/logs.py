"""CloudWatch Logs: a group for each service that writes, and its events."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from lab.aws.scene import Parameters, Refused, Result, Scene, page
from lab.signals import DAY_MINUTES, Log
from lab.story import Story

SCAN_LIMIT = 100_000
"""Lines that one request looks at; for more it is refused, or an Insights query times out."""
EVENT_LIMIT = 10_000
"""Events in one answer; AWS's own limit."""
_TERM = re.compile(r'(?P<sign>[?-]?)(?:"(?P<quoted>[^"]*)"|(?P<word>[^\s"]+))')


@dataclass(frozen=True)
class Event:
    """One log event; its message begins with the level, as an application prints it."""

    at: datetime
    group: str
    stream: str
    message: str
    id: str


def group_of(service: str) -> str:
    """The log group that ECS writes a service's lines to."""
    return f"/ecs/{service}"


def group_names(scene: Scene) -> list[str]:
    """All log groups, sorted."""
    return sorted({group_of(log.service) for log in scene.story.incident.signals.log})


@dataclass(frozen=True)
class Lines:
    """The lines of some groups from a start to before an end: how many, and one by one."""

    story: Story
    logs: tuple[Log, ...]
    start: datetime
    end: datetime

    @property
    def count(self) -> int:
        """How many there are; nothing is read for that."""
        return sum(len(self.story.indexes(log, self.start, self.end)) for log in self.logs)

    def events(self) -> Iterator[Event]:
        """One kind of line after the other, the oldest first in each."""
        for log in self.logs:
            for index in self.story.indexes(log, self.start, self.end):
                line = self.story.line(log, index)
                yield Event(
                    at=line.at.astimezone(UTC),
                    group=group_of(line.service),
                    stream=f"{line.service}/{line.host}",
                    message=f"{line.level.upper()} {line.message}",
                    id=line.id,
                )


def lines(scene: Scene, groups: list[str], start: datetime, end: datetime) -> Lines:
    """The lines of these groups.

    Raises Refused for a group that is not there.
    """
    if missing := sorted(set(groups) - set(group_names(scene))):
        message = f"The specified log group does not exist: {', '.join(missing)}"
        raise Refused("ResourceNotFoundException", message)
    every = scene.story.incident.signals.log
    mine = tuple(log for log in every if group_of(log.service) in groups)
    return Lines(scene.story, mine, start, min(end, scene.story.now))


def groups(scene: Scene, parameters: Parameters) -> Result:
    """DescribeLogGroups: by the start of a name or a part of it."""
    prefix = parameters.get("logGroupNamePrefix") or ""
    part_of_name = parameters.get("logGroupNamePattern") or ""
    found = [
        {
            "logGroupName": name,
            "arn": scene.arn("logs", f"log-group:{name}:*"),
            "logGroupArn": scene.arn("logs", f"log-group:{name}"),
            "creationTime": milliseconds(scene.story.ago(30 * DAY_MINUTES)),
            "retentionInDays": 30,
            "storedBytes": 1_000_000,
            "logGroupClass": "STANDARD",
        }
        for name in group_names(scene)
        if name.startswith(prefix) and part_of_name in name
    ]
    part, following = page(parameters, found, ("limit", 50, 50), "nextToken")
    return {"logGroups": part, **following}


def events(scene: Scene, parameters: Parameters) -> Result:
    """FilterLogEvents: by time, stream and terms; the oldest first."""
    group = group_named(parameters)
    start = _moment(parameters.get("startTime"), scene.story.now - timedelta(minutes=DAY_MINUTES))
    end = _moment(parameters.get("endTime"), scene.story.now)
    streams = set(parameters.get("logStreamNames") or ())
    prefix = parameters.get("logStreamNamePrefix") or ""
    matches = terms(parameters.get("filterPattern") or "")
    # The end belongs to the time that is asked for.
    seen = lines(scene, [group], start, end + timedelta(milliseconds=1))
    if seen.count > SCAN_LIMIT:
        raise Refused("InvalidParameterException", f"the lab looks at {SCAN_LIMIT} lines at most")
    found = [
        {
            "logStreamName": event.stream,
            "timestamp": milliseconds(event.at),
            "message": event.message,
            "ingestionTime": milliseconds(event.at),
            "eventId": event.id,
        }
        for event in seen.events()
        if matches(event.message)
        and (not streams or event.stream in streams)
        and event.stream.startswith(prefix)
    ]
    found.sort(key=lambda entry: (entry["timestamp"], entry["eventId"]))
    part, following = page(parameters, found, ("limit", EVENT_LIMIT, EVENT_LIMIT), "nextToken")
    return {"events": part, "searchedLogStreams": [], **following}


def group_named(parameters: Parameters) -> str:
    """The group that a name or an identifier, which may be an ARN, stands for."""
    given = str(parameters.get("logGroupName") or parameters.get("logGroupIdentifier") or "")
    return given.rpartition(":log-group:")[2].removesuffix(":*")


def milliseconds(moment: datetime) -> int:
    """The moment as AWS Logs writes it."""
    return int(moment.timestamp() * 1000)


def terms(pattern: str) -> Callable[[str], bool]:
    """Whether a message has all terms, none of the `-` ones, and one of the `?` ones.

    Raises Refused for the patterns that look into JSON or columns.
    """
    if pattern.lstrip()[:1] in ("{", "["):
        raise Refused("InvalidParameterException", "the lab's lines are text: give terms")
    if pattern.startswith("%") and pattern.endswith("%") and len(pattern) > 1:
        return _expression(pattern[1:-1])
    found = [
        (term["sign"], term["quoted"] or term["word"] or "") for term in _TERM.finditer(pattern)
    ]
    every = [text for sign, text in found if not sign]
    no = [text for sign, text in found if sign == "-"]
    some = [text for sign, text in found if sign == "?"]
    return lambda message: (
        all(text in message for text in every)
        and not any(text in message for text in no)
        and (not some or any(text in message for text in some))
    )


def _expression(pattern: str) -> Callable[[str], bool]:
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise Refused("InvalidParameterException", f"invalid filter pattern: {error}") from error
    return lambda message: compiled.search(message) is not None


def _moment(given: int | None, usual: datetime) -> datetime:
    return usual if given is None else datetime.fromtimestamp(given / 1000, UTC)
