"""The shipped Mosquitto files in a real Mosquitto: agents reach their own topics only and take no blocks away."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from tests.conftest import Mosquitto, free_port, wait_until

pytestmark = pytest.mark.broker

DEPLOY = Path(__file__).parents[2] / "deploy" / "mosquitto"
USERS = ("harkara-collector", "agent-1", "agent-2")


@pytest.fixture
def broker(mosquitto: Callable[..., Mosquitto], tmp_path: Path) -> Mosquitto:
    passwords = tmp_path / "passwords"
    passwords.touch(mode=0o600)
    for user in USERS:
        subprocess.run(["mosquitto_passwd", "-b", str(passwords), user, user], check=True)
    return mosquitto(
        "allow_anonymous false",
        f"password_file {passwords}",
        f"acl_file {DEPLOY / 'harkara.acl'}",
        "use_username_as_clientid true",
    )


class Client:
    def __init__(self, port: int, user: str) -> None:
        self.got: list[str] = []
        self.answers: list[ReasonCode] = []
        self.granted = 0
        self.paho = paho.Client(CallbackAPIVersion.VERSION2, client_id="any", protocol=paho.MQTTv5)
        self.paho.username_pw_set(user, user)
        self.paho.on_message = lambda _client, _userdata, message: self.got.append(message.topic)
        self.paho.on_publish = lambda _client, _userdata, _mid, code, _properties: self.answers.append(code)
        self.paho.on_subscribe = self._on_subscribe
        self.paho.connect("127.0.0.1", port)
        self.paho.loop_start()
        wait_until(self.paho.is_connected, what=f"{user} to connect")

    def _on_subscribe(self, *_: object) -> None:
        self.granted += 1

    def subscribe(self, *filters: str) -> None:
        for text in filters:
            self.paho.subscribe(text, 1)
        wait_until(lambda: self.granted == len(filters), what="subscriptions")

    def publish(self, topic: str) -> bool:
        before = len(self.answers)
        self.paho.publish(topic, b"x", qos=1)
        wait_until(lambda: len(self.answers) > before, what="PUBACK")
        return not self.answers[-1].is_failure


@contextmanager
def _clients(port: int) -> Iterator[tuple[Client, Client, Client]]:
    made = [Client(port, user) for user in USERS]
    try:
        yield made[0], made[1], made[2]
    finally:
        for client in made:
            client.paho.disconnect()
            client.paho.loop_stop()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_agents_reach_their_own_topics_and_no_others(broker: Mosquitto) -> None:
    with _clients(broker.port) as (collector, one, two):
        collector.subscribe("harkara/1/+/block", "harkara/1/+/sync", "harkara/1/+/state")
        two.subscribe("harkara/1/agent-2/receipt", "harkara/1/agent-1/receipt", "harkara/1/+/block", "#")
        for kind in ("block", "sync", "state"):
            assert one.publish(f"harkara/1/agent-1/{kind}")
            assert not one.publish(f"harkara/1/agent-2/{kind}")
        assert not one.publish("harkara/1/agent-1/receipt")
        assert collector.publish("harkara/1/agent-1/receipt")
        assert collector.publish("harkara/1/agent-2/receipt")
        assert not collector.publish("harkara/1/agent-1/block")
        wait_until(lambda: len(collector.got) == 3 and "harkara/1/agent-2/receipt" in two.got, what="delivery")
        assert set(collector.got) == {f"harkara/1/agent-1/{kind}" for kind in ("block", "sync", "state")}
        assert set(two.got) == {"harkara/1/agent-2/receipt"}


def test_an_agent_in_a_shared_group_takes_no_block_from_the_collector(broker: Mosquitto) -> None:
    with _clients(broker.port) as (collector, one, two):
        collector.subscribe("harkara/1/+/block")
        two.subscribe("$share/harkara/harkara/1/+/block", "$share/harkara-collector/harkara/1/+/block")
        for _ in range(50):
            assert one.publish("harkara/1/agent-1/block")
        wait_until(lambda: len(collector.got) == 50, what="every block")
        assert two.got == []


def test_the_shipped_configuration_starts_a_broker(tmp_path: Path) -> None:
    binary = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
    if not Path(binary).exists():
        pytest.skip("mosquitto is not installed")
    if shutil.which("openssl") is None:
        pytest.fail("openssl is needed to make a certificate for this test")
    certs = tmp_path / "certs"
    certs.mkdir()
    subprocess.run(
        [
            *["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"],
            *["-keyout", "server.key", "-out", "server.crt"],
        ],
        cwd=certs,
        check=True,
        capture_output=True,
    )
    shutil.copy(certs / "server.crt", certs / "ca.crt")
    shutil.copy(DEPLOY / "harkara.acl", tmp_path)
    passwords = tmp_path / "harkara.passwd"
    passwords.touch(mode=0o600)
    subprocess.run(["mosquitto_passwd", "-b", str(passwords), "agent-1", "agent-1"], check=True)
    text = (DEPLOY / "harkara.conf").read_text(encoding="utf-8")
    port, tls_port = free_port(), free_port()
    text = text.replace("/etc/mosquitto", str(tmp_path)).replace("listener 1883", f"listener {port}")
    text = text.replace("listener 8883", f"listener {tls_port} 127.0.0.1") + "\nuser root\n"
    (tmp_path / "mosquitto.conf").write_text(text, encoding="utf-8")
    with subprocess.Popen([binary, "-c", str(tmp_path / "mosquitto.conf")], stderr=subprocess.PIPE) as process:
        try:
            wait_until(lambda: _listens(port), what="mosquitto to listen")
            agent = Client(port, "agent-1")
            assert agent.publish("harkara/1/agent-1/block")
            agent.paho.disconnect()
            agent.paho.loop_stop()
        finally:
            process.terminate()
