"""A real broker and a real collector process, with enrolled agents, for the benchmarks that load them."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from simulators.demo.accounts import ask
from simulators.demo.broker import free_port, start_open_broker
from simulators.demo.processes import DemoError, Process, Stage, run_harkara, wait_for

_READY_S: Final = 60.0
_TICKS: Final = os.sysconf("SC_CLK_TCK")


@dataclass(slots=True)
class Rig:
    """What is running.

    Attributes:
        folder: Of all files.
        port: The broker's.
        broker: Mosquitto.
        collector: ``harkara collector run``.
        rss_mb: Resident memory of the collector, one sample a call of ``sample``. [MB]
    """

    folder: Path
    port: int
    broker: Process
    collector: Process
    stage: Stage
    rss_mb: list[float] = field(default_factory=list)

    @property
    def data(self) -> Path:
        """The collector's data folder."""
        return self.folder / "data"

    def status(self) -> dict[str, Any]:
        """What the collector says of itself.

        Raises:
            DemoError: It has ended.
        """
        if not self.collector.running:
            raise DemoError(f"the collector ended: {self.collector.last_words()}")
        return ask(self.data / "collector.sock", "status") or {}

    def sample(self) -> None:
        """Take one sample of the collector's memory."""
        self.rss_mb.append(self.collector.resident_mb())

    def cpu_s(self) -> tuple[float, float]:
        """Processor time so far of collector and broker. [s]."""
        return cpu_of(self.collector), cpu_of(self.broker)

    def wait_in_lake(self, timeout_s: float) -> float:
        """Wait until everything journalled is in the lake; how long that took. [s].

        A query makes the collector commit what it holds back for a fuller file.
        """
        started = time.monotonic()
        run_harkara("query", "--limit", "1", "--config", str(self.folder / "collector.toml"), timeout_s=timeout_s)
        while time.monotonic() - started < timeout_s:
            status = self.status()
            if status and status["lake_position"] >= status["journal_position"] > 0:
                return time.monotonic() - started
            self.sample()
            time.sleep(0.1)
        raise DemoError(f"the lake is not at the journal's head after {timeout_s:g} s: {self.status()}")

    def stop_collector(self) -> None:
        """Let it end in order, so that its lake can be opened."""
        self.stage.stop(self.collector)


@contextmanager
def running(agents: Sequence[str], *, protocol: str = "5", lake: str = "", more: str = "") -> Iterator[Rig]:
    """Start Mosquitto and a collector with these agents enrolled; all is stopped and removed afterwards.

    Args:
        agents: Agent ids.
        protocol: MQTT version of the collector.
        lake: Lines for ``[lake]`` of ``collector.toml``.
        more: Further tables of it.
    """
    with tempfile.TemporaryDirectory(prefix="harkara-bench-") as name, Stage(Path(name) / "logs") as stage:
        folder = Path(name)
        broker = start_open_broker(stage, folder)
        port = broker.port
        toml = folder / "collector.toml"
        web = f"[web]\nport = {free_port()}\n"
        toml.write_text(
            f'data = "data"\n[broker]\nport = {port}\nprotocol = "{protocol}"\n[lake]\n{lake}\n{web}{more}',
            encoding="utf-8",
        )
        for agent in agents:
            run_harkara("device", "add", agent, "--config", str(toml))
        collector = stage.harkara("collector", "collector", "run", "--config", str(toml))
        rig = Rig(folder, port, broker.process, collector, stage)
        wait_for(rig.status, "the collector", timeout_s=_READY_S, process=collector)
        yield rig


def cpu_of(process: Process) -> float:
    """Processor time of a process so far, 0 when it has ended. [s]."""
    try:
        fields = Path(f"/proc/{process.popen.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICKS
