"""The bodies of requests and answers that are about replay."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from replay.running.verdict import Kind
from server.fields import JsonObject, Text

PROMPT_LIMIT = 50_000
"""Characters of a prompt."""


class Rerun(BaseModel):
    """How what the current code does compares with what a run recorded."""

    run_id: str
    verdict: Kind = Field(validation_alias="kind")
    at: str | None
    """The address of the first difference: a node, a visit, and side by side an index."""
    message: str
    lines: list[str]
    """The difference, `-` as recorded, `+` now."""
    changed: list[str]
    """What is not as it was when the run was recorded: code, prompts, packages."""
    exchanges: int
    """How many were answered from the recording."""


class ExchangeCompared(BaseModel):
    """An exchange that is not the same in both runs; lines with `-` are of A, with `+` of B."""

    kind: Literal["differ", "moved", "only_a", "only_b"]
    a: str | None
    """Its address in A."""
    b: str | None
    exchange: str
    """`model`, `tool`, `memory`, …"""
    name: str
    asked: str
    """The call in short."""
    status: dict[str, str | None]
    """How it was answered in each."""
    request: list[str]
    because: list[str]
    """Addresses that tell of what the request holds differently besides."""
    answer: list[str]


class OutcomeCompared(BaseModel):
    """Something that came out differently."""

    name: str
    a: Any
    b: Any
    lines: list[str]
    counts: bool
    """Whether it makes the runs different; the time that they took does not."""


class Comparison(BaseModel):
    """What run B did differently from run A."""

    a: dict[str, Any]
    b: dict[str, Any]
    """What is known of the two runs."""
    same: bool
    """Whether nothing that counts differs."""
    made_with: list[str]
    """What differs of their code and settings; it does not count by itself."""
    counts: dict[str, int]
    """Exchanges of `a` and `b`, and how many are `same`, `differ`, `moved`, `only_a`, `only_b`."""
    exchanges: list[ExchangeCompared]
    times: list[str]
    """Addresses of calls that were answered the same but for times, which does not count."""
    outcome: list[OutcomeCompared]


class Fork(BaseModel):
    """Where a new run goes on from an earlier one, and what is different from there on."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"at": "plan#2", "model": "minimax/MiniMax-M2.5"},
                {"at": "plan#1", "set": {"question": "Why is pricing-service slow?"}},
            ]
        },
    )

    at: str = Field(pattern=r"^[a-z]{1,20}#[1-9][0-9]{0,8}(\.[0-9]{1,9})?$", examples=["plan#2"])
    """The first step that is live, as a rerun and an export name it."""
    model: Annotated[Text, Field(min_length=1, max_length=200)] | None = None
    """Instead of the model of that step's role, from there on."""
    prompt: Annotated[Text, Field(min_length=1, max_length=PROMPT_LIMIT)] | None = None
    """Instead of that role's prompt, from there on."""
    values: JsonObject = Field(default={}, alias="set")
    """Channels of the state before that step, or `question`, a text."""
