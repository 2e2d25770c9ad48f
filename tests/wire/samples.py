"""Small plain blocks that tests change one thing of."""

from __future__ import annotations

from device_profiles.wire.model import Block, ClockSection, ClockState, Column, ProfileRef

NOW_NS = 1_760_000_000_000_000_000
CLOCK = ClockSection(bytes(range(8)), 86_400_125_000_000, NOW_NS, ClockState.NTP, 2_000_000)
PROFILE = ProfileRef("bosch.bme280", 3, bytes.fromhex("8f1e2d3c4b5a6978"))


def weather(seq: int = 1, rows: int = 16, *, agent: str = "station-0042", device: str = "weather") -> Block:
    """A block of three columns, a row a minute."""
    return Block(
        agent=agent,
        segment=0x9F3C5A1E77B2D604,
        ordinal=2,
        seq=seq,
        device=device,
        readings_total=3 * rows * seq,
        previous=bytes(range(200, 208)),
        profile=PROFILE,
        clock=CLOCK,
        times_ns=tuple(NOW_NS + 60_000_000_000 * row for row in range(rows)),
        columns=(
            Column("air_temperature", "Cel", -2, tuple(2150 + row * row % 7 for row in range(rows))),
            Column("relative_humidity", "%", -1, tuple(553 - 3 * row for row in range(rows))),
            Column("air_pressure", "hPa", -2, tuple(101_325 for _ in range(rows))),
        ),
    )
