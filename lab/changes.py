"""An incident that is told as the changes of another one: whose entries take whose place."""

from collections.abc import Mapping
from typing import Any

IDENTITY: dict[str, tuple[str, ...]] = {
    "call": ("from", "to"),
    "deployment": ("id",),
    "metric": ("name", "tags", "aggregation"),
    "cloudwatch": ("namespace", "metric", "dimensions"),
    "log": ("service", "message"),
    "event": ("service", "title"),
    "trail": ("event_name", "resource"),
    "declared": ("title",),
}
"""The keys by which an entry of that list is known."""
BY_NAME = ("name",)
"""Those of every other list."""
GONE = "gone"


def changed(known: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """What was known, as a TOML document, with the changes.

    An entry takes the place of those of its identity; with `gone = true` they just go. Raises
    ValueError when there is none that could go.
    """
    whole = dict(known)
    for key, value in changes.items():
        whole[key] = _list(key, known.get(key, []), value) if isinstance(value, list) else value
    return whole


def _list(name: str, known: Any, changes: list[Any]) -> list[Any]:
    keys = IDENTITY.get(name, BY_NAME)
    told = [(_identity(entry, keys), entry) for entry in changes]
    for position, (identity, entry) in enumerate(told):
        goes = isinstance(entry, dict) and entry.get(GONE) is True
        if goes and identity not in [_identity(other, keys) for other in known]:
            raise ValueError(f"{name}.{position}: there is no such entry that could go")
    replaced = [identity for identity, _ in told]
    return [
        *(entry for entry in known if _identity(entry, keys) not in replaced),
        *(entry for _, entry in told if not isinstance(entry, dict) or entry.get(GONE) is not True),
    ]


def _identity(entry: Any, keys: tuple[str, ...]) -> list[Any]:
    """What stands for it; an entry that is no table is left to whoever checks the whole."""
    return [entry.get(key) for key in keys] if isinstance(entry, dict) else [entry]
