"""tool: run one call, and keep its result as evidence."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import ToolMessage
from langchain_core.tools import BaseTool
from pydantic import ValidationError

from graph.redaction import Redactor
from graph.state import Evidence
from graph.tape import Form, Outcome, Recorded, Update, exchange
from graph.tools.question import SOURCE_KEY
from graph.tools.result import ARGUMENTS, ToolResult


@dataclass(frozen=True)
class Tool:
    """The node. `max_tokens` caps what one result shows the model.

    Whatever a tool returns is redacted here once more, so that no tool can forget it.
    """

    tools: Mapping[str, BaseTool]
    timeout_s: float
    max_tokens: int
    redactor: Redactor

    async def __call__(self, visit: Mapping[str, Any]) -> Update:
        """Run the call of a `CallVisit`, or answer it with why it is not run."""
        call = visit["call"]
        refused = visit["refused"]
        if refused is None and call["name"] not in self.tools:
            refused = f"no tool is named {call['name']!r}; there are {', '.join(self.tools)}"
        if refused is not None:
            status = "success" if refused.startswith("repeats") else "error"
            return {"messages": [_message(visit, refused, status=status)]}

        async def live() -> ToolResult:
            return await self._run(call["name"], call["args"])

        # By reference: it is the artifact of the message that this visit returns.
        form = Form(lambda result: _outcome(_message_id(visit), result), _artifact)
        result = await exchange("tool", call["name"], call["args"], live, form)
        content = result.content(visit["evidence_id"], visit["boundary"], self.max_tokens)
        status = "error" if result.status == "error" else "success"
        message = _message(visit, content, status=status, artifact=result.model_dump())
        return {"messages": [message], "evidence": [_evidence(visit, message)]}

    async def _run(self, name: str, arguments: dict[str, Any]) -> ToolResult:
        source = name
        try:
            async with asyncio.timeout(self.timeout_s):
                result = await self.tools[name].ainvoke(arguments)
        except TimeoutError:
            source = (self.tools[name].metadata or {}).get(SOURCE_KEY, name)
            error = f"no answer in {self.timeout_s:g} s"
        except ValidationError as refused:
            source = ARGUMENTS
            error = "; ".join(
                f"argument {'.'.join(map(str, problem['loc']))}: {problem['msg']}"
                for problem in refused.errors(include_url=False)
            )
        else:
            shown = ToolResult.model_validate(result).model_dump()
            return ToolResult(**await asyncio.to_thread(self.redactor.value, shown))
        return ToolResult(status="error", source=source, query=f"{name}({arguments})", error=error)


def _message(visit: Mapping[str, Any], content: str, **fields: Any) -> ToolMessage:
    return ToolMessage(
        content=content,
        id=_message_id(visit),
        tool_call_id=visit["call"]["id"],
        name=visit["call"]["name"],
        **fields,
    )


def _message_id(visit: Mapping[str, Any]) -> str:
    return f"{visit['turn_id']}:tool#{visit['visit']}.{visit['index']}"


def _outcome(message_id: str, result: ToolResult) -> Outcome:
    return Outcome({"artifact": message_id}, result.status, result.error, {"source": result.source})


def _artifact(response: Any, recorded: Recorded) -> ToolResult:
    message = recorded.message(response["artifact"])
    return ToolResult.model_validate(getattr(message, "artifact", None))


def _evidence(visit: Mapping[str, Any], message: ToolMessage) -> Evidence:
    result = message.artifact
    return Evidence(
        id=visit["evidence_id"],
        turn_id=visit["turn_id"],
        message_id=message.id or "",
        name=visit["call"]["name"],
        args=visit["call"]["args"],
        status=result["status"],
        source=result["source"],
        query=result["query"],
        matched=result["matched"],
        returned=result["returned"],
        error=result["error"],
        unanswered=result["unanswered"],
    )
