"""The tables of the lake, once as SQL for the catalogue and once as Arrow for the Parquet files.

A value is the number before calibration, as the double nearest to ``mantissa * 10**exponent``. The exponent stands in
the series dictionary, so that ``21.50`` comes back as ``21.50``: up to 15 digits, a double and the exponent give the
decimal text again without doubt. The few longer ones have their integer in ``exact`` as well. A series without an
exponent holds doubles bit for bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pyarrow as pa

MANTISSA_EXACT_MAX: Final = 10**15
"""Every decimal of at most 15 digits survives the way into a double and back (IEEE 754, DBL_DIG)."""

DOUBLE: Final = 127
"""Exponent of a reading that came as a double, as the decoder gives it."""


@dataclass(frozen=True, slots=True)
class Table:
    """One table of the lake.

    Attributes:
        name: Its name in the catalogue and its folder below ``data/main``.
        columns: Name and SQL type, in order.
        arrow: The same columns as Arrow types.
        by_day: Files are split by the UTC day of ``observed_at``.
        sorted_by: Order that merged files are written in.
    """

    name: str
    columns: tuple[tuple[str, str], ...]
    arrow: pa.Schema
    by_day: bool = False
    sorted_by: tuple[str, ...] = ()

    def statements(self) -> list[str]:
        """SQL that creates the table in the attached lake."""
        columns = ", ".join(f"{name} {kind}" for name, kind in self.columns)
        made = [f"CREATE TABLE lake.{self.name} ({columns})"]
        if self.by_day:
            days = "year(observed_at), month(observed_at), day(observed_at)"
            made.append(f"ALTER TABLE lake.{self.name} SET PARTITIONED BY ({days})")
        if self.sorted_by:
            made.append(f"ALTER TABLE lake.{self.name} SET SORTED BY ({', '.join(self.sorted_by)})")
        return made


_ARROW: Final[dict[str, pa.DataType]] = {
    "UTINYINT": pa.uint8(),
    "TINYINT": pa.int8(),
    "INTEGER": pa.int32(),
    "BIGINT": pa.int64(),
    "UBIGINT": pa.uint64(),
    "DOUBLE": pa.float64(),
    "VARCHAR": pa.string(),
    "BLOB": pa.binary(),
    "TIMESTAMP_NS": pa.timestamp("ns"),
}


def _table(name: str, columns: str, *, by_day: bool = False, sorted_by: tuple[str, ...] = ()) -> Table:
    pairs = tuple((part.split()[0], part.split()[1]) for part in columns.split(","))
    return Table(name, pairs, pa.schema([(column, _ARROW[kind]) for column, kind in pairs]), by_day, sorted_by)


READING: Final = _table(
    "reading",
    "series_id INTEGER, observed_at TIMESTAMP_NS, value DOUBLE, flag UTINYINT, block_id BIGINT",
    by_day=True,
    sorted_by=("series_id", "observed_at"),
)
"""One row a reading. ``observed_at`` is UTC."""

EXACT: Final = _table("exact", "series_id INTEGER, observed_at TIMESTAMP_NS, mantissa BIGINT, block_id BIGINT")
"""Integers of readings with more digits than a double keeps."""

SERIES: Final = _table(
    "series", "series_id INTEGER, agent VARCHAR, device VARCHAR, channel VARCHAR, unit VARCHAR, exponent TINYINT"
)
"""What a series id stands for. ``exponent`` is NULL where the sensor sends doubles."""

BLOCK: Final = _table(
    "block",
    "block_id BIGINT, store_id BLOB, generation BIGINT, position BIGINT, received_at_ns BIGINT, "
    "agent VARCHAR, segment UBIGINT, ordinal UBIGINT, seq UBIGINT, device VARCHAR, digest BLOB, "
    "row_count INTEGER, readings INTEGER, readings_total UBIGINT, "
    "profile VARCHAR, profile_version BIGINT, profile_digest BLOB, "
    "boot_id BLOB, boottime_ns BIGINT, wall_ns BIGINT, clock_state UTINYINT, clock_error_ns BIGINT",
    sorted_by=("agent", "segment", "seq"),
)
"""One row a block: where it came from, its clock, its place in the journal. Re-projection is an anti-join on it."""

EVENT: Final = _table(
    "event",
    "agent VARCHAR, device VARCHAR, channel VARCHAR, observed_at TIMESTAMP_NS, text VARCHAR, block_id BIGINT",
)
"""Text events; each counts as one reading."""

LOSS: Final = _table(
    "loss",
    "agent VARCHAR, reason VARCHAR, segment UBIGINT, intervals VARCHAR, readings UBIGINT, device VARCHAR, "
    "first_ns BIGINT, last_ns BIGINT, block_id BIGINT",
)
"""Readings that were given up, with the reason; ``intervals`` of sequence numbers as ``1-5,9``."""

ANCHOR: Final = _table(
    "anchor",
    "agent VARCHAR, boot_id BLOB, boottime_ns BIGINT, utc_ns BIGINT, error_ns BIGINT, source UTINYINT, block_id BIGINT",
)
"""When a clock became known or stepped."""

TABLES: Final = (READING, EXACT, SERIES, BLOCK, EVENT, LOSS, ANCHOR)
