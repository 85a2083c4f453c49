"""recall_memory: what was learned in earlier investigations, as dated hints."""

from typing import Annotated

from langchain_core.tools import BaseTool
from pydantic import Field

from graph import storage
from graph.memory import Memory
from graph.state import MEMORY
from graph.tools.question import ReadFailed, tools_on
from graph.tools.result import ToolResult

COLUMNS = ("id", "last_confirmed", "confidence", "hint")


def recall_tool(memory: Memory) -> BaseTool:
    """The tool on that memory."""

    async def recall_memory(
        query: Annotated[
            str, Field(min_length=1, max_length=1000, description="Symptom, words, components")
        ],
        component: Annotated[str, Field(max_length=200, description="Exact name")] = "",
    ) -> ToolResult:
        """Look up hints from earlier investigations. They are guesses of then: no live evidence."""
        asked = f"memory about {component or query!r}"
        try:
            found = await memory.look(query, [component] if component else [])
        except storage.STORAGE_ERRORS as error:
            raise ReadFailed(storage.in_one_line(error), asked) from error
        hints = [hit.hint() for hit in found]
        rows = [f"{hint['id']} ({hint['last_confirmed']}): {hint['text']}" for hint in hints]
        return ToolResult(
            status="ok" if rows else "no_data",
            source=MEMORY,
            query=asked,
            matched=len(rows),
            returned=len(rows),
            text="\n".join(rows),
            data=[dict(hint) for hint in hints],
        )

    return tools_on(MEMORY, [recall_memory])[0]
