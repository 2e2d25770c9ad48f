"""A real agent process on real ptys, and a small collector that keeps every block it is given and says so."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import threading
import tty
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from device_profiles.wire.decode import decode
from device_profiles.wire.intervals import IntervalSet
from device_profiles.wire.messages import Receipt, SegmentReceipt, State, Synced, parse_state, parse_sync
from device_profiles.wire.model import Block
from device_profiles.wire.topics import TopicKind, parse_topic, topic
from harkara_io.control_socket import ControlError, call
from tests.conftest import wait_until


class Instrument:
    """The far end of a serial line: a pty, reached by a name that stays when the pty is replaced."""

    def __init__(self, name: Path) -> None:
        self.name = name
        self.master = -1
        self.plug_in()

    def plug_in(self) -> None:
        self.master, slave = pty.openpty()
        tty.setraw(slave)
        self.name.unlink(missing_ok=True)
        self.name.symlink_to(os.ttyname(slave))
        self._slave = slave

    def unplug(self) -> None:
        os.close(self._slave)
        os.close(self.master)
        self.name.unlink()

    def say(self, text: str | bytes) -> None:
        os.write(self.master, text if isinstance(text, bytes) else text.encode())

    def close(self) -> None:
        for fd in (self._slave, self.master):
            try:
                os.close(fd)
            except OSError:
                continue


@dataclass
class AgentProcess:
    """``harkara agent run`` as its own process."""

    config: Path
    process: subprocess.Popen[bytes] | None = None
    environ: dict[str, str] = field(default_factory=dict)

    @property
    def log(self) -> str:
        return (self.config.parent / "agent.log").read_text(encoding="utf-8")

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def launch(self) -> AgentProcess:
        with (self.config.parent / "agent.log").open("ab") as log:
            command = [sys.executable, "-m", "harkara", "agent", "run", "--config", str(self.config)]
            environ = {**os.environ, **self.environ}
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=environ)
        return self

    def start(self) -> AgentProcess:
        self.launch()
        wait_until(self.answers, what="the agent to answer")
        return self

    def answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log
        try:
            return bool(self.status())
        except ControlError:
            return False

    def status(self) -> dict[str, Any]:
        return call(self.config.parent / "agent.sock", "status")

    def device(self, name: str) -> dict[str, Any]:
        return next(each for each in self.status()["devices"] if each["id"] == name)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)

    def end(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.kill()


def agent_config(folder: Path, port: int, devices: str, *, broker: str = "", top: str = "") -> AgentProcess:
    """An agent that is quick about everything, so that a test need not wait."""
    text = (
        f'agent = "test-agent"\n{top}\n[broker]\nhost = "127.0.0.1"\nport = {port}\nreconnect_s_max = 1.0\n'
        f"receipt_timeout_s = 2.0\nstop_s = 5.0\n{broker}\n[outbox]\ncommit_interval_s = 0.2\n{devices}"
    )
    file = folder / "agent.toml"
    file.write_text(text, encoding="utf-8")
    return AgentProcess(file)


def lines_device(name: str, port: Path, extra: str = "") -> str:
    return (
        f'[[device]]\nid = "{name}"\ndriver = "lines"\nport = "{port}"\nseal_after_s = 0.5\n'
        f"reconnect_s_max = 0.5\n{extra}\n"
    )


def nmea_device(name: str, port: Path) -> str:
    return f'[[device]]\nid = "{name}"\ndriver = "nmea"\nport = "{port}"\nseal_after_s = 0.5\nreconnect_s_max = 0.5\n'


class KeepingCollector:
    """Takes blocks and answers sync, by the protocol's messages: everything verified is stored and safe.

    Attributes:
        blocks: Stored blocks by (segment, seq).
        repeats: Blocks that came again.
        state: Latest state message.
        silent: While set, nothing is stored or answered.
    """

    def __init__(self, port: int, agent: str = "test-agent") -> None:
        self.blocks: dict[tuple[int, int], Block] = {}
        self.repeats = 0
        self.state: State | None = None
        self.silent = False
        self.errors: list[str] = []
        self._agent = agent
        self._lock = threading.Lock()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="keeping-collector")
        self._client.on_connect = self._on_connect
        self._client.on_message = self._on_message
        self._client.reconnect_delay_set(min_delay=1, max_delay=1)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def readings(self, device: str) -> list[tuple[int, str, int | float, int | None]]:
        """(observed at, channel, mantissa, exponent) of all stored readings of a device, in order of time."""
        with self._lock:
            blocks = [block for block in self.blocks.values() if block.device == device]
        return sorted(
            (at, column.channel, value, column.exponent)
            for block in blocks
            for column in block.columns
            for at, value in zip(block.times_ns, column.values, strict=True)
            if value is not None
        )

    def _on_connect(self, client: mqtt.Client, *_: object) -> None:
        client.subscribe([(f"harkara/1/+/{kind}", 1) for kind in ("block", "sync", "state")])

    def _on_message(self, client: mqtt.Client, _: object, message: mqtt.MQTTMessage) -> None:
        if self.silent:
            return
        try:
            with self._lock:
                self._take(client, message.topic, bytes(message.payload))
        except Exception as exc:  # noqa: BLE001 - the test shall see it, the thread shall live
            self.errors.append(f"{type(exc).__name__}: {exc}")

    def _take(self, client: mqtt.Client, name: str, payload: bytes) -> None:
        match parse_topic(name).kind:
            case TopicKind.STATE:
                self.state = parse_state(payload)
            case TopicKind.SYNC:
                sync = parse_sync(payload)
                answer = Synced(sync.nonce, 0, self._receipt({extent.segment for extent in sync.segments}))
                client.publish(topic(self._agent, TopicKind.SYNCED), answer.encode(), qos=1)
            case TopicKind.BLOCK:
                block = decode(payload)
                key = (block.segment, block.seq)
                self.repeats += key in self.blocks
                self.blocks[key] = block
                client.publish(topic(self._agent, TopicKind.RECEIPT), self._receipt({block.segment}).encode(), qos=1)

    def _receipt(self, segments: set[int]) -> Receipt:
        answers = []
        for segment in sorted(segments):
            stored = IntervalSet.from_numbers(seq for each, seq in self.blocks if each == segment)
            answers.append(SegmentReceipt(segment, stored=stored, safe=stored))
        return Receipt(b"L" * 16, b"S" * 16, 1, tuple(answers), 256 * 1024)


def json_line(number: int, **values: str) -> str:
    """A station's line with this sample number; values are given as text, so that every digit stands."""
    fields = "".join(f',"{name}":{value}' for name, value in values.items())
    return f'{{"time":{json.dumps(stamp(number))},"sample":{number}{fields}}}\n'


def stamp(number: int) -> str:
    return f"2026-01-01T{number // 3600:02d}:{number // 60 % 60:02d}:{number % 60:02d}.250Z"


def stamp_ns(number: int) -> int:
    return (1_767_225_600 + number) * 1_000_000_000 + 250_000_000
