"""What a request to the Datadog double holds, checked, and how an answer refuses it."""

import base64
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from lab.datadog.search import Search, SearchError, parse
from lab.story import Story

_Body = TypeVar("_Body", bound=BaseModel)
_Record = TypeVar("_Record")
Key = tuple[datetime, str]
"""What records are sorted by: a time and an id."""
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class Refused(Exception):
    """An error answer: a status, and words for `errors`."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


@dataclass(frozen=True)
class Asked:
    """One request: the words of its path that vary, its parameters, its body."""

    path: Mapping[str, str]
    query: Mapping[str, str]
    body: Any

    def as_(self, model: type[_Body]) -> _Body:
        """The body as that model. Raises Refused(400) where it does not fit."""
        try:
            return model.model_validate(self.body)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            place = ".".join(str(part) for part in first["loc"])
            raise _invalid(place, first["msg"]) from error

    def number(self, name: str, default: int | None = None) -> int:
        """A whole number among the parameters. Raises Refused(400) for anything else."""
        text = self.query.get(name, "" if default is None else str(default))
        if not re.fullmatch(r"\d{1,15}", text):
            raise Refused(400, f"The value provided for parameter '{name}' is invalid")
        return int(text)


class Part(BaseModel):
    """A part of a body; an unknown field is refused, so that a client's slip is seen."""

    model_config = ConfigDict(extra="forbid")


Text = Annotated[str, BeforeValidator(lambda value: str(value) if value is not None else value)]


class Filter(Part):
    """The records that are asked for: a search and a time."""

    query: str = "*"
    start: Text = Field("now-15m", alias="from")
    to: Text = "now"
    indexes: list[str] = Field(default_factory=lambda: ["*"])
    storage_tier: Literal["indexes", "online-archives", "flex"] = "indexes"

    def window(self, story: Story) -> tuple[datetime, datetime]:
        """The time, which ends when the story does. Raises Refused(400) for no time."""
        start = moment("filter.from", self.start, story.now)
        return start, min(moment("filter.to", self.to, story.now), story.now)

    def search(self) -> Search:
        """The search. Raises Refused(400) in Datadog's words where it is none."""
        return searched(self.query)


class Page(Part):
    """Which page of the records."""

    limit: int = Field(10, ge=1, le=1000)
    cursor: str | None = None


class Listing(Part):
    """The body of a search for records."""

    filter: Filter = Field(default_factory=lambda: Filter.model_validate({}))
    page: Page = Field(default_factory=lambda: Page.model_validate({}))
    sort: Literal["timestamp", "-timestamp"] = "-timestamp"
    options: dict[str, Any] = Field(default_factory=dict)

    @property
    def descending(self) -> bool:
        """Whether the newest come first."""
        return self.sort == "-timestamp"

    def bounds(self, story: Story) -> tuple[datetime, datetime, Key | None]:
        """The time that is left to list, and the key of the last record that was listed."""
        start, end = self.filter.window(story)
        if self.page.cursor is None:
            return start, end, None
        last = _decoded(self.page.cursor)
        at = last[0]
        if self.descending:
            return start, min(end, at + timedelta(microseconds=1)), last
        return max(start, at), end, last

    def paged(
        self, story: Story, records: Iterable[_Record], key: Callable[[_Record], Key]
    ) -> tuple[list[_Record], str | None]:
        """One page of records that come in the asked order, and the cursor of the next."""
        last = self.bounds(story)[2]
        left = self._after(records, key, last) if last else iter(records)
        page = list(islice(left, self.page.limit + 1))
        if len(page) <= self.page.limit:
            return page, None
        return page[:-1], _encoded(key(page[-2]))

    def _after(
        self, records: Iterable[_Record], key: Callable[[_Record], Key], last: Key
    ) -> Iterator[_Record]:
        for record in records:
            if key(record) < last if self.descending else key(record) > last:
                yield record


def searched(text: str) -> Search:
    """The search of that text. Raises Refused(400) where it is none."""
    try:
        return parse(text)
    except SearchError as error:
        raise _invalid("filter.query", f"Invalid query: {error}") from error


def moment(field: str, text: str, now: datetime) -> datetime:
    """ISO 8601, milliseconds since the epoch or `now-15m`. Raises Refused(400) for others."""
    if text == "now":
        return now
    if ago := re.fullmatch(r"now-(\d{1,5})([smhdw])", text):
        return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    if re.fullmatch(r"\d{1,14}", text):
        return datetime.fromtimestamp(int(text) / 1000, UTC)
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise _invalid(field, f"'{text}' is not a valid date") from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def iso_ms(at: datetime) -> str:
    """The time as Datadog writes it: ISO 8601 in UTC, to the millisecond."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def meta(cursor: str | None = None) -> dict[str, Any]:
    """What stands beside the data of v2."""
    page = {"page": {"after": cursor}} if cursor else {}
    return {"elapsed": 1, "request_id": "lab", "status": "done", **page}


def links(url: str, cursor: str | None) -> dict[str, Any]:
    """The address of the next page, if there is one."""
    return {"links": {"next": f"{url}?page[cursor]={cursor}"}} if cursor else {}


def _invalid(field: str, words: str) -> Refused:
    return Refused(400, f"input_validation_error(Field '{field}' is invalid: {words})")


def _encoded(key: Key) -> str:
    return base64.urlsafe_b64encode(json.dumps([key[0].isoformat(), key[1]]).encode()).decode()


def _decoded(cursor: str) -> Key:
    try:
        at, record_id = json.loads(base64.urlsafe_b64decode(cursor.encode()))
        return datetime.fromisoformat(at), str(record_id)
    except (ValueError, TypeError):
        raise _invalid("page.cursor", "it is no cursor of this search") from None
