"""Numbers of a field table, compiled: scale and offset, sentinels, limits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from device_profiles.engine.channels import Residual
from device_profiles.engine.decimals import as_decimal, short_decimal
from device_profiles.engine.types import FieldType

Field = Mapping[str, Any]
Test = Callable[[Any, list[Any]], object]


def less(limit: Any) -> Callable[[Any, list[Any]], object]:  # noqa: ANN401
    """Whether a number is below a limit."""
    return lambda value, _slots: value.__class__ is not str and value < limit


def greater(limit: Any) -> Callable[[Any, list[Any]], object]:  # noqa: ANN401
    """Whether a number is above a limit."""
    return lambda value, _slots: value.__class__ is not str and value > limit


def condition(function: Callable[[Any], Any]) -> Callable[[Any, list[Any]], object]:
    """Whether an expression over the frame holds."""
    return lambda _value, slots: function(slots)


def scale(table: Field, *, is_float: bool) -> tuple[int, int, int, Residual | None]:
    """Multiplier, added integer and exponent of the wire number, and the scale left for the transform."""
    add = int(table.get("add") or 0)
    scale = as_decimal(table.get("scale", 1), f"scale of {table['name']}")
    offset = as_decimal(table.get("offset", 0), f"offset of {table['name']}")
    divisor = int(table.get("divide") or 1)
    short = short_decimal(scale)
    if not is_float and divisor == 1 and short is not None:
        factor, power = short
        steps = offset / Decimal(10) ** power
        if steps == steps.to_integral_value():
            return factor, add * factor + int(steps), power, None
    if scale == 1 and not offset and divisor == 1:
        return 1, add, 0, None
    a, b = scale.as_integer_ratio()
    c, d = offset.as_integer_ratio()
    # (x·a/b + c/d) / divisor, as one fraction of integers.
    return 1, add, 0, (a * d, c * b, b * d * divisor)


def sentinel(value: Any, kind: FieldType | None) -> Any:  # noqa: ANN401
    """A sentinel as the type reads it: 0xFFFF of a signed field is -1."""
    number = plain(value)
    if kind is not None and kind.signed_bits and isinstance(number, int) and number >= 1 << (kind.signed_bits - 1):
        return number - (1 << kind.signed_bits)
    return number


def plain(value: Any) -> Any:  # noqa: ANN401
    """A number of TOML as int where it is whole, else float."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value


def listed(value: Any) -> list[Any]:  # noqa: ANN401
    """One or several as several."""
    return value if isinstance(value, list) else [value]


def code(key: str) -> Any:  # noqa: ANN401
    """A key of TOML as the number it writes, else as text."""
    return int(key, 0) if key.lstrip("-").isdigit() or key.startswith("0x") else key
