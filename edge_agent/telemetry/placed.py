"""Readings of sensors on board, with the place where each was taken.

A reading waits until a position after it has come, so that the place lies between two; where none comes in time, it
goes on without a place, and says so.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from typing import Final, NamedTuple

from device_profiles.quality import Flag
from device_profiles.wire.values import Scaled, Value
from edge_agent.clock import Clock
from edge_agent.drivers.ports import Number, Sample
from edge_agent.samples import SampleQueue
from edge_agent.telemetry.track import Fix, Place, Track

WAIT_S: Final = 5.0
"""For a position behind a reading: longer than any gap that is bridged. [s]"""
_METRES: Final = {"m": 1.0, "cm": 0.01, "mm": 0.001, "km": 1000.0}


class _Held(NamedTuple):
    since_s: float
    device: str
    sample: Sample


class PlacedQueue(SampleQueue):
    """The agent's queue where devices have their places from another device.

    Attributes:
        tracks: By the device that tells positions.
    """

    def __init__(self, sources: Mapping[str, str], clock: Clock) -> None:
        """Make one.

        Args:
            sources: Device to the device whose positions are its own.
            clock: Of the agent.
        """
        super().__init__()
        self.tracks = {source: Track() for source in sources.values()}
        self._sources = sources
        self._clock = clock
        self._held: deque[_Held] = deque()

    def __len__(self) -> int:
        return super().__len__() + len(self._held)

    def put(self, device: str, sample: Sample) -> None:
        """Hand over, at once or when the place is known; never waits."""
        fix = fix_of(sample) if device in self.tracks else None
        if fix is not None:
            self.tracks[device].add(fix)
        if device in self._sources:
            self._held.append(_Held(self._clock.monotonic_s(), device, sample))
        else:
            super().put(device, sample)
        if self._held:
            self.release()

    def release(self, *, everything: bool = False) -> None:
        """Let go of what has its place, or has waited long enough; call it from time to time."""
        now_s = self._clock.monotonic_s()
        waiting: deque[_Held] = deque()
        for held in self._held:
            track = self.tracks[self._sources[held.device]]
            at_ns = _instant(held.sample)
            is_known = track.newest_ns is not None and track.newest_ns >= at_ns
            if is_known or everything or now_s - held.since_s >= WAIT_S:
                super().put(held.device, placed(held.sample, track.at(at_ns)))
            else:
                waiting.append(held)
        self._held = waiting


def fix_of(sample: Sample) -> Fix | None:
    """The position in a sample of a receiver or autopilot; None when it has none."""
    found = {number.channel: number for number in sample.numbers}
    latitude, longitude = (_plain(found.get(name)) for name in ("latitude", "longitude"))
    if latitude is None or longitude is None:
        return None
    altitude = found.get("altitude")
    metres = _METRES.get(altitude.unit, 1.0) if altitude is not None else 1.0
    return Fix(_instant(sample), latitude, longitude, (_plain(altitude) or 0.0) * metres)


def placed(sample: Sample, place: Place | None) -> Sample:
    """A sample with its place beside its numbers; with missing ones where it is not known."""
    own = {number.channel for number in sample.numbers}
    numbers = [number for number in _numbers(place) if number.channel not in own]
    return replace(sample, numbers=(*sample.numbers, *numbers))


def _numbers(place: Place | None) -> tuple[Number, ...]:
    units = {"latitude": "deg", "longitude": "deg", "altitude": "m", "position_error": "m"}
    if place is None:
        return tuple(Number(name, unit, None, Flag.MISSING, "no_fix") for name, unit in units.items())
    values: tuple[Value, ...] = (
        Scaled(round(place.latitude * 1e7), -7),
        Scaled(round(place.longitude * 1e7), -7),
        Scaled(round(place.altitude * 1e3), -3),
        Scaled(round(place.error_m * 1e2), -2),
    )
    return tuple(Number(name, unit, value) for (name, unit), value in zip(units.items(), values, strict=True))


def _instant(sample: Sample) -> int:
    return sample.observed_at_ns if sample.observed_at_ns is not None else sample.arrived_ns


def _plain(number: Number | None) -> float | None:
    if number is None or number.value is None:
        return None
    value = number.value
    return value.mantissa * 10.0**value.exponent if isinstance(value, Scaled) else value
