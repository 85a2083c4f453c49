"""Ends a server that the lab started."""

import asyncio
import signal
from asyncio.subprocess import Process


async def end(process: Process, told: signal.Signals, limit_s: float) -> None:
    """Tell it to stop, wait, and kill it when it has not stopped in time or nobody waits."""
    if process.returncode is not None:
        return
    process.send_signal(told)
    try:
        async with asyncio.timeout(limit_s):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
    except asyncio.CancelledError:
        process.kill()
        raise
