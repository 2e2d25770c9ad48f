"""What the tests share: real blocks of a small agent, a client that sends them, the collector as a process."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from device_profiles.wire.digest import PREVIOUS_OF_FIRST, block_digest, chain
from device_profiles.wire.encode import encode
from device_profiles.wire.intervals import IntervalSet
from device_profiles.wire.messages import Receipt, Synced, parse_receipt, parse_synced
from device_profiles.wire.model import (
    Block,
    ClockSection,
    ClockState,
    Column,
    OpenRecord,
    ProfileRef,
)
from device_profiles.wire.topics import TopicKind, topic
from harkara_io.control_socket import ControlError, call
from tests.conftest import free_port, wait_until

ROWS, COLUMNS = 4, 3
READINGS = ROWS * COLUMNS
START_NS = 1_790_000_000 * 10**9


class Blocks:
    """Blocks 1, 2, 3 … of one segment, chained as an agent would."""

    def __init__(self, agent: str = "agent-1", segment: int = 77) -> None:
        self.agent, self.segment = agent, segment
        self.made: list[bytes] = []

    def block(self, seq: int) -> Block:
        first_ns = START_NS + seq * ROWS * 10**9
        previous = chain(block_digest(self.made[seq - 2])) if seq > 1 else PREVIOUS_OF_FIRST
        opened = OpenRecord(0, 0, b"outbox-of-agent1", b"fingerprint-of-1", "created") if seq == 1 else None
        return Block(
            agent=self.agent,
            segment=self.segment,
            ordinal=1,
            seq=seq,
            device="weather",
            readings_total=seq * READINGS,
            previous=previous,
            profile=ProfileRef("weather", 1, bytes(8)),
            clock=ClockSection(bytes(8), seq * 10**9, first_ns, ClockState.NTP, 10**6),
            times_ns=tuple(first_ns + row * 10**9 for row in range(ROWS)),
            columns=tuple(
                Column(f"channel_{number}", "Cel", -2, tuple(seq * 100 + number * 10 + row for row in range(ROWS)))
                for number in range(COLUMNS)
            ),
            opened=opened,
        )

    def next(self, count: int = 1) -> list[bytes]:
        """The next blocks, encoded."""
        fresh = []
        for _ in range(count):
            data = encode(self.block(len(self.made) + 1))
            self.made.append(data)
            fresh.append(data)
        return fresh


class AgentClient:
    """An agent's MQTT side by hand: what it publishes and what the collector answered."""

    def __init__(self, port: int, agent: str = "agent-1", password: str | None = None) -> None:
        self.agent = agent
        self.receipts: list[Receipt] = []
        self.synced: list[Synced] = []
        self._stored: dict[int, IntervalSet] = {}
        subscribed: list[object] = []
        self.client = paho.Client(CallbackAPIVersion.VERSION2, client_id=agent)
        if password is not None:
            self.client.username_pw_set(agent, password)
        self.client.on_message = self._on_message
        self.client.on_subscribe = lambda *_: subscribed.append(1)
        self.client.max_inflight_messages_set(1000)
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        wait_until(self.client.is_connected, what="the agent to connect")
        self.client.subscribe([(topic(agent, kind), 1) for kind in (TopicKind.RECEIPT, TopicKind.SYNCED)])
        wait_until(lambda: subscribed, what="the agent's subscription")

    def _on_message(self, _client: paho.Client, _userdata: object, message: paho.MQTTMessage) -> None:
        if message.topic.endswith("/receipt"):
            receipt = parse_receipt(bytes(message.payload))
            self.receipts.append(receipt)
            for answer in receipt.segments:
                self._stored[answer.segment] = self.stored(answer.segment) | answer.stored
        else:
            self.synced.append(parse_synced(bytes(message.payload)))

    def send(self, *payloads: bytes, kind: TopicKind = TopicKind.BLOCK) -> None:
        """Publish with QoS 1 and wait for the PUBACKs."""
        for info in [self.client.publish(topic(self.agent, kind), payload, qos=1) for payload in payloads]:
            info.wait_for_publish(20)

    def stored(self, segment: int = 77) -> IntervalSet:
        """What the receipts so far say is stored."""
        return self._stored.get(segment, IntervalSet())

    def wait_stored(self, tail: int, segment: int = 77) -> None:
        wait_until(lambda: self.stored(segment).count == tail, what=f"receipts for 1 to {tail}")

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@contextmanager
def agent_client(port: int, agent: str = "agent-1", password: str | None = None) -> Iterator[AgentClient]:
    client = AgentClient(port, agent, password)
    try:
        yield client
    finally:
        client.close()


@dataclass
class CollectorProcess:
    """``harkara collector run`` on a folder of its own."""

    folder: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def config(self) -> Path:
        return self.folder / "collector.toml"

    @property
    def socket(self) -> Path:
        return self.folder / "data" / "collector.sock"

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(encoding="utf-8")

    def start(self, *, connected: bool = True) -> CollectorProcess:
        with (self.folder / "log").open("ab") as log:
            words = [sys.executable, "-m", "harkara", "collector", "run", "--config", str(self.config)]
            self.process = subprocess.Popen(words, stdout=log, stderr=log)
        if connected:
            wait_until(self._connected, timeout_s=60, what="the collector to reach the broker")
        return self

    def _connected(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log
        return bool(self.status().get("broker", {}).get("connected"))

    def status(self) -> dict[str, Any]:
        try:
            return call(self.socket, "status")
        except (ControlError, OSError):
            return {}

    def harkara(self, *words: str) -> str:
        command = [sys.executable, "-m", "harkara", *words, "--config", str(self.config)]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        self.process = None

    def stop(self) -> int:
        """SIGTERM; the exit status."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(60)
        self.process = None
        return status

    def wait_in_lake(self, readings: int) -> dict[str, Any]:
        def there() -> bool:
            return self.status().get("stored_readings") == readings

        wait_until(there, timeout_s=60, what=f"{readings} readings in the lake, have {self.status()}")
        return self.status()


@contextmanager
def collector_process(
    folder: Path, port: int, *agents: str, protocol: str = "5", broker: str = "", extra: str = ""
) -> Iterator[CollectorProcess]:
    """A configured collector, agents enrolled, not started; killed at the end if it still runs."""
    folder.mkdir(exist_ok=True)
    made = CollectorProcess(folder)
    made.config.write_text(
        f'[broker]\nport = {port}\nprotocol = "{protocol}"\nreconnect_s_max = 0.5\n{broker}\n'
        f"[web]\nport = {free_port()}\n[lake]\nflush_after_s = 0.2\n{extra}",
        encoding="utf-8",
    )
    for agent in agents:
        made.harkara("device", "add", agent)
    try:
        yield made
    finally:
        if made.process is not None:
            made.kill()


def conserved(intake: dict[str, Any]) -> bool:
    """received = what became of all of them."""
    fates = ("committed", "duplicate", "refused", "quarantined", "stale", "waiting")
    return bool(intake["received"] == sum(intake[fate] for fate in fates))


def stored_once(rows: list[dict[str, Any]], blocks: Blocks) -> None:
    """The lake's rows are the blocks' readings, bit for bit, once each."""
    wanted = {
        (column.channel, at_ns): value / 100
        for seq in range(1, len(blocks.made) + 1)
        for column in blocks.block(seq).columns
        for at_ns, value in zip(blocks.block(seq).times_ns, column.values, strict=True)
        if value is not None
    }
    got = [(row["channel"], row["observed_at_ns"]) for row in rows]
    assert len(got) == len(set(got)), "a reading is there twice"
    assert {key: float(row["value"]) for key, row in zip(got, rows, strict=True)} == wanted
