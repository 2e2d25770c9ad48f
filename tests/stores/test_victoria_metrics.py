"""What VictoriaMetrics makes of our lines: every name, time and number, by its own export."""

from __future__ import annotations

import json
import urllib.parse
import urllib.request
from pathlib import Path

import numpy as np

from collector.stores.line_protocol import Precision, lines_of, series_head
from tests.conftest import wait_until
from tests.stores.servers import victoria_metrics

FROM_MS = 1_780_000_000_000
NAMES = ["river stage", "a,b=c", "वर्षा मिमी", 'say "so"']


def written(address: str, body: bytes) -> int:
    request = urllib.request.Request(f"{address}/write?precision=ms", data=body, method="POST")
    with urllib.request.urlopen(request, timeout=30) as answer:
        return int(answer.status)


def exported(address: str) -> dict[tuple[str, str], dict[int, float]]:
    """Values by name and station."""
    with urllib.request.urlopen(f"{address}/internal/force_flush", timeout=30):
        pass
    query = urllib.parse.urlencode(
        {"match[]": '{station!=""}', "start": FROM_MS // 1000 - 60, "end": FROM_MS // 1000 + 3600}
    )
    with urllib.request.urlopen(f"{address}/api/v1/export?{query}", timeout=30) as answer:
        series = [json.loads(line) for line in answer.read().splitlines()]
    return {
        (each["metric"]["__name__"], each["metric"]["station"]): dict(
            zip(each["timestamps"], each["values"], strict=True)
        )
        for each in series
    }


def test_names_times_and_numbers_come_back_and_the_same_twice_is_one(tmp_path: Path) -> None:
    heads = [series_head("stage", {"station": f"S {name}"}, name) for name in NAMES]
    rows = 240
    series = np.arange(rows, dtype=np.int32) % len(heads)
    # Numbers of instruments: at most fifteen digits, which is what the store promises to keep.
    value = np.round(np.linspace(-40.0, 8848.86, rows), 3)
    value[-2:] = [0.0, 1e-9]
    at_ms = FROM_MS + 1000 * np.arange(rows, dtype=np.int64)
    lines = lines_of(heads, series, value, at_ms * 1_000_000, precision=Precision.MILLISECONDS)
    assert lines.count == rows
    with victoria_metrics(tmp_path / "data") as address:
        assert [written(address, lines.body) for _ in range(2)] == [204, 204]
        wait_until(lambda: sum(map(len, exported(address).values())) >= rows, what="all values to be there")
        found = exported(address)
    wanted: dict[tuple[str, str], dict[int, float]] = {}
    for index in range(rows):
        name = NAMES[series[index]]
        wanted.setdefault((f"stage_{name}", f"S {name}"), {})[int(at_ms[index])] = float(value[index])
    assert found == wanted
