"""Who takes part: broker, collector, agent, sensors, and the plain publisher beside them, all started as processes."""

from __future__ import annotations

import os
import secrets
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from simulators.demo.accounts import ask
from simulators.demo.broker import Broker, Kind, free_port, start_broker
from simulators.demo.layout import AGENT, AIR, COLLECTOR_USER, DRONE, GNSS, PLAIN_USER, WEATHER, Layout, write_configs
from simulators.demo.processes import DemoError, Process, Stage, run_harkara, wait_for
from simulators.demo.servers import Store, StoreKind, start_influxdb, start_victoria_metrics

STATION_INTERVAL_S: Final = 0.2
_START_S: Final = 60.0
_RECORDING: Final = Path("serial") / "gpsd_neo-m8n.log"


def recording_file() -> Path | None:
    """The recorded receiver, where ``HARKARA_CAPTURES`` points to recordings.

    Raises:
        DemoError: The variable is set, and the recording is not there.
    """
    folder = os.environ.get("HARKARA_CAPTURES")
    if not folder:
        return None
    path = Path(folder) / _RECORDING
    if not path.is_file():
        raise DemoError(f"HARKARA_CAPTURES is set, but {path} is not there")
    return path


@dataclass(slots=True)
class Cast:
    """All processes of one run.

    Attributes:
        stage: Who stops them.
        layout: Where their files are.
        kind: Which broker.
        seed: Decides the station's values.
        recording: The receiver to replay, or None.
        flight_s: When the drone must have landed; nought without a drone. [s]
        store_kind: Which store of others is fed beside the lake, if any.
        store: That store, once it runs.
        page: Address of the collector's page.
        started_at_ns: When the agent was started first, by this machine's clock. [ns]
    """

    stage: Stage
    layout: Layout
    kind: Kind
    seed: int
    recording: Path | None
    flight_s: float = 0.0
    store_kind: StoreKind | None = None
    store: Store | None = None
    page: str = ""
    started_at_ns: int = 0
    broker: Broker = field(init=False)
    collector: Process = field(init=False)
    agent: Process = field(init=False)
    publisher: Process = field(init=False)
    subscriber: Process = field(init=False)
    sensors: list[Process] = field(default_factory=list)
    _passwords: dict[str, str] = field(default_factory=dict)

    @property
    def devices(self) -> list[str]:
        """Device ids of the sensors."""
        on_board = [*DRONE, AIR] if self.flight_s else []
        return [WEATHER, *([GNSS] if self.recording is not None else []), *on_board]

    def start_servers(self) -> None:
        """Start broker and collector and enrol the agent; on return the collector answers."""
        # Hexadecimal, since a word that begins with a dash is taken for an option.
        self._passwords = {user: secrets.token_hex(12) for user in (AGENT, COLLECTOR_USER, PLAIN_USER)}
        self.broker = start_broker(self.stage, self.kind, self.layout.root / "broker", self._passwords)
        if self.store_kind is not None:
            start = start_influxdb if self.store_kind == "influxdb" else start_victoria_metrics
            options = [] if self.store_kind == "influxdb" else ["-dedup.minScrapeInterval=1ms"]
            self.store = start(self.stage, self.layout.root / "store", options=options)
        web_port = free_port()
        self.page = f"http://127.0.0.1:{web_port}/"
        write_configs(
            self.layout,
            broker_port=self.broker.port,
            web_port=web_port,
            passwords=self._passwords,
            devices=self.devices,
            store=self.store,
        )
        config = str(self.layout.collector_config)
        run_harkara("device", "add", AGENT, "--config", config)
        self.collector = self.stage.harkara("collector", "collector", "run", "--config", config)
        wait_for(self.collector_status, "the collector", timeout_s=_START_S, process=self.collector)

    def start_field(self) -> None:
        """Start sensors, plain publisher and agent; on return the station has begun to speak."""
        self.start_sensors(first_number=1)
        self._start_plain()
        self.started_at_ns = time.time_ns()
        self.agent = self.stage.harkara("agent", "agent", "run", "--config", str(self.layout.agent_config))
        wait_for(self.agent_status, "the agent", timeout_s=_START_S, process=self.agent)
        truth = self.layout.truth(WEATHER)
        wait_for(
            lambda: truth.exists() and truth.stat().st_size,
            "the station's first line",
            timeout_s=_START_S,
            process=self.agent,
        )

    def start_sensors(self, *, first_number: int) -> None:
        """Start the sensors; they wait until their ports are opened."""
        common = ["--wait-for-reader", "--truth"]
        station = ["simulate", "station", "--port-link", str(self.layout.port(WEATHER))]
        station += ["--beside-link", str(self.layout.plain_port), "--interval", str(STATION_INTERVAL_S)]
        station += ["--seed", str(self.seed), "--first-number", str(first_number), "--device", WEATHER]
        self.sensors = [self.stage.harkara("station", *station, *common, str(self.layout.truth(WEATHER)))]
        if self.recording is not None:
            replay = ["simulate", "replay", str(self.recording), "--port-link", str(self.layout.port(GNSS))]
            replay += ["--device", GNSS, "--loop", "--rebase", "now"]
            self.sensors.append(self.stage.harkara("receiver", *replay, *common, str(self.layout.truth(GNSS))))
        if self.flight_s:
            flight = [sys.executable, "-m", "simulators.demo.flight", "--seconds", str(self.flight_s)]
            flight += ["--drone-link", str(self.layout.drone_port), "--air-link", str(self.layout.port(AIR))]
            flight += ["--folder", str(self.layout.ports), "--seed", str(self.seed)]
            self.sensors.append(self.stage.start("flight", flight))
        on_ports = [self.layout.drone_port if each in DRONE else self.layout.port(each) for each in self.devices]
        ports = [self.layout.plain_port, *on_ports]
        wait_for(
            lambda: all(port.is_symlink() for port in ports),
            "the sensors' ports",
            timeout_s=_START_S,
            process=self.sensors[0],
        )

    def _start_plain(self) -> None:
        words = ["--mqtt-port", str(self.broker.port), "--user", PLAIN_USER, "--password", self._passwords[PLAIN_USER]]
        script = [sys.executable, "-m", "simulators.plain_publisher"]
        received = ["--received", str(self.layout.plain_received)]
        self.subscriber = self.stage.start("plain-subscriber", [*script, "subscribe", *words, *received])
        port = ["--port", str(self.layout.plain_port)]
        self.publisher = self.stage.start("plain-publisher", [*script, "publish", *words, *port])

    def stop_sensors(self) -> None:
        """Let the sensors end; each waits until its reader has taken the last word."""
        self.stage.stop(*self.sensors)

    def kill_agent(self) -> None:
        """SIGKILL for the agent, and for the plain publisher beside it: both lose the same power."""
        self.agent.kill()
        self.publisher.kill()

    def restart_agent(self) -> None:
        """What a supervisor does after a crash, for both."""
        self.agent.start()
        self.publisher.start()

    def check_alive(self, *, but: tuple[Process, ...] = ()) -> None:
        """Complain when something ended that should not have.

        Raises:
            DemoError: It did; with its last words.
        """
        everyone = [self.broker.process, self.collector, self.agent, self.publisher, self.subscriber, *self.sensors]
        if self.store is not None:
            everyone.append(self.store.process)
        for process in everyone:
            if process not in but and not process.running:
                raise DemoError(f"{process.name} ended by itself: {process.last_words()}")

    def agent_status(self) -> dict[str, Any] | None:
        """What the agent says of itself; None while it does not answer."""
        return ask(self.layout.agent_socket, "status")

    def collector_status(self) -> dict[str, Any] | None:
        """What the collector says of itself; None while it does not answer."""
        return ask(self.layout.collector_socket, "status")
