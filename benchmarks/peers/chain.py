"""One way of readings, set up anew for each course: broker, program and store, as real processes."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from benchmarks.peers.lake import LakeView
from benchmarks.peers.meter import Meter
from benchmarks.peers.names import LINE_TOPIC
from benchmarks.peers.stores import InfluxView, StoreView, VictoriaMetricsView
from benchmarks.peers.telegraf import start_telegraf
from collector.config import load_config
from collector.registry import RegistryFile
from device_profiles.wire.topics import TopicKind, topic
from simulators.demo.accounts import ask
from simulators.demo.broker import Broker, free_port, start_open_broker
from simulators.demo.processes import Process, Stage, wait_for
from simulators.demo.servers import InfluxDB, Store, start_influxdb, start_victoria_metrics

Program = Literal["telegraf", "harkara", "points"]
Kept = Literal["victoriametrics", "influxdb", "lake"]
DEDUPE: Final = "-dedup.minScrapeInterval=1ms"
"""VictoriaMetrics is run with it for all: whoever sends again what the store may have lost needs it."""
_START_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Way:
    """Who brings the readings where.

    Attributes:
        program: Between broker and store.
        store: Where they are to be in the end.
    """

    program: Program
    store: Kept

    def __str__(self) -> str:
        return f"{self.program}-{self.store}"


WAYS: Final = (
    Way("telegraf", "victoriametrics"),
    Way("harkara", "victoriametrics"),
    Way("points", "victoriametrics"),
    Way("telegraf", "influxdb"),
    Way("harkara", "influxdb"),
    Way("points", "influxdb"),
    Way("harkara", "lake"),
)
"""All, in the order in which a round takes them."""


@dataclass(slots=True)
class Chain:
    """What is running.

    Attributes:
        way: Which way it is.
        folder: Of all files.
        stage: Who stops it.
        broker: The broker.
        program: Between broker and store.
        store: The store server; None where the program itself keeps the readings.
        view: How the harness looks into the store.
        meter: What each process costs.
    """

    way: Way
    folder: Path
    stage: Stage
    broker: Broker
    program: Process
    store: Store | None
    view: StoreView
    meter: Meter

    def status(self) -> dict[str, Any]:
        """What Harkara's collector says of itself; empty while it does not answer."""
        return ask(self.folder / "data" / "collector.sock", "status") or {}


@contextmanager
def running(way: Way, folder: Path, stations: Sequence[str], *, broker_lines: Sequence[str] = ()) -> Iterator[Chain]:
    """Start one way; all of it is stopped afterwards.

    Args:
        way: Which.
        folder: For all files; empty.
        stations: Station ids.
        broker_lines: More of the broker's configuration.
    """
    with Stage(folder / "logs") as stage:
        broker = start_open_broker(stage, folder, ["log_type subscribe", "log_type error", *broker_lines])
        store: Store | None = None
        if way.store == "victoriametrics":
            store = start_victoria_metrics(stage, folder / "store", options=[DEDUPE])
        elif way.store == "influxdb":
            store = start_influxdb(stage, folder / "store")
        if way.program == "harkara":
            program = _start_collector(stage, folder, broker.port, store, stations)
        else:
            assert store is not None
            program = _start_subscriber(way.program, stage, folder, broker, store)
        _wait_subscribed(way, broker, program)
        view = _view(store, folder, stations[0])
        processes = {"broker": broker.process, "program": program}
        if store is not None:
            processes["store"] = store.process
        yield Chain(way, folder, stage, broker, program, store, view, Meter(processes))


def _view(store: Store | None, folder: Path, station: str) -> StoreView:
    if store is None:
        return LakeView(folder, station)
    return InfluxView(store) if isinstance(store, InfluxDB) else VictoriaMetricsView(store)


def _wait_subscribed(way: Way, broker: Broker, program: Process) -> None:
    """Wait until the broker would hand on what a station publishes: what nobody has subscribed to is dropped."""
    station = "st-000"
    wanted = topic(station, TopicKind.BLOCK) if way.program == "harkara" else f"{LINE_TOPIC}/{station}"
    log, words = broker.process.log, wanted.replace(station, "+")
    wait_for(lambda: words in log.read_text("utf-8"), "a subscriber", timeout_s=_START_S, process=program)


def _start_subscriber(name: Program, stage: Stage, folder: Path, broker: Broker, store: Store) -> Process:
    if name == "telegraf":
        program = start_telegraf(stage, folder, broker.port, store)
    else:
        words = _store_words(store)
        command = [sys.executable, "-m", "benchmarks.peers.point_writer", str(broker.port)]
        program = stage.start(name, [*command, *(words[key] for key in ("url", "org", "bucket", "token"))])
    return program


def _start_collector(stage: Stage, folder: Path, port: int, store: Store | None, stations: Sequence[str]) -> Process:
    toml = folder / "collector.toml"
    text = f'data = "data"\n[broker]\nport = {port}\nprotocol = "5"\n[web]\nport = {free_port()}\n'
    if store is not None:
        words = _store_words(store)
        token = folder / "token"
        token.write_text(f"{words['token']}\n", encoding="utf-8")
        token.chmod(0o600)
        kind = "influxdb" if isinstance(store, InfluxDB) else "victoriametrics"
        # What it tells of itself would be counted by the store among the readings.
        text += f'[[store]]\nname = "peer"\nkind = "{kind}"\nurl = "{store.address}"\nhealth_every_s = 0\n'
        # The names of Telegraf's lines but for the tag's own: longer ones and more of them cost a store more.
        text += 'measurement = "{device}"\ntags = ["site"]\nunit_suffix = false\n'
        if isinstance(store, InfluxDB):
            text += f'org = "{words["org"]}"\nbucket = "{words["bucket"]}"\ntoken_file = "{token}"\n'
    toml.write_text(text, encoding="utf-8")
    config = load_config(toml)
    config.data.mkdir(parents=True)
    with RegistryFile(config.registry_file) as registry:
        for station in stations:
            registry.add(station)
    collector = stage.harkara("collector", "collector", "run", "--config", str(toml))
    socket = config.socket_file

    def reached() -> bool:
        status = ask(socket, "status")
        return bool(status and status["broker"]["connected"])

    wait_for(reached, "the collector", timeout_s=_START_S, process=collector)
    return collector


def _store_words(store: Store) -> Mapping[str, str]:
    known = store if isinstance(store, InfluxDB) else InfluxDB(store.address, store.folder, store.process)
    return {"url": known.address, "org": known.org, "bucket": known.bucket, "token": known.token}
