"""A real collector feeds a real store while both are killed, stopped and filled up; then every value is compared."""

from __future__ import annotations

import json
import signal
import threading
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import pytest

from simulators.chaos.small_disk import can_mount, filled, small_disk
from simulators.demo.servers import InfluxDB, Store
from tests.collector.harness import Blocks, CollectorProcess, agent_client, collector_process
from tests.conftest import Mosquitto, wait_until
from tests.stores.servers import influxdb, victoria_metrics_store

Values = dict[tuple[str, int], float]
"""By channel and time [ns]."""

READ = Callable[[], list[tuple[tuple[str, int], float]]]


def truth(blocks: Blocks) -> Values:
    return {
        (column.channel, at_ns): value / 100
        for seq in range(1, len(blocks.made) + 1)
        for column in blocks.block(seq).columns
        for at_ns, value in zip(blocks.block(seq).times_ns, column.values, strict=True)
        if value is not None
    }


def read_victoria(store: Store) -> list[tuple[tuple[str, int], float]]:
    urllib.request.urlopen(f"{store.address}/internal/force_flush", timeout=30).close()
    query = urllib.parse.urlencode({"match[]": '{device="weather"}', "start": 1_700_000_000, "end": 1_900_000_000})
    found = []
    with urllib.request.urlopen(f"{store.address}/api/v1/export?{query}", timeout=60) as answer:
        for line in answer.read().decode().splitlines():
            series = json.loads(line)
            channel = "channel_" + series["metric"]["__name__"].split("channel_")[1][0]
            found += [((channel, ms * 10**6), v) for ms, v in zip(series["timestamps"], series["values"], strict=True)]
    return found


def read_influxdb(store: InfluxDB) -> list[tuple[tuple[str, int], float]]:
    flux = f'from(bucket: "{store.bucket}") |> range(start: 0, stop: 2100-01-01T00:00:00Z)'
    flux += ' |> filter(fn: (r) => r.device == "weather") |> keep(columns: ["_time", "_value", "_field"])'
    flux += " |> map(fn: (r) => ({r with _time: int(v: r._time)}))"
    request = urllib.request.Request(
        f"{store.address}/api/v2/query?org={store.org}",
        data=json.dumps({"query": flux, "dialect": {"annotations": []}}).encode(),
        headers={"Authorization": f"Token {store.token}", "Content-Type": "application/json", "Accept": "text/csv"},
    )
    found = []
    with urllib.request.urlopen(request, timeout=60) as answer:
        rows = [line.split(",") for line in answer.read().decode().split("\r\n") if line]
    for row in rows:
        if "_field" in row:
            places = {name: row.index(name) for name in ("_field", "_time", "_value")}
            continue
        channel = "channel_" + row[places["_field"]].split("channel_")[1][0]
        found.append(((channel, int(row[places["_time"]])), float(row[places["_value"]])))
    return found


@contextmanager
def any_store(kind: str, folder: Path) -> Iterator[tuple[Store, str, READ]]:
    """A real store, its table of the configuration, and a reader of all its values."""
    if kind == "victoriametrics":
        with victoria_metrics_store(folder / "vm", "-dedup.minScrapeInterval=1ms") as store:
            yield (
                store,
                f'[[store]]\nname = "it"\nkind = "{kind}"\nurl = "{store.address}"\n',
                lambda: read_victoria(store),
            )
        return
    with influxdb(folder / "influx") as influx:
        token = folder / "it.token"
        token.write_text(influx.token + "\n", encoding="utf-8")
        token.chmod(0o600)
        table = f'[[store]]\nname = "it"\nkind = "{kind}"\nurl = "{influx.address}"\norg = "{influx.org}"\n'
        yield influx, f'{table}bucket = "{influx.bucket}"\ntoken_file = "{token}"\n', lambda: read_influxdb(influx)


class Load:
    """One agent that sends blocks, each again until there is a receipt, as an outbox does."""

    def __init__(self, broker: Mosquitto) -> None:
        self.blocks = Blocks()
        self._broker = broker
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        with agent_client(self._broker.port) as agent:
            while not self._stop.is_set():
                fresh = self.blocks.next(5)
                first = len(self.blocks.made) - 4
                while True:
                    agent.send(*fresh)
                    if all(seq in agent.stored() for seq in range(first, first + 5)) or self._stop.wait(0.05):
                        break

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(30)


def store_state(collector: CollectorProcess) -> dict[str, Any]:
    stores = collector.status().get("stores", [])
    return dict(stores[0]) if stores else {}


def wait_state(collector: CollectorProcess, what: str, condition: Callable[[dict[str, Any]], bool]) -> None:
    wait_until(
        lambda: (s := store_state(collector)) and condition(s), timeout_s=120, what=f"{what}: {store_state(collector)}"
    )


def wait_safe(collector: CollectorProcess) -> None:
    wait_state(
        collector,
        "everything to be safe in the store",
        lambda s: s["safe_position"] == s["journal_position"] > 0 and not s["jobs"],
    )


def compare(read: READ, blocks: Blocks, stored: int) -> None:
    """Each value of the blocks the collector has is in the store, once, and is what it was; and nothing else is."""
    found = read()
    twice = [key for key, count in Counter(key for key, _ in found).items() if count > 1]
    assert not twice
    got, wanted = dict(found), truth(blocks)
    assert {key: value for key, value in got.items() if wanted.get(key) != value} == {}
    assert len(got) == stored


@pytest.mark.parametrize("kind", ["victoriametrics", "influxdb"])
def test_killed_again_and_again_under_load(tmp_path: Path, mosquitto: Callable[..., Mosquitto], kind: str) -> None:
    broker = mosquitto("persistence true", f"persistence_location {tmp_path}/")
    with (
        any_store(kind, tmp_path) as (store, table, read),
        collector_process(tmp_path / "c", broker.port, "agent-1", extra=table) as collector,
    ):
        collector.start()
        with Load(broker) as load:
            for round_ in range(3):
                sent = len(load.blocks.made)
                wait_until(lambda sent=sent: len(load.blocks.made) > sent + 40, what="some load")  # type: ignore[misc]
                store.kill()
                wait_state(collector, "the loss of the store to be seen", lambda s: s["state"] == "waits")
                if round_ == 1:
                    collector.kill()
                    collector.start()
                store.start()
                wait_state(collector, "the store to be back", lambda s: s["state"] == "up" and s["lag_blocks"] < 50)
                if kind == "victoriametrics" and round_ != 1:
                    # The one who knew the life before must see that this is another; killed sooner, it could not.
                    lives = round_ // 2 + 1
                    wait_until(lambda lives=lives: collector.log.count("began a new life") == lives, what="a new life")  # type: ignore[misc]
                collector.kill()
                collector.start()
                store.process.signal_group(signal.SIGSTOP)
                sent = len(load.blocks.made)
                wait_until(lambda sent=sent: len(load.blocks.made) > sent + 20, what="receipts all the while")  # type: ignore[misc]
                store.process.signal_group(signal.SIGCONT)
        wait_safe(collector)
        readings = collector.wait_in_lake(collector.status()["blocks"] * 12)["stored_readings"]
        compare(read, load.blocks, readings)
        assert store_state(collector)["left_out"] == {}
        assert collector.log.count("store it waits") >= 1


def test_a_full_disk_of_the_store(tmp_path: Path, mosquitto: Callable[..., Mosquitto]) -> None:
    if not can_mount():
        pytest.skip("this user may not mount a small disk")
    broker = mosquitto()
    with (
        small_disk(tmp_path / "disk") as disk,
        any_store("victoriametrics", disk) as (store, table, read),
        collector_process(tmp_path / "c", broker.port, "agent-1", extra=table) as collector,
    ):
        collector.start()
        with Load(broker) as load:
            wait_until(lambda: len(load.blocks.made) > 40, what="some load")
            with filled(disk):
                wait_state(collector, "the store to refuse", lambda s: s["state"] == "waits")
                sent = len(load.blocks.made)
                wait_until(lambda: len(load.blocks.made) > sent + 40, what="receipts all the while")
            if not store.process.running:
                store.start()
            wait_state(collector, "the store to be back", lambda s: s["state"] == "up" and s["lag_blocks"] < 50)
        wait_safe(collector)
        compare(read, load.blocks, collector.wait_in_lake(collector.status()["blocks"] * 12)["stored_readings"])


def test_a_store_added_later_paused_filled_and_asked_after(tmp_path: Path, mosquitto: Callable[..., Mosquitto]) -> None:
    """The commands, as a user types them."""
    broker = mosquitto()
    blocks = Blocks()
    with (
        any_store("victoriametrics", tmp_path) as (_, table, read),
        collector_process(tmp_path / "c", broker.port, "agent-1") as collector,
        agent_client(broker.port) as agent,
    ):
        collector.start()
        agent.send(*blocks.next(30))
        collector.wait_in_lake(30 * 12)
        assert json.loads(collector.harkara("collector", "stores", "--json")) == {"stores": []}
        collector.stop()
        collector.config.write_text(collector.config.read_text(encoding="utf-8") + table, encoding="utf-8")
        assert "store it at http://" in collector.harkara("collector", "run", "--check")
        collector.start()
        wait_state(collector, "the back-fill", lambda s: s["state"] == "up" and not s["jobs"] and s["values"] == 360)
        collector.harkara("collector", "pause", "it")
        agent.send(*blocks.next(10))
        collector.wait_in_lake(40 * 12)
        assert store_state(collector)["state"] == "paused"
        assert store_state(collector)["lag_blocks"] == 10
        collector.harkara("collector", "resume", "it")
        wait_state(collector, "the rest", lambda s: s["lag_blocks"] == 0)
        compare(read, blocks, 480)
        lines = collector.harkara("collector", "project", "it", "--from", "beginning", "--wait", "--json").splitlines()
        assert json.loads(lines[-1])["done"]
        assert collector.harkara("collector", "project", "it", "--from", "journal", "--wait").strip() == "it: done"
        compare(read, blocks, 480)
        assert "refused nothing" in collector.harkara("collector", "store-quarantine", "it")
        assert "it " in collector.harkara("collector", "status")
        assert "nothing waits" in collector.harkara("collector", "stores")
