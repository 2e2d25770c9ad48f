"""What happens in a scenario, as one stream of measurements: the same for a file and seed, at any speed.

Nothing here waits, opens or asks for the time.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np

from simulators.faults.bytes import ByteFault
from simulators.faults.clock import ClockFault
from simulators.faults.schedule import Schedule
from simulators.faults.sensor import SensorFault, Values
from simulators.frames import Frame
from simulators.scenario.lines import decimals, quantised
from simulators.scenario.load import Placed, placed, struck
from simulators.scenario.model import BYTE_FAULTS, CLOCK_FAULTS, SENSOR_FAULTS, FaultTable, Scenario
from simulators.scenario.models import channels_of, is_asked, make
from simulators.scenario.ports import Device, Measurement
from simulators.scenario.senses import of_the_station, sample, where
from simulators.world.fields import World
from simulators.world.streams import stream

CHUNK: Final = 256
"""Samples of a device worked out at once. Always the same: a vector unit may round the last of a row otherwise."""


class Said(NamedTuple):
    """One measurement of one device, with what came of it.

    Attributes:
        at_ns: When, in truth, UTC Unix time. [ns]
        rank: Of the device, in the order of the file.
        device: Who.
        number: From 1, of this device.
        clock_ns: When, by its clock. [ns]
        true: By channel.
        sensed: By channel; as the device writes it.
        frames: What went over its line.
        faults: Numbers of the faults that struck, from 0 in the order of the file.
        intact: What would have gone over it, had the line no fault.
    """

    at_ns: int
    rank: int
    device: Placed
    number: int
    clock_ns: int
    true: dict[str, float]
    sensed: dict[str, float]
    frames: Sequence[Frame]
    faults: tuple[int, ...]
    intact: Sequence[Frame]


def course(scenario: Scenario) -> Iterator[Said]:
    """Every measurement, in order of time; at one time in the order of the file."""
    world = world_of(scenario)
    devices = placed(scenario)
    return heapq.merge(*(_Talker(scenario, world, rank, device).talk() for rank, device in enumerate(devices)))


def world_of(scenario: Scenario) -> World:
    """The world a scenario plays in."""
    return World(seed=scenario.seed, **scenario.world.model_dump())


def schedule_of(fault: FaultTable) -> Schedule:
    """When a fault strikes."""
    return Schedule(
        round(fault.at * 1e9),
        None if fault.duration is None else round(fault.duration * 1e9),
        None if fault.every is None else round(fault.every * 1e9),
    )


@dataclass(slots=True)
class _Talker:
    """One device under way."""

    scenario: Scenario
    world: World
    rank: int
    placed: Placed
    sensor_faults: list[tuple[int, SensorFault]] = field(default_factory=list)
    byte_faults: list[tuple[int, ByteFault, np.random.Generator]] = field(default_factory=list)
    clock_faults: list[tuple[int, ClockFault]] = field(default_factory=list)
    emulator: Device = field(init=False)

    def __post_init__(self) -> None:
        self.emulator = make(self.placed.device, self.scenario.world)
        for number, fault in enumerate(self.scenario.fault):
            if not struck(fault, [self.placed]):
                continue
            when = schedule_of(fault)
            if fault.kind in SENSOR_FAULTS:
                self.sensor_faults.append(
                    (number, SensorFault(fault.kind, fault.channel, when, fault.size, fault.share))
                )
            elif fault.kind in BYTE_FAULTS:
                if is_asked(self.placed.device):
                    continue  # It strikes the answers; see `simulators.scenario.teller`.
                draws = self._draws("fault", str(number))
                self.byte_faults.append((number, ByteFault(fault.kind, when, fault.size, fault.share), draws))
            elif fault.kind in CLOCK_FAULTS:
                self.clock_faults.append((number, ClockFault(fault.kind, when, fault.size)))

    def talk(self) -> Iterator[Said]:
        device = self.placed.device
        interval_ns, offset_ns = round(device.interval_s * 1e9), round(device.offset_s * 1e9)
        count = max(0, -(-(self.scenario.duration_ns - offset_ns) // interval_ns))
        for first in range(0, count, CHUNK):
            since = offset_ns + np.arange(first, first + CHUNK, dtype=np.int64) * interval_ns
            size = min(CHUNK, count - first)
            true = self._truth(since)
            sensed, labels = self._sense(true, since, first // CHUNK)
            rows = zip(
                since[:size].tolist(),
                self._rows(true, size),
                self._rows(sensed, size),
                labels[:size] if labels else [()] * size,
                strict=True,
            )
            for place, (since_ns, there, felt, struck_by) in enumerate(rows):
                number = first + place + 1
                yield self._say(number, since_ns, there, felt, struck_by, last=number == count)

    def _truth(self, since_ns: np.typing.NDArray[np.int64]) -> dict[str, Values]:
        points, speed = where(self.placed.station, self.scenario.start_ns, since_ns)
        place = of_the_station(self.world, self.placed.station, points, speed)
        return {
            channel: place[channel] if channel in place else sample(self.world, channel, points)
            for channel in channels_of(self.placed.device)
        }

    def _sense(
        self, true: dict[str, Values], since_ns: np.typing.NDArray[np.int64], chunk: int
    ) -> tuple[dict[str, Values], list[tuple[int, ...]]]:
        """Sensors' values of a chunk, and by sample the faults that struck."""
        labels: list[set[int]] = [set() for _ in since_ns] if self.sensor_faults else []
        sensed = {}
        for channel, exact in true.items():
            values = exact
            sigma = self.placed.device.noise.get(channel, 0.0)
            if sigma:
                values = values + sigma * self._draws("noise", channel, str(chunk)).standard_normal(CHUNK)
            for number, fault in self.sensor_faults:
                draws = self._draws("fault", str(number), channel, str(chunk))
                values, hit = fault.apply(channel, values, since_ns, draws)
                for place in np.flatnonzero(hit).tolist():
                    labels[place].add(number)
            sensed[channel] = values
        return sensed, [tuple(sorted(each)) for each in labels]

    def _rows(self, values: dict[str, Values], size: int) -> list[dict[str, float]]:
        # Rounded as the device writes it: the truth then holds the very number of the text.
        columns = [np.round(column[:size], decimals(channel) + 3).tolist() for channel, column in values.items()]
        names = list(values)
        return [
            {name: value for name, value in zip(names, row, strict=True) if value == value}  # noqa: PLR0124 - not NaN
            for row in (zip(*columns, strict=True) if columns else [()] * size)
        ]

    def _say(
        self,
        number: int,
        since_ns: int,
        true: dict[str, float],
        sensed: dict[str, float],
        labels: tuple[int, ...],
        *,
        last: bool,
    ) -> Said:
        at_ns = self.scenario.start_ns + since_ns
        clock_ns = at_ns
        faults = labels
        for which, clock in self.clock_faults:
            shown = clock.shown_ns(clock_ns, since_ns)
            if shown is not None:
                clock_ns, faults = shown, (*faults, which)
        felt = quantised(sensed)
        intact = self.emulator.measure(Measurement(number, at_ns, clock_ns, true, felt))
        frames = intact
        for which, line, draws in self.byte_faults:
            frames, hit = line.apply(frames, since_ns, draws)
            if last:
                frames = [*frames, *line.rest()]
            if hit:
                faults = (*faults, which)
        return Said(at_ns, self.rank, self.placed, number, clock_ns, true, felt, frames, faults, intact)

    def _draws(self, *names: str) -> np.random.Generator:
        return stream(self.scenario.seed, "device", self.placed.name, *names)
