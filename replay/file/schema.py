"""What a run and each channel of its state may hold, for recordings that come from elsewhere."""

import functools
import operator
from datetime import datetime
from types import UnionType
from typing import Annotated, Any, NotRequired, Union, get_args, get_origin, get_type_hints

from langchain_core.messages import AnyMessage
from pydantic import ConfigDict, FailFast, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict, is_typeddict

from graph.codec import MESSAGES, decode_message
from graph.errors import UnreadableValue
from graph.question import is_storable
from graph.report import CheckedReport
from graph.run import RunStatus
from graph.setup import Setup
from graph.state import Investigation

NAME_LIMIT = 1000
"""Characters of an id or of a boundary word: they are repeated wherever they are used."""
PLACE_LIMIT = 200
"""Characters of a place within a value that an error names."""
LIST_LIMIT = 10_000
"""Entries of a list in a report or in settings, whose forms tell of every wrong one."""
NUMBER_LIMIT = 10**12
"""Of a setting; beyond it no clock counts."""
TEXTS_OF_A_ROW = ("run_id", "thread_id", "origin", "question", "asked_at")
_NAMES = ("id", "run_id", "thread_id", "turn_id", "message_id", "boundary")


class KeptRun(TypedDict):
    """The columns of a run's row that `replay.recording.KEPT` names."""

    run_id: str
    thread_id: str
    status: RunStatus
    origin: str
    parent: str | None
    question: str
    asked_at: str
    ended_at: str | None
    root_cause: str | None
    reason: str | None
    visits: int
    tool_calls: int
    input_tokens: int
    output_tokens: int
    cost_usd: float
    seconds: float
    analyst_input_tokens: int
    analyst_output_tokens: int
    analyst_cost_usd: float


class MadeWith(TypedDict):
    """As `graph.setup.made_with` gives it."""

    code: str
    prompts: dict[str, str]
    packages: dict[str, str]


class KeptSetup(TypedDict):
    """What an exchange of kind `setup` answers with."""

    settings: Setup
    made_with: MadeWith


def form_of(hint: Any) -> TypeAdapter[Any]:
    """The form of values of that type: strict, and of each TypedDict its own names alone."""
    return TypeAdapter(_closed(hint))


def check_form(what: str, form: TypeAdapter[Any], value: Any) -> Any:
    """The value in that form. Raises UnreadableValue, with the first place that is wrong."""
    try:
        return form.validate_python(value, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(map(str, first["loc"]))[:PLACE_LIMIT]
        place = f"{where}: " if where else ""
        raise UnreadableValue(f"{what}: {place}{first['msg'][:PLACE_LIMIT]}") from None


def check_run(run: Any) -> None:
    """Raise UnreadableValue for what is not a run's row."""
    check_form("the run", _RUN, run)
    for name in TEXTS_OF_A_ROW:
        if not is_storable(run[name]):
            raise UnreadableValue(f"the run: {name}: no database takes it")
    check_names("the run", run)
    check_moment(run["asked_at"])
    if run["ended_at"] is not None:
        check_moment(run["ended_at"])


def check_value(name: str, value: Any) -> None:
    """Raise UnreadableValue when that channel does not exist or cannot hold the value."""
    if is_list(name):
        raise UnreadableValue(f"channel {name}: it holds a list")
    check_form(f"channel {name}", _channels()[name], value)
    if isinstance(value, dict):
        check_names(f"channel {name}", value)
    if value is None:
        return
    if name == "fork":
        check_setup(value["setup"])
    if name == "report":
        _check_lists("channel report", value)
        report = check_form("channel report", _REPORT, value).model_dump()
        lacks = _ADDED - value.keys()
        if {key: part for key, part in report.items() if key not in lacks} != value:
            raise UnreadableValue("channel report: it has other names than a report")


def check_entry(name: str, entry: Any) -> AnyMessage | None:
    """Raise UnreadableValue when that channel is no list or cannot hold the entry.

    Answers with the message that it is, if it is one.
    """
    if not is_list(name):
        raise UnreadableValue(f"channel {name}: it holds no list")
    if isinstance(entry, dict):
        check_names(f"channel {name}", entry)
    if name == MESSAGES:
        message = decode_message(entry)
        if not message.id:
            raise UnreadableValue("a message has no id")
        return message
    check_form(f"channel {name}", _channels()[name], entry)
    return None


def is_list(name: str) -> bool:
    """Whether that channel holds a list. Raises UnreadableValue when there is no such channel."""
    if name not in _channels():
        raise UnreadableValue(f"there is no channel {name[:PLACE_LIMIT]!r} in the state")
    return get_origin(_hints()[name]) is list


def check_setup(setup: Any) -> None:
    """Raise UnreadableValue for what is not what a run ran with."""
    if isinstance(setup, dict):
        _check_lists("the setup", setup.get("settings"))
    check_form("the setup", _SETUP, setup)
    for name, value in setup["settings"].items():
        if type(value) in (int, float) and not 0 <= value <= NUMBER_LIMIT:
            raise UnreadableValue(f"the setup: {name}={value} is not a setting that works")


def check_moment(text: str) -> None:
    """Raise UnreadableValue for what is not a time in ISO 8601 with its zone."""
    try:
        known = datetime.fromisoformat(text)
    except ValueError:
        known = None
    if known is None or known.tzinfo is None:
        raise UnreadableValue(f"{text[:PLACE_LIMIT]!r} is not a time in ISO 8601 with its zone")


def check_names(what: str, value: dict[str, Any]) -> None:
    """Raise UnreadableValue for an id or boundary word in it that is longer than any."""
    for name in _NAMES:
        text = value.get(name)
        if isinstance(text, str) and len(text) > NAME_LIMIT:
            raise UnreadableValue(f"{what}: {name} has {len(text)} characters")


def _check_lists(what: str, value: Any) -> None:
    for name, part in value.items() if isinstance(value, dict) else ():
        if isinstance(part, list) and len(part) > LIST_LIMIT:
            raise UnreadableValue(f"{what}: {name[:PLACE_LIMIT]} has {len(part)} entries")


@functools.cache
def _hints() -> dict[str, Any]:
    return get_type_hints(Investigation)


@functools.cache
def _channels() -> dict[str, TypeAdapter[Any]]:
    """The form of each channel; of one that is a list, of an entry."""
    return {
        name: form_of(get_args(hint)[0] if get_origin(hint) is list else hint)
        for name, hint in _hints().items()
        if name != MESSAGES
    } | {MESSAGES: TypeAdapter(object)}


def _closed(hint: Any) -> Any:
    """The type with every TypedDict in it closed; a list is read up to the first wrong entry."""
    if is_typeddict(hint):
        parts = get_type_hints(hint, include_extras=True)
        make: Any = TypedDict
        form = make(hint.__name__, {name: _closed(part) for name, part in parts.items()})
        return with_config(ConfigDict(extra="forbid", strict=True))(form)
    origin, arguments = get_origin(hint), tuple(_closed(part) for part in get_args(hint))
    if origin is list:
        return Annotated[list[arguments[0]], FailFast()]  # type: ignore[valid-type]
    if origin in (Union, UnionType):
        return functools.reduce(operator.or_, arguments)
    return NotRequired[arguments[0]] if origin is NotRequired else hint


_RUN = form_of(KeptRun)
_SETUP = form_of(KeptSetup)
_REPORT = TypeAdapter(CheckedReport)
_ADDED = {"hints", "unused_hints"}
"""Names that reports of older recordings lack."""
