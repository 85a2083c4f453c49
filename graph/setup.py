"""What a run depends on besides its question and its tape: settings, and what it was made with."""

import functools
import hashlib
from importlib import metadata
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict

from graph import prompts
from graph.settings import Settings

PACKAGES = (
    "boto3",
    "datadog-api-client",
    "json-repair",
    "langchain-core",
    "langchain-litellm",
    "langgraph",
    "langgraph-checkpoint",
    "litellm",
    "neo4j",
    "pydantic",
)
"""Those whose version can change what a run does."""


Source = Literal["topology", "datadog", "aws"]


class Setup(BaseModel):
    """The settings that the graph is built from; the names are those of `graph.settings`."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    orchestrator_model: str
    analyst_model: str
    tool_timeout_s: float
    tool_max_tokens: int
    redact_emails: bool
    turn_max_visits: int
    turn_max_tool_calls: int
    turn_max_tokens: int
    turn_max_cost_usd: float
    turn_max_seconds: float
    memory: bool = True
    """Older recordings do not say: memory could not be switched off then."""
    enrichment: bool
    enrichment_timeout_s: float
    sources: list[Source]
    """Those that are configured."""
    run_cypher: bool

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The setup that these settings make."""
        there: dict[Source, Any] = {
            "topology": settings.neo4j_uri,
            "datadog": settings.dd_api_key,
            "aws": settings.aws_region,
        }
        known: dict[str, Any] = {
            name: getattr(settings, name) for name in cls.model_fields if name != "sources"
        }
        return cls(**known, sources=[name for name, set_ in there.items() if set_])


@functools.cache
def made_with() -> dict[str, Any]:
    """The code of the graph, as a digest of its files, its prompts and its packages.

    Reads files: call it before anything is served.
    """
    folder = Path(__file__).parent
    code = hashlib.blake2b(digest_size=8)
    for file in sorted(folder.rglob("*.py")):
        code.update(file.relative_to(folder).as_posix().encode() + b"\0" + file.read_bytes())
    known = {prompt: prompts.read(prompt).version for prompt in ("plan", "enrich")}
    return {"code": code.hexdigest(), "prompts": known, "packages": _versions()}


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found
