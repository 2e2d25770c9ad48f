"""Contacts that close: tipping buckets, cup anemometers, flow meters, counted by the kernel's edge events."""

from __future__ import annotations

import asyncio
import contextlib
import select
import struct
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from device_profiles.engine.profile import Profile
from device_profiles.wire.values import Scaled
from edge_agent.clock import Clock
from edge_agent.drivers.fd import readable
from edge_agent.drivers.gpio_line import GPIOD_MISSING, why_not
from edge_agent.drivers.ports import LinkDown, NotReady, Number, Read, Sample
from edge_agent.drivers.profiled import reads_of
from edge_agent.drivers.pulse_count import CountFile
from edge_agent.drivers.schedule import Schedule

if TYPE_CHECKING:
    import gpiod

KEEP_AFTER_S: Final = 1.0
"""A pulse is on the disk this long after it came at the latest; what comes meanwhile rides along. [s]"""
MODULUS: Final = 2**32
DOWNTIME_CHANNEL: Final = "pulse_downtime"
"""Seconds before this sample in which nobody counted; sent with the first sample of every life."""


class Edges(Protocol):
    """A line whose edges the kernel queues with the time they came."""

    def open(self) -> int:
        """Watch the line; the descriptor that becomes readable with an edge. Raises ``LinkDown``."""
        ...

    def read(self) -> list[int]:
        """Times of the edges that came, by CLOCK_MONOTONIC. [ns] Raises ``LinkDown``."""
        ...

    def close(self) -> None:
        """Let the line go. Never raises."""
        ...


class PulseDriver:
    """Counts pulses, and says the count at each tick.

    A device with a running count (a tipping bucket) keeps it in ``file``; one whose profile wants pulses and the time
    they were counted (an anemometer) starts anew with every sample.
    """

    def __init__(self, edges: Edges, profile: Profile, clock: Clock, schedule: Schedule, *, file: Path | None) -> None:
        self._edges, self._profile, self._clock, self._schedule, self._path = edges, profile, clock, schedule, file
        self._file: CountFile | None = None
        self._fd = -1
        self._count = 0
        self._fresh = 0
        self._since_ns = 0
        self._tick_s = 0.0
        self._keep_s: float | None = None
        self._downtime_s: int | None = None

    async def open(self) -> None:
        """Watch the line and take the kept count up.

        Raises:
            LinkDown: The line cannot be had.
            NotReady: The count's file cannot be used: a count that would begin anew would look like rain.
        """
        self._fd = self._edges.open()
        self._since_ns = self._clock.boottime_ns()
        if self._path is not None:
            try:
                self._file = CountFile(self._path)
            except OSError as exc:
                raise NotReady(f"{self._path} keeps no count: {exc.strerror}", 30.0) from exc
            kept = self._file.kept
            if kept is not None:
                self._count = kept.pulses
                self._downtime_s = max(0, (self._clock.wall_ns() - kept.at_ns) // 10**9)
        self._tick_s = self._clock.monotonic_s() + self._schedule.next_in_s()

    async def read(self) -> list[Read]:
        """Count until the next tick; then the sample. Raises ``LinkDown``."""
        now_s = self._clock.monotonic_s()
        if self._keep_s is not None and now_s >= self._keep_s:
            await self._keep()
        if now_s >= self._tick_s:
            return await self._tick()
        until_s = self._tick_s if self._keep_s is None else min(self._tick_s, self._keep_s)
        if await readable(self._fd, timeout_s=until_s - now_s):
            pulses = len(self._edges.read())
            self._count += pulses
            self._fresh += pulses
            if pulses and self._file is not None and self._keep_s is None:
                self._keep_s = self._clock.monotonic_s() + KEEP_AFTER_S
        return []

    async def close(self) -> list[Read]:
        """Keep the count and let the line go; what the kernel still holds is counted first."""
        if self._fd >= 0:
            with contextlib.suppress(LinkDown, OSError):
                while select.select([self._fd], [], [], 0)[0]:
                    self._count += len(self._edges.read())
            self._fd = -1
            self._edges.close()
        file, self._file = self._file, None
        if file is not None:
            with contextlib.suppress(OSError):
                file.write(self._count, self._clock.wall_ns())
            file.close()
        return []

    def notes(self) -> dict[str, int]:
        """Ticks that passed unserved."""
        return self._schedule.notes()

    async def _tick(self) -> list[Read]:
        self._schedule.served()
        self._tick_s = self._clock.monotonic_s() + self._schedule.next_in_s()
        now_ns = self._clock.boottime_ns()
        if self._path is not None:
            await self._keep()
            frame = (self._count % MODULUS).to_bytes(4, "big")
        else:
            frame = struct.pack(">II", min(self._fresh, MODULUS - 1), (now_ns - self._since_ns) // 1_000_000)
            self._fresh, self._since_ns = 0, now_ns
        reads = reads_of(self._profile.decode(frame), self._clock.wall_ns())
        if self._downtime_s is not None and reads and isinstance(reads[0], Sample):
            told = Number(DOWNTIME_CHANNEL, "s", Scaled(self._downtime_s, 0))
            reads[0] = Sample(reads[0].observed_at_ns, reads[0].arrived_ns, (*reads[0].numbers, told))
            self._downtime_s = None
        return reads

    async def _keep(self) -> None:
        self._keep_s = None
        assert self._file is not None, "only a running count is kept"
        try:
            await asyncio.to_thread(self._file.write, self._count, self._clock.wall_ns())
        except OSError as exc:
            raise NotReady(f"{self._path} takes no count: {exc.strerror}", 30.0) from exc


def has_running_count(profile: Profile) -> bool:
    """Whether the profile's frame is a bare count (four bytes), and not pulses with their time (eight)."""
    frames = profile.document.get("frames") or ()
    return any((frame.get("when") or {}).get("length") == 4 for frame in frames)


class GpioEdges:
    """One GPIO line, by ``gpiod``: pulled up, debounced by the kernel, a pulse counts as the contact closes."""

    def __init__(self, chip: Path, line: int, *, debounce_ms: float, name: str) -> None:
        self._chip, self._line, self._debounce_ms, self._name = chip, line, debounce_ms, name
        self._request: gpiod.LineRequest | None = None

    def open(self) -> int:
        """Watch the line."""
        try:
            import gpiod  # noqa: PLC0415 - an extra: only who has contacts to count installs it
            from gpiod.line import Bias, Clock, Edge  # noqa: PLC0415
        except ImportError:
            raise LinkDown(GPIOD_MISSING) from None
        settings = gpiod.LineSettings(
            edge_detection=Edge.FALLING,
            bias=Bias.PULL_UP,
            debounce_period=timedelta(milliseconds=self._debounce_ms),
            event_clock=Clock.MONOTONIC,
        )
        try:
            self._request = gpiod.request_lines(
                str(self._chip), consumer=f"harkara {self._name}", config={self._line: settings}, event_buffer_size=1024
            )
        except OSError as exc:
            raise LinkDown(why_not(self._chip, self._line, exc)) from exc
        return int(self._request.fd)

    def read(self) -> list[int]:
        """Times of the edges that came."""
        assert self._request is not None, "read follows open"
        try:
            return [int(event.timestamp_ns) for event in self._request.read_edge_events()]
        except OSError as exc:
            raise LinkDown(f"{self._chip} line {self._line} is gone ({exc.strerror})") from exc

    def close(self) -> None:
        """Let the line go."""
        request, self._request = self._request, None
        if request is not None:
            request.release()
