"""Each way a broker can be out of reach gives one line that says which; tried on real brokers and real sockets."""

from __future__ import annotations

import asyncio
import gc
import socket
import subprocess
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import aiomqtt
import pytest

from edge_agent.config import load
from edge_agent.mqtt_client import client_factory, tls_context
from edge_agent.settings import Config
from harkara_io.errors import ConfigError
from harkara_io.mqtt_errors import explain
from tests.agent.certificates import Authority
from tests.conftest import Mosquitto, free_port

Start = Callable[..., Mosquitto]


def config(folder: Path, broker: str) -> Config:
    text = f'agent = "field-07"\n[broker]\n{broker}\n[[device]]\nid = "a"\ndriver = "nmea"\ntcp = "127.0.0.1:9"\n'
    file = folder / "agent.toml"
    file.write_text(text, encoding="utf-8")
    return load(file)


def line_of(folder: Path, broker: str) -> str:
    """The line an agent would log for this [broker] table."""
    made = config(folder, broker)

    async def connect() -> None:
        async with client_factory(made)(aiomqtt.Will("x", b"")):
            raise AssertionError("this connection must fail")

    with pytest.raises((aiomqtt.MqttError, OSError)) as caught:
        asyncio.run(connect())
    with warnings.catch_warnings(action="ignore", category=ResourceWarning):
        # The library leaves the socket of a failed TLS handshake to the collector of garbage.
        gc.collect()
    found = made.broker
    line = explain(caught.value, host=found.host, port=found.port_used, username=made.username_used)
    assert "\n" not in line
    assert str(found.port_used) in line
    return line


def secret(folder: Path, text: str) -> Path:
    file = folder / "password"
    file.write_text(text, encoding="utf-8")
    file.chmod(0o600)
    return file


def test_nothing_listens(tmp_path: Path) -> None:
    assert "connection refused" in line_of(tmp_path, f'host = "127.0.0.1"\nport = {free_port()}')


def test_a_name_nobody_knows(tmp_path: Path) -> None:
    assert "not known (DNS)" in line_of(tmp_path, 'host = "no-such-host.invalid"')


@pytest.mark.broker
@pytest.mark.parametrize("protocol", ["3.1.1", "5"])
def test_a_wrong_password_and_a_missing_one(tmp_path: Path, mosquitto: Start, protocol: str) -> None:
    users = tmp_path / "users"
    subprocess.run(["mosquitto_passwd", "-b", "-c", str(users), "field-07", "right"], check=True, capture_output=True)
    broker = mosquitto(f"password_file {users}", "allow_anonymous false")
    base = f'host = "127.0.0.1"\nport = {broker.port}\nprotocol = "{protocol}"\n'
    wrong = line_of(tmp_path, base + f'password_file = "{secret(tmp_path, "wrong")}"')
    assert "(user field-07)" in wrong
    assert "wrong user name or password" in wrong or "not authorised" in wrong
    anonymous = line_of(tmp_path, base)
    assert "not authorised" in anonymous or "wrong user name or password" in anonymous


@contextmanager
def tls_broker(folder: Path, mosquitto: Start, *, alt: str, days: int = 2) -> Iterator[tuple[int, Authority]]:
    authority = Authority.make(folder / "authority")
    certificate, key = authority.issue("broker", alt=alt, days=days)
    port = free_port()
    mosquitto(
        f"listener {port} 127.0.0.1",
        f"certfile {certificate}",
        f"keyfile {key}",
        f"cafile {authority.ca_file}",
        "allow_anonymous true",
    )
    yield port, authority


def tls(port: int, ca_file: Path, host: str = "localhost") -> str:
    return f'host = "{host}"\nport = {port}\n[broker.tls]\nca_file = "{ca_file}"'


@pytest.mark.broker
def test_the_certificate_is_for_another_name(tmp_path: Path, mosquitto: Start) -> None:
    with tls_broker(tmp_path, mosquitto, alt="DNS:mqtt.example.org") as (port, authority):
        assert "TLS name mismatch" in line_of(tmp_path, tls(port, authority.ca_file))
        assert "TLS name mismatch" in line_of(tmp_path, tls(port, authority.ca_file, host="127.0.0.1"))


@pytest.mark.broker
def test_the_certificate_has_expired(tmp_path: Path, mosquitto: Start) -> None:
    with tls_broker(tmp_path, mosquitto, alt="DNS:localhost", days=-1) as (port, authority):
        assert "has expired" in line_of(tmp_path, tls(port, authority.ca_file))


@pytest.mark.broker
def test_the_certificate_is_from_an_unknown_authority(tmp_path: Path, mosquitto: Start) -> None:
    stranger = Authority.make(tmp_path / "stranger")
    with tls_broker(tmp_path, mosquitto, alt="DNS:localhost") as (port, _):
        assert "authority that ca_file does not hold" in line_of(tmp_path, tls(port, stranger.ca_file))


@pytest.mark.broker
def test_tls_where_there_is_none_and_none_where_it_is_wanted(tmp_path: Path, mosquitto: Start) -> None:
    with tls_broker(tmp_path, mosquitto, alt="DNS:localhost") as (port, authority):
        plain = mosquitto()
        line = line_of(tmp_path, tls(plain.port, authority.ca_file))
        assert "does not speak TLS" in line or "does [broker.tls] fit this port" in line
        line = line_of(tmp_path, f'host = "localhost"\nport = {port}')
        assert "does [broker.tls] fit this port" in line or "connection was lost" in line or "no answer" in line


@pytest.mark.broker
def test_with_everything_right_it_connects(tmp_path: Path, mosquitto: Start) -> None:
    with tls_broker(tmp_path, mosquitto, alt="DNS:localhost") as (port, authority):
        made = config(tmp_path, tls(port, authority.ca_file))

        async def connect() -> None:
            async with client_factory(made)(aiomqtt.Will("x", b"")):
                pass

        asyncio.run(connect())


def test_files_that_are_no_certificates_are_configuration_errors(tmp_path: Path) -> None:
    junk = tmp_path / "junk.pem"
    junk.write_text("not a certificate", encoding="utf-8")
    made = config(tmp_path, f'host = "localhost"\n[broker.tls]\nca_file = "{junk}"')
    assert made.broker.tls is not None
    with pytest.raises(ConfigError, match="certificate or key cannot be used"):
        tls_context(made.broker.tls)


def test_a_port_that_accepts_and_says_nothing_is_a_time_out() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]

        async def connect() -> None:
            async with aiomqtt.Client("127.0.0.1", port, timeout=0.2):
                pass

        with pytest.raises(aiomqtt.MqttError) as caught:
            asyncio.run(connect())
        assert "no answer in time" in explain(caught.value, host="127.0.0.1", port=port)
