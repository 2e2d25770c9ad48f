"""What VictoriaMetrics makes of our lines: every name, time and number, by its own export."""

from __future__ import annotations

import json
import re
import time
import urllib.parse
import urllib.request
from pathlib import Path

import numpy as np

from collector.stores.delivery import Delivery
from collector.stores.encoder import Encoder
from collector.stores.http_store import HttpOptions
from collector.stores.lines import Lines
from collector.stores.mapping import MappingOptions
from collector.stores.ports import NeedsPerson, Pulse, SeriesFacts, Stored, Unreachable
from collector.stores.quarantine import Quarantine
from collector.stores.victoria import VictoriaMetrics
from tests.conftest import wait_until
from tests.stores.made import NOW_NS, facts, readings
from tests.stores.servers import victoria_metrics, victoria_metrics_store

DEDUP = "-dedup.minScrapeInterval=1ms"
NAMES = ["river stage", "a,b=c", "वर्षा मिमी", 'say "so"', "#5", "ends in \\", "two\nlines", "__name__"]

Found = dict[str, dict[int, float]]


def _shown(device: str) -> str:
    """A device's name before signs that the format cannot hold were written as others."""
    return re.sub("(.*)~[0-9a-f]{8}", r"\1", device).translate({0xFF3C: "\\", 0x2424: "\n"})


def exported(address: str, *, raw: bool = False) -> Found:
    """Values by device; raw ones may hold a time twice, which the caller sees as a wrong count."""
    with urllib.request.urlopen(f"{address}/internal/force_flush", timeout=30):
        pass
    query = urllib.parse.urlencode({"match[]": '{device!=""}', "start": 0, "end": NOW_NS // 10**9 + 3600})
    with urllib.request.urlopen(f"{address}/api/v1/export?{query}", timeout=30) as answer:
        series = [json.loads(line) for line in answer.read().splitlines()]
    found: Found = {}
    for each in series:
        at = each["timestamps"]
        assert raw or len(set(at)) == len(at), "a time twice"
        device = _shown(each["metric"]["device"])
        name = NAMES[int(device[1])] if device[0] == "S" else "level_m"
        if name in NAMES[:5]:
            assert each["metric"]["__name__"] == f"reading_{name}"
        assert device not in found
        found[device] = dict(zip(at, each["values"], strict=True))
    return found


def test_all_comes_back_twice_is_one_and_what_a_kill_took_is_sent_again(tmp_path: Path) -> None:
    table = [SeriesFacts("a1", f"S{number} {name}", "", name, "") for number, name in enumerate(NAMES)]
    count = 240
    series = np.arange(count) % len(NAMES)
    # Numbers of instruments: at most fifteen digits, which is what the store promises to keep.
    value = np.round(np.linspace(-40.0, 8848.86, count), 3)
    # A block of a series has one decimal exponent for all its numbers: fifteen digits from the first to the last.
    value[-4:] = [0.0, 1e-9, 2.5, 123456789012.345]
    at_ms = NOW_NS // 10**6 - 1000 * np.arange(count)
    rows = [(int(s), int(t) * 10**6, float(v)) for s, t, v in zip(series, at_ms, value, strict=True)]
    # Two of one series in one millisecond: the larger stays, sent together or one after the other.
    same = [(0, int(at_ms[0]) * 10**6 + 5, 7777.5), (0, int(at_ms[0]) * 10**6 + 9, 12.0)]
    encoder = Encoder(MappingOptions(store="victoriametrics"), str, clock_ns=lambda: NOW_NS)
    first, second = encoder.encode(readings(table, rows)), encoder.encode(readings(table, same))
    assert (first.values, second.values, second.left_out["folded"], first.inexact) == (count, 1, 1, 0)
    wanted: Found = {}
    for number, at, number_value in zip(series.tolist(), at_ms.tolist(), value.tolist(), strict=True):
        wanted.setdefault(f"S{number} {NAMES[number]}", {})[at] = number_value
    wanted[f"S0 {NAMES[0]}"][int(at_ms[0])] = 7777.5
    with victoria_metrics_store(tmp_path / "data", DEDUP) as store:
        client = VictoriaMetrics(HttpOptions(store.address, gzip=True))
        delivery = Delivery(client, Quarantine(tmp_path / "refused.jsonl"))
        for lines in (first.lines, first.lines, second.lines, second.lines, first.lines):
            assert delivery.send(lines) == Stored()
        wait_until(lambda: values_in(store.address) == count, what="all values, each once")
        assert exported(store.address) == wanted
        assert client.advice() == []
        before = client.pulse()
        store.kill()
        assert isinstance(delivery.send(first.lines), Unreachable)
        assert isinstance(client.pulse(), Unreachable)
        store.start()
        after = client.pulse()
        assert isinstance(before, Pulse)
        assert isinstance(after, Pulse)
        assert before.life != after.life != ""
        for lines in (first.lines, second.lines):
            assert delivery.send(lines) == Stored()
        wait_until(lambda: values_in(store.address) == count, what="all values again, each once")
        assert exported(store.address) == wanted
        client.close()


def values_in(address: str) -> int:
    return sum(map(len, exported(address, raw=True).values()))


def pulse(client: VictoriaMetrics) -> Pulse:
    answer = client.pulse()
    assert isinstance(answer, Pulse)
    return answer


def test_what_it_drops_in_silence_is_seen(tmp_path: Path) -> None:
    encoder = Encoder(MappingOptions(store="victoriametrics"), str, clock_ns=lambda: NOW_NS)
    rows = [(0, NOW_NS - 10**9 * number, float(number)) for number in range(1000)]
    good = encoder.encode(readings([facts()], rows)).lines.pieces[0]
    with victoria_metrics(tmp_path / "data") as address:
        client = VictoriaMetrics(HttpOptions(address))
        delivery = Delivery(client, Quarantine(tmp_path / "refused.jsonl"))
        assert delivery.send(Lines((good + b"no line at all\n",), 2)) == Stored()
        wait_until(lambda: values_in(address) == 1000, what="the good lines")
        assert pulse(client).ignored == {"invalid": 1}
        assert ["-dedup.minScrapeInterval=1ms" in line for line in client.advice()] == [True]
        # Three days ahead of the store's own clock: taken, and dropped.
        ahead = (time.time_ns() + 3 * 86_400 * 10**9) // 10**6
        late = b'{"metric":{"__name__":"level_m","device":"d9"},"values":[1.0],"timestamps":[%d]}\n' % ahead
        assert delivery.send(Lines((late,), 1)) == Stored()
        wait_until(lambda: sum(pulse(client).ignored.values()) == 2, what="a row in the count of those it ignored")
        client.close()
        lost = VictoriaMetrics(HttpOptions(address + "/elsewhere"))
        assert isinstance(lost.write(good), NeedsPerson)
        lost.close()


def test_addresses_of_before_go_on(tmp_path: Path) -> None:
    """A cluster's address ended in /influx while it was sent line protocol."""
    with victoria_metrics(tmp_path / "data") as address:
        for ending in ("", "/", "/influx", "/influx/", "/prometheus"):
            client = VictoriaMetrics(HttpOptions(address + ending))
            line = b'{"metric":{"__name__":"m","device":"d"},"values":[1.0],"timestamps":[%d]}\n' % (NOW_NS // 10**6)
            assert client.write(line) == Stored(), ending
            client.close()
