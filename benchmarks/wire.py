"""Bytes per reading of whole blocks on real recordings."""

from __future__ import annotations

import math
from collections import Counter
from operator import sub
from statistics import mean
from typing import Final

from benchmarks.recordings import Recording, recordings
from device_profiles.wire import block_pb2 as pb
from device_profiles.wire.digest import COVERED_FROM
from device_profiles.wire.encode import encode
from device_profiles.wire.model import Column, Encoding

NAME: Final = "wire"
SUMMARY: Final = "bytes per reading of blocks on real recordings"
ROWS: Final = (256, 64, 16, 4, 1)
TARGETS: Final = {256: 0.9, 64: 1.25, 16: 2.4}


def run() -> dict[str, object]:
    """Measure. Figures are bytes per reading of the MQTT payload: identity, digests and every header included."""
    series, source = recordings()
    sizes = {
        f"{rows} rows": {
            encoding.name.lower(): _sizes(series, rows, encoding) for encoding in (Encoding.ZSTD, Encoding.ZLIB)
        }
        for rows in ROWS
    }
    floors = {recording.name: round(_floor(recording), 3) for recording in series}
    return {
        "about": (
            "Bytes per reading in MQTT payloads, whole blocks, numbers as recorded (float noise of 12 or more decimals "
            "cut, sentinels kept, empty fields missing). The floor is the entropy of first or second differences with "
            "one ideal code per column over the whole recording, no header, no time."
        ),
        "source": source,
        "bytes_per_reading": sizes,
        "floor_bytes_per_reading": {**floors, "mean": round(mean(floors.values()), 3)},
        "where_the_bytes_go_16_rows": {recording.name: _parts(recording, 16) for recording in series},
        "targets": {f"bytes_per_reading.{rows} rows.zstd.mean": f"<= {limit}" for rows, limit in TARGETS.items()},
    }


def _sizes(series: list[Recording], rows: int, encoding: Encoding) -> dict[str, float]:
    found = {}
    for recording in series:
        blocks = list(recording.blocks(rows))
        size = sum(len(encode(block, compression=encoding)) for block in blocks)
        found[recording.name] = round(size / sum(block.readings for block in blocks), 3)
    return {**found, "mean": round(mean(found.values()), 3)}


def _parts(recording: Recording, rows: int) -> dict[str, float]:
    """Mean bytes of the parts of a block."""
    blocks = [encode(block) for block in recording.blocks(rows)]
    parsed = [pb.Block.FromString(block[COVERED_FROM:]) for block in blocks]
    whole = mean(map(len, blocks))
    schema = mean(len(message.schema) for message in parsed)
    values = mean(len(message.values) for message in parsed)
    return {
        "header_bytes": round(whole - schema - values, 1),
        "schema_bytes": round(schema, 1),
        "values_bytes": round(values, 1),
    }


def _floor(recording: Recording) -> float:
    """Entropy of the better of first and second differences, one ideal code per column; bytes per reading."""
    whole = len(recording.rows) // 64 * 64
    (block,) = recording.blocks(whole)
    return sum(map(_column_floor, block.columns)) / 8 / block.readings


def _column_floor(column: Column) -> float:
    values = [value for value in column.values if value is not None]
    first = list(map(sub, values[1:], values))
    second = list(map(sub, first[1:], first))
    return min(_entropy(first), _entropy(second))


def _entropy(symbols: list[float]) -> float:
    """Bits all symbols take under the best code for their frequencies."""
    counts = Counter(symbols).values()
    return -sum(count * math.log2(count / len(symbols)) for count in counts)
