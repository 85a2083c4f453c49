"""Makes the official clients of AWS from the settings: bounded in time, watched, in one region."""

from typing import Any
from urllib.parse import urlsplit

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from graph.errors import AwsMisconfigured
from graph.settings import Settings
from graph.tools.aws.guard import IDENTITY, READS, watch
from graph.tools.aws.refusal import words

CONNECT_TIMEOUT_S = 3.0


def keys_of(settings: Settings) -> tuple[str, ...]:
    """The keys that are set: texts that no error may hold."""
    every = (
        settings.aws_access_key_id,
        settings.aws_secret_access_key,
        settings.aws_session_token,
    )
    return tuple(key.get_secret_value() for key in every if key is not None)


def clients_of(settings: Settings, region: str) -> dict[str, Any]:
    """A client for each service of READS and IDENTITY; it takes most of a second and asks nothing.

    Raises AwsMisconfigured when the region or the profile does not exist.
    """
    # A hang must end before the tool's own time does, with the client's words.
    read_timeout_s = settings.tool_timeout_s * 0.6
    config = Config(
        retries={"mode": "standard", "total_max_attempts": 1},  # guard.watch repeats
        connect_timeout=min(CONNECT_TIMEOUT_S, read_timeout_s),
        read_timeout=read_timeout_s,
        max_pool_connections=20,
        user_agent_extra="netforge",
        # A proxy of the environment does not reach this machine's own loopback.
        proxies={} if _is_loopback(settings.aws_endpoint_url) else None,
    )
    key_id, secret, token = (
        key and key.get_secret_value()
        for key in (
            settings.aws_access_key_id,
            settings.aws_secret_access_key,
            settings.aws_session_token,
        )
    )
    try:
        session = boto3.Session(
            aws_access_key_id=key_id,
            aws_secret_access_key=secret,
            aws_session_token=token,
            region_name=region,
            botocore_session=_core(settings.aws_profile),
        )
        _check_region(session, region)
        watch(session.events, retry_for_s=settings.tool_timeout_s * 0.3)
        return {
            service: session.client(service, config=config, endpoint_url=settings.aws_endpoint_url)
            for service in READS | IDENTITY
        }
    except (BotoCoreError, ValueError) as error:
        raise AwsMisconfigured(
            f"AWS cannot be set up: {words(error, keys_of(settings))[1]}; correct AWS_REGION and "
            "AWS_PROFILE, or unset AWS_REGION to do without"
        ) from error


def _core(profile: str | None) -> botocore.session.Session:
    """A session that takes its profile from the settings, not from AWS_PROFILE by itself."""
    core = botocore.session.Session(session_vars={"profile": (None, None, None, None)})
    if profile is not None:
        core.set_config_variable("profile", profile)
    return core


def _is_loopback(address: str | None) -> bool:
    return urlsplit(address or "").hostname in ("127.0.0.1", "::1", "localhost")


def _check_region(session: Any, region: str) -> None:
    """The client takes any name, and fails at the first call with a name that is not found."""
    known = {
        name
        for partition in session.get_available_partitions()
        for name in session.get_available_regions("ec2", partition)
    }
    if region not in known:
        near = sorted(name for name in known if name[:2] == region[:2].lower())
        raise ValueError(
            f"AWS_REGION={region!r} is no region that boto3 {boto3.__version__} knows; "
            f"there are {', '.join(near or sorted(known))}"
        )


def console_of(region: str) -> str:
    """The host of AWS's console for that region, in its partition."""
    if region.startswith("cn-"):
        return f"{region}.console.amazonaws.cn"
    if region.startswith("us-gov-"):
        return f"{region}.console.amazonaws-us-gov.com"
    return f"{region}.console.aws.amazon.com"
