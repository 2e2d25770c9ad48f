"""Rows from the codecs of protocols that a profile names instead of describing frames."""

from __future__ import annotations

from collections.abc import Sequence

from device_profiles.codecs import nmea
from device_profiles.engine.rows import Decoded, Mark, Row
from device_profiles.rejects import FrameRejected


def decode_nmea(frame: bytes) -> Decoded | FrameRejected:
    """One sentence, from ``$`` to its checksum, as a row."""
    sentence = nmea.decode(frame.rstrip(b"\r\n"))
    if isinstance(sentence, FrameRejected):
        return sentence
    rows = (row_of_numbers(sentence.numbers),) if sentence.numbers else ()
    return Decoded(sentence.kind, rows)


def row_of_numbers(numbers: Sequence[nmea.Number], observed_at_ns: int | None = None) -> Row:
    """A row of what one or several sentences say."""
    marks = [Mark(index, number.flag, number.reason) for index, number in enumerate(numbers) if number.reason]
    return Row(
        channels=tuple(number.channel for number in numbers),
        units=tuple(number.unit for number in numbers),
        mantissas=[None if number.value is None else number.value.mantissa for number in numbers],
        exponents=tuple(0 if number.value is None else number.value.exponent for number in numbers),
        marks=tuple(marks),
        observed_at_ns=observed_at_ns,
    )
