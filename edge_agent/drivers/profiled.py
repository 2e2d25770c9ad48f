"""What a profile decodes as samples: exact numbers, and a reason for each that is not there."""

from __future__ import annotations

from device_profiles.engine.rows import Decoded, Mantissa, Row
from device_profiles.quality import Flag
from device_profiles.rejects import FrameRejected
from device_profiles.wire.limits import MAX_TEXT_BYTES
from device_profiles.wire.values import Scaled, Value
from edge_agent.drivers.ports import Number, Read, Sample, Text


def reads_of(decoded: Decoded | FrameRejected, arrived_ns: int) -> list[Read]:
    """Samples of a decoded frame, or its reject.

    Args:
        decoded: What a profile made of a frame; without rows it gives nothing.
        arrived_ns: When the frame's first byte was read, by the wall clock. [ns]
    """
    if isinstance(decoded, FrameRejected):
        return [decoded]
    return [sample_of(row, arrived_ns) for row in decoded.rows if row.channels or row.texts]


def sample_of(row: Row, arrived_ns: int) -> Sample:
    """One row as a sample; a row that says how old it is counts from its arrival."""
    marks = {mark.column: mark for mark in row.marks}
    numbers = []
    for column, (channel, unit) in enumerate(zip(row.channels, row.units, strict=True)):
        value = _value(row.mantissas[column], row.exponents[column])
        mark = marks.get(column)
        if mark is not None:
            numbers.append(Number(channel, unit, value, mark.flag, mark.reason))
        elif value is None:
            numbers.append(Number(channel, unit, None, Flag.MISSING, "not_measured"))
        else:
            numbers.append(Number(channel, unit, value))
    observed_at_ns = row.observed_at_ns
    if observed_at_ns is None and row.age_ns is not None:
        observed_at_ns = arrived_ns - row.age_ns
    texts = []
    for channel, text in row.texts:
        if len(text.encode()) <= MAX_TEXT_BYTES:
            texts.append(Text(channel, text, is_event=False))
        else:
            numbers.append(Number(channel, "", None, Flag.MISSING, "invalid"))
    return Sample(observed_at_ns, arrived_ns, tuple(numbers), tuple(texts))


def _value(mantissa: Mantissa, exponent: int | None) -> Value | None:
    if mantissa is None:
        return None
    if exponent is None:
        return float(mantissa)
    # A profile scales integers only; a float under an exponent would have lost digits already.
    assert isinstance(mantissa, int), "a scaled value has an integer mantissa"
    return Scaled(mantissa, exponent)
