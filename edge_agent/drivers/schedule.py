"""When to ask a device: at aligned instants that never drift; what was missed is counted, never made up for."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from edge_agent.clock import Clock
from edge_agent.drivers.watch import sleep_unless_hurried


@dataclass(slots=True)
class Schedule:
    """Ticks every ``every_s``, aligned to the wall clock, so that stations sample at the same instants.

    The wall clock is asked once a tick; a step of it moves the ticks with it, and never makes one come twice within
    half an interval.

    Attributes:
        every_s: Interval. [s]
        clock: Whose wall clock the ticks stand on.
        offset_s: After the aligned instant, so that devices of one bus take turns. [s]
        jitter_s: Each tick comes up to this much later, so that a thousand stations do not speak at once; less
            than half the interval. [s]
        missed: Ticks that passed while the one before was still being served.
    """

    every_s: float
    clock: Clock
    offset_s: float = 0.0
    jitter_s: float = 0.0
    missed: int = 0
    random: Callable[[], float] = field(default=random.random, repr=False)
    _served_s: float = -math.inf

    def next_in_s(self) -> float:
        """How long until the next tick; never nought: a tick that is just now has passed. [s]."""
        every_ns, offset_ns = round(self.every_s * 1e9), round(self.offset_s * 1e9)
        now_ns = self.clock.wall_ns() - offset_ns
        wait_s = (every_ns - now_ns % every_ns) / 1e9
        since_s = self.clock.monotonic_s() - self._served_s
        if since_s + wait_s < self.every_s / 2:
            # The wall clock was set, or the loop woke a hair early: this instant has had its tick.
            wait_s += self.every_s
        if math.isfinite(since_s):
            self.missed += max(0, round((since_s + wait_s) / self.every_s) - 1)
        return wait_s + self.jitter_s * self.random()

    def served(self) -> None:
        """Say that a tick begins to be served."""
        self._served_s = self.clock.monotonic_s()

    async def wait(self) -> None:
        """Sleep until the next tick, or until somebody wants a measurement now, and begin it."""
        await sleep_unless_hurried(self.next_in_s())
        self.served()

    def notes(self) -> dict[str, int]:
        """Ticks that passed unserved, for a driver's notes; nothing when there were none."""
        return {"missed_polls": self.missed} if self.missed else {}
