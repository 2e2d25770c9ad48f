"""Wait for file descriptors on the loop: no thread per device, so a hundred silent ports cost nothing."""

from __future__ import annotations

import asyncio
import select
import time
from typing import Final

FINE_S: Final = 0.001
"""The loop's timers are as coarse as this; a shorter wait is the kernel's, and holds the loop for no longer. [s]"""


async def readable(*fds: int, timeout_s: float | None = None) -> float:
    """Wait until one of ``fds`` can be read, has ended or has failed.

    Returns:
        When it could, by the monotonic clock: the caller runs a little later. Nought when ``timeout_s`` passed first.
        The watch is gone on return, also when cancelled. [s]
    """
    if timeout_s is not None and timeout_s < FINE_S:
        return time.monotonic() if select.select(fds, (), (), max(0.0, timeout_s))[0] else 0.0
    loop = asyncio.get_running_loop()
    future: asyncio.Future[float] = loop.create_future()

    def ready() -> None:
        if not future.done():
            future.set_result(time.monotonic())

    for fd in fds:
        loop.add_reader(fd, ready)
    try:
        async with asyncio.timeout(timeout_s):
            return await future
    except TimeoutError:
        return 0.0
    finally:
        for fd in fds:
            loop.remove_reader(fd)


async def writable(fd: int) -> None:
    """Wait until ``fd`` takes bytes, has ended or has failed."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[None] = loop.create_future()

    def ready() -> None:
        if not future.done():
            future.set_result(None)

    loop.add_writer(fd, ready)
    try:
        await future
    finally:
        loop.remove_writer(fd)
