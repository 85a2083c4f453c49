"""What changed in the estate, from every source that tells, in one timeline."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any

from langchain_core.tools import BaseTool
from pydantic import Field

from graph.tools.question import ReadFailed, tools_on
from graph.tools.result import ToolResult, table
from graph.tools.window import Window, WindowText, ordering
from graph.untrusted import printable

SOURCE = "changes"
WORDS_LIMIT = 500
"""Characters of the words of one source that failed."""
CHANGE_COLUMNS = ("at", "source", "component", "kind", "version", "status", "by", "detail")
ChangeReader = Callable[[str, Window], Awaitable[list[dict[str, Any]]]]
"""Rows of CHANGE_COLUMNS without `source`, for a component, or for all when its name is empty.

Older rows that it did not read are one last row of the kind CUT. Raises ReadFailed."""
CUT = "not all was read"


def changes_tool(
    readers: Mapping[str, ChangeReader], absent: Mapping[str, str], timeout_s: float
) -> BaseTool:
    """The tool on these sources; `absent` says of the others why they are not asked.

    `timeout_s` is what each source has, all at once: one that takes longer has failed, and what
    the others tell is kept. It must be less than the time of the tool.
    """
    [tool] = tools_on(SOURCE, [_Changes(readers, absent, timeout_s).list_changes])
    return tool


class _Changes:
    def __init__(
        self, readers: Mapping[str, ChangeReader], absent: Mapping[str, str], timeout_s: float
    ) -> None:
        self._readers = readers
        self._absent = absent
        self._timeout_s = timeout_s

    async def list_changes(
        self,
        service: Annotated[
            str, Field(max_length=200, description="Exact name; empty for all")
        ] = "",
        window: WindowText = "last 24h",
        limit: Annotated[int, Field(ge=1, le=500)] = 60,
    ) -> ToolResult:
        """List what changed: deployments, configuration, flags, calls to AWS; newest first.

        One timeline of all sources, with how each of them answered.
        """
        span = Window.parse(window)
        question = f"changes of {service or 'everything'}"
        answers = await asyncio.gather(
            *(self._asked(read, service, span) for read in self._readers.values())
        )
        told = dict(zip(self._readers, answers, strict=True))
        failed = {name: answer for name, answer in told.items() if isinstance(answer, str)}
        rows = [
            {**row, "source": name}
            for name, answer in told.items()
            if not isinstance(answer, str)
            for row in answer
        ]
        rows.sort(key=lambda row: ordering(str(row.get("at"))), reverse=True)
        notes = "; ".join(
            [*map(_note, told.items()), *(f"{n}: {w}" for n, w in self._absent.items())]
        )
        asked: dict[str, Any] = {
            "source": SOURCE,
            "query": question,
            "window": str(span),
            "unanswered": failed,
        }
        if not rows and (failed or not told):
            return ToolResult(status="error", error=notes, **asked)
        if not rows:
            return ToolResult(status="no_data", text=notes, data=[], **asked)
        kept = rows[:limit]
        if len(rows) > limit:
            # Before the table, because a text that is too long is cut at its end.
            notes += f"\n[{len(rows) - limit} older ones; ask for an earlier window]"
        return ToolResult(
            status="ok",
            matched=len(rows),
            returned=len(kept),
            text=f"{notes}\n{table(CHANGE_COLUMNS, kept)}",
            data=kept,
            **asked,
        )

    async def _asked(
        self, read: ChangeReader, service: str, window: Window
    ) -> list[dict[str, Any]] | str:
        """The rows, or the words of the source that refused or took too long, on one line."""
        try:
            async with asyncio.timeout(self._timeout_s):
                return await read(service, window)
        except TimeoutError:
            return f"no answer in {self._timeout_s:g} s"
        except ReadFailed as error:
            words = printable(str(error)).strip()
            return f"{words[:WORDS_LIMIT]}…" if len(words) > WORDS_LIMIT else words


def _note(told: tuple[str, list[dict[str, Any]] | str]) -> str:
    name, answer = told
    if isinstance(answer, str):
        return f"{name}: failed: {answer}"
    left_out = sum(row.get("kind") == CUT for row in answer)
    return f"{name}: {len(answer) - left_out}{' or more' if left_out else ''}"
