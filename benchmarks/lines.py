"""Readings per second as lines of a store: encoded alone, and from blocks until a real server says that it has them."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from benchmarks.blocks import Shape, templates
from benchmarks.peers.meter import Meter
from benchmarks.peers.stores import InfluxView, StoreView, VictoriaMetricsView
from collector.stores.batches import readings_of
from collector.stores.delivery import Delivery
from collector.stores.encoder import Encoder
from collector.stores.http_store import HttpOptions
from collector.stores.influxdb import InfluxDB
from collector.stores.lane import LANES, Lane
from collector.stores.mapping import MappingOptions, Store
from collector.stores.ports import Readings, StoreClient, Stored
from collector.stores.quarantine import Quarantine
from collector.stores.victoria import VictoriaMetrics
from device_profiles.wire.bulk import decode_many
from device_profiles.wire.encode import encode
from simulators.demo.processes import Stage
from simulators.demo.servers import Store as Server
from simulators.demo.servers import find_server, start_influxdb, start_victoria_metrics

KINDS: Final[tuple[Store, ...]] = ("victoriametrics", "influxdb")
STATIONS: Final = 20
SHAPE: Final = Shape(128, 15)
_PER_STATION: Final = 12
_ROUND_NS: Final = _PER_STATION * SHAPE.rows * 10**9
"""A row a second: each round of a run begins where the one before it ended. [ns]"""
_BACK_NS: Final = 7 * 365 * 86_400 * 10**9
"""The view of a store looks at 2018 to 2022. [ns]"""
_QUERIED_S: Final = 120.0


class _Served(NamedTuple):
    store: Server
    view: StoreView


def run(seconds: float = 20.0) -> dict[str, Any]:
    """Measure, each server for ``seconds``."""
    blocks = _blocks()
    result: dict[str, Any] = {
        "about": f"{STATIONS} stations, {SHAPE.columns} values a line; servers on the same cores.",
        **{
            f"encode_for_{kind}{ending}": _encoded(change(readings_of(decode_many(blocks))), kind)
            for kind in KINDS
            for ending, change in (("", lambda same: same), ("_with_a_gap_in_each_row", _with_gaps))
        },
        "targets": {
            **{f"encode_for_{kind}.values_per_cpu_s": ">= 4,000,000" for kind in KINDS},
            "victoriametrics.values_per_s": ">= 2,500,000",
        },
    }
    with tempfile.TemporaryDirectory() as folder, Stage(Path(folder) / "logs") as stage:
        if find_server("victoria-metrics"):
            store = start_victoria_metrics(stage, Path(folder) / "vm", options=["-dedup.minScrapeInterval=1ms"])
            served = _Served(store, VictoriaMetricsView(store))
            result["victoriametrics"] = _stored(
                blocks, "victoriametrics", lambda: VictoriaMetrics(HttpOptions(store.address)), served, seconds
            )
            stage.stop(store.process)
        if find_server("influxd"):
            influx = start_influxdb(stage, Path(folder) / "influxdb")
            options = HttpOptions(influx.address, authorization=f"Token {influx.token}")
            served = _Served(influx, InfluxView(influx))
            result["influxdb"] = _stored(
                blocks,
                "influxdb",
                lambda: InfluxDB(options, org=influx.org, bucket=influx.bucket),
                served,
                seconds,
            )
            result["targets"]["influxdb.values_per_s"] = ">= 1,300,000"
    return result


def _blocks() -> list[bytes]:
    made = []
    for number in range(STATIONS):
        blocks = templates(f"station-{number:03}", SHAPE, number + 1, _PER_STATION)
        made += [encode(replace(block, seq=seq)) for seq, block in enumerate(blocks, 1)]
    return made


def _with_gaps(readings: Readings) -> Readings:
    """The same without every fifteenth value, another channel from row to row."""
    kept = np.random.default_rng(1).random(len(readings.value)) > 1 / SHAPE.columns
    return replace(
        readings,
        series=readings.series[kept],
        observed_at_ns=readings.observed_at_ns[kept],
        value=readings.value[kept],
        flag=readings.flag[kept],
        mantissa=None if readings.mantissa is None else readings.mantissa[kept],
    )


def _encoded(readings: Readings, store: Store) -> dict[str, Any]:
    encoder = Encoder(MappingOptions(store=store), str)
    made = encoder.encode(readings)
    fastest_s = np.inf
    for _ in range(7):
        began = time.process_time()
        made = encoder.encode(readings)
        fastest_s = min(fastest_s, time.process_time() - began)
    return {
        "values_per_cpu_s": round(made.values / fastest_s),
        "values": made.values,
        "lines": made.lines.count,
        "bytes_per_value": round(made.lines.size_bytes / made.values, 1),
    }


def _stored(
    blocks: list[bytes], kind: Store, connect: Callable[[], StoreClient], served: _Served, seconds: float
) -> dict[str, Any]:
    """From blocks to the store's 204, decoding included; then what the store itself counts."""
    encoder = Encoder(MappingOptions(store=kind), str)
    values = rounds = 0
    waited_s = 0.0
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(1) as sender:
        beside = [Lane(kind, connect()) for _ in range(LANES - 1)]
        delivery = Delivery(connect(), Quarantine(Path(folder) / "refused.jsonl"), beside=beside)
        meter = Meter({"store": served.store.process})
        began, cpu, store_cpu = time.monotonic(), time.process_time(), meter.cpu_s()["store"]
        sending: Future[object] | None = None
        while time.monotonic() - began < seconds:
            # As the collector does: the next lines are made while the store takes those before.
            made = encoder.encode(_later(readings_of(decode_many(blocks)), rounds))
            waited_s += _stored_by(sending)
            sending = sender.submit(delivery.send, made.lines)
            values += made.values
            rounds += 1
        waited_s += _stored_by(sending)
        took_s, cpu_s = time.monotonic() - began, time.process_time() - cpu
        store_cpu_s = meter.cpu_s()["store"] - store_cpu
    delivery.close()
    return {
        "values_per_s": round(values / took_s),
        "values": values,
        "cpu_s_per_million": round(cpu_s / values * 1e6, 3),
        "store_cpu_s_per_million": round(store_cpu_s / values * 1e6, 3),
        "share_of_time_waited_for_the_store": round(waited_s / took_s, 2),
        "values_counted_by_the_store": _settled(served.view, values),
    }


def _settled(view: StoreView, values: int) -> int:
    deadline = time.monotonic() + _QUERIED_S
    while (count := view.count()) != values:
        if time.monotonic() > deadline:
            raise AssertionError(f"sent {values} values, the store counts {count}")
    return count


def _later(readings: Readings, rounds: int) -> Readings:
    return replace(readings, observed_at_ns=readings.observed_at_ns + rounds * _ROUND_NS - _BACK_NS)


def _stored_by(sending: Future[object] | None) -> float:
    """Wait for the store; how long. [s]."""
    began = time.monotonic()
    if sending is not None:
        outcome = sending.result()
        assert isinstance(outcome, Stored), outcome
    return time.monotonic() - began
