"""What `langgraph dev` takes from NetForge: graph, application, saver and store, on one runtime.

That server opens the saver before everything else and closes it last, after its own runs have
ended: so the runtime is opened there, and the rest finds it in the application.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast
from uuid import UUID

import httpx
from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.store.base import BaseStore
from langgraph_sdk import get_client
from langgraph_sdk.client import LangGraphClient
from langgraph_sdk.errors import LangGraphError

from graph.build import Builder
from graph.receipts import enrichment_thread
from graph.run import Run
from graph.runtime import Runtime, open_runtime
from graph.settings import load
from graph.state import Receipt
from graph.storage import STORAGE_ERRORS
from server.app import create_app

logger = logging.getLogger(__name__)

GRAPH = "investigate"
"""What the graph is called in `langgraph.json`."""
STUDIO = "https://smith.langchain.com"
"""Where the page comes from."""
NEWEST = 100
"""Runs that are looked at in one round. At the start these are the latest of the earlier ones;
what is older is not listed."""
ROUND_S = 1.0
SHOWN = 200
"""Characters of a question in the list."""
_AWAY: tuple[type[Exception], ...] = (*STORAGE_ERRORS, LangGraphError, httpx.HTTPError)


class Registrar:
    """Tells LangGraph's server of the threads of our runs; it lists only what it was told of.

    Its list is a file of its own. Threads that it did not begin, here or in another process on
    the same database, are not in it until somebody creates them there under the same id.
    """

    def __init__(self, runtime: Runtime, client: LangGraphClient) -> None:
        self._runtime = runtime
        self._client = client
        self._told: set[str] = set()

    async def round(self) -> None:
        """Tell it of those that it was not told of yet."""
        try:
            latest, _ = await self._runtime.runs.page(limit=NEWEST)
            receipts = await self._runtime.enrichments(limit=NEWEST)
            # The latest last: the list is shown in the order of the telling.
            for thread_id, metadata in [
                *(_conversation(run) for run in reversed(latest)),
                *(_enrichment(known) for known in reversed(receipts) if known["thread_id"]),
            ]:
                if thread_id not in self._told:
                    await self._tell(thread_id, metadata)
                    self._told.add(thread_id)
        except _AWAY as error:
            logger.warning("threads wait to be listed in Studio: %s", error)

    async def _tell(self, thread_id: str, metadata: dict[str, str]) -> None:
        if _is_uuid(thread_id):
            await self._client.threads.create(
                thread_id=thread_id, graph_id=GRAPH, metadata=metadata, if_exists="do_nothing"
            )
        else:
            logger.warning("thread %r is not listed in Studio: its id is not a UUID", thread_id)


@asynccontextmanager
async def checkpointer() -> AsyncIterator[BaseCheckpointSaver[Any]]:
    """Open the runtime, for as long as the server runs; its saver."""
    settings = await asyncio.to_thread(load)
    async with open_runtime(settings) as runtime:
        app.state.runtime = runtime
        yield runtime.storage.saver


async def store() -> BaseStore:
    """The memory of the open runtime."""
    return _runtime().storage.store


async def graph() -> Builder:
    """The graph of the open runtime, uncompiled: the server adds saver and store."""
    return _runtime().builder


@asynccontextmanager
async def _registered() -> AsyncIterator[Runtime]:
    """The open runtime, with its threads listed while the application runs."""
    runtime = _runtime()
    # Without an address it reaches the server that it runs in, without a socket.
    async with get_client(api_key=None) as client:
        registrar = Registrar(runtime, client)
        await registrar.round()
        rounds = asyncio.create_task(_rounds(registrar))
        try:
            yield runtime
        finally:
            rounds.cancel()
            await asyncio.wait({rounds})


async def _rounds(registrar: Registrar) -> None:
    while True:
        await asyncio.sleep(ROUND_S)
        await registrar.round()


def _runtime() -> Runtime:
    return cast(Runtime, app.state.runtime)


def _conversation(run: Run) -> tuple[str, dict[str, str]]:
    return run["thread_id"], {"kind": "conversation", "question": run["question"][:SHOWN]}


def _enrichment(receipt: Receipt) -> tuple[str, dict[str, str]]:
    known = {"turn_id": receipt["turn_id"], "parent_thread_id": receipt["of_thread"]}
    return enrichment_thread(receipt["turn_id"]), {"kind": "enrichment", **known}


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _application() -> FastAPI:
    application = create_app(_registered)
    # Browsers ask whether a page of the internet may reach this machine, and LangGraph's own
    # middleware, whose origins are in `langgraph.json`, has no setting for that answer.
    application.add_middleware(
        CORSMiddleware,
        allow_origins=[STUDIO],
        allow_methods=["*"],
        allow_headers=["*"],
        expose_headers=["content-location", "x-pagination-total", "x-pagination-next"],
        allow_private_network=True,
    )
    return application


app = _application()
