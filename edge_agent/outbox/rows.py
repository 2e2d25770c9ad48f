"""Rows in compact form for the open table: readable again after a crash, whatever the Python.

JSON in columns, because the standard library writes it at C speed: integers are mantissas, numbers with a point or an
exponent are doubles (``repr`` round-trips them), null is missing.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from device_profiles.wire.model import ColumnSpec, Row, TextEvent
from device_profiles.wire.values import Scaled, Value


def encode_rows(specs: Sequence[ColumnSpec], rows: Sequence[Row], texts: Sequence[TextEvent] = ()) -> bytes:
    """Rows of one device under the same columns, and what it said in words, as bytes."""
    values: list[list[int | float | None]] = []
    scales: list[int | list[int]] = []
    for column in zip(*(row.values for row in rows), strict=True):
        numbers = [value[0] if type(value) is Scaled else value for value in column]
        exponents = [value[1] if type(value) is Scaled else 0 for value in column]
        values.append(numbers)
        scales.append(exponents[0] if exponents.count(exponents[0]) == len(exponents) else exponents)
    start = rows[0].observed_at_ns if rows else 0
    fields: dict[str, object] = {
        "columns": [(spec.channel, spec.unit) for spec in specs],
        "start": start,
        "after": [row.observed_at_ns - start for row in rows],
        "scales": scales,
        "values": values,
    }
    if any(row.flags for row in rows):
        fields["flags"] = [row.flags for row in rows]
    if texts:
        fields["texts"] = [(text.channel, text.observed_at_ns, text.text) for text in texts]
    return json.dumps(fields, separators=(",", ":")).encode()


def decode_rows(data: bytes) -> tuple[list[ColumnSpec], list[Row]]:
    """The rows that `encode_rows` wrote.

    Raises:
        ValueError: Not what it wrote.
    """
    try:
        fields = json.loads(data)
        specs = [ColumnSpec(channel, unit) for channel, unit in fields["columns"]]
        after: list[int] = fields["after"]
        columns = [_column(*pair, len(after)) for pair in zip(fields["values"], fields["scales"], strict=True)]
        tuples = list(zip(*columns, strict=True)) if columns else [() for _ in after]
        flags = [tuple(flag) for flag in fields["flags"]] if "flags" in fields else [()] * len(after)
        start: int = fields["start"]
        rows = [Row(start + later, value, flag) for later, value, flag in zip(after, tuples, flags, strict=True)]
    except (KeyError, TypeError) as exc:
        raise ValueError(f"not rows: {exc}") from exc
    return specs, rows


def decode_texts(data: bytes) -> tuple[TextEvent, ...]:
    """The texts that `encode_rows` wrote.

    Raises:
        ValueError: Not what it wrote.
    """
    try:
        return tuple(TextEvent(*text) for text in json.loads(data).get("texts", ()))
    except (AttributeError, TypeError) as exc:
        raise ValueError(f"not texts: {exc}") from exc


def _column(numbers: list[int | float | None], scale: int | list[int], count: int) -> list[Value | None]:
    scales = scale if isinstance(scale, list) else [scale] * count
    return [Scaled(number, by) if type(number) is int else number for number, by in zip(numbers, scales, strict=True)]
