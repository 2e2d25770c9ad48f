"""The part of a block that stays the same from block to block of a device: profile, names, units, exponents.

Inflated layout::

    +-----------------+----------------+-----------------+-----------+---------------+------------------------------+
    | profile version | profile digest | columns, varint | time unit | exponents     | profile LF                   |
    | varint          | 8 bytes        |                 | 1 byte    | 1 byte each   | channel TAB unit LF, each    |
    +-----------------+----------------+-----------------+-----------+---------------+------------------------------+

An exponent byte is the exponent + 64, or 0 for a column of doubles. Row times count in 10**(time unit) ns.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from device_profiles.wire import limits
from device_profiles.wire.checks import at_most, name
from device_profiles.wire.compression import deflate, inflate
from device_profiles.wire.model import ColumnSpec, ProfileRef
from device_profiles.wire.varint import put_varint

_BIAS = 64
_DIGEST_BYTES = 8
MAX_TIME_UNIT = 18


@dataclass(frozen=True, slots=True)
class Schema:
    """What a block's columns are.

    Attributes:
        profile: Which profile made sense of the device.
        columns: Channel and unit of each column.
        exponents: Decimal exponent of each column, ``None`` for doubles.
        time_unit: Row times are the first one plus multiples of ``10**time_unit`` ns.
    """

    profile: ProfileRef
    columns: tuple[ColumnSpec, ...]
    exponents: tuple[int | None, ...]
    time_unit: int


@lru_cache(maxsize=256)
def encode_schema(schema: Schema) -> bytes:
    """The deflated bytes of a schema. Remembered: a device's next block mostly has the same.

    Raises:
        ValueError: Names are too many and too long.
    """
    head = bytearray()
    put_varint(head, schema.profile.version)
    head += schema.profile.digest
    put_varint(head, len(schema.columns))
    head.append(schema.time_unit)
    head += bytes(0 if exponent is None else exponent + _BIAS for exponent in schema.exponents)
    lines = [f"{column.channel}\t{column.unit}\n" for column in schema.columns]
    raw = bytes(head) + "".join((schema.profile.profile, "\n", *lines)).encode()
    at_most(len(raw), limits.MAX_SCHEMA_BYTES, "bytes of schema")
    return deflate(raw)


@lru_cache(maxsize=4096)
def decode_schema(data: bytes) -> Schema:
    """The schema in these bytes. Remembered, so that a run of blocks of one device inflates it once.

    Raises:
        Unpackable: It does not inflate, or to more than the limit.
        ValueError: It contradicts itself or breaks a limit.
    """
    raw = inflate(data, limits.MAX_SCHEMA_BYTES)
    version, at = _varint(raw, 0)
    digest = raw[at : at + _DIGEST_BYTES]
    count, at = _varint(raw, at + _DIGEST_BYTES)
    at_most(count, limits.MAX_COLUMNS, "columns")
    if len(raw) < at + 1 + count:
        raise ValueError("schema cut off")
    time_unit = raw[at]
    at_most(time_unit, MAX_TIME_UNIT, "powers of ten in the time unit")
    exponents = tuple(byte - _BIAS if byte else None for byte in raw[at + 1 : at + 1 + count])
    if any(exponent is not None and abs(exponent) > limits.MAX_EXPONENT for exponent in exponents):
        raise ValueError("exponent out of range")
    profile, *lines = raw[at + 1 + count :].decode("utf-8").split("\n")
    if len(lines) != count + 1 or lines.pop():
        raise ValueError(f"{len(lines)} names for {count} columns")
    columns = []
    for line in lines:
        channel, tab, unit = line.partition("\t")
        if not tab:
            raise ValueError("a column without unit")
        columns.append(ColumnSpec(name(channel, "channel"), name(unit, "unit", empty=True)))
    return Schema(ProfileRef(name(profile, "profile"), version, digest), tuple(columns), exponents, time_unit)


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    for position in range(at, min(at + 5, len(raw))):
        value |= (raw[position] & 0x7F) << shift
        shift += 7
        if raw[position] < 0x80:
            return value, position + 1
    raise ValueError("schema cut off")
