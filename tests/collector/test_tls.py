"""The collector over TLS to a real broker: it connects, and says in one line why it does not."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.agent.certificates import Authority
from tests.collector.harness import READINGS, Blocks, agent_client, collector_process
from tests.conftest import Mosquitto, free_port

pytestmark = pytest.mark.broker

Start = Callable[..., Mosquitto]


class TlsBroker(NamedTuple):
    """A broker that the collector reaches over TLS and the test's agent without."""

    plain_port: int
    port: int
    authority: Authority


def start(folder: Path, mosquitto: Start, *, name: str = "DNS:localhost", access: str = "") -> TlsBroker:
    authority = Authority.make(folder / "authority")
    certificate, key = authority.issue("broker", alt=name, days=2)
    port = free_port()
    broker = mosquitto(
        f"listener {port} 127.0.0.1",
        f"certfile {certificate}",
        f"keyfile {key}",
        f"cafile {authority.ca_file}",
        *(access.splitlines() or ["allow_anonymous true"]),
    )
    return TlsBroker(broker.port, port, authority)


def table(ca_file: Path, more: str = "") -> str:
    return f'host = "localhost"\n{more}\n[broker.tls]\nca_file = "{ca_file}"\n'


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_blocks_come_over_tls(tmp_path: Path, mosquitto: Start, protocol: str) -> None:
    broker = start(tmp_path, mosquitto)
    words = table(broker.authority.ca_file)
    with collector_process(tmp_path / "c", broker.port, "agent-1", protocol=protocol, broker=words) as collector:
        collector.start()
        with agent_client(broker.plain_port) as agent:
            agent.send(*Blocks().next(3))
            agent.wait_stored(3)
        collector.wait_in_lake(3 * READINGS)
        assert collector.stop() == 0


def refusal(folder: Path, port: int, words: str) -> str:
    """The one line with which a collector ends that cannot connect."""
    with collector_process(folder / "c", port, broker=words) as collector:
        collector.start(connected=False)
        assert collector.process is not None
        assert collector.process.wait(60) != 0
        assert "Traceback" not in collector.log
        faults = [line for line in collector.log.splitlines() if " ERROR " in line]
        assert len(faults) == 1, collector.log
        return faults[0]


def test_a_certificate_for_another_name(tmp_path: Path, mosquitto: Start) -> None:
    broker = start(tmp_path, mosquitto, name="DNS:mqtt.example.org")
    assert "TLS name mismatch" in refusal(tmp_path, broker.port, table(broker.authority.ca_file))


def test_a_certificate_of_an_unknown_authority(tmp_path: Path, mosquitto: Start) -> None:
    broker = start(tmp_path, mosquitto)
    stranger = Authority.make(tmp_path / "stranger")
    line = refusal(tmp_path, broker.port, table(stranger.ca_file))
    assert "authority that ca_file does not hold" in line


def test_a_wrong_password(tmp_path: Path, mosquitto: Start) -> None:
    users = tmp_path / "users"
    subprocess.run(["mosquitto_passwd", "-b", "-c", str(users), "collector", "right"], check=True, capture_output=True)
    broker = start(tmp_path, mosquitto, access=f"password_file {users}\nallow_anonymous false")
    secret = tmp_path / "password"
    secret.write_text("wrong", encoding="utf-8")
    secret.chmod(0o600)
    login = f'username = "collector"\npassword_file = "{secret}"'
    line = refusal(tmp_path, broker.port, table(broker.authority.ca_file, login))
    assert "wrong user name or password" in line or "not authorised" in line
    assert 'wrong"' not in line
