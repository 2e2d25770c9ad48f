"""Many distinct blocks for a load: a few templates of weather with noise, encoded once, then restamped.

Each restamped block has its own number, its own place in the digest chain and its own digest, so that the collector
does for it what it does for any block. Values and times come again after ``TEMPLATES`` blocks of an agent.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from device_profiles.wire.digest import PREVIOUS_OF_FIRST, block_digest, chain
from device_profiles.wire.encode import encode, restamp
from device_profiles.wire.model import (
    Block,
    ClockSection,
    ClockState,
    ColumnSpec,
    OpenRecord,
    ProfileRef,
    Row,
)
from device_profiles.wire.rows import columns_from_rows
from device_profiles.wire.values import Value, parse_decimal
from simulators.weather import QUANTITIES, WeatherStation

TEMPLATES: Final = 64
START_NS: Final = 1_767_225_600_000_000_000
"""1 January 2026. [ns]"""
_ROW_NS: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Shape:
    """How large a block is.

    Attributes:
        rows: Rows.
        columns: Channels.
    """

    rows: int
    columns: int

    @property
    def readings(self) -> int:
        """Readings of one block."""
        return self.rows * self.columns


LARGE: Final = Shape(128, 16)
"""2,048 readings."""
SMALL: Final = Shape(16, 15)
"""240 readings."""


def templates(agent: str, shape: Shape, seed: int, count: int = TEMPLATES) -> list[Block]:
    """Blocks of one device, one after the other in time, one row a second."""
    clock = ClockSection(
        boot_id=struct.pack(">Q", seed), boottime_ns=0, wall_ns=START_NS, state=ClockState.NTP, error_ns=1_000_000
    )
    stations = [WeatherStation(seed=seed * 100 + number) for number in range(-(-shape.columns // len(QUANTITIES)))]
    specs = [
        ColumnSpec(f"{quantity.channel}_{number}" if number else quantity.channel, quantity.unit)
        for number in range(len(stations))
        for quantity in QUANTITIES
    ][: shape.columns]
    made = []
    for number in range(count):
        times = [START_NS + (number * shape.rows + row) * _ROW_NS for row in range(shape.rows)]
        rows = [Row(time, tuple(_values(stations, time)[: shape.columns])) for time in times]
        made.append(
            Block(
                agent=agent,
                segment=seed,
                ordinal=1,
                seq=1,
                device="weather",
                readings_total=shape.readings,
                previous=PREVIOUS_OF_FIRST,
                profile=ProfileRef("load", 1, bytes(8)),
                clock=replace(clock, boottime_ns=times[0] - START_NS, wall_ns=times[0]),
                times_ns=tuple(times),
                columns=columns_from_rows(specs, rows),
            )
        )
    return made


def _values(stations: list[WeatherStation], time_ns: int) -> list[Value]:
    values: list[Value] = []
    for station in stations:
        sample = station.sample(time_ns)
        values += [parse_decimal(sample[quantity.channel]) for quantity in QUANTITIES]
    return values


def chained(agent: str, shape: Shape, seed: int) -> Iterator[bytes]:
    """Blocks 1, 2, 3 … of an agent's segment, without end."""
    blocks = templates(agent, shape, seed)
    opened = OpenRecord(0, 0, struct.pack(">QQ", seed, 1), struct.pack(">QQ", seed, 2), "created")
    first = encode(replace(blocks[0], opened=opened))
    made = [encode(block) for block in blocks]
    yield first
    seq = 2
    previous = chain(block_digest(first))
    while True:
        template = made[(seq - 1) % TEMPLATES]
        data = restamp(template, seq=seq, readings_total=seq * shape.readings, previous=previous)
        previous = chain(block_digest(data))
        yield data
        seq += 1
