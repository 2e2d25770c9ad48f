"""From columns of readings to line protocol: whole columns at a time, never an object per point.

A line is ``measurement,tag=value field=number time``. What names a series is the same for all its readings, so it is
escaped once per series; per reading only a number and a time are written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

_UNWRITABLE: Final = str.maketrans({"\\": "\N{FULLWIDTH REVERSE SOLIDUS}", "\n": "\u2424", "\r": "\u240d"})
"""What the format cannot hold, or its readers read differently: each is written as a sign that looks like it."""

_MEASUREMENT: Final = str.maketrans({",": r"\,", " ": r"\ "})
_KEY: Final = str.maketrans({",": r"\,", " ": r"\ ", "=": r"\="})


class Precision(IntEnum):
    """Unit in which a store counts time, in nanoseconds."""

    NANOSECONDS = 1
    MICROSECONDS = 1_000
    MILLISECONDS = 1_000_000
    SECONDS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Lines:
    """Readings in line protocol.

    Attributes:
        body: The lines, each ended by a newline, in the order of the readings.
        count: Lines in it.
        left_out: Readings without a finite number: the format has no word for them, and zero would be a lie.
    """

    body: bytes
    count: int
    left_out: int


def series_head(measurement: str, tags: Mapping[str, str], field: str) -> str:
    """What each line of a series begins with, up to and with the equals sign of its field.

    Tags are sorted, which stores take fastest; one without a value is left out, as the format wants it.

    Raises:
        ValueError: Measurement, field or the name of a tag is empty.
    """
    if not measurement or not field or not all(tags):
        msg = "measurement, field and tags need a name"
        raise ValueError(msg)
    name = measurement.translate(_UNWRITABLE).translate(_MEASUREMENT)
    if name.startswith("#"):  # A line that begins so is a comment.
        name = "\N{FULLWIDTH NUMBER SIGN}" + name[1:]
    pairs = "".join(f",{_key(key)}={_key(tags[key])}" for key in sorted(tags) if tags[key])
    return f"{name}{pairs} {_key(field)}="


def lines_of(
    heads: Sequence[str],
    series: npt.NDArray[np.int32],
    value: npt.NDArray[np.float64],
    observed_at_ns: npt.NDArray[np.int64],
    *,
    precision: Precision = Precision.NANOSECONDS,
) -> Lines:
    """Lines of readings, one each. Numbers are always written as floats, so that a field's type never flips.

    Args:
        heads: From `series_head`, by series.
        series: Index into ``heads`` of each reading.
        value: Of each reading; written with the fewest digits that give the same double back.
        observed_at_ns: Of each reading, UTC Unix time. [ns]
        precision: Unit of the time written; what is finer is cut towards the past.
    """
    finite = np.isfinite(value)
    left_out = len(value) - int(np.count_nonzero(finite))
    if left_out:
        series, value, observed_at_ns = series[finite], value[finite], observed_at_ns[finite]
    if not len(value):
        return Lines(b"", 0, left_out)
    frame = pl.DataFrame(
        {
            "head": pl.Series(heads, dtype=pl.String).gather(pl.Series(series)),
            "value": value,
            "time": observed_at_ns // int(precision),
        }
    )
    line = pl.concat_str(
        pl.col("head"), pl.col("value").cast(pl.String), pl.lit(" "), pl.col("time").cast(pl.String), pl.lit("\n")
    )
    text: str = frame.select(line.str.join("")).item()
    return Lines(text.encode(), len(value), left_out)


def _key(text: str) -> str:
    return text.translate(_UNWRITABLE).translate(_KEY)
