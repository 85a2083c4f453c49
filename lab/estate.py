"""Opens an incident as a live estate on loopback, and the settings that point NetForge at it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from pydantic import SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from graph.settings import Settings
from lab import bolt, minimax, standin
from lab.aws import AwsDouble
from lab.aws import serve as serve_aws
from lab.datadog import DatadogDouble
from lab.datadog import serve as serve_datadog
from lab.incident import Incident
from lab.story import Story

DATABASE = "topology"
KEY = "lab-key-not-a-secret"


class LabSettings(Settings):
    """Settings from arguments alone: the lab must not pick up a real key or a real database."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 (the names are pydantic's)
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what is passed in."""
        return (init_settings,)


class Provider(Protocol):
    """Where the models are."""

    @property
    def url(self) -> str:
        """What MINIMAX_API_BASE takes."""


@dataclass(frozen=True)
class Estate:
    """A running estate: how to reach it, and its servers with their journals."""

    settings: LabSettings
    provider: minimax.MiniMaxDouble
    server: bolt.BoltServer
    datadog: DatadogDouble
    aws: AwsDouble


def settings(
    server: bolt.BoltServer, provider: Provider, state_dir: Path, **overrides: Any
) -> LabSettings:
    """Settings that reach these two servers and keep state in `state_dir`."""
    return LabSettings(
        **{
            "minimax_api_key": KEY,
            "minimax_api_base": provider.url,
            "neo4j_uri": server.uri,
            "neo4j_user": bolt.READER,
            "neo4j_password": server.reader_password,
            "neo4j_database": DATABASE,
            "state_dir": state_dir,
            **overrides,
        }
    )


def sources(datadog: DatadogDouble, aws: AwsDouble) -> dict[str, Any]:
    """The settings that reach these two."""
    return {
        "dd_api_key": datadog.api_key,
        "dd_app_key": datadog.app_key,
        "dd_api_url": datadog.url,
        "aws_region": aws.region,
        "aws_access_key_id": aws.access_key_id,
        "aws_secret_access_key": aws.secret_access_key,
        "aws_endpoint_url": aws.url,
    }


def environment(settings: LabSettings) -> dict[str, str]:
    """What another process sets to have these settings; the secrets in it are the lab's own."""
    given = sorted(settings.model_fields_set)
    return {name.upper(): _spelled(getattr(settings, name)) for name in given}


def _spelled(value: object) -> str:
    """A setting's value as it is read from the environment."""
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return ",".join(value) if isinstance(value, tuple) else str(value)


@asynccontextmanager
async def open_estate(
    incident: Incident, state_dir: Path, **overrides: Any
) -> AsyncIterator[Estate]:
    """The estate of that incident; everything is stopped at the end.

    `overrides` are settings. Raises BoltUnavailable when the graph database does not come up.
    """
    story = Story(incident, datetime.now(UTC))
    async with (
        bolt.serve([DATABASE]) as server,
        minimax.serve(standin.answer) as provider,
        serve_datadog(story) as datadog,
        serve_aws(story) as aws,
    ):
        await server.load(incident.topology, DATABASE)
        reached = {**sources(datadog, aws), **overrides}
        yield Estate(
            settings(server, provider, state_dir, **reached), provider, server, datadog, aws
        )
