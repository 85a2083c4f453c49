"""Check of Datadog: that the key is one, and that every read which the tools send is allowed."""

import asyncio
from http import HTTPStatus

from datadog_api_client.v1.api.authentication_api import AuthenticationApi

from graph.settings import Settings
from graph.tools import NOT_SET
from graph.tools.datadog.client import Datadog, open_datadog
from graph.tools.datadog.reads import READS
from graph.tools.datadog.refusal import DatadogRefused
from graph.tools.threads import open_threads
from graph.tools.window import Window
from server.doctor.check import Disabled, Trouble
from server.doctor.datadog_reads import ASKED, Address

TOOL_LIMIT_S = 15.0
"""The key is asked about first: two questions must end within the limit of the check."""
AGAIN = "try again in a minute, and if it stays see what Datadog says"
_REFUSED = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)


async def allows(settings: Settings) -> str:
    """That the keys are valid, and that each read of the tools is answered."""
    limit_s = min(settings.tool_timeout_s, TOOL_LIMIT_S)
    hurried = settings.model_copy(update={"tool_timeout_s": limit_s})
    async with open_threads() as threads, open_datadog(hurried, threads) as datadog:
        if datadog is None:
            raise Disabled(NOT_SET["datadog"])
        where = settings.dd_api_url or settings.dd_site
        await _check_key(datadog, where)
        refusals = await asyncio.gather(*(_refusal(datadog, address) for address in ASKED))
    failed = [(address, why) for address, why in zip(ASKED, refusals, strict=True) if why]
    if failed:
        raise _trouble(failed)
    return f"the key is valid at {where}, {len(ASKED)} kinds of read are allowed"


async def _check_key(datadog: Datadog, where: str) -> None:
    remedy = f"set DD_API_KEY to a key of the organisation at {where}, or correct DD_SITE"
    try:
        with datadog.asking("is the API key valid?") as ask:
            answer = await ask(AuthenticationApi, "validate")
    except DatadogRefused as refused:
        if refused.status in _REFUSED:
            raise Trouble(f"the API key is refused with {refused.status}", remedy) from refused
        answered = refused.status is not None
        reach = f"let this machine reach {where}, or correct DD_SITE and DD_API_URL"
        raise Trouble(
            f"whether the API key is valid: {refused}", AGAIN if answered else reach
        ) from refused
    if answer["valid"] is not True:
        raise Trouble("the API key is not valid", remedy)


async def _refusal(datadog: Datadog, address: Address) -> DatadogRefused | None:
    """Why the read is not allowed; not to be found is an answer."""
    try:
        with datadog.asking(" ".join(address), Window.parse("last 5m")) as ask:
            await ASKED[address](ask)
    except DatadogRefused as refused:
        return None if refused.status == HTTPStatus.NOT_FOUND else refused
    return None


def _trouble(failed: list[tuple[Address, DatadogRefused]]) -> Trouble:
    forbidden = [address for address, why in failed if why.status in _REFUSED]
    if len(forbidden) == len(ASKED):
        return Trouble(
            f"the API key is valid, but every read is refused with {failed[0][1].status}",
            "set DD_APP_KEY to an application key of the same organisation, with the scopes of "
            "docs/operating.md",
        )
    scopes = ", ".join(sorted({READS[address].scope for address in forbidden}))
    grant = f"grant the application key of DD_APP_KEY, and the role of its owner: {scopes}"
    if len(forbidden) == len(failed):
        named = ", ".join(" ".join(address) for address in forbidden)
        return Trouble(f"{failed[0][1].status} for {named}", grant)
    said = "; ".join(f"{' '.join(address)}: {why}" for address, why in failed)
    return Trouble(said, f"{grant}; {AGAIN}" if forbidden else AGAIN)
