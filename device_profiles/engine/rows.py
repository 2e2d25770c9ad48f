"""What decoding gives: wire rows of raw numbers, and readings after transforms."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from device_profiles.quality import Flag

Mantissa = int | float | None


class Mark(NamedTuple):
    """Why one number of a row is missing or doubtful.

    Attributes:
        column: Index in the row.
        flag: MISSING and FAIL carry no number; SUSPECT does.
        reason: Word of `quality.REASONS`.
    """

    column: int
    flag: Flag
    reason: str


@dataclass(slots=True)
class Row:
    """Numbers of one instant as the device sent them, before calibration and dated parameters.

    The number of column ``i`` is ``mantissas[i] * 10 ** exponents[i]`` in ``units[i]``; where the exponent is None the
    mantissa is an IEEE double. Rows of one frame kind share their tuples.

    Attributes:
        channels: Channel of each column.
        units: UCUM unit of each number as sent.
        mantissas: None where there is no number; a mark then says why.
        exponents: Decimal exponent, or None for a double.
        marks: Sparse flags and reasons.
        texts: Channel and text of identity or status strings.
        observed_at_ns: Time the device gave, UTC Unix; None when it gave none. [ns]
        age_ns: How long before arrival the device measured; None when it does not say. [ns]
    """

    channels: tuple[str, ...]
    units: tuple[str, ...]
    mantissas: list[Mantissa]
    exponents: tuple[int | None, ...]
    marks: tuple[Mark, ...] = ()
    texts: tuple[tuple[str, str], ...] = ()
    observed_at_ns: int | None = None
    age_ns: int | None = None


@dataclass(slots=True)
class Decoded:
    """A frame that was read.

    Attributes:
        frame: Name of the frame kind in the profile.
        rows: One, or several where the device sends history; none for frames that carry no readings.
        incomplete: What could not be read of the rest of the frame; empty when all was.
    """

    frame: str
    rows: tuple[Row, ...]
    incomplete: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """One channel's value after transforms.

    Attributes:
        channel: Channel id.
        value: In ``unit``; None when missing or failed.
        unit: UCUM code.
        flag: UNKNOWN (not evaluated) when nothing is known against it.
        reason: Why it is flagged.
        text: Text channels only.
    """

    channel: str
    value: float | None
    unit: str
    flag: Flag = Flag.UNKNOWN
    reason: str = ""
    text: str | None = field(default=None)


def number(mantissa: Mantissa, exponent: int | None) -> float | None:
    """The nearest double to ``mantissa * 10 ** exponent``, correctly rounded."""
    if mantissa is None:
        return None
    if exponent is None or exponent == 0:
        return float(mantissa)
    try:
        return mantissa / 10**-exponent if exponent < 0 else float(mantissa * 10**exponent)
    except OverflowError:
        return None
