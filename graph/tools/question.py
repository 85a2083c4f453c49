"""Turns a question to a source into a tool: strict arguments, refusals as results."""

import functools
import inspect
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, cast

from langchain_core.tools import BaseTool, StructuredTool
from pydantic import BaseModel, create_model

from graph.tools.result import ToolResult

Question = Callable[..., Awaitable[ToolResult]]
"""A question to a source; its name, docstring and annotated arguments are what a model reads."""

SOURCE_KEY = "source"
"""Where a tool's metadata name its source, for what ends before it answers."""


class ReadFailed(Exception):
    """The source refused or did not answer; the message holds its own words."""

    def __init__(self, words: str, query: str, window: str | None = None) -> None:
        super().__init__(words)
        self.query = query
        """Exactly what was asked, with its parameters."""
        self.window = window


def tools_on(source: str, questions: Sequence[Question]) -> list[BaseTool]:
    """The questions as tools that refuse arguments they do not have."""
    return [_tool(source, question) for question in questions]


def _tool(source: str, question: Question) -> BaseTool:
    tool = StructuredTool.from_function(
        coroutine=_errors_as_results(source, question),
        # Without the indentation of the source, which a model would pay for at each call.
        description=inspect.getdoc(question),
    )
    assert isinstance(tool.args_schema, type), "inferred from the signature"
    strict: Any = {"extra": "forbid"}
    tool.args_schema = create_model(
        tool.name, __base__=cast(type[BaseModel], tool.args_schema), __cls_kwargs__=strict
    )
    tool.metadata = {SOURCE_KEY: source}
    return tool


def _errors_as_results(source: str, ask: Question) -> Question:
    """The question, answering with an error result where the source refuses it."""

    @functools.wraps(ask)
    async def answered(*args: Any, **kwargs: Any) -> ToolResult:
        try:
            return await ask(*args, **kwargs)
        except ReadFailed as error:
            return ToolResult(
                status="error",
                source=source,
                query=error.query,
                window=error.window,
                error=str(error),
            )

    return answered
