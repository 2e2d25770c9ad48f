"""Writes ``tests/wire/vectors/*.json``: ``python -m tests.wire.make_vectors``. Only a new version may change one."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from device_profiles.wire.dictionary import DICTIONARY_1
from device_profiles.wire.encode import encode
from device_profiles.wire.intervals import IntervalSet
from device_profiles.wire.model import (
    Anchor,
    Block,
    ClockState,
    Column,
    Encoding,
    LossReason,
    LossRecord,
    OpenRecord,
    TextEvent,
)
from tests.wire import reference_decoder
from tests.wire.samples import NOW_NS, weather

FOLDER = Path(__file__).parent / "vectors"


def samples() -> dict[str, tuple[str, Block, Encoding]]:
    """Name to what it shows, the block, and how it is packed."""
    plain = weather(rows=4)
    noisy = tuple((row * 7919 + row * row * 31) % 1000 - 500 for row in range(130))
    extremes = Column("extremes", "1", 0, (0, (1 << 63) - 1, -(1 << 63), 5))
    gappy = Column("gappy", "m", -3, (None, 1500, None, 1250), ((1, 3),))
    doubles = Column("double", "1", None, (0.1, -0.0, None, 1e300), ((3, 4),))
    event = TextEvent("valve", NOW_NS + 1_500_000_000, "stuck, ½ open")
    full = dataclasses.replace(plain, columns=(*plain.columns, gappy, doubles), texts=(event,))
    ids = bytes(range(16))
    records = dataclasses.replace(
        weather(rows=0),
        columns=(),
        losses=(
            LossRecord(LossReason.SHED, 77, IntervalSet.of((3, 9), (12, 12)), 1440, "weather", NOW_NS, NOW_NS + 9),
        ),
        anchors=(Anchor(bytes(8), 1_000_000_007, NOW_NS, 20_000_000, ClockState.GPS),),
        opened=OpenRecord(77, 12, ids, ids[::-1], "crash"),
    )
    return {
        "plain": ("three columns, four rows, a cadence of a minute", plain, Encoding.STORED),
        "one_row": ("a single row: no windows at all", weather(rows=1), Encoding.STORED),
        "windows": (
            "130 rows: three windows a column, second differences, a step",
            dataclasses.replace(
                weather(rows=130),
                columns=(
                    Column("noisy", "1", 0, noisy),
                    Column("ramp", "m", -1, tuple(3 * row * row for row in range(130))),
                    Column("stepped", "m/s", -2, tuple(20 + 75 * (value % 9) for value in noisy)),
                ),
            ),
            Encoding.STORED,
        ),
        "steps": (
            "200 rows, version 2: six decimals by night and three by day, in first and in second differences",
            dataclasses.replace(weather(rows=200), columns=(*dawn(), Column("batt", "V", -2, (1336,) * 200))),
            Encoding.STORED,
        ),
        "extremes": (
            "the ends of 64 bits: escapes, and differences that wrap",
            dataclasses.replace(plain, columns=(extremes,)),
            Encoding.STORED,
        ),
        "full": ("missing values, doubles, flags, a text event", full, Encoding.STORED),
        "deflated_body": (
            "a deflated body",
            dataclasses.replace(full, texts=(event,) * 12),
            Encoding.ZLIB,
        ),
        "zstd_body": ("the same body in zstd", dataclasses.replace(full, texts=(event,) * 12), Encoding.ZSTD),
        "records": ("no rows: loss record, anchor and open record", records, Encoding.STORED),
    }


def dawn() -> tuple[Column, Column]:
    """A logger of seven digits: night in millionths, day in thousandths, night again; once steady, once climbing."""
    night = [-433_402 + row * row * 37 % 23 for row in range(70)]
    day = [1000 * (row * 7919 % 211_000) for row in range(100)]
    climb = [1000 * row * row + 3000 * (row * row % 7) for row in range(100)]
    return (
        Column("global", "W/m2", -6, (*night, *day, *night[:30])),
        Column("direct", "W/m2", -6, (*night[:40], *climb, *(climb[-1] + value for value in night[:60]))),
    )


def main() -> None:
    """Write all vectors."""
    FOLDER.mkdir(exist_ok=True)
    for name, (shows, block, encoding) in samples().items():
        data = encode(block, compression=encoding)
        plain = encode(block, compression=Encoding.ZLIB)
        vector = {
            "shows": shows,
            "block": data.hex(),
            # From the decoder that shares nothing with the encoder; the test compares with ours as well.
            "holds": reference_decoder.decode(plain, DICTIONARY_1),
        }
        (FOLDER / f"{name}.json").write_text(json.dumps(vector, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
