"""What a read of the graph database gives; apart from the driver, which only who asks it needs."""

from dataclasses import dataclass
from typing import Any

SOURCE = "neo4j"
ROW_LIMIT = 1000
"""Rows of one query; every query carries it as `$limit`, one more tells that there is more."""


@dataclass(frozen=True)
class FirstRows:
    """The first rows of a query, and why there are no more of them; None when these are all."""

    columns: list[str]
    rows: list[dict[str, Any]]
    cut: str | None
