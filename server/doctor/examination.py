"""All checks: side by side, each with its limit; the investigation last, when they are ok."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial

from graph.settings import Settings
from server.doctor import aws, datadog, investigation, models, projection, state, topology
from server.doctor.check import Check, Work, examined
from server.doctor.hiding import secrets_of, without

MODEL_LIMIT_S = 60.0
"""Two attempts, and the import of litellm."""
SOURCE_LIMIT_S = 30.0
DATABASE_LIMIT_S = 30.0
CLOSING_S = 60.0
"""What a start and a stop may add to the limits of a turn and of its enrichment."""
SETTINGS, FULL = "settings", "investigation"


async def examine(settings: Settings, *, full: bool = False) -> list[Check]:
    """The outcome of every check, in a fixed order, without secrets. Never raises over them."""
    return [check async for check in each(settings, full=full)]


async def each(settings: Settings, *, full: bool = False) -> AsyncIterator[Check]:
    """The same one by one, each as soon as it and those before it are known."""
    secrets = secrets_of(settings)
    yield Check(SETTINGS, "ok", "complete")
    tasks = [asyncio.create_task(examined(work)) for work in _works(settings)]
    failed = []
    try:
        for task in tasks:
            check = without(secrets, await task)
            failed += [check.name] if check.status == "failed" else []
            yield check
    finally:
        for task in tasks:
            task.cancel()
    if full and failed:
        reason = f"not run, because it needs what failed: {', '.join(failed)}"
        yield Check(FULL, "disabled", reason)
    elif full:
        yield without(secrets, await examined(_investigation(settings)))


def unset(reason: str) -> Check:
    """The only outcome when the settings are not complete: nothing else can be looked at."""
    remedy = "correct it in the environment or in .env, as .env.example tells"
    return Check(SETTINGS, "failed", reason, remedy)


def _works(settings: Settings) -> list[Work]:
    slow = "the provider is slow or stuck: try again, or check MINIMAX_API_BASE"
    return [
        *(
            Work(role, partial(models.answers, settings, role), MODEL_LIMIT_S, slow)
            for role in ("orchestrator", "analyst")
        ),
        Work(
            "neo4j",
            partial(topology.services, settings),
            SOURCE_LIMIT_S,
            "let this machine reach NEO4J_URI, or unset NEO4J_URI to do without",
        ),
        Work(
            "datadog",
            partial(datadog.allows, settings),
            SOURCE_LIMIT_S,
            "let this machine reach DD_SITE or DD_API_URL, and try again",
        ),
        Work(
            "aws",
            partial(aws.allows, settings),
            SOURCE_LIMIT_S,
            "let this machine reach AWS in AWS_REGION, and try again",
        ),
        Work(
            "database",
            partial(state.works, settings),
            DATABASE_LIMIT_S,
            "see what locks or slows the database: another process that makes its tables, or "
            "the disk",
        ),
        *_copying(settings),
    ]


def _copying(settings: Settings) -> list[Work]:
    """Only where insights are copied: it is no source, and nothing is missing without it."""
    if settings.memory_neo4j_user is None:
        return []
    remedy = "let this machine reach NEO4J_URI, or unset MEMORY_NEO4J_USER to do without the copy"
    return [Work("projection", partial(projection.writes, settings), SOURCE_LIMIT_S, remedy)]


def _investigation(settings: Settings) -> Work:
    limit_s = settings.turn_max_seconds + settings.enrichment_timeout_s + CLOSING_S
    remedy = "see which step is slow in the log; TURN_MAX_SECONDS bounds the turn"
    return Work(FULL, partial(investigation.answers, settings), limit_s, remedy)
