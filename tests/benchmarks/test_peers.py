"""The comparison with peers: what was lost, twice or altered is found, whoever lost it."""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.document import write_result
from benchmarks.peers import draw, run, sections
from benchmarks.peers.comparison import ratios, summarised
from benchmarks.peers.messages import block_messages, json_messages, line_messages
from benchmarks.peers.point_writer import points_of
from benchmarks.peers.readings import CHANNELS, Readings
from benchmarks.peers.stores import InfluxView, VictoriaMetricsView, channel_of
from benchmarks.peers.verdict import SeriesHeld, judge
from benchmarks.recordings import Recording
from device_profiles.wire.decode import decode
from device_profiles.wire.digest import block_digest, chain
from device_profiles.wire.model import ColumnSpec, Row
from device_profiles.wire.values import parse_decimal
from simulators.demo.processes import DemoError
from simulators.demo.servers import find_server
from tests.stores.servers import influxdb, victoria_metrics_store

_MINUTE_NS = 60 * 10**9
_FROM_NS = 1_539_820_800 * 10**9
_DAY = 32


@pytest.fixture
def readings() -> Readings:
    """Three stations, a day of 32 rows, two days and a bit."""
    specs = tuple(ColumnSpec(f"quantity_{number}", "Cel") for number in range(len(CHANNELS)))
    rows = tuple(
        Row(
            _FROM_NS + row * _MINUTE_NS,
            tuple(parse_decimal(f"{row - 7}.{place:02d}") for place in range(len(CHANNELS))),
        )
        for row in range(_DAY)
    )
    return Readings(Recording("made", "weather", "made", specs, rows), 3, 70)


def held_whole(readings: Readings) -> list[SeriesHeld]:
    return [
        SeriesHeld(station, channel, readings.times_ms.copy(), readings.values[:, place].copy())
        for station in readings.names
        for place, channel in enumerate(CHANNELS)
    ]


def judged(readings: Readings, held: Iterable[SeriesHeld]) -> tuple[int, int, int, int]:
    verdict = judge(readings, held)
    assert verdict.sent == readings.count == 3 * 70 * len(CHANNELS)
    return verdict.lost, verdict.twice, verdict.altered, verdict.strange


def test_all_there_once_is_nothing_lost_twice_or_altered(readings: Readings) -> None:
    assert judged(readings, held_whole(readings)) == (0, 0, 0, 0)
    assert judged(readings, []) == (readings.count, 0, 0, 0)


def test_each_kind_of_harm_is_counted_as_what_it_is(readings: Readings) -> None:
    held = held_whole(readings)
    one = held[4]
    # Rows 10 to 12 lost, row 20 three times, row 30 with another value, and one of a time that nobody sent.
    kept = np.r_[0:10, 13:70, 20, 20]
    values = one.values[kept].copy()
    values[27] += 0.01
    held[4] = replace(one, times_ms=np.append(one.times_ms[kept], 1), values=np.append(values, 5.0))
    held.append(replace(one, station="st-999", times_ms=one.times_ms[:2], values=one.values[:2]))
    assert judged(readings, held) == (3, 2, 1, 1 + 2)
    verdict = judge(readings, held)
    assert np.flatnonzero(verdict.lost_by_minute).tolist() == [10, 11, 12]


def test_a_series_in_two_parts_that_overlap_is_one(readings: Readings) -> None:
    held = held_whole(readings)
    first, second = (
        replace(held[0], times_ms=held[0].times_ms[part], values=held[0].values[part])
        for part in (slice(0, 40), slice(38, 70))
    )
    assert judged(readings, [first, second, *held[1:]]) == (0, 2, 0, 0)


def test_three_forms_say_the_same(readings: Readings) -> None:
    lines, objects, blocks = line_messages(readings), json_messages(readings), block_messages(readings, 20)
    assert list(lines) == list(objects) == list(blocks) == ["st-001", "st-002", "st-003"]
    said = b"".join(lines["st-002"]).decode().splitlines()
    assert len(said) == 70
    assert said[33].startswith("midc,station=st-002 dni=-6.0,dhi=-6.01,")
    # The second day begins with the first day's values, a day later.
    assert said[33].endswith(f" {_FROM_NS + 86_400 * 10**9 + _MINUTE_NS}")
    points = [point for payload in objects["st-002"] for point in points_of(payload)]
    assert [_said_by_point(str(point)) for point in points] == list(map(_said_by_point, said))
    decoded = [decode(data) for data in blocks["st-002"]]
    assert [len(block.times_ns) for block in decoded] == [20, 20, 20, 10]
    assert [time for block in decoded for time in block.times_ns] == [int(line.rpartition(" ")[2]) for line in said]
    columns: dict[str, list[float]] = {channel: [] for channel in CHANNELS}
    for block in decoded:
        for column in block.columns:
            assert column.exponent == -2
            columns[column.channel] += [round(int(value or 0) / 100, 2) for value in column.values]
    np.testing.assert_array_equal(np.array(list(columns.values())).T, readings.values)
    for (before, _), (_, after) in zip(pairwise(blocks["st-002"]), pairwise(decoded), strict=True):
        assert after.previous == chain(block_digest(before))


def _said_by_point(line: str) -> tuple[str, dict[str, float], str]:
    head, fields, time = line.split(" ")
    return head, {name: float(value) for name, value in (field.split("=") for field in fields.split(","))}, time


def test_medians_ratios_and_the_page_say_what_was_measured(tmp_path: Path) -> None:
    courses = [course(rate, cpu) for rate, cpu in ((900_000, 0.5), (1_200_000, 0.4), (1_000_000, 0.9))]
    figures = {
        "telegraf-victoriametrics": summarised(courses),
        "harkara-victoriametrics": summarised([course(1_500_000, 0.6, payload=0.9)]),
        "harkara-lake": summarised([course(3_600_000, 0.2, payload=0.9)]),
    }
    middle = figures["telegraf-victoriametrics"]
    assert middle["values_per_s"] == 1_000_000
    assert middle["values_per_s_of_each"] == [900_000, 1_200_000, 1_000_000]
    assert middle["cpu_s_per_million"]["program"] == 0.5
    found = ratios(figures)
    assert found == {
        "harkara_to_telegraf": {"victoriametrics": 1.5},
        "lake_to_best_telegraf": 3.6,
        "wire_bytes_telegraf_to_harkara": 16.0,
    }
    lost = {"sent": 1000, "lost": 40, "lost_around_store_kill": 30, "twice": 0, "twice_on_disk": 5, "altered": 0}
    failures = {
        "telegraf-victoriametrics": {**lost, "seconds_until_level": 1.0},
        "harkara-victoriametrics": {**lost, "lost": 0, "lost_around_store_kill": 0, "seconds_until_level": 9.5},
    }
    result = {
        "about": "What.",
        "paths": figures,
        "ratios": found,
        "load_before": 0.5,
        "failures": failures,
        "targets": {"ratios.harkara_to_telegraf.victoriametrics": ">= 1.2"},
    }
    document = tmp_path / "benchmarks.md"
    for section, lines in sections(result).items():
        write_result("peers", result, HERE, options={"rounds": 3}, section=section, tables=lines, path=document)
    text = document.read_text(encoding="utf-8")
    assert "`python -m benchmarks peers --rounds 3 --json`" in text
    assert "| Telegraf → VictoriaMetrics | 1,000,000 | 900,000, 1,200,000, 1,000,000 | 14.4 |" in text
    assert "| ratios.harkara_to_telegraf.victoriametrics | 1.5 | >= 1.2 |" in text
    assert "| Telegraf → VictoriaMetrics | 1,000 | 40 | 30 | 0 | 5 | 0 | 1 |" in text
    # Where the peer is better, the page says so: less processor time here, and level sooner.
    assert "Telegraf takes less processor time per value into VictoriaMetrics" in text
    assert "Telegraf was level with VictoriaMetrics 8.5 s sooner" in text
    assert "Telegraf is faster" not in text
    assert "Telegraf lost no more" not in text
    # A run of one half leaves what the other said.
    half = sections({**result, "failures": {}})
    assert list(half) == ["peers"]
    write_result("peers", result, HERE, section="peers", tables=half["peers"], path=document)
    assert document.read_text(encoding="utf-8") == text.replace(" --rounds 3", "", 1)
    drawn = draw(result, tmp_path / "plots")
    assert [path.name for path in drawn] == [f"peers-{what}.svg" for what in ("throughput", "cpu", "wire", "loss")]
    before = [path.read_bytes() for path in drawn]
    assert all(b"Telegraf" in data and len(data) < 60_000 for data in before)
    assert [path.read_bytes() for path in draw(result, tmp_path / "plots")] == before


HERE: dict[str, str | int] = {"cpu": "a", "cores": 2, "memory_gib": 4, "kernel": "b", "python": "c"}


def course(rate: int, cpu: float, payload: float = 14.4) -> dict[str, Any]:
    return {
        "values_per_s": rate,
        "cpu_s_per_million": {"program": cpu, "store": 0.7, "broker": 0.01, "load": 0.05},
        "peak_mb": {"program": 700.0 - rate / 1e4, "store": 300.0, "broker": 20.0},
        "payload_bytes_per_value": payload,
        "wire_bytes_per_value": payload + 0.1,
        "store_disk_bytes_per_value": 1.8,
    }


def test_without_recordings_it_says_so_in_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("HARKARA_CAPTURES", raising=False)
    result = run(stations=1)
    assert result.keys() == {"skipped"}
    assert sections(result) == {}
    assert draw(result, tmp_path) == []


def test_a_field_that_nobody_sent_is_an_error() -> None:
    assert channel_of("ws") == "ws"
    assert channel_of("ghi_a_W_m2") == "ghi_a"
    with pytest.raises(DemoError, match="wsx"):
        channel_of("wsx")


def test_a_real_store_shows_what_was_lost_and_twice_when_it_is_made_to_happen(
    readings: Readings, tmp_path: Path
) -> None:
    lines = [line for payloads in line_messages(readings).values() for line in b"".join(payloads).splitlines()]
    del lines[5:9]
    altered = re.sub(rb"dni=[^,]*", b"dni=77.5", lines[100])
    body = [*lines[:100], altered, *lines[101:], *lines[20:22]]
    with victoria_metrics_store(tmp_path / "store") as store:
        address = f"{store.address}/write?precision=ns"
        request = urllib.request.Request(address, data=b"\n".join(body), method="POST")
        urllib.request.urlopen(request, timeout=30).close()
        view = VictoriaMetricsView(store)
        width = len(CHANNELS)
        assert view.accepted() == view.count() == view.raw_count() == readings.count - 4 * width + 2 * width
        assert judged(readings, view.held(readings)) == (4 * width, 2 * width, 1, 0)


def test_influxdb_shows_what_was_lost_and_keeps_the_last_of_what_was_sent_twice(
    readings: Readings, tmp_path: Path
) -> None:
    lines = [line for payloads in line_messages(readings).values() for line in b"".join(payloads).splitlines()]
    del lines[5:9]
    body = [*lines, *lines[20:22], re.sub(rb"dni=[^,]*", b"dni=77.5", lines[100])]
    with influxdb(tmp_path / "store") as store:
        request = urllib.request.Request(
            f"{store.address}/api/v2/write?org={store.org}&bucket={store.bucket}",
            data=b"\n".join(body),
            headers={"Authorization": f"Token {store.token}", "Content-Type": "text/plain; charset=utf-8"},
            method="POST",
        )
        view = InfluxView(store)
        assert (view.count(), list(view.held(readings))) == (0, [])
        urllib.request.urlopen(request, timeout=30).close()
        width = len(CHANNELS)
        assert view.count() == readings.count - 4 * width
        view.calibrate(len(body) * width)
        assert view.accepted() == len(body) * width
        assert judged(readings, view.held(readings)) == (4 * width, 0, 1, 0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "bytes_a_value"),
    [
        ("telegraf-victoriametrics", (14.0, 15.0)),
        ("harkara-victoriametrics", (0.9, 1.4)),
        ("points-victoriametrics", (15.0, 17.0)),
    ],
)
def test_a_course_brings_every_value_into_a_real_store(
    path: str, bytes_a_value: tuple[float, float], captures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for server in ("victoria-metrics", *(["telegraf"] if path.startswith("telegraf") else [])):
        if find_server(server) is None:
            pytest.skip(f"{server} cannot be had here")
    monkeypatch.setenv("HARKARA_CAPTURES", str(captures))
    result = run(stations=4, minutes=480, rounds=1, paths=path, skip_failures=True)
    (figures,) = result["paths"].values()
    # A course raises unless the store's own count, and then its final one, is what was sent.
    assert 0 < figures["values"] < 4 * 480 * len(CHANNELS)
    assert bytes_a_value[0] < figures["payload_bytes_per_value"] < bytes_a_value[1]
    assert figures["wire_bytes_per_value"] > figures["payload_bytes_per_value"]
    assert figures["cpu_s_per_million"].keys() == {"broker", "program", "store", "load"}
    assert min(figures["peak_mb"].values()) > 1
