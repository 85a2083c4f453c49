"""Errors of a rerun that the code kept to itself: a node caught them and went on.

The node `enrich` turns whatever breaks into a receipt, so a rerun would otherwise show what came
of an error and not the error.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_errors: ContextVar[list[BaseException] | None] = ContextVar("errors", default=None)


@contextmanager
def noting_errors() -> Iterator[list[BaseException]]:
    """The errors that are noted in here, in their order."""
    found: list[BaseException] = []
    token = _errors.set(found)
    try:
        yield found
    finally:
        _errors.reset(token)


def note(error: BaseException) -> None:
    """Keep an error that may be swallowed."""
    noted = _errors.get()
    if noted is not None:
        noted.append(error)


class _Noting(logging.Filter):
    """Notes what is logged during a rerun instead of logging it: the verdict tells it."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is logged."""
        error = record.exc_info[1] if record.exc_info else None
        if error is None or _errors.get() is None:
            return True
        note(error)
        return False


# A filter holds for the one logger it is on; this is the one place where every error is caught.
logging.getLogger("graph.nodes.enrich").addFilter(_Noting())
