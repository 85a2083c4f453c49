"""A question as a tool: what a model reads of it, what it refuses, and how a refusal answers."""

from typing import Annotated, Any

import pytest
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import Field, ValidationError

from graph.tools.question import ReadFailed, tools_on
from graph.tools.result import ToolResult
from graph.tools.window import Window, WindowText

HOUR = "2026-11-24T10:00:00Z/2026-11-24T11:00:00Z"


class Shelf:
    """A source that is asked with real arguments and answers as it is told to."""

    def __init__(self, fails: Exception | None = None) -> None:
        self._fails = fails
        self.asked: list[tuple[str, int, str]] = []

    async def count_books(
        self,
        author: Annotated[str, Field(description="Exact name", max_length=20)],
        limit: Annotated[int, Field(ge=1, le=5)] = 3,
        window: WindowText = "last 1h",
    ) -> ToolResult:
        """Count the books of an author.

        Of all shelves.
        """
        self.asked.append((author, limit, window))
        if self._fails:
            raise self._fails
        return ToolResult(status="ok", source="shelf", query=f"books of {author}", matched=2)

    async def list_authors(self) -> ToolResult:
        """List the authors."""
        return ToolResult(status="no_data", source="shelf", query="authors")


def tool(shelf: Shelf) -> BaseTool:
    [made] = tools_on("shelf", [shelf.count_books])
    return made


def test_a_model_reads_the_name_the_docstring_and_the_arguments() -> None:
    made = tool(Shelf())
    assert made.name == "count_books"
    assert made.description == "Count the books of an author.\n\nOf all shelves."
    shown = convert_to_openai_tool(made)["function"]["parameters"]
    assert list(shown["properties"]) == ["author", "limit", "window"]
    assert shown["properties"]["author"]["description"] == "Exact name"
    assert "START/END" in shown["properties"]["window"]["description"]
    assert shown["properties"]["limit"]["maximum"] == 5
    assert shown["required"] == ["author"]


def test_every_question_is_a_tool_in_its_order() -> None:
    shelf = Shelf()
    made = tools_on("shelf", [shelf.list_authors, shelf.count_books])
    assert [one.name for one in made] == ["list_authors", "count_books"]


async def test_an_answer_comes_back_as_it_is_and_defaults_are_filled_in() -> None:
    shelf = Shelf()
    result = await tool(shelf).ainvoke({"author": "ann"})
    assert result == ToolResult(status="ok", source="shelf", query="books of ann", matched=2)
    assert shelf.asked == [("ann", 3, "last 1h")]


async def test_a_window_reaches_the_question_as_two_moments() -> None:
    shelf = Shelf()
    await tool(shelf).ainvoke({"author": "ann", "window": "LAST 90m"})
    [(_, _, window)] = shelf.asked
    assert str(Window.parse(window)) == window
    assert Window.parse(window).seconds == 5400


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"author": "ann", "auther": "bob"},
        {"author": "ann", "limit": 0},
        {"author": "ann", "limit": "many"},
        {"author": None},
        {"author": "a" * 21},
        {"author": "ann", "window": "soon"},
        {"author": "ann", "window": "0001-01-01T00:00:00+14:00/now"},
        {"author": "ann", "self": 1},
    ],
    ids=str,
)
async def test_arguments_that_do_not_fit_are_refused_before_the_source_is_asked(
    arguments: dict[str, Any],
) -> None:
    shelf = Shelf()
    with pytest.raises(ValidationError):
        await tool(shelf).ainvoke(arguments)
    assert shelf.asked == []


async def test_a_question_without_arguments_is_asked_like_the_others() -> None:
    [made] = tools_on("shelf", [Shelf().list_authors])
    assert (await made.ainvoke({})).status == "no_data"


@pytest.mark.parametrize("window", [HOUR, None])
async def test_a_refusal_of_the_source_is_an_error_result(window: str | None) -> None:
    refused = ReadFailed("403 Forbidden: closed on Mondays", "books of ann limit=3", window)
    result = await tool(Shelf(refused)).ainvoke({"author": "ann"})
    assert result == ToolResult(
        status="error",
        source="shelf",
        query="books of ann limit=3",
        window=window,
        error="403 Forbidden: closed on Mondays",
    )


async def test_a_fault_of_ours_is_not_taken_for_a_refusal() -> None:
    with pytest.raises(ZeroDivisionError):
        await tool(Shelf(ZeroDivisionError())).ainvoke({"author": "ann"})
