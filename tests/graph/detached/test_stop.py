"""The end of the worker, also while a thread of its own is only about to start."""

import asyncio
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import MethodType
from typing import Any, cast

import pytest

from graph.detached.queue import NAME, Limits, open_worker

PATIENCE_S = 10
LATE_S = 0.3


async def test_a_thread_that_takes_jobs_and_starts_late_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    about_to_start, stopping = threading.Event(), threading.Event()
    taking: list[threading.Thread] = []
    start_new_thread: Callable[..., int] = vars(threading)["_start_new_thread"]

    def late(run: MethodType, *given: Any) -> int:
        thread = cast(threading.Thread, run.__self__)
        if thread.name != f"queue-worker-{NAME}":
            return start_new_thread(run, *given)
        taking.append(thread)

        def after_the_stop(*args: Any) -> None:
            about_to_start.set()
            stopping.wait(PATIENCE_S)
            time.sleep(LATE_S)  # The machine is busy.
            run(*args)

        return start_new_thread(after_the_stop, *given)

    async def never(_turn_id: str) -> None:
        raise AssertionError("no job was handed over")

    monkeypatch.setattr(threading, "_start_new_thread", late)
    async with open_worker(f"sqlite:///{tmp_path}/queue.sqlite", "one", Limits(1, None), never):
        assert await asyncio.to_thread(about_to_start.wait, PATIENCE_S)
        stopping.set()
    assert [thread.is_alive() for thread in taking] == [False]
