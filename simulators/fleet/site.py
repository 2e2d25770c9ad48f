"""Broker and collector for a fleet, with every agent of it enrolled."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from harkara_io.control_socket import call
from simulators.demo.accounts import ask
from simulators.demo.broker import free_port, start_open_broker
from simulators.demo.processes import Process, Stage, wait_for

_START_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class FleetSite:
    """What runs.

    Attributes:
        port: The broker's.
        collector: The process.
        socket: Its control socket.
        config: Its configuration.
    """

    port: int
    collector: Process
    socket: Path
    config: Path

    def status(self) -> dict[str, Any]:
        """What the collector says of itself."""
        return ask(self.socket, "status") or {}


@contextlib.contextmanager
def fleet_site(folder: Path, agents: Sequence[str]) -> Iterator[FleetSite]:
    """Start Mosquitto and a collector; both are stopped afterwards.

    Raises:
        DemoError: Mosquitto is not installed, or something did not start.
    """
    with Stage(folder / "logs") as stage:
        port = start_open_broker(stage, folder).port
        toml = folder / "collector.toml"
        toml.write_text(
            f'data = "data"\n[broker]\nport = {port}\n[lake]\n[web]\nport = {free_port()}\n', encoding="utf-8"
        )
        collector = stage.harkara("collector", "collector", "run", "--config", str(toml))
        site = FleetSite(port, collector, folder / "data" / "collector.sock", toml)
        wait_for(site.status, "the collector", timeout_s=_START_S, process=collector)
        for agent in agents:
            call(site.socket, "device_add", agent=agent, name="", place="")
        yield site
