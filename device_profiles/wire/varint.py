"""Integers in as few bytes as they need: LEB128 varints, zigzag, short nanoseconds."""

from __future__ import annotations

from typing import Final

_MASK64: Final = (1 << 64) - 1
_SIGN: Final = 1 << 63


def zigzag(value: int) -> int:
    """Signed to unsigned, small magnitudes to small numbers: 0, -1, 1, -2 become 0, 1, 2, 3."""
    return (value << 1) ^ (value >> 63)


def unzigzag(value: int) -> int:
    """The inverse of `zigzag`."""
    return (value >> 1) ^ -(value & 1)


def wrap64(value: int) -> int:
    """Reduce to a signed 64-bit integer, as two's complement arithmetic does."""
    return ((value + _SIGN) & _MASK64) - _SIGN


def put_varint(out: bytearray, value: int) -> None:
    """Append an unsigned integer, seven bits a byte, lowest first, high bit on all bytes but the last."""
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)


def varint_length(value: int) -> int:
    """Bytes that `put_varint` appends."""
    return max(1, (value.bit_length() + 6) // 7)


def read_varints(data: bytes) -> list[int]:
    """All varints of ``data``.

    Raises:
        ValueError: The last one is cut off, or one is longer than ten bytes or 64 bits.
    """
    values: list[int] = []
    value = shift = 0
    for byte in data:
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if value > _MASK64:
                raise ValueError("varint above 64 bits")
            values.append(value)
            value = shift = 0
        else:
            shift += 7
            if shift > 63:
                raise ValueError("varint of more than ten bytes")
    if shift:
        raise ValueError("varint cut off")
    return values


def to_short_ns(value_ns: int) -> int:
    """Nanoseconds as one integer that is short when they are round.

    Multiples of 100 ns become ``mantissa << 4 | (power - 2) << 1 | 1`` with a power of ten from 2 to 9, everything
    else ``value_ns << 1``. A whole second of this century so takes five bytes as a varint instead of nine.

    Raises:
        ValueError: Not a signed 64-bit number from 0.
    """
    if not 0 <= value_ns < _SIGN:
        raise ValueError(f"not within 0 and 2**63 ns: {value_ns}")
    if value_ns % 100:
        return value_ns << 1
    power = 2
    mantissa = value_ns // 100
    while power < 9 and mantissa % 10 == 0:
        mantissa //= 10
        power += 1
    return mantissa << 4 | (power - 2) << 1 | 1


def from_short_ns(value: int) -> int:
    """The inverse of `to_short_ns`.

    Raises:
        ValueError: Above 63 bits.
    """
    value_ns = (value >> 4) * 10 ** ((value >> 1 & 7) + 2) if value & 1 else value >> 1
    if value_ns >= _SIGN:
        raise ValueError("time above 63 bits")
    return value_ns
