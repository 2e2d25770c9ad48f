"""From samples to accepted readings: group commits into the outbox, blocks sealed when full or due."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

from device_profiles.wire.delivery.backoff import Backoff
from edge_agent.blocks import BlockBuilder, Step
from edge_agent.clock import Clock
from edge_agent.disk_health import DiskHealth
from edge_agent.drivers.ports import Sample
from edge_agent.outbox import Mark, Outbox
from edge_agent.samples import SampleQueue
from harkara_io.log_errors import LogBroken, LogFull
from harkara_io.log_thread import LogThread

RETRY_S_MIN: Final = 0.5
RETRY_S_MAX: Final = 30.0
"""Between attempts to write to a disk that is full or fails. Meanwhile devices wait. [s]"""


class Gatherer:
    """Takes samples from the queue, and accepts them in groups.

    A reading is accepted when its group is committed and fsynced: at least every ``commit_interval_s`` and whenever
    ``commit_readings_max`` have gathered. While no block may leave (no link, no answer from the collector, refused)
    blocks are sealed only when full: rows are as durable in the open table, and a long outage ends in full blocks.
    """

    def __init__(
        self,
        *,
        outbox: Outbox,
        thread: LogThread,
        queue: SampleQueue,
        builders: Mapping[str, BlockBuilder],
        clock: Clock,
        commit_interval_s: float,
        commit_readings_max: int,
        may_send: Callable[[], bool],
        sealed: Callable[[], Awaitable[None]],
        make_room: Callable[[int], Awaitable[None]],
        health: DiskHealth,
    ) -> None:
        self._outbox = outbox
        self._thread = thread
        self._queue = queue
        self._builders = builders
        self._clock = clock
        self._interval_s = commit_interval_s
        self._readings_max = commit_readings_max
        self._may_send = may_send
        self._sealed = sealed
        self._make_room = make_room
        self._marks: dict[tuple[str, str], Mark] = {}
        self._stopping = False
        self._health = health
        self.commits = 0

    def wake(self) -> None:
        """Something changed that may make blocks due: blocks may leave again, or the agent stops."""
        self._queue.wake()

    def stop(self) -> None:
        """Accept and seal what is there, then end."""
        self._stopping = True
        self.wake()

    async def run(self) -> None:
        """Accept until stopped. On return everything taken from the queue is sealed and committed."""
        while not self._stopping:
            await self.commit(await self._group())
        steps: list[Step | Mark] = []
        while (taken := self._queue.take()) is not None:
            steps += self._add(*taken)
        for builder in self._builders.values():
            steps += builder.seal()
        await self.commit([*steps, *self._reached()])

    def _add(self, device: str, sample: Sample) -> list[Step]:
        for mark in sample.marks:
            self._marks[mark.device, mark.file] = mark
        return self._builders[device].add(sample)

    def _reached(self) -> list[Mark]:
        """How far files have been read with the rows of this commit: the last word on each."""
        marks = list(self._marks.values())
        self._marks.clear()
        return marks

    async def commit(self, steps: Sequence[Step | Mark]) -> None:
        """Commit steps in one transaction; waits for room or for the disk as long as it takes."""
        if not steps:
            return
        backoff = Backoff(floor_s=RETRY_S_MIN, ceiling_s=RETRY_S_MAX, random=random.random)
        while True:
            try:
                committed = await self._thread.run(self._outbox.commit, steps)
            except LogFull as exc:
                self._health.failed("readings", exc)
                await self._make_room(exc.excess_bytes)
                if backoff.failures:
                    await asyncio.sleep(backoff.next_s())
                else:
                    backoff.next_s()
            except LogBroken as exc:
                self._health.failed("readings", exc)
                await asyncio.sleep(backoff.next_s())
            else:
                break
        self._health.worked()
        self.commits += 1
        if committed.refs:
            await self._sealed()

    async def _group(self) -> list[Step | Mark]:
        """Gather for one commit: until the interval is over, enough readings are there or a block is due."""
        steps: list[Step | Mark] = []
        readings = 0
        commit_s: float | None = None
        while not self._stopping:
            now_s = self._clock.monotonic_s()
            due_s = self._due_s(commit_s)
            if due_s is not None and now_s >= due_s:
                break
            if not await self._queue.wait(None if due_s is None else due_s - now_s):
                break
            while readings < self._readings_max and (taken := self._queue.take()) is not None:
                steps += self._add(*taken)
                readings += len(taken[1].numbers) + len(taken[1].texts)
                if commit_s is None:
                    commit_s = self._clock.monotonic_s() + self._interval_s
            if readings >= self._readings_max:
                # What is left in the queue is the next group's.
                self._queue.wake()
                break
        now_s = self._clock.monotonic_s()
        may_seal = self._may_send()
        for builder in self._builders.values():
            due = builder.due_s
            steps += builder.seal() if may_seal and due is not None and now_s >= due else builder.accept()
        return [*steps, *self._reached()]

    def _due_s(self, commit_s: float | None) -> float | None:
        """When the group ends: the commit interval, or the first block that is due."""
        dues = [commit_s]
        if self._may_send():
            dues += [builder.due_s for builder in self._builders.values()]
        known = [due for due in dues if due is not None]
        return min(known) if known else None
