"""Rows into columns: what a block builder does when it seals."""

from __future__ import annotations

from collections.abc import Sequence

from device_profiles.wire.limits import MAX_EXPONENT
from device_profiles.wire.model import NOT_EVALUATED, Column, ColumnSpec, Row
from device_profiles.wire.values import Scaled, Value, fits


def columns_from_rows(specs: Sequence[ColumnSpec], rows: Sequence[Row]) -> tuple[Column, ...]:
    """Transpose rows; every decimal column takes the finest exponent among its values, so no digit is lost.

    ``21.5`` beside ``21.25`` becomes 2150 and 2125 at exponent -2: equal in value; that the first was written with
    one decimal is not kept. Doubles, and decimals that reach no common 64-bit scale with the others, go to further
    columns of the same channel. A column without any value is left out, and so is the flag of a missing value.

    Raises:
        ValueError: A row does not have one value (or, with flags, one flag) per column.
    """
    for row in rows:
        if len(row.values) != len(specs) or (row.flags and len(row.flags) != len(specs)):
            raise ValueError(f"a row of {len(row.values)} values and {len(row.flags)} flags for {len(specs)} columns")
    flagged = any(row.flags for row in rows)
    columns: list[Column] = []
    for at, spec in enumerate(specs):
        values = [row.values[at] for row in rows]
        flags = [row.flags[at] if row.flags else NOT_EVALUATED for row in rows] if flagged else []
        columns += _columns_of(spec, values, flags)
    return tuple(columns)


def _columns_of(spec: ColumnSpec, values: list[Value | None], flags: list[int]) -> list[Column]:
    doubles: list[int] = []
    by_exponent: dict[int, list[int]] = {}
    for row, value in enumerate(values):
        if type(value) is Scaled:
            by_exponent.setdefault(value.exponent, []).append(row)
        elif value is not None:
            doubles.append(row)
    columns: list[Column] = []
    for exponent, members in _common_scales(values, by_exponent):
        made: list[int | float | None] = [None] * len(values)
        for row in members:
            value = values[row]
            assert type(value) is Scaled
            made[row] = value.mantissa * 10 ** (value.exponent - exponent)
        columns.append(Column(spec.channel, spec.unit, exponent, tuple(made), _sparse(flags, members)))
    if doubles:
        made = [None] * len(values)
        for row in doubles:
            value = values[row]
            assert value is not None
            made[row] = float(value)  # type: ignore[arg-type]
        columns.append(Column(spec.channel, spec.unit, None, tuple(made), _sparse(flags, doubles)))
    return columns


def _common_scales(values: list[Value | None], by_exponent: dict[int, list[int]]) -> list[tuple[int, list[int]]]:
    """Group rows by a common exponent, finest first; one group unless mantissas would leave 64 bits.

    Raises:
        ValueError: A decimal the wire has no place for.
    """
    groups: list[tuple[int, list[int]]] = []
    left = sorted(by_exponent.items())
    while left:
        finest = left[0][0]
        members: list[int] = []
        later: list[tuple[int, list[int]]] = []
        for exponent, rows in left:
            factor = 10 ** (exponent - finest)
            taken = [row for row in rows if fits(_mantissa(values[row]) * factor)]
            members += taken
            if len(taken) < len(rows):
                kept = set(taken)
                later.append((exponent, [row for row in rows if row not in kept]))
        if not members or abs(finest) > MAX_EXPONENT:
            raise ValueError(f"decimal beyond 64 bits or exponent {MAX_EXPONENT}: {values[left[0][1][0]]}")
        groups.append((finest, sorted(members)))
        left = later
    return groups


def _mantissa(value: Value | None) -> int:
    assert type(value) is Scaled
    return value.mantissa


def _sparse(flags: list[int], members: list[int]) -> tuple[tuple[int, int], ...]:
    if not flags:
        return ()
    return tuple((row, flags[row]) for row in sorted(members) if flags[row] != NOT_EVALUATED)
