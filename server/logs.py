"""The log of the process, on standard error: JSON lines, or readable ones on a terminal.

The standard library alone: every record, uvicorn's and DBOS's too, comes from its loggers, and
one formatter is all that another library would add. Each line says which request, run and
thread it is about, holds no query of an address, and has been through the redactor: 0.03 ms for
a usual line, 3 ms for a traceback of 100 lines.
"""

import json
import logging
import re
import sys
import traceback
from datetime import UTC, datetime
from types import TracebackType
from typing import TextIO

from graph.observers import Observer, at_work
from graph.redaction import Redactor
from graph.run import Run
from graph.untrusted import printable
from server.request_id import request_id

logger = logging.getLogger("netforge.turns")

INFORMATIVE = ("netforge", "uvicorn")
"""Loggers of which more than warnings is kept."""
HIDDEN = "?[hidden]"
_QUERY = re.compile(r"(?<=[^\s\"'?])\?[^\s\"'?]*=[^\s\"']*")
_REDACTOR = Redactor(emails=True)


def configure() -> None:
    """Send every record to standard error."""
    logging.basicConfig(level=logging.WARNING, handlers=[handler(sys.stderr)], force=True)
    for name in INFORMATIVE:
        logging.getLogger(name).setLevel(logging.INFO)
    logging.captureWarnings(True)
    sys.excepthook = _uncaught


def handler(stream: TextIO) -> logging.Handler:
    """What writes records there, as people or as programs read them."""
    writing = logging.StreamHandler(stream)
    writing.setFormatter(ReadableLines() if stream.isatty() else JsonLines())
    writing.addFilter(told)
    return writing


def told(record: logging.LogRecord) -> bool:
    """Add to the record what it is about, as far as the task that wrote it knows."""
    work = at_work.get()
    record.about = {
        "request_id": request_id.get(),
        "run_id": work.run_id if work else None,
        "thread_id": work.thread_id if work else None,
    }
    return True


class TurnLines(Observer):
    """One line for each turn that ended."""

    def run_ended(self, run: Run) -> None:
        """Say how it ended and what it took."""
        logger.info(
            "turn %s in %.1f s: %d visits, %d tool calls, %d + %d tokens",
            *(run["status"], run["seconds"], run["visits"], run["tool_calls"]),
            *(run["input_tokens"], run["output_tokens"]),
        )


class JsonLines(logging.Formatter):
    """One JSON object a line; a traceback is its member `exception`."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line = {
            "time": _time(record),
            "level": record.levelname,
            "logger": record.name,
            "message": _clean(_message(record)),
            **_about(record),
        }
        if exception := _exception(record):
            line["exception"] = exception
        return json.dumps(line, ensure_ascii=False)


class ReadableLines(logging.Formatter):
    """For people: a traceback follows on lines of its own."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        about = "".join(f" {name}={printable(value)}" for name, value in _about(record).items())
        # Whoever writes a line break into a message must not write a line of the log.
        message = printable(_clean(_message(record)))
        line = f"{_time(record)} {record.levelname} {record.name}: {message}{about}"
        exception = _exception(record)
        return f"{line}\n{exception}" if exception else line


def _message(record: logging.LogRecord) -> str:
    if record.name == "uvicorn.access" and isinstance(record.args, tuple):
        # Its third argument is the path with the query, with or without a `=`.
        path, mark, _ = str(record.args[2]).partition("?")
        arguments = (*record.args[:2], path + (HIDDEN if mark else ""), *record.args[3:])
        return str(record.msg) % arguments
    return record.getMessage()


def _about(record: logging.LogRecord) -> dict[str, str]:
    known: dict[str, str | None] = getattr(record, "about", {})
    return {name: value for name, value in known.items() if value is not None}


def _exception(record: logging.LogRecord) -> str:
    if not record.exc_info or record.exc_info[1] is None:
        return ""
    return _clean("".join(traceback.format_exception(record.exc_info[1])).rstrip())


def _clean(text: str) -> str:
    return _REDACTOR.text(_QUERY.sub(HIDDEN, text))


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    logging.getLogger("netforge").critical("ended by an error", exc_info=(kind, error, trace))
