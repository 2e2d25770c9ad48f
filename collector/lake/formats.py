"""Answers as people and programs take them: table, CSV, JSON, Parquet. All stream; none holds the whole answer."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from collector.lake.instants import iso_text
from collector.lake.numerals import decimal_text
from collector.lake.query import SCHEMA

Renderer = Callable[[Iterable[pa.RecordBatch]], Iterator[str]]

FLAG_WORDS: Final = {1: "good", 2: "not evaluated", 3: "suspect", 4: "fail", 9: "missing"}
"""QARTOD flags in words."""

_HEADER: Final = ("observed_at", "agent", "device", "channel", "value", "unit", "flag")


def as_table(batches: Iterable[pa.RecordBatch]) -> Iterator[str]:
    """Lines for a terminal; columns are as wide as the first rows need and grow when later ones need more."""
    widths = [len(word) for word in _HEADER]
    first = True
    rows = 0
    for batch in batches:
        lines = [
            tuple(
                printable(cell)
                for cell in (
                    iso_text(row["observed_at_ns"]),
                    row["agent"],
                    row["device"],
                    row["channel"],
                    _value_text(row),
                    row["unit"],
                    FLAG_WORDS.get(row["flag"], str(row["flag"])),
                )
            )
            for row in batch.to_pylist()
        ]
        widths = [max(width, *(len(line[at]) for line in lines), 0) for at, width in enumerate(widths)]
        if first and lines:
            yield _line(_HEADER, widths)
            first = False
        yield "".join(_line(line, widths) for line in lines)
        rows += len(lines)
    if not rows:
        yield "nothing between these instants\n"


def as_csv(batches: Iterable[pa.RecordBatch]) -> Iterator[str]:
    """RFC 4180 with a header line; numbers as the sensor wrote them."""
    yield ",".join(_HEADER) + "\r\n"
    for batch in batches:
        out = io.StringIO()
        writer = csv.writer(out)
        writer.writerows(
            (
                iso_text(row["observed_at_ns"]),
                row["agent"],
                row["device"],
                row["channel"],
                _value_text(row),
                row["unit"],
                row["flag"],
            )
            for row in batch.to_pylist()
        )
        yield out.getvalue()


def as_json(batches: Iterable[pa.RecordBatch]) -> Iterator[str]:
    """One array, one object a line; numbers keep their decimals; text events and non-finite doubles are strings."""
    before = "[\n"
    for batch in batches:
        parts = []
        for row in batch.to_pylist():
            parts += [before, _json_line(row)]
            before = ",\n"
        yield "".join(parts)
    yield "\n]\n" if before == ",\n" else "[]\n"


def write_parquet(batches: Iterable[pa.RecordBatch], path: Path) -> int:
    """Write an answer as one Parquet file and return its rows. ``observed_at_ns`` becomes a timestamp in UTC."""
    kind = pa.timestamp("ns", tz="UTC")
    at = SCHEMA.get_field_index("observed_at_ns")
    schema = SCHEMA.set(at, pa.field("observed_at", kind))
    rows = 0
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for batch in batches:
            columns = list(batch.columns)
            columns[at] = columns[at].cast(kind)
            writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=schema))
            rows += batch.num_rows
    return rows


TEXT_FORMATS: Final[dict[str, Renderer]] = {"table": as_table, "csv": as_csv, "json": as_json}


def printable(text: str) -> str:
    """The text without what could move a terminal's cursor or end its line."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def _value_text(row: dict[str, Any]) -> str:
    if row["text"] is not None:
        return str(row["text"])
    return decimal_text(row["value"], row["exponent"], row["mantissa"])


def _json_line(row: dict[str, Any]) -> str:
    text = _value_text(row)
    number = row["text"] is None and math.isfinite(row["value"])
    names = ("agent", "device", "channel", "unit")
    fields = {name: row[name] for name in names} | {
        "observed_at": iso_text(row["observed_at_ns"]),
        "observed_at_ns": row["observed_at_ns"],
        "flag": row["flag"],
    }
    # The number goes in as text: a float would lose the trailing zeros that tell the sensor's resolution.
    return json.dumps(fields)[:-1] + f', "value": {text if number else json.dumps(text)}}}'


def _line(cells: Iterable[str], widths: list[int]) -> str:
    padded = [
        cell.rjust(width) if name == "value" else cell.ljust(width)
        for name, cell, width in zip(_HEADER, cells, widths, strict=True)
    ]
    return "  ".join(padded).rstrip() + "\n"
