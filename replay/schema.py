"""What each channel of the state may hold, for recordings that come from elsewhere."""

import functools
from typing import Any, get_type_hints

from pydantic import TypeAdapter, ValidationError

from graph.codec import MESSAGES, decode_message
from graph.errors import UnreadableValue
from graph.state import Investigation


def check_channel(name: str, value: Any) -> None:
    """Raise UnreadableValue when the channel does not exist or cannot hold the value."""
    known = _channels()
    if name not in known:
        raise UnreadableValue(f"there is no channel {name!r} in the state")
    if name == MESSAGES:
        if not isinstance(value, list):
            raise UnreadableValue(f"channel {name} holds no list")
        for message in value:
            decode_message(message)
        return
    try:
        known[name].validate_python(value, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise UnreadableValue(f"channel {name}: {where}: {first['msg']}") from None


@functools.cache
def _channels() -> dict[str, TypeAdapter[Any]]:
    hints = get_type_hints(Investigation)
    return {name: TypeAdapter(object if name == MESSAGES else hints[name]) for name in hints}
