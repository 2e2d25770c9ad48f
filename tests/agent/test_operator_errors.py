"""What an operator gets wrong first: one line that says what, where and how to mend it, and the right exit status."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.agent.certificates import Authority
from tests.agent.harness import AgentProcess, agent_config
from tests.conftest import Mosquitto, free_port, wait_until

Start = Callable[..., Mosquitto]
BROKER = '[broker]\nhost = "127.0.0.1"\n'
DEVICE = '[[device]]\nid = "a"\ndriver = "nmea"\ntcp = "127.0.0.1:9"\n'


def run(file: Path) -> tuple[int, list[str]]:
    command = [sys.executable, "-m", "harkara", "agent", "run", "--config", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == ""
    return done.returncode, done.stderr.splitlines()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (DEVICE + BROKER, "`agent` is missing; write e.g. agent ="),
        (f'agent = "ridge-07"\n{DEVICE}', "`broker` is missing; write e.g. [broker] and below it host ="),
        (
            f'agent = "ridge-07"\n[broker]\n{DEVICE}',
            ':2: `broker.host` is missing; write e.g. host = "mqtt.example.org"',
        ),
        (f'agent = "ridge-07"\n{BROKER}', "`device` is missing; write e.g. [[device]] and below it id ="),
        (f'agent = "Ridge 7"\n{BROKER}{DEVICE}', ":1: `agent`: string should match pattern"),
        (
            f'agent = "ridge-07"\n{BROKER}[[device]]\nid = "a"\ntcp = "h:9"\n',
            ":4: `device.1.driver` is missing; write e.g.",
        ),
        (f'agent = "ridge-07"\n{BROKER}password_file = "no"\n{DEVICE}', ":4: `broker.password_file`:"),
        (f'agent = "ridge-07"\n{BROKER}[broker.tls]\nca_file = "no"\n{DEVICE}', ":5: `broker.tls.ca_file`:"),
        (f'agent = "ridge-07"\n{BROKER}[outbox]\nfile = "no/outbox.db"\n{DEVICE}', ":5: `outbox.file`: folder"),
    ],
)
def test_a_configuration_that_lacks_something(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "agent.toml"
    file.write_text(text, encoding="utf-8")
    status, lines = run(file)
    assert (status, len(lines)) == (2, 1), lines
    assert lines[0].startswith(f"harkara agent: {file}")
    assert says in lines[0]
    assert "; " in lines[0], "it says how to mend it"


def test_no_configuration_at_all(tmp_path: Path) -> None:
    status, lines = run(tmp_path / "agent.toml")
    assert status == 2
    (line,) = lines
    assert line.startswith(f"harkara agent: {tmp_path / 'agent.toml'}: no such file; ")
    assert "`harkara agent init` writes one" in line


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as held:
        yield held


def line_of(stack: ExitStack, agent: AgentProcess) -> str:
    """The one line an agent logs about its link, however often it tries; it runs on, and stops as usual."""
    stack.callback(agent.end)
    agent.start()
    wait_until(lambda: agent.status()["connections"] >= 4, what="four attempts")
    status = agent.status()
    assert status["link"] == "down"
    lines = [line for line in agent.log.splitlines() if "harkara.agent.uplink" in line]
    assert len(lines) == 1, lines
    assert str(status["link_detail"]) in lines[0]
    assert agent.stop() == 0
    assert "Traceback" not in agent.log
    return lines[0]


def test_a_broker_that_refuses_the_connection(tmp_path: Path, stack: ExitStack) -> None:
    port = free_port()
    line = line_of(stack, agent_config(tmp_path, port, DEVICE))
    assert f"broker 127.0.0.1:{port}: connection refused: nothing listens there; is the broker running" in line


@pytest.mark.broker
@pytest.mark.parametrize("protocol", ["3.1.1", "5"])
def test_a_wrong_password(tmp_path: Path, mosquitto: Start, stack: ExitStack, protocol: str) -> None:
    users, secret = tmp_path / "users", tmp_path / "password"
    subprocess.run(["mosquitto_passwd", "-b", "-c", str(users), "test-agent", "right"], check=True, capture_output=True)
    broker = mosquitto(f"password_file {users}", "allow_anonymous false")
    secret.write_text("wrong\n", encoding="utf-8")
    secret.chmod(0o600)
    more = f'protocol = "{protocol}"\npassword_file = "{secret}"'
    line = line_of(stack, agent_config(tmp_path, broker.port, DEVICE, broker=more))
    assert f"broker 127.0.0.1:{broker.port}: " in line
    assert "password file" in line, "where to look"
    assert line.endswith("(user test-agent)")


@pytest.mark.broker
def test_a_certificate_for_another_name(tmp_path: Path, mosquitto: Start, stack: ExitStack) -> None:
    authority = Authority.make(tmp_path / "authority")
    certificate, key = authority.issue("broker", alt="DNS:mqtt.example.org")
    port = free_port()
    mosquitto(
        f"listener {port} 127.0.0.1", f"certfile {certificate}", f"keyfile {key}", f"cafile {authority.ca_file}",
        "allow_anonymous true",
    )  # fmt: skip
    tls = f'[broker.tls]\nca_file = "{authority.ca_file}"'
    line = line_of(stack, agent_config(tmp_path, port, DEVICE, broker=tls))
    assert f"broker 127.0.0.1:{port}: " in line
    assert "TLS name mismatch): use a name in the certificate as host" in line
