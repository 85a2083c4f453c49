"""Checks of the models: one tiny real call of each."""

from typing import Literal

from langchain_core.messages import HumanMessage

from graph.models.calls import open_models
from graph.models.failure import ModelFailure
from graph.settings import Settings
from server.doctor.check import Trouble

Role = Literal["orchestrator", "analyst"]
# No limit on the tokens of the answer: these models think first, and would be cut before a word.
QUESTION = "Answer with the one word: ready"
ATTEMPTS = 2
ATTEMPT_LIMIT_S = 20.0
LONGEST_WAIT_S = 2.0


async def answers(settings: Settings, role: Role) -> str:
    """That the model of that role answers, with its name and the tokens that it took."""
    timeout_s = min(settings.model_timeout_s, ATTEMPT_LIMIT_S)
    limits = {
        "model_attempts": ATTEMPTS,
        "model_timeout_s": timeout_s,
        "model_retry_wait_s": LONGEST_WAIT_S,
    }
    async with open_models(settings.model_copy(update=limits)) as (orchestrator, analyst):
        port = orchestrator if role == "orchestrator" else analyst
        answer = await port(f"doctor-{role}", [HumanMessage(QUESTION)])
    if isinstance(answer, ModelFailure):
        raise Trouble(f"{answer.model}: {answer.kind}: {answer.detail}", _remedy(answer, role))
    used = answer.usage_metadata
    return f"{port.model} answered" + (f", {used['total_tokens']} tokens" if used else "")


def _remedy(failure: ModelFailure, role: Role) -> str:
    match failure.kind:
        case "request":
            return f"set {role.upper()}_MODEL to a model that the account has at MINIMAX_API_BASE"
        case "authentication":
            return "set MINIMAX_API_KEY to a key of the provider at MINIMAX_API_BASE"
        case "timeout":
            return "the provider is slow or stuck: try again, or check MINIMAX_API_BASE"
        case "empty":
            return "the provider has a fault; try again later"
    return failure.remedy
