"""One stage per device: open, read, close, and again. A device that is down or hung stops nobody else."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Sequence
from typing import Final, NamedTuple

from device_profiles.rejects import FrameRejected
from device_profiles.wire.delivery.backoff import Backoff
from edge_agent.clock import Clock
from edge_agent.counters import DeviceCounters
from edge_agent.drivers.make import Lines, make
from edge_agent.drivers.ports import Driver, LinkDown, NotReady, Read
from edge_agent.drivers.watch import Exchange, Watch, watched_by
from edge_agent.samples import SampleQueue
from edge_agent.settings_devices import Device

log = logging.getLogger("harkara.agent.device")

RECONNECT_S_MIN: Final = 0.2
"""First wait before a line is opened again. [s]"""


class Look(NamedTuple):
    """What came of a look at a device.

    Attributes:
        reads: Samples and rejects; none when it said nothing in time.
        exchanges: What went over its line meanwhile.
    """

    reads: tuple[Read, ...]
    exchanges: tuple[Exchange, ...]


class DeviceStage:
    """Keeps one device's line open and passes its samples on.

    The queue is the agent's one way in. When it is full the stage waits, so that bytes wait in the kernel: nothing that
    was read is thrown away.
    """

    def __init__(self, driver: Driver, counters: DeviceCounters, queue: SampleQueue, *, reconnect_s_max: float) -> None:
        self._driver = driver
        self._counters = counters
        self._queue = queue
        self._backoff = Backoff(floor_s=RECONNECT_S_MIN, ceiling_s=reconnect_s_max, random=random.random)
        self._watch = Watch()
        self._told: asyncio.Queue[Sequence[Read]] | None = None

    async def read_now(self, timeout_s: float) -> Look:
        """What the device says next; one that is asked is asked at once. Its readings go their way as always.

        Raises:
            NotReady: Somebody else waits for the same.
        """
        if self._told is not None:
            raise NotReady(f"{self._counters.id} is being read for somebody else", timeout_s)
        told = self._told = asyncio.Queue()
        self._watch.begin()
        self._watch.hurry.set()
        reads: Sequence[Read] = ()
        try:
            async with asyncio.timeout(timeout_s):
                reads = await told.get()
        except TimeoutError:
            pass
        finally:
            self._told = None
            self._watch.hurry.clear()
            exchanges = self._watch.end()
        return Look(tuple(reads), tuple(exchanges))

    async def run(self) -> None:
        """Read until cancelled; on cancellation what the line still held is passed on before the line closes."""
        watched_by(self._watch)
        while True:
            wait_s = await self._once()
            # Who stands beside a device that is down wants it asked now, once.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._watch.hurry.wait()

    async def _once(self) -> float:
        """One life of the line; how long to wait before the next. [s]."""
        try:
            await self._driver.open()
            self._counters.opened += 1
            self._is("up", "")
            while True:
                self._give(await self._driver.read())
                self._counters.notes = self._driver.notes()
                await self._queue.room()
        except LinkDown as exc:
            self._is("down", str(exc))
            self._watch.hurry.clear()
            return self._backoff.next_s()
        except NotReady as exc:
            self._is("down", str(exc))
            self._watch.hurry.clear()
            return exc.wait_s
        except asyncio.CancelledError:
            self._is("stopped", "")
            raise
        except Exception:
            # A fault in one driver must not take the other devices' readings with it.
            if self._counters.state != "failed":
                log.exception("device failed device=%s", self._counters.id)
            self._is("failed", "see the log")
            return self._backoff.ceiling_s()
        finally:
            self._give(await self._driver.close())

    def _give(self, reads: Sequence[Read]) -> None:
        if reads and self._told is not None:
            self._told.put_nowait(reads)
        for read in reads:
            if isinstance(read, FrameRejected):
                self._counters.take_reject(read)
                log.debug("rejected device=%s %s", self._counters.id, read)
                continue
            if not read.readings:
                for number in read.numbers:
                    self._counters.missing[number.reason or "unknown"] += 1
                continue
            self._counters.take_sample(read)
            self._backoff.reset()
            self._queue.put(self._counters.id, read)

    def _is(self, state: str, detail: str) -> None:
        """Note a change of state; one line in the log per change."""
        counters = self._counters
        changed = (counters.state, counters.detail) != (state, detail)
        counters.state, counters.detail = state, detail
        if changed and state == "down":
            log.warning("device down device=%s reason=%r", counters.id, detail)
        elif changed and state == "up":
            log.info("device up device=%s source=%s", counters.id, counters.source)


def build(config: Device, clock: Clock, queue: SampleQueue, lines: Lines) -> tuple[DeviceStage, DeviceCounters]:
    """The stage of a configured device, and what it counts."""
    driver, where = make(config, clock, lines)
    counters = DeviceCounters(config.id, config.driver, where)
    return DeviceStage(driver, counters, queue, reconnect_s_max=config.reconnect_s_max), counters
