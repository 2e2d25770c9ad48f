"""What a ten-channel station costs on a metered link a day, everything included, and what each part of it costs.

A real agent reads a real port and sends over TLS to a real Mosquitto, from which a real collector answers. Every packet
between agent and broker is counted as the kernel made it, with IP and TCP headers and empty acknowledgements. A day
runs in fast motion: sampling, sealing, keep-alive, sync and state are all quicker by one factor, so that their number a
day and the exchange each of them causes stay what they are. The steady run is multiplied up to a day; one connection a
day with its TLS handshake is added. The broker's own log tells which MQTT packets there were.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.packet_counter import PacketCounter
from simulators.demo.accounts import ask
from simulators.demo.broker import find_mosquitto, free_port, wait_listening
from simulators.demo.processes import DemoError, Process, Stage, run_harkara, wait_for
from simulators.weather import CHANNELS, UNITS

SECONDS: Final = 120.0
"""Two syncs of either habit; a time that holds no whole number of them counts them wrongly."""
AGENT: Final = "link-station"
DAY_S: Final = 86_400.0
_COLLECTOR: Final = "harkara-collector"
_SHIPPED: Final = Path(__file__).resolve().parent.parent / "deploy" / "mosquitto"
_START_S: Final = 60.0
_CHANNELS: Final = 10
_TOPIC_BYTES: Final = len(f"harkara/1/{AGENT}/")
_PUBLISH: Final = re.compile(
    r"(Received|Sending) PUBLISH (?:from|to) (\S+) \(d\d, q(\d), .*'harkara/1/[^/]+/(\w+)', ... \((\d+) bytes\)"
)
_OTHER: Final = re.compile(r"(Received|Sending) (PUBACK|PINGREQ|PINGRESP) (?:from|to) (\S+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Habit:
    """How a station behaves, in real seconds, and how much quicker it is run.

    Attributes:
        factor: How much quicker.
        seal_s: A block is sealed this often. [s]
        keepalive_s: MQTT keep-alive. [s]
        sync_s: A sync even when all is well. [s]
        state_s: The state message is refreshed. [s]
    """

    factor: float
    seal_s: float
    keepalive_s: float
    sync_s: float
    state_s: float


EVERY_MINUTE: Final = Habit(factor=60, seal_s=54, keepalive_s=300, sync_s=3600, state_s=86_400)
"""One row a block. Keep-alive and sync as for a metered link: what only reassures is rare."""
EVERY_QUARTER: Final = Habit(factor=360, seal_s=870, keepalive_s=3600, sync_s=21_600, state_s=86_400)
"""Fifteen rows a block."""


def run(seconds: float = SECONDS) -> dict[str, Any]:
    """Measure both habits, each for ``seconds``.

    Raises:
        NotPermitted: Counting packets needs root.
    """
    return {
        "about": (
            "Ten channels a minute over TLS 1.3 and MQTT 3.1.1; IP packets both ways, steady state times a day plus "
            "one connection. Keep-alive 5 min, sync every hour with a block a minute; 1 h and 6 h with one in 15 min."
        ),
        "sealed_every_minute": measure(EVERY_MINUTE, seconds),
        "sealed_every_15_min": measure(EVERY_QUARTER, seconds),
        "targets": {"sealed_every_minute.kb_per_day": "<= 900", "sealed_every_15_min.kb_per_day": "<= 90"},
    }


def measure(habit: Habit, seconds: float) -> dict[str, Any]:
    """One station, watched for ``seconds`` of its quick life."""
    with tempfile.TemporaryDirectory(prefix="harkara-link-") as name, Stage(Path(name) / "logs") as stage:
        rig = _Rig(Path(name), stage, habit)
        with PacketCounter(rig.tls_port) as counter:
            rig.start()
            began_up, began_down = counter.up.copy(), counter.down.copy()
            log_from = rig.log_size()
            began_s = time.monotonic()
            time.sleep(seconds)
            lasted_s = time.monotonic() - began_s
            up, down = counter.up.since(began_up), counter.down.since(began_down)
            counts = rig.broker_packets(log_from)
        share = DAY_S / (lasted_s * habit.factor)
        connection = began_up.ip_bytes + began_down.ip_bytes
        mqtt = sum(counts[f"{kind}.bytes"] for kind in counts_kinds(counts))
        payload = up.payload_bytes + down.payload_bytes
        if counts["block"] == 0:
            raise DemoError("no block was sent")
        return {
            "kb_per_day": round(((up.ip_bytes + down.ip_bytes) * share + connection) / 1e3, 1),
            "kb_per_day_up": round((up.ip_bytes * share + began_up.ip_bytes) / 1e3, 1),
            "kb_per_day_down": round((down.ip_bytes * share + began_down.ip_bytes) / 1e3, 1),
            "parts_kb_per_day": {
                **{f"mqtt_{kind}": round(counts[f"{kind}.bytes"] * share / 1e3, 1) for kind in counts_kinds(counts)},
                "tls": round((payload - mqtt) * share / 1e3, 1),
                "tcp_ip_headers": round((up.header_bytes + down.header_bytes) * share / 1e3, 1),
                "one_connection": round(connection / 1e3, 1),
            },
            "per_day": {kind: round(counts[kind] * share) for kind in counts_kinds(counts)},
            "packets_per_day": round((up.packets + down.packets) * share),
            "bytes_per_block": round(counts["block.payload"] / counts["block"], 1),
            "fast_motion": habit.factor,
            "watched_s": round(lasted_s, 1),
        }


def counts_kinds(counts: Counter[str]) -> list[str]:
    """Kinds of MQTT packets, largest first."""
    kinds = [name.removesuffix(".bytes") for name in counts if name.endswith(".bytes")]
    return sorted(kinds, key=lambda kind: -counts[f"{kind}.bytes"])


class _Rig:
    """Broker with two doors (TLS for the agent, plain for the collector), collector, station and agent."""

    def __init__(self, folder: Path, stage: Stage, habit: Habit) -> None:
        self.tls_port = free_port()
        self._plain_port = free_port()
        self._folder = folder
        self._stage = stage
        self._habit = habit
        self._log = stage.logs / "mosquitto.log"

    def start(self) -> None:
        """Start all; on return the agent is connected and quiet, its first block stored."""
        _certificate(self._folder)
        self._start_broker()
        self._start_collector()
        station = self._start_station()
        agent = self._start_agent()

        def stored() -> bool:
            status = ask(self._folder / "agent.sock", "status")
            return status is not None and status["stored"] > 0

        wait_for(stored, "the first receipt", timeout_s=_START_S, process=agent)
        if not station.running:
            raise DemoError(f"the station ended: {station.last_words()}")
        # The exchange of the first receipt runs out, and the next block is not due yet.
        time.sleep(min(1.0, self._habit.seal_s / self._habit.factor / 4))

    def _start_broker(self) -> None:
        binary = find_mosquitto()
        if binary is None:
            raise DemoError("mosquitto is not installed; mend: apt install mosquitto")
        for number, user in enumerate((AGENT, _COLLECTOR)):
            words = self._folder / f"{user}.password"
            words.write_text(f"{user}-secret\n", encoding="utf-8")
            words.chmod(0o600)
            passwords = self._folder / "passwords"
            create = [] if number else ["-c"]
            subprocess.run(
                ["mosquitto_passwd", "-b", *create, str(passwords), user, f"{user}-secret"],
                check=True,
                capture_output=True,
            )
        config = self._folder / "mosquitto.conf"
        config.write_text(self._shipped() + "log_type all\nuser root\n", encoding="utf-8")
        broker = self._stage.start("mosquitto", [binary, "-c", str(config)])
        wait_listening(self._plain_port, broker)

    def _shipped(self) -> str:
        """The configuration we ship, with the files and ports of this run."""
        text = (_SHIPPED / "harkara.conf").read_text(encoding="utf-8")
        for old, new in (
            ("/etc/mosquitto/harkara.passwd\nacl", f"{self._folder / 'passwords'}\nacl"),
            ("acl_file /etc/mosquitto/harkara.acl", f"acl_file {_SHIPPED / 'harkara.acl'}"),
            ("listener 8883", f"listener {self.tls_port} 127.0.0.1"),
            ("/etc/mosquitto/certs/ca.crt", f"{self._folder / 'cert.pem'}"),
            ("/etc/mosquitto/certs/server.crt", f"{self._folder / 'cert.pem'}"),
            ("/etc/mosquitto/certs/server.key", f"{self._folder / 'key.pem'}"),
            ("listener 1883 ", f"listener {self._plain_port} "),
        ):
            if text.count(old) != 1:
                raise DemoError(f"the shipped broker configuration no longer says {old!r} once")
            text = text.replace(old, new)
        return text

    def _start_collector(self) -> None:
        toml = self._folder / "collector.toml"
        toml.write_text(
            f'data = "data"\n[broker]\nport = {self._plain_port}\nusername = "{_COLLECTOR}"\n'
            f'password_file = "{self._folder / _COLLECTOR}.password"\n[web]\nport = {free_port()}\n',
            encoding="utf-8",
        )
        run_harkara("device", "add", AGENT, "--config", str(toml))
        collector = self._stage.harkara("collector", "collector", "run", "--config", str(toml))
        socket = self._folder / "data" / "collector.sock"
        wait_for(lambda: ask(socket, "status"), "the collector", timeout_s=_START_S, process=collector)

    def _start_station(self) -> Process:
        link = self._folder / "weather.tty"
        words = ["--port-link", str(link), "--interval", str(60 / self._habit.factor), "--wait-for-reader"]
        station = self._stage.harkara("station", "simulate", "station", *words)
        wait_for(link.is_symlink, "the station's port", timeout_s=_START_S, process=station)
        return station

    def _start_agent(self) -> Process:
        habit = self._habit
        channels = "\n".join(f'{channel} = {{ unit = "{UNITS[channel]}" }}' for channel in CHANNELS[1 : _CHANNELS + 1])
        toml = self._folder / "agent.toml"
        toml.write_text(
            f"""\
agent = "{AGENT}"
control_socket = "{self._folder / "agent.sock"}"
[broker]
host = "127.0.0.1"
port = {self.tls_port}
password_file = "{self._folder / AGENT}.password"
keepalive_s = {max(5, round(habit.keepalive_s / habit.factor))}
sync_every_s = {habit.sync_s / habit.factor}
state_every_s = {habit.state_s / habit.factor}
[broker.tls]
ca_file = "{self._folder / "cert.pem"}"
[[device]]
id = "weather"
driver = "lines"
port = "{self._folder / "weather.tty"}"
format = "json"
seal_after_s = {habit.seal_s / habit.factor}
[device.channels]
{channels}
""",
            encoding="utf-8",
        )
        return self._stage.harkara("agent", "agent", "run", "--config", str(toml))

    def log_size(self) -> int:
        """Where the broker's log is now. [B]."""
        return self._log.stat().st_size

    def broker_packets(self, log_from: int) -> Counter[str]:
        """MQTT packets between broker and agent since then, by kind: how many, and their bytes."""
        with self._log.open("rb") as file:
            file.seek(log_from)
            text = file.read().decode("utf-8", "replace")
        counts: Counter[str] = Counter()
        for line in text.splitlines():
            if (match := _PUBLISH.search(line)) and match[2] == AGENT:
                kind, size = match[4], int(match[5])
                # MQTT 3.1.1, 3.3: two bytes of topic length, the topic, with QoS 1 two of packet id, the payload.
                body = 2 + _TOPIC_BYTES + len(kind) + (2 if match[3] == "1" else 0) + size
                counts[kind] += 1
                counts[f"{kind}.payload"] += size
                counts[f"{kind}.bytes"] += 1 + _length_bytes(body) + body
            elif (match := _OTHER.search(line)) and match[3] == AGENT:
                kind = "puback" if match[2] == "PUBACK" else "keep_alive"
                counts[kind] += 1
                counts[f"{kind}.bytes"] += 4 if kind == "puback" else 2
        return counts


def _length_bytes(length: int) -> int:
    return 1 if length < 128 else 2 if length < 16_384 else 3


def _certificate(folder: Path) -> None:
    """A key and a certificate for 127.0.0.1, signed by itself (EC P-256, as public authorities give today)."""
    words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=127.0.0.1"
    more = ["-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    subprocess.run(["openssl", *words.split(), *more, *files], check=True, capture_output=True)
