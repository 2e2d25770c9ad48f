"""Real weather recordings as rows, in the decimal resolution their files give.

What is done to the text: a number with twelve or more decimals is the noise of a float printed in full
(``927.9630000000001``) and becomes its shortest twelve-digit form (``927.963``); everything else stays as written.
Missing-value sentinels (``-7999.0``, ``-9999.9``) are readings like any other, as the logger sent them; empty fields
are missing. Each column of a block has the finest exponent among its values.
"""

from __future__ import annotations

import datetime as dt
import math
import os
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from device_profiles.wire.model import Block, ClockSection, ClockState, ColumnSpec, ProfileRef, Row
from device_profiles.wire.rows import columns_from_rows
from device_profiles.wire.values import Value, parse_decimal

_UNITS: Final = {
    "W/m^2": "W/m2",
    "deg C": "Cel",
    "VDC": "V",
    "mBar": "mbar",
    "deg from N": "deg",
}
_SURFRAD: Final = (
    "zenith_angle:deg dw_solar:W/m2 uw_solar:W/m2 direct_n:W/m2 diffuse:W/m2 dw_ir:W/m2 dw_casetemp:K dw_dometemp:K "
    "uw_ir:W/m2 uw_casetemp:K uw_dometemp:K uvb:mW/m2 par:W/m2 netsolar:W/m2 netir:W/m2 totalnet:W/m2 temp:Cel rh:% "
    "windspd:m/s winddir:deg pressure:mbar"
)
_MINUTE_NS: Final = 60_000_000_000
_NOISE_DECIMALS: Final = 12


@dataclass(frozen=True, slots=True)
class Recording:
    """One device's rows.

    Attributes:
        name: Short name of the file.
        device: Device id.
        profile: Profile id.
        specs: Its columns.
        rows: Its rows.
    """

    name: str
    device: str
    profile: str
    specs: tuple[ColumnSpec, ...]
    rows: tuple[Row, ...]

    def blocks(self, rows: int) -> Iterator[Block]:
        """Consecutive full blocks, as an agent would seal them."""
        total = 0
        for seq, start in enumerate(range(0, len(self.rows) - rows + 1, rows), 1000):
            part = self.rows[start : start + rows]
            columns = columns_from_rows(self.specs, part)
            total += sum(len(column.values) - column.values.count(None) for column in columns)
            wall_ns = part[0].observed_at_ns
            # A boot ten days ago, known to the millisecond; identifiers random as in the field.
            boot_ns = 864_123_456_000_000
            clock = ClockSection(_ids(1, 8), boot_ns + start * _MINUTE_NS, wall_ns, ClockState.NTP, 2_000_000)
            yield Block(
                agent="station-0042",
                segment=int.from_bytes(_ids(2, 8), "little"),
                ordinal=3,
                seq=seq,
                device=self.device,
                readings_total=1_000_000 + total,
                previous=_ids(seq, 8),
                profile=ProfileRef(self.profile, 1, _ids(3, 8)),
                clock=clock,
                times_ns=tuple(row.observed_at_ns for row in part),
                columns=columns,
            )


def recordings() -> tuple[list[Recording], str]:
    """The three recordings and where they come from: the folder HARKARA_CAPTURES names, or a generator."""
    folder = os.environ.get("HARKARA_CAPTURES")
    if not folder:
        return [_generated()], "generated series (HARKARA_CAPTURES is not set)"
    series = Path(folder) / "timeseries"
    return [midc(series), _surfrad(series), _luftdaten(series)], "midc_raw, surfrad, luftdaten"


def _ids(seed: int, size: int) -> bytes:
    return random.Random(seed).randbytes(size)  # noqa: S311 - repeatable, not secret


def _number(text: str) -> Value | None:
    if not text:
        return None
    _, _, decimals = text.partition(".")
    return parse_decimal(format(float(text), ".12g") if len(decimals) >= _NOISE_DECIMALS else text)


def _utc_ns(*when: int) -> int:
    return int(dt.datetime(*when, tzinfo=dt.UTC).timestamp()) * 1_000_000_000  # type: ignore[misc, arg-type]


def midc(folder: Path) -> Recording:
    """A day of a radiation and weather station, a row a minute, fifteen columns."""
    head, *lines = (folder / "midc_raw_20181018.txt").read_text(encoding="utf-8").splitlines()
    specs = []
    for title in head.split(",")[4:]:
        match = re.fullmatch(r"(.*) \[(.*)\]", title)
        assert match is not None
        channel = re.sub(r"[^a-z0-9]+", "_", match[1].lower()).strip("_")
        specs.append(ColumnSpec(channel, _UNITS.get(match[2], match[2])))
    midnight = _utc_ns(2018, 10, 18)
    rows = []
    for line in lines:
        fields = line.split(",")
        minute = int(fields[3]) // 100 * 60 + int(fields[3]) % 100
        rows.append(Row(midnight + minute * _MINUTE_NS, tuple(map(_number, fields[4:]))))
    return Recording("midc_raw", "weather", "campbell.cr1000", tuple(specs), tuple(rows))


def _surfrad(folder: Path) -> Recording:
    specs = tuple(ColumnSpec(*column.split(":")) for column in _SURFRAD.split(" "))
    rows = []
    for line in (folder / "surfrad-slv16001.dat").read_text(encoding="utf-8").splitlines()[2:]:
        fields = line.split()
        when = _utc_ns(int(fields[0]), int(fields[2]), int(fields[3]), int(fields[4]), int(fields[5]))
        rows.append(Row(when, tuple(map(_number, fields[7:8] + fields[8::2]))))  # a quality digit after each value
    return Recording("surfrad", "radiation", "noaa.surfrad", specs, tuple(rows))


def _luftdaten(folder: Path) -> Recording:
    head, *lines = (folder / "luftdaten_2019-05-18_bme280_22481.csv").read_text(encoding="utf-8").splitlines()
    units = {"pressure": "Pa", "altitude": "m", "pressure_sealevel": "Pa", "temperature": "Cel", "humidity": "%"}
    names = head.split(";")[6:]
    rows = []
    for line in lines:
        fields = line.split(";")
        when = dt.datetime.fromisoformat(f"{fields[5]}+00:00").timestamp()
        rows.append(Row(int(when) * 1_000_000_000, tuple(map(_number, fields[6:]))))
    return Recording(
        "luftdaten", "bme280", "bosch.bme280", tuple(ColumnSpec(name, units[name]) for name in names), tuple(rows)
    )


def _generated() -> Recording:
    rng = random.Random(7)  # noqa: S311 - repeatable, not secret
    specs = (
        ColumnSpec("air_temperature", "Cel"),
        ColumnSpec("relative_humidity", "%"),
        ColumnSpec("wind_speed", "m/s"),
    )
    start = _utc_ns(2026, 1, 1)
    rows = []
    for minute in range(1440):
        temperature = 20 - 8 * math.cos(minute / 229) + rng.gauss(0, 0.03)
        humidity = 60 + 20 * math.cos(minute / 229) + rng.gauss(0, 0.1)
        texts = (f"{temperature:.2f}", f"{humidity:.1f}", f"{abs(rng.gauss(3, 1)):.1f}")
        rows.append(Row(start + minute * _MINUTE_NS, tuple(map(parse_decimal, texts))))
    return Recording("generated", "weather", "generated.weather", specs, tuple(rows))
