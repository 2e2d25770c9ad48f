"""What a person may want of a device while it is read: its bytes on the line, and a measurement now.

Lines tell it what they carry, schedules ask it whether to hurry. Each device's stage has one in its own context, so
on a shared bus the bytes go to the device whose question they belong to.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from contextvars import ContextVar
from typing import Final, NamedTuple

EXCHANGES_MAX: Final = 512
"""A device that babbles must not fill the memory while somebody listens."""


class Exchange(NamedTuple):
    """Bytes that went over a line.

    Attributes:
        after_s: Since the listening began. [s]
        sent: To the device; else from it.
        data: The bytes.
    """

    after_s: float
    sent: bool
    data: bytes


class Watch:
    """Of one device.

    Attributes:
        hurry: Set while a measurement is wanted before its time.
    """

    def __init__(self) -> None:
        self.hurry = asyncio.Event()
        self._exchanges: deque[Exchange] | None = None
        self._began_s = 0.0

    def begin(self) -> None:
        """Note what goes over the line from now on."""
        self._exchanges = deque(maxlen=EXCHANGES_MAX)
        self._began_s = time.monotonic()

    def end(self) -> list[Exchange]:
        """Note nothing any more; gives what was noted."""
        noted, self._exchanges = self._exchanges, None
        return list(noted or ())

    def carried(self, data: bytes, *, sent: bool) -> None:
        """Bytes went over the line."""
        if self._exchanges is not None:
            self._exchanges.append(Exchange(time.monotonic() - self._began_s, sent, data))


_WATCH: ContextVar[Watch | None] = ContextVar("watch", default=None)


def watched_by(watch: Watch) -> None:
    """From now on the running task, and those it starts, read the device of ``watch``."""
    _WATCH.set(watch)


def carried(data: bytes, *, sent: bool) -> None:
    """Bytes went over a line that the running task reads or writes."""
    watch = _WATCH.get()
    if watch is not None:
        watch.carried(data, sent=sent)


def is_hurried() -> bool:
    """Whether a measurement is wanted now; it stays wanted."""
    watch = _WATCH.get()
    return watch is not None and watch.hurry.is_set()


def hurried() -> bool:
    """Whether a measurement is wanted now; it is then not wanted any more."""
    watch = _WATCH.get()
    if watch is None or not watch.hurry.is_set():
        return False
    watch.hurry.clear()
    return True


async def sleep_unless_hurried(seconds: float) -> None:
    """Sleep; ends early when a measurement is wanted now."""
    watch = _WATCH.get()
    if watch is None:
        await asyncio.sleep(seconds)
        return
    try:
        async with asyncio.timeout(seconds):
            await watch.hurry.wait()
    except TimeoutError:
        return
    watch.hurry.clear()
