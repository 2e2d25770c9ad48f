"""``harkara doctor`` finds what is broken and says how to mend it."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from harkara_io import doctor_checks
from harkara_io.serial_ports import found_ports
from tests.conftest import Mosquitto, free_port

HEAD = 'agent = "field-07"\n[broker]\nhost = "127.0.0.1"\nport = {port}\n[outbox]\nfile = "data/outbox.db"\n'


def doctor(folder: Path, *words: str) -> tuple[int, list[dict[str, str]]]:
    command = [sys.executable, "-m", "harkara", "doctor", "--json", *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=120)
    assert done.stderr == ""
    return done.returncode, list(json.loads(done.stdout))


def config(folder: Path, port: int) -> str:
    (folder / "data").mkdir(exist_ok=True)
    (folder / "agent.toml").write_text(HEAD.format(port=port), encoding="utf-8")
    return str(folder / "agent.toml")


def test_a_machine_without_configuration(tmp_path: Path) -> None:
    status, findings = doctor(tmp_path)
    assert {finding["check"] for finding in findings} >= {
        "python",
        "sqlite",
        "packages",
        "disk",
        "clock",
        "serial ports",
    }
    assert status == int(any(finding["level"] == "broken" for finding in findings))
    assert {"check": "packages", "level": "ok", "what": "agent: all there", "mend": ""} in findings


@pytest.mark.broker
def test_a_broker_that_speaks_mqtt(tmp_path: Path, mosquitto: Callable[..., Mosquitto]) -> None:
    status, findings = doctor(tmp_path, "--config", config(tmp_path, mosquitto().port))
    found = [finding for finding in findings if finding["check"] == "broker"]
    assert [finding["level"] for finding in found] == ["ok"]
    assert status == 0
    assert any(str(tmp_path / "data") in finding["what"] for finding in findings if finding["check"] == "disk")


def test_a_broker_that_is_not_there_and_one_that_is_something_else(tmp_path: Path) -> None:
    status, findings = doctor(tmp_path, "--config", config(tmp_path, free_port()))
    assert status == 1
    assert "connection refused" in next(finding["what"] for finding in findings if finding["check"] == "broker")
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        command = [sys.executable, "-m", "harkara", "doctor", "--config", config(tmp_path, port)]
        asking = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        link, _ = other.accept()
        with link:
            link.recv(64)
            link.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            text, _ = asking.communicate(timeout=60)
    assert "does not speak MQTT" in text
    assert "mend: is the port right?" in text


def test_a_broken_configuration_and_a_missing_folder(tmp_path: Path) -> None:
    (tmp_path / "agent.toml").write_text("[broker\n", encoding="utf-8")
    status, findings = doctor(tmp_path, "--config", str(tmp_path / "agent.toml"))
    assert status == 1
    assert any(finding["check"] == "configuration" and finding["level"] == "broken" for finding in findings)
    (finding,) = doctor_checks.disk(tmp_path / "none")
    assert (finding.level, finding.mend) == ("broken", f"mkdir -p {tmp_path / 'none'}")


def test_ports_are_named_by_what_stays_the_same(tmp_path: Path) -> None:
    dev, by_id, sys_tty = tmp_path / "dev", tmp_path / "by-id", tmp_path / "tty"
    for folder in (dev, by_id, sys_tty / "ttyS0", sys_tty / "ttyS1"):
        folder.mkdir(parents=True)
    for name in ("ttyUSB0", "ttyS0", "ttyS1"):
        (dev / name).touch()
    (sys_tty / "ttyS0" / "type").write_text("0\n", encoding="ascii")
    (sys_tty / "ttyS1" / "type").write_text("4\n", encoding="ascii")
    (by_id / "usb-FTDI_A1-if00").symlink_to(dev / "ttyUSB0")
    found = found_ports(dev, by_id, sys_tty)
    assert [port.path.name for port in found] == ["usb-FTDI_A1-if00", "ttyS1"]
