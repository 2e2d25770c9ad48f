"""A real store beside the rig's collector, and blocks whose every reading has a time of its own."""

from __future__ import annotations

import json
import time
import urllib.parse
import urllib.request
from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from benchmarks.blocks import START_NS, TEMPLATES, Shape, templates
from benchmarks.load import Sender
from benchmarks.raw_publisher import RawPublisher, publish_packets
from benchmarks.rig import Rig, cpu_of
from device_profiles.wire.digest import PREVIOUS_OF_FIRST, block_digest, chain
from device_profiles.wire.encode import encode
from device_profiles.wire.topics import TopicKind, topic
from harkara_io.control_socket import call
from simulators.demo.broker import free_port
from simulators.demo.processes import DemoError, Stage
from simulators.demo.servers import InfluxDB, Store, find_server, start_influxdb, start_victoria_metrics

KINDS: Final = {"victoriametrics": "victoria-metrics", "influxdb": "influxd"}
"""Kind of a store in the configuration, and its server."""
_LOOK_S: Final = 0.2
"""Asking the collector twenty times a second took an eighth of a core from what is measured. [s]"""
_END_S: Final = START_NS // 10**9 + 30 * 86_400


def kinds_here(named: str = "") -> list[str]:
    """Kinds whose server can be had here, at least one.

    Args:
        named: Only the one that begins so.

    Raises:
        DemoError: There is none.
    """
    wanted = [kind for kind in KINDS if kind.startswith(named)]
    if not wanted:
        raise DemoError(f"no store begins with {named}; there are {', '.join(KINDS)}")
    kinds = [kind for kind in wanted if find_server(KINDS[kind]) is not None]
    if not kinds:
        raise DemoError("no store server is here; mend: deploy/scripts/servers.sh")
    return kinds


def dead_table() -> str:
    """The ``[[store]]`` of one that nobody answers for."""
    return f'[[store]]\nname = "dead"\nkind = "victoriametrics"\nurl = "http://127.0.0.1:{free_port()}"\n'


@dataclass(slots=True)
class Beside:
    """One store beside the collector.

    Attributes:
        name: In the configuration, and its kind.
        store: The server.
        table: Its ``[[store]]``.
    """

    name: str
    store: Store
    table: str

    def count(self) -> int:
        """Values in it, by its own counting."""
        return _count_influxdb(self.store) if isinstance(self.store, InfluxDB) else _count_victoria(self.store)

    def cpu_s(self) -> float:
        """Processor time of the server so far. [s]."""
        return cpu_of(self.store.process)


@contextmanager
def beside(kind: str, folder: Path, *, more: str = "") -> Iterator[Beside]:
    """Start a store; it ends with the block.

    Args:
        kind: Of `KINDS`.
        folder: For its data.
        more: Further lines of its ``[[store]]``.
    """
    with Stage(folder / f"{kind}-logs") as stage:
        table = f'[[store]]\nname = "{kind}"\nkind = "{kind}"\nfrom = "now"\n{more}'
        # What the collector says of itself would be counted with the readings.
        table += "health_every_s = 0\n"
        if kind == "victoriametrics":
            store = start_victoria_metrics(stage, folder / kind, options=["-dedup.minScrapeInterval=1ms"])
        else:
            store = start_influxdb(stage, folder / kind)
            token = folder / "influxdb.token"
            token.write_text(store.token + "\n", encoding="utf-8")
            token.chmod(0o600)
            table += f'org = "{store.org}"\nbucket = "{store.bucket}"\ntoken_file = "{token}"\n'
        yield Beside(kind, store, f'{table}url = "{store.address}"\n')


def states(rig: Rig) -> dict[str, dict[str, Any]]:
    """Each store as the collector shows it."""
    return {row["name"]: row for row in call(rig.data / "collector.sock", "stores", timeout_s=30)["stores"]}


def order(rig: Rig, command: str, name: str) -> None:
    """Pause or resume a store."""
    call(rig.data / "collector.sock", f"store_{command}", store=name, timeout_s=40)


def wait_sent(rig: Rig, name: str, position: int, timeout_s: float) -> float:
    """Wait until a store has everything up to a journal position; how long that took. [s].

    Raises:
        DemoError: It has not by then.
    """
    started = time.monotonic()
    while time.monotonic() - started < timeout_s:
        state = states(rig)[name]
        if state["position"] >= position and not state["jobs"]:
            return time.monotonic() - started
        rig.sample()
        time.sleep(_LOOK_S)
    raise DemoError(f"{name} is not at {position} after {timeout_s:g} s: {states(rig)[name]}")


def distinct(agent: str, shape: Shape, seed: int, count: int) -> Iterator[bytes]:
    """Blocks 1, 2, 3 … of an agent, no two readings of a channel at one time."""
    made = templates(agent, shape, seed)
    previous = PREVIOUS_OF_FIRST
    for seq in range(1, count + 1):
        turn, number = divmod(seq - 1, TEMPLATES)
        template = made[number]
        ahead_ns = turn * TEMPLATES * shape.rows * 10**9
        block = replace(
            template,
            seq=seq,
            readings_total=seq * shape.readings,
            previous=previous,
            times_ns=tuple(at_ns + ahead_ns for at_ns in template.times_ns),
        )
        data = encode(block)
        previous = chain(block_digest(data))
        yield data


def prepare_distinct(agents: Sequence[str], shape: Shape, blocks: int, port: int) -> list[Sender]:
    """Such blocks for each agent, which is connected."""
    senders = []
    for number, agent in enumerate(agents, 1):
        payloads = list(distinct(agent, shape, number, blocks))
        ends, total = array("Q"), 0
        for payload in payloads:
            total += len(payload)
            ends.append(total)
        publisher = RawPublisher("127.0.0.1", port, agent, filters=[topic(agent, TopicKind.RECEIPT)])
        senders.append(Sender(agent, publisher, publish_packets(topic(agent, TopicKind.BLOCK), payloads), ends))
    return senders


def _count_victoria(store: Store) -> int:
    urllib.request.urlopen(f"{store.address}/internal/force_flush", timeout=60).close()  # noqa: S310 - our own server
    window_s = 31 * 86_400
    query = urllib.parse.urlencode(
        {"query": f'sum(count_over_time({{device="weather"}}[{window_s}s]))', "time": _END_S}
    )
    with urllib.request.urlopen(f"{store.address}/api/v1/query?{query}&nocache=1", timeout=300) as answer:  # noqa: S310
        result = json.load(answer)["data"]["result"]
    return int(float(result[0]["value"][1])) if result else 0


def _count_influxdb(store: InfluxDB) -> int:
    flux = f'from(bucket: "{store.bucket}") |> range(start: 0) |> count() |> group() |> sum()'
    request = urllib.request.Request(  # noqa: S310 - our own server
        f"{store.address}/api/v2/query?org={store.org}",
        data=json.dumps({"query": flux, "dialect": {"annotations": [], "header": False}}).encode(),
        headers={"Authorization": f"Token {store.token}", "Content-Type": "application/json", "Accept": "text/csv"},
    )
    with urllib.request.urlopen(request, timeout=600) as answer:  # noqa: S310
        text = answer.read().decode().strip()
    return int(text.rsplit(",", 1)[1]) if text else 0
