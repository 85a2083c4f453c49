"""The state of an investigation: its channels, what they hold, and how they grow.

Only JSON-able values and LangChain messages go in, so that a checkpoint read back equals
what was written. Channels that grow with the thread are `DeltaChannel`s: a checkpoint stores
the step's writes, and what a thread costs grows with its length, not with its square.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, NotRequired, cast

from langchain_core.messages import AnyMessage, convert_to_messages
from langgraph.channels.delta import DeltaChannel
from typing_extensions import TypedDict

from graph.packed import append_exchanges

MEMORY = "memory"
"""The source of evidence that was remembered, and not seen."""
SNAPSHOT_EVERY = 600
"""Updates of a channel between two full copies of it. At about three updates a turn, a copy
every 200 turns: a read replays at most that many small writes. `bench/` prints the growth."""
TAPE_SNAPSHOT_EVERY = 240
"""The same of the tape, which begins anew at each turn: a copy is never longer than a turn's."""


def append_messages(state: list[AnyMessage], writes: Sequence[Any]) -> list[AnyMessage]:
    """Append messages; one whose id is there already replaces it in place.

    One without an id, as plain clients send them, is named for its place in the thread. Gives
    the same list however the writes are batched, and at every reading, as `DeltaChannel` asks.
    """
    merged: list[AnyMessage] = list(state)
    position = {message.id: index for index, message in enumerate(merged) if message.id}
    for write in writes:
        for message in _messages(write):
            if message.id in position:
                merged[position[message.id]] = message
                continue
            place = len(merged)
            identity = message.id or f"place-{place}"
            position[identity] = place
            merged.append(message if message.id else message.model_copy(update={"id": identity}))
    return merged


def append_entries(state: list[Any], writes: Sequence[list[Any]]) -> list[Any]:
    """Append the entries of every write, in order."""
    return [*state, *(entry for write in writes for entry in write)]


class Turn(TypedDict):
    """One question and its answer."""

    id: str
    """The run id, a UUID."""
    thread_id: str
    message_id: str
    """Id of the human message that asked."""
    question: str
    asked_at: str
    """ISO 8601, UTC, with a `Z`."""
    boundary: str
    """Random word that fences text from the estate in this turn."""
    focus: list[str]
    """Components that the caller named; may be empty."""
    alert: dict[str, Any] | None
    """What an alerting system sent; from outside, so untrusted."""
    budgets: dict[str, float]
    """Budgets of this turn that are lower than the configured ones, by their names."""


class Spent(TypedDict):
    """What a turn has used of its budgets."""

    visits: int
    visits_over_budget: int
    """Visits with nothing but `conclude` on offer."""
    tool_calls: int
    input_tokens: int
    output_tokens: int
    cost_usd: float
    unpriced_calls: int
    """Model calls whose cost the provider's price list does not know."""
    seconds: float


class Evidence(TypedDict):
    """One executed tool call; its content and data are in the tool message of that call."""

    id: str
    """`E1`, `E2`, …, counted over the thread."""
    turn_id: str
    message_id: str
    """The tool message that answers the call."""
    name: str
    args: dict[str, Any]
    status: Literal["ok", "no_data", "error"]
    source: str
    query: str
    returned: int
    matched: int
    error: str | None
    unanswered: dict[str, str]
    """Sources that this result lacks, each with its own words."""


class Failure(TypedDict):
    """Why the orchestrator could not go on."""

    kind: str
    message: str
    attempts: int


ReceiptStatus = Literal["pending", "stored", "empty", "timeout", "failed", "skipped"]


class Receipt(TypedDict):
    """How a turn's enrichment stands or ended.

    `pending`: handed over. `stored`: memory changed or was confirmed. `empty`: nothing worth
    keeping was found. `timeout`: the guard ended it. `failed`: see the reason. `skipped`: it
    was never started, see the reason.
    """

    status: ReceiptStatus
    turn_id: str
    asked_at: str
    """When the turn was asked, as in Turn."""
    of_thread: str
    """The conversation's thread."""
    thread_id: str | None
    """The enrichment's own thread; None when there is none."""
    reason: str | None
    superseded_by: str | None
    """The later turn of the thread whose enrichment covers this one."""
    attempts: int
    """How often it was started; more than 1 after a crash or a retry by hand."""
    first_started_at: str | None
    """ISO 8601, UTC; None until it is started."""
    seconds: float
    """Of the last attempt."""
    model: str | None
    prompt_version: str | None
    insights: int
    patterns: int
    baselines: NotRequired[int]
    """Receipts from before there were any do not say."""
    dropped: int
    """Items of the analyst's answer that failed validation, or were vague."""
    input_tokens: int
    output_tokens: int
    cost_usd: float | None


class Retry(TypedDict):
    """How an enrichment is run again by hand; None is as the settings say."""

    model: str | None
    timeout_s: float | None


class Exchange(TypedDict):
    """One recorded call to the outside, and a step as people see it."""

    node: str
    visit: int
    index: int | None
    """Which of the calls sent side by side; None outside the tool node."""
    kind: Literal["model", "tool", "memory", "clock", "identity", "setup", "detach", "run"]
    name: str
    digest: str
    """Of the request."""
    request: Any
    response: Any
    """What `graph.tape.Outcome` says of it; None with status `error`: it was raised or cut off."""
    status: Literal["ok", "no_data", "error"]
    error: str | None
    seconds: float
    measured: dict[str, Any]
    """Tokens and cost of a model's answer, with its failed attempts; the source of a tool's."""
    texts: NotRequired[dict[str, str]]
    """Long texts of the request, by their digests, which stand in it; each once in a turn."""


class Fork(TypedDict):
    """Where a run was taken from, when it did not begin at its question."""

    run_id: str
    """This run; a later turn of its thread is not concerned."""
    parent: str
    at: str
    """The address of the first step that was not taken over, such as `plan#2`."""
    model: str | None
    """Instead of the configured model of that step; None is as configured."""
    prompt: str | None
    """Instead of the prompt of that step."""
    idle_s: float
    """Between the recorded step and the fork; it does not count as time spent."""
    setup: dict[str, Any]
    """As in an exchange of kind `setup`: what the live part ran with."""
    spent: NotRequired[Spent]
    """What the turn had used before it, which is the parent's; the budgets count both."""


class Recalled(TypedDict):
    """A memory shown to the orchestrator as a hint."""

    id: str
    """How it is cited, such as `M-1a2b3c4d`."""
    text: str
    last_confirmed: str
    key: NotRequired[str]
    """Its id in memory."""
    components: NotRequired[list[str]]
    confidence: NotRequired[float]
    """When it was shown, faded and weighed."""


Messages = Annotated[
    list[AnyMessage], DeltaChannel(append_messages, snapshot_frequency=SNAPSHOT_EVERY)
]


class Question(TypedDict):
    """The input of a run."""

    messages: Messages
    focus: NotRequired[list[str]]
    alert: NotRequired[dict[str, Any] | None]
    budgets: NotRequired[dict[str, float]]


class Investigation(TypedDict, total=False):
    """All channels of the graph."""

    messages: Messages
    focus: list[str]
    alert: dict[str, Any] | None
    budgets: dict[str, float]
    turn: Turn
    fork: Fork | None
    visits: dict[str, int]
    """How often each node was entered in this turn."""
    spent: Spent
    evidence: Annotated[
        list[Evidence], DeltaChannel(append_entries, snapshot_frequency=SNAPSHOT_EVERY)
    ]
    recalled: list[Recalled]
    report: dict[str, Any] | None
    """A `graph.report.Report`, dumped; None until there is one."""
    sent_back: bool
    """Whether `respond` has sent a report back in this turn."""
    failure: Failure | None
    enrichment: Receipt | None
    exchanges: Annotated[
        list[Exchange], DeltaChannel(append_exchanges, snapshot_frequency=TAPE_SNAPSHOT_EVERY)
    ]
    """The tape of the latest turn; a visit writes its part of it as `graph.packed` says."""
    detached: bool
    """True on an enrichment thread only."""
    retry: Retry | None
    """On an enrichment thread: how it is to be run again."""
    covers: list[str]
    """On an enrichment thread: earlier turns that its study holds too."""


BUDGETS = ("visits", "tool_calls", "tokens", "cost_usd", "seconds")
"""What a turn may use only so much of."""


def evidence_of_turn(state: Investigation) -> list[Evidence]:
    """What was gathered in the current turn, in order."""
    turn_id = state["turn"]["id"]
    return [entry for entry in state.get("evidence", []) if entry["turn_id"] == turn_id]


def fork_of(state: Investigation) -> Fork | None:
    """Where the current turn was taken from; None when it began at its question."""
    fork, turn = state.get("fork"), state.get("turn")
    return fork if fork and turn and fork["run_id"] == turn["id"] else None


def _messages(write: Any) -> Sequence[AnyMessage]:
    messages = convert_to_messages(write if isinstance(write, list) else [write])
    return cast(Sequence[AnyMessage], messages)


def nothing_spent() -> Spent:
    """What a turn begins with."""
    return Spent(
        visits=0,
        visits_over_budget=0,
        tool_calls=0,
        input_tokens=0,
        output_tokens=0,
        cost_usd=0.0,
        unpriced_calls=0,
        seconds=0.0,
    )
