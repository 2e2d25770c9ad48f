"""Campbell Scientific's TOA5: four header lines, then quoted fields (LoggerNet manual, appendix B.2.1.4).

::

    "TOA5","ridge","CR1000X","1201","CR1000X.Std.05.01","CPU:met.CR1X","7123","Hourly"   file, station, table
    "TIMESTAMP","RECORD","AirTC_Avg","Rain_mm_Tot"                                        columns
    "TS","RN","Deg C","mm"                                                                units
    "","","Avg","Tot"                                                                     what was made of the samples
    "2026-05-14 06:30:00",812,21.52,"NAN"

The time is that of the logger's clock, which has no zone; a row is stamped with the end of its interval.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from device_profiles.rejects import FrameRejected, RejectReason, reject
from device_profiles.units import UNITS
from edge_agent.drivers.line_parser import NAME_BYTES_MAX
from edge_agent.series.reader import HeaderMissing, SeriesRow, row_of
from edge_agent.series.text_rows import fields, text_of
from edge_agent.series.times import RowTime
from edge_agent.settings_series import Column, SeriesMap

MARK: Final = "TOA5"
TIMESTAMP: Final = "TIMESTAMP"
RECORD: Final = "RECORD"

_UCUM: Final[Mapping[str, str]] = {
    "deg c": "Cel", "degc": "Cel", "deg_c": "Cel", "degrees c": "Cel", "c": "Cel", "celsius": "Cel", "°c": "Cel",
    "deg f": "[degF]", "f": "[degF]", "kelvin": "K",
    "volts": "V", "volt": "V", "vdc": "V", "millivolts": "mV", "amps": "A", "amp": "A",
    "percent": "%", "%rh": "%", "fraction": "1", "unitless": "1", "none": "1", "count": "1", "counts": "1",
    "samples": "1", "n": "1",
    "meters/second": "m/s", "meters/sec": "m/s", "m/sec": "m/s", "m s-1": "m/s", "mph": "[mi_i]/h",
    "miles/hour": "[mi_i]/h", "knots": "[kn_i]", "kph": "km/h",
    "degrees": "deg", "degree": "deg", "radians": "rad", "deg from n": "deg",
    "w/m^2": "W/m2", "w/m²": "W/m2", "w/meter^2": "W/m2", "watts/meter^2": "W/m2", "w m-2": "W/m2",
    "kw/m^2": "kW/m2", "mj/m^2": "MJ/m2", "kj/m^2": "kJ/m2",
    "umol/s/m^2": "umol/m2/s", "umol/m^2/s": "umol/m2/s", "umoles/m^2/s": "umol/m2/s", "µmol/m^2/s": "umol/m2/s",
    "mb": "mbar", "mbars": "mbar", "kilopascal": "kPa", "kpascal": "kPa", "inhg": "[in_i'Hg]", "psi": "[psi]",
    "mmhg": "mm[Hg]",
    "millimeters": "mm", "meters": "m", "meter": "m", "centimeters": "cm", "feet": "[ft_i]", "ft": "[ft_i]",
    "inches": "[in_i]", "inch": "[in_i]", "in": "[in_i]",
    "m^3/m^3": "m3/m3", "m³/m³": "m3/m3", "vwc": "m3/m3", "us/cm": "uS/cm", "ds/m": "dS/m", "ms/cm": "mS/cm",
    "seconds": "s", "sec": "s", "minutes": "min", "hours": "h", "days": "d", "hertz": "Hz", "hz": "Hz",
    "ohms": "Ohm", "kohms": "kOhm", "ppm": "[ppm]", "ppb": "[ppb]", "ntu": "[NTU]", "fnu": "{FNU}", "ph": "[pH]",
    "g/m^3": "g/m3", "mg/m^3": "mg/m3", "kg/m^3": "kg/m3", "m^3/s": "m3/s", "cms": "m3/s",
}  # fmt: skip
"""What programs of loggers write, in small letters, to UCUM."""


class Toa5Rows:
    """Reads one file; a header that comes again in the middle begins anew, as after a new program."""

    def __init__(self, layout: SeriesMap) -> None:
        self.notes: Counter[str] = Counter()
        self.unknown_units: dict[str, str] = {}
        """Units that are not known here, by column."""
        self._layout = replace(layout, identity=(RECORD,), time=replace(layout.time, column=TIMESTAMP))
        self._time = RowTime(self._layout.time)
        self._head: list[list[str]] = []
        self._source: tuple[str, ...] = ()
        self._columns: Sequence[str] = ()
        self._channels: Mapping[str, tuple[str, Column]] = {}

    def line(self, line: bytes) -> SeriesRow | FrameRejected | None:
        """Read one.

        Raises:
            HeaderMissing: It does not begin as a TOA5 file does.
        """
        text = text_of(line)
        if not text.strip():
            return None
        try:
            cells = fields(text, ",")
        except ValueError as exc:
            return reject(RejectReason.SHAPE, str(exc), line)
        if cells[0] == MARK:
            self._head = []
            self._columns = ()
        if not self._columns:
            self._header(cells)
            return None
        if len(cells) != len(self._columns):
            return reject(RejectReason.LENGTH, f"{len(cells)} fields, {len(self._columns)} columns expected", line)
        named = dict(zip(self._columns, cells, strict=True))
        row = row_of(named, self._time, self._channels, self._layout, line)
        return row if isinstance(row, FrameRejected) else replace(row, identity=(*self._source, *row.identity))

    def _header(self, cells: list[str]) -> None:
        self._head.append(cells)
        if self._head[0][0] != MARK:
            raise HeaderMissing(f'does not begin with "{MARK}"')
        if len(self._head) < 4:
            return
        first, columns, units, _made = self._head
        if TIMESTAMP not in columns or RECORD not in columns or len(units) != len(columns):
            raise HeaderMissing("the second and third line do not name columns with TIMESTAMP, RECORD and their units")
        self._columns = columns
        # Station and table; not the program, whose record numbers go on where only its signature changes.
        self._source = (first[1] if len(first) > 1 else "", first[-1])
        self._channels = self._declared(columns, units)

    def _declared(self, columns: list[str], units: list[str]) -> dict[str, tuple[str, Column]]:
        said = {name: ucum(unit) for name, unit in zip(columns, units, strict=True)}
        wanted = {each.column or name: (name, each) for name, each in self._layout.channels.items()}
        if not wanted:
            names = [
                name for name in columns if name not in {TIMESTAMP, RECORD} and len(name.encode()) <= NAME_BYTES_MAX
            ]
            wanted = {name: (name, Column()) for name in names}
        lacking = [name for name in wanted if name not in columns]
        if lacking:
            raise HeaderMissing(f"no column {', '.join(map(repr, lacking))}; the file has {', '.join(columns):.300}")
        found: dict[str, tuple[str, Column]] = {}
        for column, (channel, settings) in wanted.items():
            unit = settings.unit or said[column]
            if unit is None:
                self.unknown_units[column] = units[columns.index(column)]
                self.notes["columns_with_unknown_unit"] = len(self.unknown_units)
            found[column] = (channel, replace(settings, unit=unit or ""))
        return found


def ucum(text: str) -> str | None:
    """UCUM code of a unit as a logger's program names it; empty where it names none, None where it is not known."""
    plain = " ".join(text.split())
    if plain in UNITS or not plain:
        return plain
    return _UCUM.get(plain.lower())
