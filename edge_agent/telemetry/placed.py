"""Readings of sensors on board, with the place where each was taken, and how the vehicle lay.

A reading waits until a position after it has come, so that the place lies between two; where none comes in time, it
goes on without a place, and says so. Positions that come later, out of a radio's backlog, still give it its place: as a
row of the same instant, with the very numbers it would have had in time, since a place depends on the positions alone.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from device_profiles.quality import Flag
from device_profiles.wire.values import Scaled
from edge_agent.clock import Clock
from edge_agent.drivers.ports import Number, Sample
from edge_agent.samples import SampleQueue
from edge_agent.telemetry.fixes import attitude_of, fix_of
from edge_agent.telemetry.track import GAP_NS_MAX, Track, euler

WAIT_S: Final = 5.0
"""For a position behind a reading: longer than any gap that is bridged. [s]"""
LATE_MAX: Final = 20_000
"""Readings without a place that are remembered for one source; of more the oldest stay without."""
_MS_NS: Final = 1_000_000


class Placing(NamedTuple):
    """Where a device is told to be.

    Attributes:
        place_from: Device whose positions are its own.
        attitude_from: Device whose attitudes are its own.
        latency_ns: Its readings are of so long before they are dated. [ns]
    """

    place_from: str | None = None
    attitude_from: str | None = None
    latency_ns: int = 0


class _Held(NamedTuple):
    since_s: float
    device: str
    sample: Sample


@dataclass(slots=True)
class _Kind:
    """Positions or attitudes: who tells them, what they give, and who went on without."""

    of: Mapping[str, str]
    give: Callable[[Track, int], tuple[Number, ...]]
    none: tuple[Number, ...]
    newest_ns: Callable[[Track], int | None]
    late: dict[str, list[tuple[int, int, str, Sample]]] = field(default_factory=dict)
    count: int = 0

    def remember(self, source: str, at_ns: int, device: str, sample: Sample) -> None:
        """Keep a reading that went on without."""
        late = self.late.setdefault(source, [])
        self.count += 1
        insort(late, (at_ns, self.count, device, replace(sample, numbers=(), texts=())), key=lambda each: each[:2])
        if len(late) > LATE_MAX:
            del late[0]

    def found(self, source: str, track: Track, near_ns: int) -> list[tuple[str, Sample]]:
        """Rows for readings that a new point near an instant gave what they lacked."""
        late = self.late.get(source, [])
        first = bisect_left(late, near_ns - GAP_NS_MAX, key=lambda each: each[0])
        last = bisect_right(late, near_ns + GAP_NS_MAX, key=lambda each: each[0])
        rows: list[tuple[str, Sample]] = []
        kept: list[tuple[int, int, str, Sample]] = []
        for each in late[first:last]:
            numbers = self.give(track, each[0])
            if numbers:
                rows.append((each[2], replace(each[3], observed_at_ns=_row_ns(each[3]), numbers=numbers)))
            else:
                kept.append(each)
        late[first:last] = kept
        return rows


class PlacedQueue(SampleQueue):
    """The agent's queue where devices have their places from another device.

    Attributes:
        tracks: By the device that tells positions or attitudes.
    """

    def __init__(self, placings: Mapping[str, Placing], clock: Clock) -> None:
        """Make one.

        Args:
            placings: By device.
            clock: Of the agent.
        """
        super().__init__()
        places = {device: each.place_from for device, each in placings.items() if each.place_from is not None}
        attitudes = {device: each.attitude_from for device, each in placings.items() if each.attitude_from is not None}
        self.tracks = {source: Track() for source in (*places.values(), *attitudes.values())}
        self._latency_ns = {device: each.latency_ns for device, each in placings.items()}
        self._places = _Kind(places, place_numbers, _missing(_PLACE_UNITS), lambda track: track.newest_ns)
        self._attitudes = _Kind(
            attitudes, attitude_numbers, _missing(_ATTITUDE_UNITS), lambda track: track.newest_attitude_ns
        )
        self._clock = clock
        self._held: deque[_Held] = deque()

    def __len__(self) -> int:
        return super().__len__() + len(self._held)

    def put(self, device: str, sample: Sample) -> None:
        """Hand over, at once or when the place is known; never waits."""
        rows = self._learn(device, sample)
        if device in self._latency_ns:
            self._held.append(_Held(self._clock.monotonic_s(), device, sample))
        else:
            super().put(device, sample)
        for late_device, row in rows:
            super().put(late_device, row)
        if self._held:
            self.release()

    def release(self, *, everything: bool = False) -> None:
        """Let go of what has its place, or has waited long enough; call it from time to time."""
        now_s = self._clock.monotonic_s()
        waiting: deque[_Held] = deque()
        for held in self._held:
            at_ns = instant_ns(held.sample) - self._latency_ns[held.device]
            kinds = [kind for kind in (self._places, self._attitudes) if held.device in kind.of]
            is_known = all((kind.newest_ns(self.tracks[kind.of[held.device]]) or at_ns - 1) >= at_ns for kind in kinds)
            if is_known or everything or now_s - held.since_s >= WAIT_S:
                super().put(held.device, self._tagged(held, at_ns, kinds))
            else:
                waiting.append(held)
        self._held = waiting

    def _learn(self, device: str, sample: Sample) -> list[tuple[str, Sample]]:
        """Take what a source says; gives rows for readings that went on without it."""
        track = self.tracks.get(device)
        if track is None:
            return []
        rows: list[tuple[str, Sample]] = []
        fix, attitude = fix_of(sample), attitude_of(sample)
        if fix is not None:
            track.add(fix)
            rows += self._places.found(device, track, fix.at_ns)
        if attitude is not None:
            track.turn(attitude)
            rows += self._attitudes.found(device, track, attitude.at_ns)
        return rows

    def _tagged(self, held: _Held, at_ns: int, kinds: list[_Kind]) -> Sample:
        """A sample with what is known beside its numbers; with missing ones where it is not."""
        own = {number.channel for number in held.sample.numbers}
        more: list[Number] = []
        for kind in kinds:
            source = kind.of[held.device]
            numbers = kind.give(self.tracks[source], at_ns)
            if not numbers and not own & {number.channel for number in kind.none}:
                kind.remember(source, at_ns, held.device, held.sample)
            more += [number for number in numbers or kind.none if number.channel not in own]
        return replace(held.sample, numbers=(*held.sample.numbers, *more))


_PLACE_UNITS: Final = {"latitude": "deg", "longitude": "deg", "altitude": "m", "position_error": "m"}
_ATTITUDE_UNITS: Final = {"roll": "rad", "pitch": "rad", "yaw": "rad", "attitude_error": "rad"}


def place_numbers(track: Track, at_ns: int) -> tuple[Number, ...]:
    """Where the vehicle was; nothing where that is not known."""
    place = track.at(at_ns)
    if place is None:
        return ()
    values = (
        Scaled(round(place.latitude * 1e7), -7),
        Scaled(round(place.longitude * 1e7), -7),
        Scaled(round(place.altitude * 1e3), -3),
        Scaled(round(place.error_m * 1e2), -2),
    )
    return tuple(Number(name, unit, value) for (name, unit), value in zip(_PLACE_UNITS.items(), values, strict=True))


def attitude_numbers(track: Track, at_ns: int) -> tuple[Number, ...]:
    """How the vehicle lay; nothing where that is not known."""
    attitude = track.attitude_at(at_ns)
    if attitude is None:
        return ()
    values = (*euler(attitude), track.attitude_error(at_ns))
    return tuple(
        Number(name, unit, Scaled(round(value * 1e4), -4))
        for (name, unit), value in zip(_ATTITUDE_UNITS.items(), values, strict=True)
    )


def instant_ns(sample: Sample) -> int:
    """When a sample was taken, as far as it is known."""
    return sample.observed_at_ns if sample.observed_at_ns is not None else sample.arrived_ns


def _row_ns(sample: Sample) -> int:
    """The instant of its row: arrivals count to the millisecond."""
    return sample.observed_at_ns if sample.observed_at_ns is not None else sample.arrived_ns // _MS_NS * _MS_NS


def _missing(units: Mapping[str, str]) -> tuple[Number, ...]:
    return tuple(Number(name, unit, None, Flag.MISSING, "no_fix") for name, unit in units.items())
