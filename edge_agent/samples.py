"""The one queue of the agent: samples between the device stages and the gatherer."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

from edge_agent.drivers.ports import Sample

SAMPLES_MAX: Final = 256
"""Limit. A full queue makes devices wait (their bytes wait in the kernel); ``queued`` in the status shows it."""


class SampleQueue:
    """First in, first out. A read of a line may exceed the limit; the next read does not begin before there is room.

    So nothing that was read is thrown away, and a cancelled device can still hand over what it held.
    """

    def __init__(self) -> None:
        self._samples: deque[tuple[str, Sample]] = deque()
        self._something = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    def __len__(self) -> int:
        return len(self._samples)

    def put(self, device: str, sample: Sample) -> None:
        """Hand over; never waits."""
        self._samples.append((device, sample))
        self._something.set()
        if len(self._samples) >= SAMPLES_MAX:
            self._room.clear()

    async def room(self) -> None:
        """Wait until the queue is below its limit."""
        await self._room.wait()

    def wake(self) -> None:
        """Let ``wait`` return though there is no sample."""
        self._something.set()

    async def wait(self, timeout_s: float | None) -> bool:
        """Wait for a sample or a ``wake``; False when ``timeout_s`` passed first."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._something.wait()
        except TimeoutError:
            return False
        self._something.clear()
        return True

    def take(self) -> tuple[str, Sample] | None:
        """The next sample, None when there is none."""
        if not self._samples:
            return None
        taken = self._samples.popleft()
        if len(self._samples) < SAMPLES_MAX // 2:
            self._room.set()
        return taken
