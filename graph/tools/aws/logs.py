"""Questions to CloudWatch's logs: patterns, lines and counts, by Logs Insights."""

import asyncio
from typing import Annotated, Any, Literal

from pydantic import Field

from graph.tools.aws.client import SOURCE, Aws, within
from graph.tools.aws.insights import Mode, fields, insights, shaped
from graph.tools.aws.refusal import AwsRefused
from graph.tools.result import ToolResult
from graph.tools.window import Window, WindowText
from graph.untrusted import printable

FIRST_WAIT_S = 0.1
LONGEST_WAIT_S = 1.0
GROUPS_SHOWN = 10
_GROUP_NAME = r"^[A-Za-z0-9_/.#-]+$"


class Logs:
    """Asks logs:StartQuery, logs:GetQueryResults, logs:StopQuery and logs:DescribeLogGroups."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws

    async def aws_logs(
        self,
        log_group: Annotated[
            str,
            Field(pattern=_GROUP_NAME, max_length=512, description="Exact name, such as /ecs/NAME"),
        ],
        query: Annotated[
            str,
            Field(
                max_length=200,
                pattern=r"^[^\x00-\x1f\x7f]*$",
                description="Text that messages must hold, as written in them; empty for all",
            ),
        ] = "",
        window: WindowText = "last 1h",
        mode: Mode = "patterns",
        limit: Annotated[
            int, Field(ge=1, le=200, description="Patterns, or newest lines, to show")
        ] = 30,
    ) -> ToolResult:
        """Read a CloudWatch log group: patterns with counts, the newest lines, or a count in time.

        Patterns first: they hold more than lines. `matched` counts lines, `returned` rows.
        """
        time = Window.parse(window)
        asked = insights(query, mode, time, limit)
        question = f"logs:StartQuery {log_group} {asked}"
        with within(time):
            try:
                answer = await self._answer(log_group, asked, time, question)
            except AwsRefused as refused:
                if refused.code != "ResourceNotFoundException":
                    raise
                text = f"{refused}; {await self._groups(log_group)}"
                return self._result("no_data", question, time, log_group, text=text)
        statistics = {name: int(value) for name, value in answer.get("statistics", {}).items()}
        matched = statistics.get("recordsMatched", 0)
        rows = fields(answer.get("results", []))
        scanned = (
            f"[{matched} of {statistics.get('recordsScanned', 0)} records scanned match; "
            f"{statistics.get('bytesScanned', 0)} bytes]"
        )
        if not rows:
            text = f"no line in the window{f' holds {query!r}' if query else ''}\n{scanned}"
            return self._result("no_data", question, time, log_group, text=text)
        kept, text = shaped(mode, rows, time, limit)
        result = self._result("ok", question, time, log_group, text=f"{text}\n{scanned}")
        counts = {"matched": max(matched, len(kept)), "returned": len(kept), "data": kept}
        return result.model_copy(update=counts)

    async def _answer(
        self, log_group: str, asked: str, time: Window, question: str
    ) -> dict[str, Any]:
        """The answer of a query that came to its end; one that is given up is stopped."""
        query_id = ""
        status, scanned = "not started", 0
        try:
            async with asyncio.timeout(self._aws.timeout_s):
                started = await self._aws.call(
                    "logs",
                    "StartQuery",
                    logGroupName=log_group,
                    startTime=int(time.start.timestamp()),
                    endTime=int(time.end.timestamp()),
                    queryString=asked,
                )
                query_id, wait_s = str(started.get("queryId")), FIRST_WAIT_S
                while True:
                    answer = await self._aws.call("logs", "GetQueryResults", queryId=query_id)
                    status = answer.get("status", "Unknown")
                    scanned = int(answer.get("statistics", {}).get("recordsScanned", 0))
                    if status not in ("Scheduled", "Running"):
                        query_id = ""
                        break
                    await asyncio.sleep(wait_s)
                    wait_s = min(wait_s * 1.5, LONGEST_WAIT_S)
        except TimeoutError:
            raise AwsRefused(
                f"the query was {status} after {self._aws.timeout_s:g} s with {scanned} records "
                "scanned, and was stopped: ask for a narrower window",
                question,
            ) from None
        finally:
            if query_id:
                self._aws.later("logs", "StopQuery", queryId=query_id)
        if status != "Complete":
            raise AwsRefused(f"the query ended as {status}: ask again, or for less", question)
        return answer

    async def _groups(self, name: str) -> str:
        """The log groups that are called like it."""
        word = name.rstrip("/").rpartition("/")[2].split("-")[0]
        try:
            for pattern in ({"logGroupNamePattern": word} if word else {}, {}):
                answer = await self._aws.call(
                    "logs", "DescribeLogGroups", limit=GROUPS_SHOWN, **pattern
                )
                names = [group["logGroupName"] for group in answer.get("logGroups", [])]
                if names:
                    which = "like it" if pattern else "there are"
                    more = " and more" if answer.get("nextToken") else ""
                    return printable(f"log groups {which}: {', '.join(names)}{more}")
        except AwsRefused as refused:
            return f"what log groups there are is not known: {refused}"
        return "there is no log group"

    def _result(
        self, status: Literal["ok", "no_data"], query: str, time: Window, group: str, *, text: str
    ) -> ToolResult:
        path = group.replace("/", "$252F")
        return ToolResult(
            status=status,
            source=SOURCE,
            query=query,
            window=str(time),
            url=self._aws.link(f"cloudwatch/home#logsV2:log-groups/log-group/{path}"),
            text=text,
        )
