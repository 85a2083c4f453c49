"""What the lab shows a person: steps as they happen, the report, the receipt, the memory."""

from typing import Any

from rich.console import Console
from rich.markdown import Markdown
from rich.padding import Padding
from rich.rule import Rule
from rich.text import Text

from lab.incident import Incident
from lab.investigation import Answered, Finished, shown

BANNER = (
    "NetForge lab. The estate is a simulation on this machine and the model is a stand-in, a "
    "small set of rules. Nothing leaves this machine."
)
_STYLE = {"ok": "green", "no_data": "yellow", "error": "bold red", "stored": "green"}


class Screen:
    """Prints one investigation to a console."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._asked: dict[tuple[Any, ...], Any] = {}

    def opening(self, incident: Incident) -> None:
        """Say that this is the lab, and which incident it plays."""
        self._console.print(Text(BANNER, style="bold yellow"))
        self._console.print(Text(f"Incident: {incident.name} ({incident.title})"))
        self._console.print(Text("Starting the estate …", style="dim"))

    def question(self, question: str) -> None:
        """Show the question."""
        self._console.print(Rule("Question", align="left"))
        self._console.print(Text(question))
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
            name += f"({', '.join(f'{key}={value!r}' for key, value in request.items())})"
        place = f"{event['node']}#{event['visit']}"
        status = event["status"]
        line = Text.assemble(
            (f"{place:<11}", "cyan"),
            (f"{event['seconds']:7.3f} s  ", "dim"),
            (f"{status:<8}", _STYLE[status]),
            name,
        )
        if event["error"]:
            line.append(f"  {event['error']}", style="red")
        self._console.print(line, soft_wrap=True)

    def answer(self, answered: Answered) -> None:
        """The answer, and what it took."""
        title = "Report" if answered.report else "Answer"
        self._console.print(Rule(title, align="left"))
        self._console.print(Markdown(answered.text))
        spent = answered.state["spent"]
        self._console.print(
            Text(
                f"{answered.seconds:.2f} s to the answer, {spent['tool_calls']} tool "
                f"calls, {spent['input_tokens']} tokens in, {spent['output_tokens']} out",
                style="dim",
            )
        )

    def enrichment(self, finished: Finished) -> None:
        """The receipt, and what went into memory."""
        receipt = finished.receipt
        self._console.print(Rule("Enrichment", align="left"))
        style = _STYLE.get(receipt["status"], "red")
        line = Text.assemble("Receipt: ", (receipt["status"], style))
        line.append(f" after {receipt['seconds']:.2f} s")
        if receipt["reason"]:
            line.append(f": {receipt['reason']}")
        self._console.print(line)
        for item in finished.remembered:
            kind = "pattern" if "trigger" in item else "insight"
            title = item.get("title") or item.get("type")
            self._console.print(Text(f"{item['tag']} {kind}: {title}", style="bold"))
            text = str(item.get("finding") or item.get("description"))
            self._console.print(Padding(Text(text), (0, 0, 0, 2)))

    def failed(self, message: str) -> None:
        """Why there is nothing more to show."""
        self._console.print(Text(f"error: {message}", style="bold red"), soft_wrap=True)
