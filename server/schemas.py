"""The bodies of requests and answers."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from graph.question import QUESTION_LIMIT
from graph.report import CheckedReport
from graph.run import RunStatus
from graph.state import ReceiptStatus
from server.fields import JsonObject, Name, Text

Label = Annotated[Text, Field(max_length=500)]
Component = Annotated[Text, Field(min_length=1, max_length=200)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Budgets(_Body):
    """Budgets of one investigation; each may only be lower than the configured one."""

    visits: int | None = Field(default=None, ge=1, le=1000)
    tool_calls: int | None = Field(default=None, ge=1, le=10_000)
    tokens: int | None = Field(default=None, ge=1, le=2**53)
    cost_usd: float | None = Field(default=None, gt=0, le=1e6)
    seconds: float | None = Field(default=None, gt=0, le=1e6)


class Ask(_Body):
    """A question about the estate."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"question": "checkout-service is slow since half an hour. What is wrong?"},
                {"question": "Who owns cart-service?", "focus": ["cart-service"]},
            ]
        }
    )

    question: Annotated[Text, Field(min_length=1, max_length=QUESTION_LIMIT)]
    thread_id: Name | None = None
    """The conversation to go on with; a new one when it is left out."""
    focus: list[Component] = Field(default=[], max_length=20)
    """Components that the question is about, where the caller knows them."""
    alert: JsonObject | None = None
    """What an alerting system sent; it is shown to the model as untrusted data."""
    budgets: Budgets = Budgets()
    metadata: dict[Label, Label] = Field(
        default={}, max_length=16, json_schema_extra={"additionalProperties": False}
    )
    """Words of the caller's own, kept with the run."""
    when_busy: Literal["reject", "queue"] = "reject"
    """What to do while another run is on the thread."""
    on_disconnect: Literal["continue", "cancel"] = "continue"
    """What becomes of the run when the caller goes away before the answer."""


class Run(BaseModel):
    """A run: one question, and how it stands."""

    run_id: str
    thread_id: str
    status: RunStatus
    origin: str
    parent: str | None
    """The run that it was forked from; its figures are what it used itself."""
    question: str
    focus: list[str]
    alert: dict[str, Any] | None
    budgets: dict[str, float]
    metadata: dict[str, str] = Field(validation_alias="labels")
    asked_at: str
    ended_at: str | None
    attempts: int
    """Starts, the first included; more than 1 after a crash."""
    root_cause: str | None
    reason: str | None
    """Why it failed."""
    visits: int
    tool_calls: int
    input_tokens: int
    output_tokens: int
    cost_usd: float
    seconds: float
    analyst_input_tokens: int
    analyst_output_tokens: int
    analyst_cost_usd: float


class Runs(BaseModel):
    """A page of runs, the latest first."""

    items: list[Run]
    next_cursor: str | None
    """For the parameter `cursor`; null on the last page."""


class Answered(BaseModel):
    """The answer to a question; its enrichment may still run."""

    run_id: str
    thread_id: str
    status: RunStatus
    answer: str
    report: CheckedReport | None
    failure: dict[str, Any] | None
    """Why the investigation could not be finished, when that is so."""
    spent: dict[str, Any] | None
    enrichment: dict[str, Any] | None
    """Its receipt, as it was when the answer was given."""


class Step(BaseModel):
    """One step of a run: a checkpoint."""

    number: int
    checkpoint_id: str
    nodes: list[str]
    """What ran in it."""
    at: str | None
    changed: list[str]
    """Channels of the state whose value differs from the step before."""


class StepInFull(Step):
    """A step with the state before and after it."""

    before: dict[str, Any]
    after: dict[str, Any]


class Steps(BaseModel):
    """The steps of a run, in order."""

    items: list[Step]


class EvidenceList(BaseModel):
    """What a run gathered, in order."""

    items: list[dict[str, Any]]


class ThreadSummary(BaseModel):
    """A conversation, as the runs on it tell."""

    thread_id: str
    runs: int
    last_asked_at: str


class Threads(BaseModel):
    """A page of conversations, that with the latest question first."""

    items: list[ThreadSummary]
    next_cursor: str | None
    """For the parameter `cursor`; null on the last page."""


class Thread(BaseModel):
    """A conversation: its questions and answers, and whether a run is on it."""

    thread_id: str
    messages: list[dict[str, str]]
    running: str | None
    """The run that is on it now."""


class Retry(_Body):
    """How to run an enrichment again; what is left out is as the settings say."""

    model: Annotated[Text, Field(min_length=1, max_length=200)] | None = None
    timeout_s: float | None = Field(default=None, gt=0, le=600)


class Receipt(BaseModel):
    """How the enrichment of a turn stands or ended."""

    model_config = ConfigDict(extra="allow")

    turn_id: str
    status: ReceiptStatus
    reason: str | None


class Receipts(BaseModel):
    """Receipts, the latest changed first."""

    items: list[Receipt]
    next_cursor: str | None
    """For the parameter `cursor`; null when there is no further page."""


class MemoryItem(BaseModel):
    """What the analyst wrote: an insight, a pattern or a baseline."""

    model_config = ConfigDict(extra="allow")

    id: str
    kind: Literal["insights", "patterns", "baselines"]
    status: str
    components: list[str]


class MemoryItems(BaseModel):
    """Items of memory, the latest confirmed first."""

    items: list[MemoryItem]
    next_cursor: str | None
    """For the parameter `cursor`; null when there is no further page."""


class ToolInfo(BaseModel):
    """A tool that the orchestrator has."""

    name: str
    description: str


class Tools(BaseModel):
    """The tools there are, and the sources that are not configured, with the reason."""

    items: list[ToolInfo]
    disabled: dict[str, str]


class Usage(BaseModel):
    """What the runs asked since then have used."""

    runs: dict[str, int]
    """By status."""
    tool_calls: int
    input_tokens: int
    output_tokens: int
    cost_usd: float
    analyst_input_tokens: int
    analyst_output_tokens: int
    analyst_cost_usd: float


class Health(BaseModel):
    """That the server runs, and which sources it does without."""

    status: str
    disabled: dict[str, str]


class Dependency(BaseModel):
    """How one dependency answered."""

    status: Literal["ok", "failed", "disabled"]
    reason: str | None = None


class Ready(BaseModel):
    """Whether the server can do its work, by dependency."""

    status: Literal["ready", "not ready"]
    dependencies: dict[str, Dependency]
