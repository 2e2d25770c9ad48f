"""What feeds devices while they are read: groups that share a switched supply, on only while a member is being read."""

from __future__ import annotations

import asyncio
import logging
import math
from collections import Counter
from collections.abc import AsyncIterator, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Final, Protocol

from edge_agent.clock import Clock
from edge_agent.drivers.ports import LinkDown

log = logging.getLogger("harkara.agent.power")

OFF_AGAIN_S: Final = 5.0
"""A supply that could not be switched off is tried again after this long. [s]"""


class Supply(Protocol):
    """A supply that is there while somebody holds it.

    Attributes:
        settle_s: How long after it is on its members can be read. [s]
    """

    settle_s: float

    def on(self, settle_s: float = 0.0) -> AbstractAsyncContextManager[None]:
        """Fed, and settled for at least ``settle_s``, while the context lasts; raises ``LinkDown`` where it cannot be.

        Args:
            settle_s: What the member itself wants, where that is longer. [s]
        """
        ...

    def notes(self) -> dict[str, int]:
        """What went wrong with it, by name."""
        ...


class Always:
    """A supply that nobody switches."""

    settle_s = 0.0

    def on(self, settle_s: float = 0.0) -> AbstractAsyncContextManager[None]:  # noqa: ARG002 - it is on for long
        """Nothing to do."""
        return nullcontext()

    def notes(self) -> dict[str, int]:
        """Nothing can go wrong with it here."""
        return {}


ALWAYS: Final = Always()


class Switch(Protocol):
    """What turns a supply on and off."""

    async def set(self, *, on: bool) -> None:
        """Turn it; raises ``LinkDown`` when that is not certain to have happened."""
        ...

    async def close(self) -> None:
        """Let go of what it needs. Never raises."""
        ...


class PowerGroup:
    """Devices with one supply.

    Attributes:
        id: Of the group.
        settle_s: How long after it is on its members can be read. [s]
    """

    def __init__(
        self, name: str, switch: Switch, clock: Clock, *, settle_s: float, on_max_s: float, off_at_exit: bool
    ) -> None:
        """Prepare; nothing is switched.

        Args:
            name: Of the group.
            switch: Turns it.
            clock: For deadlines.
            settle_s: See the class.
            on_max_s: It is cut off when it was on for this long, whoever still holds it. [s]
            off_at_exit: Whether it is off when the agent has ended.
        """
        self.id = name
        self.settle_s = settle_s
        self._switch, self._clock = switch, clock
        self._on_max_s, self._off_at_exit = on_max_s, off_at_exit
        self._users = 0
        self._since_s = -math.inf
        self._is_on = self._may_be_on = False
        self._was_cut = False
        self._counts: Counter[str] = Counter()
        self._lock = asyncio.Lock()
        self._guard: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Off, whatever an agent that died has left."""
        await self._off()

    async def stop(self) -> None:
        """The agent ends. Never raises."""
        if self._guard is not None:
            self._guard.cancel()
        if self._off_at_exit:
            await self._off()
        await self._switch.close()

    def notes(self) -> dict[str, int]:
        """How often it was cut off, or could not be switched."""
        return dict(self._counts)

    @asynccontextmanager
    async def on(self, settle_s: float = 0.0) -> AsyncIterator[None]:
        """Fed and settled for as long as the context lasts.

        Raises:
            LinkDown: It cannot be switched on, or was cut off because a member held it too long.
        """
        self._users += 1
        try:
            await self._ensure_on()
            await asyncio.sleep(self._since_s + max(self.settle_s, settle_s) - self._clock.monotonic_s())
            yield
        finally:
            self._users -= 1
            if not self._users:
                # A member that is cancelled still turns off what it turned on.
                await asyncio.shield(self._end())

    async def _ensure_on(self) -> None:
        async with self._lock:
            if self._was_cut:
                words = f"power group {self.id} was cut off after {self._on_max_s:g} s (on_max_s): who holds it?"
                raise LinkDown(words)
            if self._is_on:
                return
            # Also when it fails or is cancelled half-way: what may be on is turned off.
            self._may_be_on = True
            try:
                await self._switch.set(on=True)
            except LinkDown as exc:
                self._counts["power_not_switched"] += 1
                raise LinkDown(f"power group {self.id} cannot be switched on: {exc}") from exc
            self._is_on = True
            self._since_s = self._clock.monotonic_s()
            self._guard_by(self._cut())

    async def _end(self) -> None:
        if self._users:
            return
        self._was_cut = False
        if self._may_be_on:
            await self._off()

    async def _cut(self) -> None:
        await asyncio.sleep(self._on_max_s)
        self._was_cut = self._users > 0
        self._counts["power_cut_off"] += 1
        log.warning("power cut off group=%s after_s=%g", self.id, self._on_max_s)
        self._guard = None
        await self._off()

    async def _off(self) -> None:
        async with self._lock:
            if self._users and not self._was_cut:
                return
            try:
                await self._switch.set(on=False)
            except LinkDown as exc:
                self._counts["power_not_switched"] += 1
                log.warning("power stays on group=%s reason=%r", self.id, str(exc))
                self._guard_by(self._off_later())
            else:
                self._guard_by(None)
                self._is_on = self._may_be_on = False

    async def _off_later(self) -> None:
        await asyncio.sleep(OFF_AGAIN_S)
        self._guard = None
        await self._off()

    def _guard_by(self, work: Coroutine[None, None, None] | None) -> None:
        if self._guard is not None:
            self._guard.cancel()
        self._guard = asyncio.create_task(work) if work is not None else None
