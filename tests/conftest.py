"""What every test may ask for: recordings, a real broker, and the rule that a skip needs a reason from the list."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

HERE = Path(__file__).parent

# A shell starts what it puts in the background deaf to SIGINT, and children inherit it; some tests interrupt them.
signal.signal(signal.SIGINT, signal.default_int_handler)


def free_port() -> int:
    """A TCP port of loopback that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(condition: Callable[[], object], *, timeout_s: float = 30.0, what: str = "condition") -> None:
    """Wait for a condition, not for seconds; fail with its name after ``timeout_s``."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"waited {timeout_s:g} s in vain for {what}")
        time.sleep(0.01)


@pytest.fixture(scope="session")
def captures() -> Path:
    """Folder of real recordings."""
    value = os.environ.get("HARKARA_CAPTURES")
    if not value:
        pytest.skip("HARKARA_CAPTURES is not set")
    folder = Path(value)
    if not folder.is_dir():
        pytest.fail(f"HARKARA_CAPTURES names no folder: {folder}")
    return folder


@dataclass
class Mosquitto:
    """A real broker of this test alone: start, stop, kill and start again on the same port.

    Attributes:
        port: Loopback port. Stays the same over restarts.
        folder: Where configuration, log and (with ``persistence true``) the store lie.
        extra: Lines added to its configuration.
    """

    port: int
    folder: Path
    extra: list[str] = field(default_factory=list)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> Mosquitto:
        config = self.folder / "mosquitto.conf"
        lines = [f"listener {self.port} 127.0.0.1", "max_queued_messages 0", "max_inflight_messages 0", "user root"]
        if not any(line.startswith(("allow_anonymous", "password_file")) for line in self.extra):
            lines.append("allow_anonymous true")
        config.write_text("\n".join([*lines, *self.extra]) + "\n", encoding="utf-8")
        binary = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
        with (self.folder / "mosquitto.log").open("ab") as log:
            self.process = subprocess.Popen([binary, "-c", str(config)], stdout=log, stderr=log)
        wait_until(self._listening, what="mosquitto to listen")
        return self

    def _listening(self) -> bool:
        if self.process is not None and self.process.poll() is not None:
            pytest.fail(f"mosquitto ended: {(self.folder / 'mosquitto.log').read_text(encoding='utf-8')}")
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def kill(self) -> None:
        """As a power cut would: SIGKILL."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait()
            self.process = None


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Callable[..., Mosquitto]]:
    """Factory: ``mosquitto("password_file /x")`` starts a broker with these lines added; all are stopped at the end."""
    if shutil.which("mosquitto") is None and not Path("/usr/sbin/mosquitto").exists():
        pytest.skip("mosquitto is not installed")
    started: list[Mosquitto] = []

    def make(*extra: str) -> Mosquitto:
        folder = tmp_path / f"mosquitto{len(started)}"
        folder.mkdir()
        broker = Mosquitto(port=free_port(), folder=folder, extra=list(extra))
        started.append(broker)
        return broker.start()

    yield make
    for broker in started:
        broker.kill()


def _allowed_reasons() -> list[dict[str, object]]:
    return list(tomllib.loads((HERE / "allowed_skips.toml").read_text(encoding="utf-8"))["allowed"])


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """A skip whose reason is not on the list fails, everywhere; in CI also one that the list does not allow there."""
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    if not report.skipped or hasattr(report, "wasxfail"):
        return
    said = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
    reason = str(said).removeprefix("Skipped: ")
    in_ci = os.environ.get("CI") == "true"
    for entry in _allowed_reasons():
        if reason.startswith(str(entry["reason"])) and (entry.get("in_ci", False) or not in_ci):
            return
    report.outcome = "failed"
    where = " in CI" if in_ci else ""
    report.longrepr = f"skipped for a reason that tests/allowed_skips.toml does not allow{where}: {reason}"
