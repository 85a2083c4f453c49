"""The settings: the only reader of the environment.

`load` reads the environment and a `.env` file in the working directory. A missing or wrong
value raises SettingsError with the name of the setting and how to get one; a secret's value
is never part of the message.
"""

import os
from pathlib import Path
from typing import Annotated, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from graph.errors import SettingsError
from graph.model_ids import model_id
from graph.setting_values import (
    LOCAL_CALLER,
    ApiTokens,
    BoltAddress,
    CallerNames,
    ChatEndpoint,
    DatabaseAddress,
    DatadogSite,
    Identifier,
    Key,
    LongKey,
    Topics,
    WebAddress,
)
from graph.state import BUDGETS

LOOPBACK = ("127.0.0.1", "::1", "localhost")


ModelId = Annotated[str, AfterValidator(model_id)]


class GraphMapping(BaseModel):
    """What the labels and relationships of the graph database are called.

    The names are put into Cypher text, so each must be a plain identifier. Set one as
    `GRAPH_MAPPING__SERVICE=AWSECSService`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    service: Identifier = "Service"
    database: Identifier = "Database"
    host: Identifier = "Host"
    team: Identifier = "Team"
    deployment: Identifier = "Deployment"
    calls: Identifier = "CALLS"
    uses: Identifier = "USES"
    runs_on: Identifier = "RUNS_ON"
    owned_by: Identifier = "OWNED_BY"
    had_deployment: Identifier = "HAD_DEPLOYMENT"
    name: Identifier = "name"
    """The property that names a node."""


class StateSettings(BaseSettings):
    """What it takes to read what outlives a process, and to compare it with what is set here.

    Each field is read from its name in capitals.
    """

    model_config = SettingsConfigDict(
        env_file=".env",
        env_ignore_empty=True,
        env_nested_delimiter="__",
        extra="ignore",
        frozen=True,
    )

    database_url: DatabaseAddress | None = None
    """PostgreSQL for checkpoints, memory and queue; without it they are files in `state_dir`."""
    executor_id: Annotated[str, Field(pattern=r"^[\w.-]{1,100}$")] | None = None
    """This process's name on that database, the same after a restart, such as its pod's name."""
    state_dir: Path = Path(".netforge")
    """Where checkpoints, memory and queue live without DATABASE_URL."""
    orchestrator_model: ModelId = "minimax/MiniMax-M3"
    analyst_model: ModelId = "minimax/MiniMax-M2.5"


class MemorySettings(StateSettings):
    """What it takes to change what was learned: with the copy of it in the graph database."""

    neo4j_uri: BoltAddress | None = None
    """Such as bolt://127.0.0.1:7687. Without it there is no topology, and reports say so."""
    neo4j_user: str = "neo4j"
    neo4j_password: SecretStr = SecretStr("")
    neo4j_database: str = "neo4j"
    graph_mapping: Annotated[GraphMapping, NoDecode] = GraphMapping()

    memory_neo4j_user: str | None = None
    """With it, insights are copied into the graph, one way; it needs the right to write there."""
    memory_neo4j_password: SecretStr = SecretStr("")

    @model_validator(mode="after")
    def _the_copy_has_a_place_and_a_user(self) -> Self:
        if self.memory_neo4j_user is not None and self.neo4j_uri is None:
            raise ValueError(
                "NEO4J_URI is not set, but MEMORY_NEO4J_USER is: set both, or unset "
                "MEMORY_NEO4J_USER to do without the copy of insights"
            )
        if self.memory_neo4j_user is None and self.memory_neo4j_password.get_secret_value():
            raise ValueError(
                "MEMORY_NEO4J_USER is not set, but MEMORY_NEO4J_PASSWORD is: set both, or none"
            )
        return self


class Settings(MemorySettings):
    """Everything an operator can set."""

    minimax_api_key: Key = Field(
        description="create a key at platform.minimax.io, or run the lab, which needs none"
    )
    minimax_api_base: ChatEndpoint = "https://api.minimax.io/v1"
    """Mainland China: https://api.minimaxi.com/v1."""
    model_attempts: int = Field(default=4, ge=1, le=10)
    """Requests for one model call, the first one included; only transient failures repeat."""
    model_timeout_s: float = Field(default=90, gt=0)
    """Total time of one request to a model."""
    model_connect_timeout_s: float = Field(default=5, gt=0)
    model_retry_wait_s: float = Field(default=20, ge=0)
    """Longest wait between two attempts; a longer Retry-After ends the attempts."""

    run_cypher: bool = False
    """Whether the model may write Cypher of its own, guarded; off by default."""

    dd_api_key: Key | None = None
    """Without the two keys there is no Datadog, and reports say so."""
    dd_app_key: Key | None = None
    dd_site: DatadogSite = "datadoghq.com"
    dd_api_url: WebAddress | None = None
    """Instead of the site's own address."""

    aws_region: str | None = None
    """Such as eu-central-1. Without it there is no AWS, and reports say so."""
    aws_profile: str | None = None
    aws_access_key_id: SecretStr | None = None
    """Without these the client looks for credentials as every AWS client does."""
    aws_secret_access_key: SecretStr | None = None
    aws_session_token: SecretStr | None = None
    aws_endpoint_url: WebAddress | None = None
    """Instead of AWS's own addresses."""

    tool_timeout_s: float = Field(default=20, gt=0)
    tool_max_tokens: int = Field(default=2500, ge=200)
    """Cap of what one tool result shows the model; a token is taken as four characters."""
    redact_emails: bool = False
    """Whether e-mail addresses are taken out of tool results, as secrets always are."""

    turn_max_visits: int = Field(default=16, ge=1)
    """Calls of the orchestrator in one turn before it is asked to conclude."""
    turn_max_tool_calls: int = Field(default=40, ge=1)
    turn_max_tokens: int = Field(default=400_000, ge=1)
    turn_max_cost_usd: float = Field(default=2.0, gt=0)
    turn_max_seconds: float = Field(default=300, gt=0)

    memory: bool = True
    """Whether turns get hints from memory; what is learned is kept either way."""
    enrichment: bool = True
    """Whether finished turns are handed to the analyst."""
    enrichment_timeout_s: float = Field(default=60, gt=0)
    """The guard: how long the analyst may take."""
    enrichment_concurrency: int = Field(default=4, ge=1)
    """Enrichments that this process runs at the same time."""
    enrichment_backlog: int = Field(default=200, ge=1)
    """Enrichments that wait or run, beyond which a turn's enrichment is skipped with its reason."""
    enrichment_per_minute: int | None = Field(default=None, ge=1)
    """The analyst's rate limit, over all processes on the database; None is no limit."""
    enrichment_failures: int = Field(default=5, ge=1)
    """Failures of the analyst in a row after which no more are started for a while."""
    enrichment_pause_s: float = Field(default=30, gt=0)
    """How long, at first; doubled while the analyst keeps failing, up to ten minutes."""

    server_host: str = "127.0.0.1"
    """Beyond loopback only with `api_tokens`."""
    server_port: int = Field(default=8080, ge=0, le=65535)
    api_tokens: ApiTokens = {}
    """As `name:token,name:token`. Without them there is no login, and all callers are one."""
    fork_callers: CallerNames = ()
    """Who may fork, which is live: names of `api_tokens`, or LOCAL_CALLER; by default nobody."""
    requests_per_minute: int = Field(default=3000, ge=1)
    """Of one token; so many may also come at once."""
    requests_at_once: int = Field(default=256, ge=1)
    """Of one token, streams that are open included."""
    request_body_limit_kib: int = Field(default=256, ge=1, le=1_048_576)
    otel_exporter_otlp_endpoint: WebAddress | None = None
    """Where traces are sent, by OTLP over HTTP; without it none are made."""

    webhook_datadog_token: LongKey | None = None
    """What Datadog sends as its bearer token; without it there is no webhook for Datadog."""
    webhook_sns_topics: Topics = ()
    """ARNs of the topics whose CloudWatch alarms are taken; without them there is no webhook."""

    @property
    def budgets(self) -> dict[str, float]:
        """What every turn may use, by the names in `graph.state.BUDGETS`."""
        return {name: getattr(self, f"turn_max_{name}") for name in BUDGETS}

    @model_validator(mode="after")
    def _pairs_are_whole(self) -> Self:
        for one, other in (
            ("dd_api_key", "dd_app_key"),
            ("aws_access_key_id", "aws_secret_access_key"),
        ):
            there = [name for name in (one, other) if getattr(self, name) is not None]
            if len(there) == 1:
                [missing] = {one, other} - set(there)
                raise ValueError(
                    f"{missing.upper()} is not set, but {there[0].upper()} is: set both, or none"
                )
        if self.database_url is not None and self.executor_id is None:
            raise ValueError(
                "EXECUTOR_ID is not set, but DATABASE_URL is: name this process, such as by its "
                "pod; processes that run at once must differ, and a restarted one keeps its name"
            )
        return self

    @model_validator(mode="after")
    def _the_network_needs_tokens(self) -> Self:
        if self.server_host not in LOOPBACK and not self.api_tokens:
            raise ValueError(
                f"SERVER_HOST: {self.server_host!r} is not loopback, and API_TOKENS is not set: "
                f"set API_TOKENS, or listen on one of {', '.join(LOOPBACK)}"
            )
        return self

    @model_validator(mode="after")
    def _forks_are_for_callers(self) -> Self:
        known = list(self.api_tokens) or [LOCAL_CALLER]
        for number, name in enumerate(self.fork_callers, start=1):
            if name not in known:
                raise ValueError(
                    f"FORK_CALLERS: entry {number} is no caller, there is {', '.join(known)}: give "
                    f"names of API_TOKENS, or {LOCAL_CALLER} where that is not set"
                )
        return self


AnySettings = TypeVar("AnySettings", bound=StateSettings)


def load() -> Settings:
    """The settings from the environment and `.env`.

    Raises SettingsError, one line that names every missing or wrong setting.
    """
    return _loaded(Settings)


def load_state() -> StateSettings:
    """The part of the settings that reading what was recorded takes. Raises SettingsError."""
    return _loaded(StateSettings)


def load_memory() -> MemorySettings:
    """The part of the settings that changing what was learned takes. Raises SettingsError."""
    return _loaded(MemorySettings)


def keep_litellm_offline() -> None:
    """Make litellm take its price list from its package; it would fetch one when imported."""
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"


def _loaded(settings: type[AnySettings]) -> AnySettings:
    try:
        return settings.model_validate({})
    except ValidationError as error:
        raise SettingsError("; ".join(_complaints(error))) from None


def _complaints(error: ValidationError) -> list[str]:
    complaints = []
    for problem in error.errors(include_url=False, include_input=False):
        name = "__".join(str(part) for part in problem["loc"]).upper()
        if problem["type"] == "missing":
            remedy = Settings.model_fields[str(problem["loc"][0])].description
            complaints.append(f"{name} is not set: {remedy}")
        elif problem["type"] == "model_type":
            complaints.append(f"{name}: set its parts one by one, such as {name}__SERVICE=Service")
        else:
            text = problem["msg"].removeprefix("Value error, ")
            complaints.append(f"{name}: {text}" if name else text)
    return complaints
