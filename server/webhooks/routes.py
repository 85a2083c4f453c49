"""The webhooks over HTTP: verified, read, and answered with the link to the run.

An alert is answered as soon as its run is written down. Datadog and SNS send again what was
answered with 5xx, and give up what was answered with 4xx. How long a body may be is limited
before it comes here.
"""

import json
import logging
from typing import Any
from uuid import uuid4

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from graph.run import Asked
from graph.runtime import Runtime
from server.dependencies import Running
from server.openapi import documented
from server.refusal import NotFound
from server.webhooks import datadog, sns
from server.webhooks.alarm import Alarm
from server.webhooks.envelope import Envelope, check_subscribe_address, opened
from server.webhooks.fetch import Fetch, Unfetched, fetched
from server.webhooks.refusal import Ignored, Malformed, SnsUnreachable
from server.webhooks.signature import Signatures

logger = logging.getLogger("netforge.webhooks")


class Started(BaseModel):
    """The investigation of an alert, new or under way."""

    run_id: str
    thread_id: str
    run: str
    """Where the run can be read."""
    duplicate: bool
    """Whether this alert was delivered before."""


class Unneeded(BaseModel):
    """Nothing was started."""

    ignored: str
    """Why."""


class Confirmed(BaseModel):
    """The subscription stands."""

    confirmed: str
    """The topic."""


def webhook_routes(fetch: Fetch = fetched) -> APIRouter:
    """The routes; `fetch` gets certificates and confirms subscriptions, at SNS's hosts alone."""
    router = APIRouter(prefix="/webhooks", tags=["webhooks"])
    signatures = Signatures(fetch)

    async def from_datadog(request: Request, runtime: Running) -> JSONResponse:
        """Take an alert of a Datadog monitor, in the template of docs/webhooks.md."""
        return await _from_datadog(request, runtime)

    async def from_sns(request: Request, runtime: Running) -> JSONResponse:
        """Take a message of SNS: a CloudWatch alarm, or what a subscription begins with."""
        return await _from_sns(request, runtime, signatures, fetch)

    router.add_api_route(
        "/datadog",
        from_datadog,
        methods=["POST"],
        status_code=202,
        response_model=Started,
        responses={200: {"model": Unneeded}, **documented(400, 404, 413, 422)},
        summary="Take an alert of a Datadog monitor",
        openapi_extra=_bodies({"application/json": datadog.Payload.model_json_schema()}),
    )
    router.add_api_route(
        "/sns",
        from_sns,
        methods=["POST"],
        status_code=202,
        response_model=Started,
        responses={200: {"model": Unneeded | Confirmed}, **documented(400, 403, 404, 413, 502)},
        summary="Take a CloudWatch alarm from SNS",
        # SNS calls its JSON text, unless the delivery policy of the topic says otherwise.
        openapi_extra=_bodies(
            {"text/plain": {"type": "string"}, "application/json": Envelope.model_json_schema()}
        ),
    )
    return router


def _bodies(schemas: dict[str, dict[str, Any]]) -> dict[str, Any]:
    content = {media_type: {"schema": schema} for media_type, schema in schemas.items()}
    return {"requestBody": {"required": True, "content": content}}


async def _from_datadog(request: Request, runtime: Runtime) -> JSONResponse:
    token = runtime.settings.webhook_datadog_token
    if token is None:
        raise NotFound("this webhook is switched off; WEBHOOK_DATADOG_TOKEN turns it on")
    datadog.check_token(request.headers.get("authorization"), token.get_secret_value())
    # Datadog puts texts into the template as they are, line breaks too.
    content = _json(await request.body(), strict=False)
    try:
        return await _started(runtime, datadog.read(content))
    except Ignored as ignored:
        return _ignored(str(ignored))


async def _from_sns(
    request: Request, runtime: Runtime, signatures: Signatures, fetch: Fetch
) -> JSONResponse:
    topics = runtime.settings.webhook_sns_topics
    if not topics:
        raise NotFound("this webhook is switched off; WEBHOOK_SNS_TOPICS turns it on")
    envelope = opened(_json(await request.body()))
    await signatures.check(envelope, topics)
    try:
        if envelope.type == "SubscriptionConfirmation":
            return await _confirmed(envelope, fetch)
        if envelope.type == "UnsubscribeConfirmation":
            raise Ignored("the topic no longer sends here; subscribe it again if that is wrong")
        return await _started(runtime, sns.read(envelope))
    except Ignored as ignored:
        return _ignored(str(ignored))


async def _confirmed(envelope: Envelope, fetch: Fetch) -> JSONResponse:
    address = check_subscribe_address(envelope)
    try:
        await fetch(address)
    except Unfetched as error:
        raise SnsUnreachable(f"the subscription could not be confirmed: {error}") from error
    logger.info("confirmed the subscription of %s", envelope.topic)
    return JSONResponse(Confirmed(confirmed=envelope.topic).model_dump())


async def _started(runtime: Runtime, alarm: Alarm) -> JSONResponse:
    run, new = await runtime.submit(
        Asked(
            question=alarm.question,
            run_id=str(uuid4()),
            thread_id=alarm.thread_id,
            focus=alarm.focus,
            alert=alarm.alert,
            origin="webhook",
            key=alarm.key,
            queue=True,
        )
    )
    started = Started(
        run_id=run["run_id"],
        thread_id=run["thread_id"],
        run=f"/v1/runs/{run['run_id']}",
        duplicate=not new,
    )
    return JSONResponse(started.model_dump(), 202)


def _ignored(reason: str) -> JSONResponse:
    return JSONResponse(Unneeded(ignored=reason).model_dump())


def _json(content: bytes, *, strict: bool = True) -> object:
    try:
        return json.loads(content, strict=strict)
    except (ValueError, RecursionError) as error:
        raise Malformed("the body is not JSON, or is nested too deep") from error
