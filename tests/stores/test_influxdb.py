"""What InfluxDB 2 makes of our lines: every name, time and number, by its own query; and that a kill loses none."""

from __future__ import annotations

import csv
import io
import json
import urllib.request
from pathlib import Path

import numpy as np

from collector.stores.line_protocol import Encoder
from collector.stores.lines import Lines
from collector.stores.mapping import MappingOptions
from collector.stores.ports import SeriesFacts
from simulators.demo.servers import InfluxDB
from tests.stores.made import readings
from tests.stores.servers import influxdb

FROM_NS = 1_780_000_000_123_456_789
NAMES = ["river stage", "a,b=c", "वर्षा मिमी", 'say "so"']
ROWS = 240


def posted(store: InfluxDB, path: str, body: bytes, kind: str) -> bytes:
    request = urllib.request.Request(
        f"{store.address}{path}",
        data=body,
        headers={"Authorization": f"Token {store.token}", "Content-Type": kind},
        method="POST",
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return bytes(answer.read())


def write(store: InfluxDB, lines: Lines) -> None:
    path = f"/api/v2/write?org={store.org}&bucket={store.bucket}&precision=ns"
    for piece in lines.pieces:
        assert posted(store, path, piece, "text/plain; charset=utf-8") == b""


def found(store: InfluxDB) -> dict[tuple[str, str], dict[int, float]]:
    """Values by field and device, by time. [ns]."""
    query = (
        f'from(bucket: "{store.bucket}") |> range(start: 2000-01-01T00:00:00Z, stop: 2100-01-01T00:00:00Z)'
        " |> map(fn: (r) => ({r with at: int(v: r._time)}))"
    )
    body = json.dumps({"query": query, "dialect": {"annotations": [], "header": True}}).encode()
    answer = posted(store, f"/api/v2/query?org={store.org}", body, "application/json").decode()
    values: dict[tuple[str, str], dict[int, float]] = {}
    for table in answer.strip().split("\r\n\r\n"):
        for row in csv.DictReader(io.StringIO(table)):
            values.setdefault((row["_field"], row["device"]), {})[int(row["at"])] = float(row["_value"])
    return values


def test_names_times_and_numbers_come_back_the_same_twice_is_one_and_a_kill_loses_none(tmp_path: Path) -> None:
    table = [SeriesFacts("a1", f"S {name}", "", name, "") for name in NAMES]
    series = np.arange(ROWS) % len(table)
    value = np.linspace(-40.0, 8848.86, ROWS)
    value[-3:] = [0.0, 1e-300, 1.7976931348623157e308]
    # Nanoseconds that a float could not hold.
    at_ns = FROM_NS + 1_000_000_007 * np.arange(ROWS)
    rows = list(zip(series.tolist(), at_ns.tolist(), value.tolist(), strict=True))
    encoded = Encoder(MappingOptions(), str).encode(readings(table, rows))
    lines = encoded.lines
    assert encoded.values == ROWS
    wanted: dict[tuple[str, str], dict[int, float]] = {}
    for number, at, number_value in rows:
        wanted.setdefault((NAMES[number], f"S {NAMES[number]}"), {})[at] = number_value
    with influxdb(tmp_path / "data") as store:
        write(store, lines)
        write(store, lines)
        assert found(store) == wanted
        store.kill()
        store.start()
        assert found(store) == wanted
