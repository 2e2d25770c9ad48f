"""What VictoriaMetrics makes of our lines: every name, time and number, by its own export."""

from __future__ import annotations

import json
import urllib.parse
import urllib.request
from pathlib import Path

import numpy as np

from collector.stores.line_protocol import Encoder
from collector.stores.mapping import MappingOptions
from collector.stores.ports import SeriesFacts
from tests.conftest import wait_until
from tests.stores.made import NOW_NS, readings
from tests.stores.servers import victoria_metrics

DEDUP = "-dedup.minScrapeInterval=1ms"
NAMES = ["river stage", "a,b=c", "वर्षा मिमी", 'say "so"']

Found = dict[tuple[str, str], dict[int, float]]


def written(address: str, body: bytes) -> int:
    request = urllib.request.Request(f"{address}/write?precision=ms", data=body, method="POST")
    with urllib.request.urlopen(request, timeout=30) as answer:
        return int(answer.status)


def exported(address: str, *, raw: bool = False) -> Found:
    """Values by name and device; raw ones may hold a time twice, which the caller sees as a wrong count."""
    with urllib.request.urlopen(f"{address}/internal/force_flush", timeout=30):
        pass
    query = urllib.parse.urlencode({"match[]": '{device!=""}', "start": 0, "end": NOW_NS // 10**9 + 3600})
    with urllib.request.urlopen(f"{address}/api/v1/export?{query}", timeout=30) as answer:
        series = [json.loads(line) for line in answer.read().splitlines()]
    found: Found = {}
    for each in series:
        at = each["timestamps"]
        assert raw or len(set(at)) == len(at), "a time twice"
        found[each["metric"]["__name__"], each["metric"]["device"]] = dict(zip(at, each["values"], strict=True))
    return found


def test_names_times_and_numbers_come_back_and_the_same_twice_is_one(tmp_path: Path) -> None:
    table = [SeriesFacts("a1", f"S {name}", "", name, "") for name in NAMES]
    count = 240
    series = np.arange(count) % len(NAMES)
    # Numbers of instruments: at most fifteen digits, which is what the store promises to keep.
    value = np.round(np.linspace(-40.0, 8848.86, count), 3)
    value[-2:] = [0.0, 1e-9]
    at_ms = NOW_NS // 10**6 - 1000 * np.arange(count)
    rows = [(int(s), int(t) * 10**6, float(v)) for s, t, v in zip(series, at_ms, value, strict=True)]
    # Two of one series in one millisecond: the larger stays, sent together or one after the other.
    same = [(0, int(at_ms[0]) * 10**6 + 5, 7777.5), (0, int(at_ms[0]) * 10**6 + 9, 12.0)]
    encoder = Encoder(MappingOptions(store="victoriametrics"), str, clock_ns=lambda: NOW_NS)
    first, second = encoder.encode(readings(table, rows)), encoder.encode(readings(table, same))
    assert (first.values, second.values, second.left_out["folded"], first.inexact) == (count, 1, 1, 0)
    wanted: Found = {}
    for number, at, number_value in zip(series.tolist(), at_ms.tolist(), value.tolist(), strict=True):
        name = NAMES[number]
        wanted.setdefault((f"reading_{name}", f"S {name}"), {})[at] = number_value
    wanted[f"reading_{NAMES[0]}", f"S {NAMES[0]}"][int(at_ms[0])] = 7777.5
    with victoria_metrics(tmp_path / "data", DEDUP) as address:
        for piece in 2 * first.lines.pieces + 2 * second.lines.pieces + first.lines.pieces:
            assert written(address, piece) == 204
        wait_until(lambda: exported(address) == wanted, what="all values, each once")
