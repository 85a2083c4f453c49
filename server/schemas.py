"""The bodies of requests and answers."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from graph.report import CheckedReport
from graph.state import QUESTION_LIMIT


class Ask(BaseModel):
    """A question about the estate."""

    model_config = ConfigDict(extra="forbid")

    question: str = Field(min_length=1, max_length=QUESTION_LIMIT)
    thread_id: str | None = Field(default=None, max_length=200)
    """The conversation to go on with; a new one when it is left out."""
    focus: list[Annotated[str, Field(min_length=1, max_length=200)]] = Field(
        default=[], max_length=20
    )
    """Components that the question is about, where the caller knows them."""


class Answered(BaseModel):
    """The answer to a question; its enrichment may still run."""

    run_id: str
    thread_id: str
    answer: str
    report: CheckedReport | None
    failure: dict[str, Any] | None
    """Why the investigation could not be finished, when that is so."""
    spent: dict[str, Any]
    enrichment: dict[str, Any] | None


class Health(BaseModel):
    """That the server runs, and which sources it does without."""

    status: str
    disabled: dict[str, str]
