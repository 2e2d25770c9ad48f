"""Readings per second: encoded without numpy, decoded with it, on one core."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from benchmarks.recordings import recordings
from device_profiles.wire.bulk import decode_many
from device_profiles.wire.decode import decode
from device_profiles.wire.encode import encode, restamp
from device_profiles.wire.model import Block

NAME: Final = "codec"
SUMMARY: Final = "readings per second encoded without numpy, decoded with it"
BATCH_READINGS: Final = 250_000
ROUNDS: Final = 15


def run() -> dict[str, object]:
    """Measure on one core; figures are the best of some rounds, processor time, digest check and inflating included."""
    series, source = recordings()
    weather = next((recording for recording in series if recording.name == "midc_raw"), series[0])
    return {
        "about": (
            "One core, processor time (user and system; the machine may be shared), best of several rounds. "
            "Decoding checks digests and gives times, series, mantissas, doubles and flags."
        ),
        "source": source,
        "blocks_of_240_readings": _measure(list(weather.blocks(16)), 240),
        "blocks_of_about_2048_readings": _measure(list(weather.blocks(137)), 2055),
        "targets": {
            "blocks_of_240_readings.encode_readings_per_s": ">= 500000",
            "blocks_of_240_readings.bulk_decode_readings_per_s": ">= 20000000",
        },
    }


def _measure(blocks: list[Block], readings: int) -> dict[str, object]:
    blocks = [_widened(block, readings) for block in blocks]
    total = sum(block.readings for block in blocks)
    data = [encode(block) for block in blocks]
    copies = max(1, round(BATCH_READINGS / total))
    many = [restamp(one, seq=number * len(data) + at + 1) for number in range(copies) for at, one in enumerate(data)]
    return {
        "readings_per_block": total // len(blocks),
        "blocks_decoded_together": len(many),
        "encode_readings_per_s": round(total / _best(lambda: [encode(block) for block in blocks], 3)),
        "bulk_decode_readings_per_s": round(total * copies / _best(lambda: decode_many(many), ROUNDS)),
        "decode_without_numpy_readings_per_s": round(total / _best(lambda: [decode(one) for one in data], 3)),
    }


def _widened(block: Block, readings: int) -> Block:
    """The block with its columns repeated under other names until it holds about this many readings."""
    columns = list(block.columns)
    while (len(columns) + 1) * len(block.times_ns) <= readings:
        column = columns[len(columns) % len(block.columns)]
        columns.append(replace(column, channel=f"{column.channel}_{len(columns)}"))
    return replace(block, columns=tuple(columns))


def _best(work: Callable[[], object], rounds: int) -> float:
    """Least processor time of several rounds, in seconds."""
    times = []
    for _ in range(rounds):
        started = time.process_time()
        work()
        times.append(time.process_time() - started)
    return min(times)
