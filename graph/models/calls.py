"""The live call of a model: bounded in attempts and time, its failures as values."""

import asyncio
import importlib
import random
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.messages.ai import add_usage

from graph.errors import ModelLibraryMissing
from graph.models.failure import ModelFailure, kind_of_status
from graph.models.port import Answered, ModelPort
from graph.models.recovery import is_empty, recovered
from graph.settings import Settings, keep_litellm_offline

NUDGE = "Your last reply was empty. Call a tool, or answer."


@dataclass(frozen=True)
class CallLimits:
    """Bounds of one model call."""

    attempts: int
    timeout_s: float
    longest_wait_s: float


@dataclass(frozen=True)
class Calls:
    """Calls one model of the provider, until it answers or the attempts are used up."""

    model: str
    chat: BaseChatModel
    limits: CallLimits
    provider_errors: tuple[type[Exception], ...]
    secret: str

    async def __call__(
        self, messages: Sequence[BaseMessage], schemas: Sequence[dict[str, Any]]
    ) -> Answered:
        """Its answer, or the failure that another attempt cannot mend; and what failed before."""
        failed: list[dict[str, Any]] = []
        answer = await self._attempts(messages, schemas, failed)
        if isinstance(answer, AIMessage) and is_empty(answer):
            empty = answer
            answer = await self._attempts([*messages, HumanMessage(NUDGE)], schemas, failed)
            if isinstance(answer, AIMessage) and is_empty(answer):
                answer = ModelFailure("empty", "no text and no tool call", self.model, 2)
            elif isinstance(answer, AIMessage):
                answer = _with_cost_of(empty, answer)
        return Answered(answer, failed)

    def another(self, model: str) -> "Calls":
        """The same calls to another model of the provider."""
        return replace(self, model=model, chat=self.chat.model_copy(update={"model": model}))

    async def _attempts(
        self,
        messages: Sequence[BaseMessage],
        schemas: Sequence[dict[str, Any]],
        failed: list[dict[str, Any]],
    ) -> AIMessage | ModelFailure:
        for attempt in range(1, self.limits.attempts + 1):
            started = time.perf_counter()
            answer = await self._once(messages, schemas)
            if isinstance(answer, AIMessage):
                return answer
            failure = replace(answer, attempts=attempt)
            seconds = round(time.perf_counter() - started, 4)
            failed.append({"kind": failure.kind, "error": failure.message, "seconds": seconds})
            wait_s = self._wait_s(failure)
            last = attempt == self.limits.attempts
            if last or not failure.transient or wait_s is None:
                return failure
            await asyncio.sleep(wait_s)
        raise AssertionError("attempts is at least 1")

    async def _once(
        self, messages: Sequence[BaseMessage], schemas: Sequence[dict[str, Any]]
    ) -> AIMessage | ModelFailure:
        try:
            async with asyncio.timeout(self.limits.timeout_s):
                answer = await self.chat.ainvoke(list(messages), tools=list(schemas) or None)
        except TimeoutError:
            return ModelFailure("timeout", f"no answer in {self.limits.timeout_s:g} s", self.model)
        except self.provider_errors as error:
            return self._failure(error)
        return recovered(answer, schemas)

    def _wait_s(self, failure: ModelFailure) -> float | None:
        """What the provider asked for, else 0.5 s doubled per attempt; None when that is too long.

        Up to a quarter is added, so that callers who failed together do not come back together.
        """
        asked_s = failure.retry_after_s
        if asked_s is not None and asked_s > self.limits.longest_wait_s:
            return None
        doubled_s = min(0.5 * 2 ** (failure.attempts - 1), self.limits.longest_wait_s)
        return (doubled_s if asked_s is None else asked_s) * random.uniform(1, 1.25)

    def _failure(self, error: Exception) -> ModelFailure:
        status = None if "APIConnection" in type(error).__name__ else _status(error)
        detail = str(error).replace(self.secret, "[MINIMAX_API_KEY]").partition("Traceback (")[0]
        return ModelFailure(
            kind_of_status(status),
            " ".join(detail.split())[:400],
            self.model,
            retry_after_s=_retry_after_s(error),
        )


@asynccontextmanager
async def open_models(settings: Settings) -> AsyncIterator[tuple[ModelPort, ModelPort]]:
    """The orchestrator and the analyst, over one HTTP client that is closed at the end.

    Raises ModelLibraryMissing when litellm or langchain-litellm cannot be imported. The import
    takes seconds, so it runs in a thread.
    """
    minimax, provider_errors = await asyncio.to_thread(_import_minimax)
    handler = minimax.http_handler(settings.model_timeout_s, settings.model_connect_timeout_s)
    secret = settings.minimax_api_key.get_secret_value()

    def port(role: str, model: str) -> ModelPort:
        chat = minimax.ChatMiniMax(
            model=model,
            api_base=settings.minimax_api_base,
            api_key=secret,
            max_retries=1,
            request_timeout=settings.model_timeout_s,
            disable_streaming=True,
            model_kwargs={"client": handler, "extra_body": {"reasoning_split": True}},
        )
        limits = CallLimits(
            settings.model_attempts, settings.model_timeout_s, settings.model_retry_wait_s
        )
        return ModelPort(role, model, Calls(model, chat, limits, provider_errors, secret))

    try:
        yield (
            port("orchestrator", settings.orchestrator_model),
            port("analyst", settings.analyst_model),
        )
    finally:
        await handler.close()


def _import_minimax() -> tuple[ModuleType, tuple[type[Exception], ...]]:
    keep_litellm_offline()
    try:
        minimax = importlib.import_module("graph.models.minimax")
        openai = importlib.import_module("openai")
        minimax.load_all()
    except ImportError as error:
        raise ModelLibraryMissing(
            f"the models cannot be reached: {error}; install it with "
            "'pip install -r requirements.txt'"
        ) from error
    return minimax, (openai.OpenAIError,)


def _with_cost_of(empty: AIMessage, answer: AIMessage) -> AIMessage:
    """The answer, with what the empty one before it used."""
    first, second = (one.response_metadata.get("response_cost") for one in (empty, answer))
    cost = None if first is None or second is None else first + second
    return answer.model_copy(
        update={
            "usage_metadata": add_usage(empty.usage_metadata, answer.usage_metadata),
            "response_metadata": {**answer.response_metadata, "response_cost": cost},
        }
    )


def _status(error: Exception) -> int | None:
    status = getattr(error, "status_code", None)
    return status if isinstance(status, int) else None


def _retry_after_s(error: Exception) -> float | None:
    headers = getattr(error, "litellm_response_headers", None) or {}
    try:
        return max(0.0, float(headers.get("retry-after", "")))
    except ValueError:
        return None
