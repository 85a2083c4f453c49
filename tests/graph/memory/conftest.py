"""A memory on a store of its own, and findings to put into it."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from langgraph.store.sqlite.aio import AsyncSqliteStore

from graph.memory import Memory
from graph.memory.recall import Neighbours
from graph.storage.locks import MemoryLocks

MakeMemory = Callable[..., Memory]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[AsyncSqliteStore]:
    async with AsyncSqliteStore.from_conn_string(str(tmp_path / "memory.sqlite")) as store:
        await store.setup()
        yield store


@pytest.fixture
def memory(store: AsyncSqliteStore) -> Memory:
    return Memory(store, MemoryLocks())


@pytest.fixture
def memory_near(store: AsyncSqliteStore) -> Callable[[dict[str, int]], Memory]:
    """A memory whose topology says that these components are so many calls away."""

    def make(distances: dict[str, int]) -> Memory:
        async def neighbours(words: Any, hops: int) -> dict[str, int]:  # noqa: ARG001
            return {name: at for name, at in distances.items() if at <= hops}

        near: Neighbours = neighbours
        return Memory(store, MemoryLocks(), neighbours=near)

    return make
