"""Questions to CloudWatch's alarms: which ring, since when, and what they did."""

from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from graph.tools.aws.alarm_rows import (
    ALARM_COLUMNS,
    HISTORY_COLUMNS,
    alarm_row,
    history_row,
    suggestion,
)
from graph.tools.aws.client import SOURCE, Aws, asked, within
from graph.tools.aws.refusal import AwsRefused
from graph.tools.result import ToolResult, table
from graph.tools.window import Window, WindowText
from graph.untrusted import printable

PAGES = 5
"""Pages of 100 alarms that are read; what lies behind them is said to be left out."""
HISTORY_PAGES = 2
HISTORY_SHOWN = 40
State = Literal["ALARM", "OK", "INSUFFICIENT_DATA", "ANY"]


class Alarms:
    """Asks cloudwatch:DescribeAlarms and cloudwatch:DescribeAlarmHistory."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws

    async def aws_alarms(
        self,
        state: State = "ALARM",
        prefix: Annotated[str, Field(max_length=255, description="How the name begins")] = "",
        window: WindowText = "last 24h",
        limit: Annotated[int, Field(ge=1, le=200)] = 50,
    ) -> ToolResult:
        """List CloudWatch alarms in a state, the newest change first, with what they did.

        The state is that of now; the window is that of the history below, which also suggests
        a window round the newest change.
        """
        time = Window.parse(window)
        parameters: dict[str, Any] = {
            "AlarmTypes": ["MetricAlarm", "CompositeAlarm"],
            "MaxRecords": 100,
        }
        if state != "ANY":
            parameters["StateValue"] = state
        if prefix:
            parameters["AlarmNamePrefix"] = prefix
        with within(time):
            found, more = await self._described(parameters, PAGES)
            question = asked("cloudwatch", "DescribeAlarms", parameters)
            if not found:
                text = await self._nearest(state, prefix)
                return ToolResult(
                    status="no_data",
                    source=SOURCE,
                    query=question,
                    window=str(time),
                    url=self._aws.link("cloudwatch/home#alarmsV2:"),
                    text=text,
                )
            shown = found[:limit]
            history, note = await self._history([row["name"] for row in shown], time)
        # What is missing comes first, because a text that is too long is cut at its end.
        lines = []
        if left := len(found) - len(shown):
            lines.append(f"[{left} further alarms; ask with a prefix]")
        if more:
            lines.append(f"[only the first {len(found)} alarms were read; ask with a prefix]")
        lines += [table(ALARM_COLUMNS, shown), suggestion(shown), *note]
        if history:
            lines += ["history:", table(HISTORY_COLUMNS, history[:HISTORY_SHOWN])]
        return ToolResult(
            status="ok",
            source=SOURCE,
            query=question,
            window=str(time),
            matched=len(found),
            returned=len(shown),
            url=self._aws.link("cloudwatch/home#alarmsV2:"),
            text="\n".join(lines),
            data={"alarms": shown, "history": history},
        )

    async def _described(
        self, parameters: dict[str, Any], most: int
    ) -> tuple[list[dict[str, Any]], bool]:
        answers, more = await self._aws.pages("cloudwatch", "DescribeAlarms", most, **parameters)
        rows = [
            alarm_row(entry)
            for answer in answers
            for kind in ("MetricAlarms", "CompositeAlarms")
            for entry in answer.get(kind, [])
        ]
        rows.sort(key=lambda row: (row["since"] or "", row["name"]), reverse=True)
        return rows, more

    async def _history(
        self, names: Sequence[str], time: Window
    ) -> tuple[list[dict[str, Any]], list[str]]:
        """What these alarms did in that time, newest first, and what is to be said about it."""
        parameters: dict[str, Any] = {
            "HistoryItemType": "StateUpdate",
            "StartDate": time.start,
            "EndDate": time.end,
            "MaxRecords": 100,
            "ScanBy": "TimestampDescending",
        }
        if len(names) == 1:
            parameters["AlarmName"] = names[0]
        try:
            answers, more = await self._aws.pages(
                "cloudwatch", "DescribeAlarmHistory", HISTORY_PAGES, **parameters
            )
        except AwsRefused as refused:
            return [], [f"history: {refused}: not known"]
        items = [item for answer in answers for item in answer.get("AlarmHistoryItems", [])]
        rows = [history_row(item) for item in items if item.get("AlarmName") in set(names)]
        rows.sort(key=lambda row: (row["at"] or "", row["name"]), reverse=True)
        notes = []
        if not rows:
            notes.append("history: no change of these in the window")
        if len(rows) > HISTORY_SHOWN:
            notes.append(f"[{len(rows) - HISTORY_SHOWN} older changes; ask for a narrower window]")
        if more:
            notes.append(f"[only the newest {len(items)} changes of all alarms were read]")
        return rows, notes

    async def _nearest(self, state: State, prefix: str) -> str:
        """What alarms there are, when none is as asked."""
        named = {"AlarmNamePrefix": prefix} if prefix else {}
        there, more = await self._described({**named, "MaxRecords": 100}, 1)
        if there and state != "ANY":
            states = Counter(row["state"] for row in there)
            counts = ", ".join(f"{count} {name}" for name, count in sorted(states.items()))
            like = f" whose name begins with {prefix!r}" if prefix else ""
            return f"no alarm{like} is in {state}; there are {counts}{' or more' if more else ''}"
        if not prefix:
            return f"there is no alarm in {self._aws.region}"
        every, _ = await self._described({"MaxRecords": 100}, 1)
        names = printable(", ".join(sorted(row["name"] for row in every)[:20]))
        known = f"there are {names}" if names else f"there is no alarm in {self._aws.region}"
        return f"no alarm's name begins with {prefix!r}; {known}"
