"""The same readings as MQTT payloads: line protocol, JSON, and the blocks of Harkara's agents; all made beforehand."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from benchmarks.peers.names import MEASUREMENT
from benchmarks.peers.readings import CHANNELS, Readings, numbers
from device_profiles.wire.digest import PREVIOUS_OF_FIRST, block_digest, chain
from device_profiles.wire.encode import encode, restamp
from device_profiles.wire.model import Block, ClockSection, ClockState, OpenRecord, ProfileRef, Row
from device_profiles.wire.rows import columns_from_rows

LINES_A_MESSAGE: Final = 64
ROWS_A_BLOCK: Final = 256
"""At which an agent seals a block of this station's fifteen channels as full."""
_STATION: Final = "\0"


def line_messages(readings: Readings) -> dict[str, list[bytes]]:
    """By station: line protocol as Telegraf's own serializer would write it, 64 lines a message."""
    made = ["".join(map(_line, rows)) for rows in _parts(readings, LINES_A_MESSAGE)]
    return {name: [text.replace(_STATION, name).encode() for text in made] for name in readings.names}


def json_messages(readings: Readings) -> dict[str, list[bytes]]:
    """By station: 64 rows a message, as a script would want them."""
    made = []
    for rows in _parts(readings, LINES_A_MESSAGE):
        objects = [{"time": row.observed_at_ns, **dict(zip(CHANNELS, numbers(row), strict=True))} for row in rows]
        made.append(json.dumps({"station": _STATION, "rows": objects}, separators=(",", ":")))
    mark = json.dumps(_STATION)[1:-1]
    return {name: [text.replace(mark, name).encode() for text in made] for name in readings.names}


def block_messages(
    readings: Readings, rows_a_block: int = ROWS_A_BLOCK, segments: Mapping[str, int] | None = None
) -> dict[str, list[bytes]]:
    """By station: the blocks of one segment of its agent, in a chain.

    Args:
        readings: What they hold.
        rows_a_block: Rows of each but the last.
        segments: Segment ids by station, where somebody else has chosen them.
    """
    made = [_block(readings, list(rows)) for rows in _parts(readings, rows_a_block)]
    rest = [encode(block) for block in made[1:]]
    messages = {}
    for number, name in enumerate(readings.names, 1):
        segment = number if segments is None else segments[name]
        opened = OpenRecord(0, 0, struct.pack(">QQ", number, 1), struct.pack(">QQ", number, 2), "created")
        first = encode(replace(made[0], agent=name, segment=segment, opened=opened))
        chained, total = [first], made[0].readings
        for seq, (block, data) in enumerate(zip(made[1:], rest, strict=True), 2):
            total += block.readings
            previous = chain(block_digest(chained[-1]))
            chained.append(restamp(data, agent=name, segment=segment, seq=seq, readings_total=total, previous=previous))
        messages[name] = chained
    return messages


def _parts(readings: Readings, rows: int) -> Iterator[list[Row]]:
    for first in range(0, readings.minutes, rows):
        yield list(readings.rows(first, first + rows))


def _line(row: Row) -> str:
    # The shortest decimal that gives the same double back, which is what any serializer writes.
    fields = ",".join(f"{channel}={value!r}" for channel, value in zip(CHANNELS, numbers(row), strict=True))
    return f"{MEASUREMENT},station={_STATION} {fields} {row.observed_at_ns}\n"


def _block(readings: Readings, rows: list[Row]) -> Block:
    wall_ns = rows[0].observed_at_ns
    columns = columns_from_rows(readings.specs, rows)
    return Block(
        agent="st-000",
        segment=1,
        ordinal=1,
        seq=1,
        device="weather",
        readings_total=len(rows) * len(CHANNELS),
        previous=PREVIOUS_OF_FIRST,
        profile=ProfileRef("campbell.cr1000", 1, bytes(8)),
        clock=ClockSection(struct.pack(">Q", 1), 864_123_456_000_000, wall_ns, ClockState.NTP, 2_000_000),
        times_ns=tuple(row.observed_at_ns for row in rows),
        columns=columns,
    )
