"""The broker of the demonstration: Mosquitto where it is installed, else the embedded one."""

from __future__ import annotations

import getpass
import shutil
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from simulators.demo.processes import DemoError, Process, Stage, wait_for
from simulators.embedded_broker import write_password_file

Kind = Literal["mosquitto", "embedded"]
_READY_S: Final = 20.0
_MOSQUITTO_PLACES: Final = "/usr/sbin:/usr/local/sbin"
"""Where distributions put it: not on every user's PATH."""


def find_mosquitto() -> str | None:
    """Path of the Mosquitto binary, or None."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path=_MOSQUITTO_PLACES)


def choose(wish: Kind | None) -> Kind:
    """Which broker to take.

    Raises:
        DemoError: Mosquitto is wished for and not there.
    """
    if wish == "mosquitto" and find_mosquitto() is None:
        raise DemoError("mosquitto is not installed; mend: apt install mosquitto, or --broker embedded")
    return wish or ("mosquitto" if find_mosquitto() and shutil.which("mosquitto_passwd") else "embedded")


@dataclass(slots=True)
class Broker:
    """A broker on a free port of loopback, with a password for each user; it keeps nothing over a restart.

    Attributes:
        kind: Which.
        port: TCP port, the same over restarts.
        process: The running broker.
    """

    kind: Kind
    port: int
    process: Process

    def cut(self) -> None:
        """Kill it, as a power cut would."""
        self.process.kill()

    def restore(self) -> None:
        """Start it again and wait until it listens."""
        self.process.start()
        self.wait()

    def wait(self) -> None:
        """Wait until it listens."""
        wait_listening(self.port, self.process)


def start_broker(stage: Stage, kind: Kind, folder: Path, passwords: dict[str, str]) -> Broker:
    """Start a broker and wait until it listens.

    Args:
        stage: Who stops it.
        kind: Which.
        folder: For its configuration.
        passwords: By user name.
    """
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    words = folder / "passwords"
    if kind == "embedded":
        write_password_file(words, passwords)
        command = [sys.executable, "-m", "simulators.embedded_broker", "--port", str(port)]
        process = stage.start("broker", [*command, "--password-file", str(words)])
    else:
        config = _mosquitto_config(folder, port, words, passwords)
        process = stage.start("broker", [find_mosquitto() or "mosquitto", "-c", str(config)])
    broker = Broker(kind, port, process)
    broker.wait()
    return broker


def start_open_broker(stage: Stage, folder: Path, lines: Sequence[str] = ()) -> Broker:
    """Start a Mosquitto that lets everybody in, and wait until it listens: for loads on loopback.

    Args:
        stage: Who stops it.
        folder: For its configuration.
        lines: More of its configuration.

    Raises:
        DemoError: Mosquitto is not installed, or did not start.
    """
    binary = find_mosquitto()
    if binary is None:
        raise DemoError("mosquitto is not installed; mend: apt install mosquitto")
    port = free_port()
    config = folder / "mosquitto.conf"
    usual = [f"listener {port} 127.0.0.1", "allow_anonymous true", "max_queued_messages 0", "set_tcp_nodelay true"]
    usual += ["max_inflight_messages 0", f"user {getpass.getuser()}"]
    config.write_text("\n".join([*usual, *lines]) + "\n", encoding="utf-8")
    broker = Broker("mosquitto", port, stage.start("mosquitto", [binary, "-c", str(config)]))
    broker.wait()
    return broker


def _mosquitto_config(folder: Path, port: int, words: Path, passwords: dict[str, str]) -> Path:
    words.touch(mode=0o600)
    words.write_text("".join(f"{user}:{word}\n" for user, word in passwords.items()), encoding="ascii")
    tool = shutil.which("mosquitto_passwd")
    if tool is None:
        raise DemoError("mosquitto_passwd is not installed; mend: apt install mosquitto, or --broker embedded")
    subprocess.run([tool, "-U", str(words)], check=True, capture_output=True)  # noqa: S603
    config = folder / "mosquitto.conf"
    lines = [
        f"listener {port} 127.0.0.1",
        "allow_anonymous false",
        f"password_file {words.resolve()}",
        # What is queued for a subscriber and in flight to it is bounded by the agents' window, not here.
        "max_queued_messages 0",
        "max_inflight_messages 0",
        f"user {getpass.getuser()}",
    ]
    config.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return config


def wait_listening(port: int, process: Process) -> None:
    """Wait until a process takes connections on a port of loopback."""

    def listening() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    wait_for(listening, f"port {port}", timeout_s=_READY_S, process=process)


def free_port() -> int:
    """A TCP port of loopback that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
