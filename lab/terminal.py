"""What the lab shows a person: steps as they happen, the report, the receipt, the memory."""

import shlex
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.markdown import Markdown
from rich.padding import Padding
from rich.rule import Rule
from rich.text import Text

from graph.untrusted import printable
from lab.incident import Incident
from lab.investigation import Answered, Finished, shown

BANNER = (
    "NetForge lab. The estate is a simulation on this machine and the model is a stand-in, a "
    "small set of rules. Nothing leaves this machine."
)
_HARD_BREAK = "  \n"
"""Markdown's own; it joins lines that a mere newline parts."""
_STYLE = {"ok": "green", "no_data": "yellow", "error": "bold red", "stored": "green"}


class Screen:
    """Prints one investigation to a console."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._asked: dict[tuple[Any, ...], Any] = {}

    def opening(self, incident: Incident) -> None:
        """Say that this is the lab, and which incident it plays."""
        self._console.print(Text(BANNER, style="bold yellow"))
        self._console.print(Text(printable(f"Incident: {incident.name} ({incident.title})")))
        self._console.print(Text("Starting the estate …", style="dim"))

    def question(self, question: str) -> None:
        """Show the question."""
        self._console.print(Rule("Question", align="left"))
        self._console.print(Text(printable(question)))
        self._console.print(Rule("Steps", align="left"))

    def event(self, event: dict[str, Any]) -> None:
        """One line per step that has ended."""
        if not shown(event):
            return
        address = (event["node"], event["visit"], event["index"], event["kind"])
        if event["event"] == "started":
            self._asked[address] = event["request"]
            return
        request = self._asked.pop(address, {})
        name = event["name"]
        if event["kind"] == "tool":
            name = _call(name, request)
        place = f"{event['node']}#{event['visit']}"
        status = event["status"]
        line = Text.assemble(
            (f"{place:<11}", "cyan"),
            (f"{event['seconds']:7.3f} s  ", "dim"),
            (f"{status:<8}", _STYLE[status]),
            printable(name),
        )
        if event["error"]:
            line.append(printable(f"  {event['error']}"), style="red")
        self._console.print(line, soft_wrap=True)

    def answer(self, answered: Answered) -> None:
        """The answer, and what it took."""
        title = "Report" if answered.report else "Answer"
        self._console.print(Rule(title, align="left"))
        lines = (printable(line) for line in answered.text.split("\n"))
        self._console.print(Markdown(_HARD_BREAK.join(lines)))
        self._console.print()
        for entry in answered.evidence:
            call = _call(entry["name"], entry["args"])
            counts = f"{entry['returned']} of {entry['matched']}"
            self._dim(f"{entry['id']}  {call}  {entry['status']}  {counts}")
        self._dim(f"run {answered.run_id}, thread {answered.thread_id}")
        spent = answered.state["spent"]
        self._dim(
            f"{answered.seconds:.2f} s to the answer, {spent['tool_calls']} tool "
            f"calls, {spent['input_tokens']} tokens in, {spent['output_tokens']} out"
        )

    def enrichment(self, finished: Finished) -> None:
        """The receipt, what went into memory, and why the exit code is not 0."""
        receipt = finished.receipt
        self._console.print(Rule("Enrichment", align="left"))
        style = _STYLE.get(receipt["status"], "red")
        line = Text.assemble("Receipt: ", (receipt["status"], style))
        line.append(f" after {receipt['seconds']:.2f} s")
        if receipt["reason"]:
            line.append(printable(f": {receipt['reason']}"))
        elif receipt["status"] == "empty":
            line.append(" (nothing worth keeping was found)")
        self._console.print(line)
        for item in finished.remembered:
            kind = "pattern" if "trigger" in item else "insight"
            title = item.get("title") or item.get("type")
            self._console.print(Text(printable(f"{item['tag']} {kind}: {title}"), style="bold"))
            text = str(item.get("finding") or item.get("description"))
            self._console.print(Padding(Text(printable(text)), (0, 0, 0, 2)))
        if finished.answered.report is None:
            self._console.print("No report was asked for or made: exit code 3.")
        elif not finished.complete:
            self._console.print("The enrichment was not stored: exit code 3.")

    def serving(self, environment: Mapping[str, str], address: str, incident: Incident) -> None:
        """The environment as lines for another terminal, the address, and that it is a lab."""
        self._console.print(Rule("For another terminal", align="left"))
        for name, value in environment.items():
            # As it is, and on one line: it is to be pasted.
            self._console.out(f"export {name}={shlex.quote(value)}", highlight=False)
        self._console.print(Rule("Serving", align="left"))
        self._console.print(Text(BANNER, style="bold yellow"))
        self._console.out(f"THIS IS A LAB, on {address} until Ctrl-C. Examples: docs/api.md.")
        self._console.out("The incident's question:", printable(incident.question))

    def stopping(self) -> None:
        """Say that the lab was told to end."""
        self._console.print(Text("Stopping the estate …", style="dim"))

    def failed(self, message: str) -> None:
        """Why there is nothing more to show."""
        self._console.print(Text(printable(f"error: {message}"), style="bold red"), soft_wrap=True)

    def _dim(self, text: str) -> None:
        self._console.print(Text(printable(text), style="dim"), soft_wrap=True)


def _call(name: str, arguments: dict[str, Any]) -> str:
    return f"{name}({', '.join(f'{key}={value!r}' for key, value in arguments.items())})"
