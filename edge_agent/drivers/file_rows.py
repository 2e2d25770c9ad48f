"""The lines of a file as samples: TOA5, a table, or JSON, whichever its first line shows."""

from __future__ import annotations

from typing import Final, Protocol

from device_profiles.quality import Flag
from device_profiles.rejects import FrameRejected
from edge_agent.drivers.line_parser import LineParser, Wanted
from edge_agent.drivers.ports import Number, Read, Sample
from edge_agent.series.reader import ColumnRows, Rows, numbers_of, plain_number
from edge_agent.series.text_rows import text_of
from edge_agent.series.toa5 import MARK, Toa5Rows
from edge_agent.settings_series import SeriesMap

TIME: Final = "time"


class FileRows(Protocol):
    """Reads the lines of one file, from its first."""

    def line(self, line: bytes, arrived_ns: int) -> Read | None:
        """The sample of a line, a reject, or None for one that is no row.

        Raises:
            HeaderMissing: The file is not as it was said to be.
        """
        ...


def is_toa5_head(line: bytes) -> bool:
    """Whether a TOA5 header begins with this line."""
    return text_of(line).startswith((f'"{MARK}"', f"{MARK},"))


def rows_for(first: bytes, form: str, layout: SeriesMap) -> FileRows:
    """What reads a file whose first line is this.

    Args:
        first: The line.
        form: ``toa5``, ``csv``, ``json``, or ``auto``.
        layout: The map.
    """
    if form == "auto":
        form = "toa5" if is_toa5_head(first) else "json" if first.lstrip().startswith(b"{") else "csv"
    if form == "json":
        return JsonLines(layout)
    return Table(Toa5Rows(layout) if form == "toa5" else ColumnRows(layout))


class Table:
    """Rows of a table as samples."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def line(self, line: bytes, arrived_ns: int) -> Read | None:
        """As `FileRows.line`."""
        row = self._rows.line(line)
        if row is None or isinstance(row, FrameRejected):
            return row
        return Sample(row.observed_at_ns, arrived_ns, row.numbers)


class JsonLines:
    """JSON, an object a line; a time without an offset is UTC, a line without a time counts when it is read."""

    def __init__(self, layout: SeriesMap) -> None:
        self._parser = LineParser(
            format="json",
            time_key=layout.time.column or TIME,
            time_unit=layout.time.unit,
            wanted={each.column or name: Wanted(name, each.unit) for name, each in layout.channels.items()},
        )
        own = {name: each.missing for name, each in layout.channels.items()}
        self._none = numbers_of(layout.missing)
        self._own = {name: numbers_of(missing) for name, missing in own.items() if missing}

    def line(self, line: bytes, arrived_ns: int) -> Read | None:
        """As `FileRows.line`."""
        found = self._parser.parse(line, arrived_ns) if line.strip() else None
        if not isinstance(found, Sample) or not (self._none or self._own):
            return found
        return Sample(found.observed_at_ns, arrived_ns, tuple(map(self._sifted, found.numbers)))

    def _sifted(self, number: Number) -> Number:
        none = self._none | self._own.get(number.channel, frozenset())
        if number.value is None or plain_number(number.value) not in none:
            return number
        return Number(number.channel, number.unit, None, Flag.MISSING, "not_measured")
