"""The webhooks on an application of their own, whose runtime writes down what is submitted."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from fastapi import FastAPI
from starlette.middleware import Middleware

from graph.run import Asked
from graph.settings import Settings
from lab.estate import LabSettings
from server.access import Access
from server.body_limit import BodyLimit
from server.problems import install
from server.webhooks.fetch import Fetch
from server.webhooks.routes import webhook_routes
from tests.server.webhooks.sender import TOPIC, Sender, serving

TOKEN = "a-token-of-32-characters-for-tests"


class Recorded:
    """Stands for the runtime: knows the runs by their keys, and starts none."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.submitted: list[Asked] = []

    async def submit(self, asked: Asked) -> tuple[dict[str, Any], bool]:
        self.submitted.append(asked)
        first = next(one for one in self.submitted if one.key == asked.key)
        return {"run_id": first.run_id, "thread_id": first.thread_id}, first is asked


def application(runtime: object, settings: Settings, fetch: Fetch) -> FastAPI:
    """The webhooks, with the server's problems and limits."""
    app = FastAPI(middleware=[Middleware(BodyLimit)])
    install(app)
    app.state.access = Access(settings)
    app.state.runtime = runtime
    app.include_router(webhook_routes(fetch))
    return app


def client_of(app: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://lab")


def settings_with(**chosen: Any) -> LabSettings:
    """Settings from these alone, as texts, as the environment has them."""
    return LabSettings(**{"minimax_api_key": "k", **chosen})


@pytest.fixture(scope="session")
def key() -> rsa.RSAPrivateKey:
    """The key that messages are signed with."""
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture
async def sender(key: rsa.RSAPrivateKey) -> AsyncIterator[Sender]:
    async with serving(key) as started:
        yield started


@pytest.fixture
def chosen() -> dict[str, Any]:
    """The settings of the webhooks; a test changes them with a parameter of this name."""
    return {"webhook_datadog_token": TOKEN, "webhook_sns_topics": TOPIC}


@pytest.fixture
def recorded(chosen: dict[str, Any]) -> Recorded:
    return Recorded(settings_with(**chosen))


@pytest.fixture
async def client(recorded: Recorded, sender: Sender) -> AsyncIterator[httpx.AsyncClient]:
    """Asks the webhooks; certificates come from `sender`."""
    async with client_of(application(recorded, recorded.settings, sender.fetch)) as asking:
        yield asking
