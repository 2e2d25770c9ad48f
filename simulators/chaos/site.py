"""The valley under chaos: broker, collector, agents and gauges as processes, and links that can be made bad."""

from __future__ import annotations

import contextlib
import resource
import secrets
import signal
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from device_profiles.wire.digest import block_digest, computed_digest
from simulators.chaos.configs import COLLECTOR_USER, agent_name, agent_toml, collector_toml, secret
from simulators.chaos.small_disk import can_mount, small_disk
from simulators.demo.accounts import ask
from simulators.demo.broker import Broker, Kind, free_port, start_broker
from simulators.demo.processes import DemoError, Process, Stage, run_harkara, wait_for
from simulators.host_trouble.host import Host, build, can_build
from simulators.link_proxy import LinkProxy

_KEEPS_S: Final = 20.0
UNCOMMITTED_NS: Final = 2_000_000_000
"""What a dying agent may have read and not committed: a group commit of 0.5 s, and what lay on the line. [ns]"""
_START_S: Final = 60.0
_KEPT_BLOCKS: Final = 200
_FOR_GOOD: Final = 2
"""Exit status of a process that says a restart would not help."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """How much the gauges say.

    Attributes:
        agents: How many, each with one gauge.
        channels: Generated channels a line.
        interval_ms: Between two lines. [ms]
    """

    agents: int = 2
    channels: int = 60
    interval_ms: int = 20


@dataclass(slots=True)
class Deaf:
    """A time in which an agent could not hear its gauge.

    Attributes:
        agent: Its number.
        from_ns: From when on something said may be lost, UTC. [ns]
        to_ns: Until the first line heard after this; None while it lasts. [ns]
    """

    agent: int
    from_ns: int
    to_ns: int | None = None


@dataclass(slots=True)
class Station:
    """One agent with what belongs to it.

    Attributes:
        number: From 0.
        folder: Its files.
        process: The agent.
        gauge: Its sensor.
        link: Between it and the broker.
        begin_ns: Time of its gauge's line 0, UTC. [ns]
        host: That the agent runs on; None where no library for it can be built.
    """

    number: int
    folder: Path
    process: Process
    gauge: Process
    link: LinkProxy
    begin_ns: int
    host: Host | None

    @property
    def mood(self) -> Path:
        """File with the gauge's mood."""
        return self.folder / "gauge.mood"

    @property
    def log(self) -> Path:
        """The gauge's own log."""
        return self.folder / "gauge.log"

    @property
    def outbox(self) -> Path:
        """The agent's outbox."""
        return self.card / "outbox.db"

    @property
    def card(self) -> Path:
        """The agent's disk: a small one of its own, where this user may mount one."""
        return self.folder / "card"

    def status(self) -> dict[str, Any] | None:
        """What the agent says of itself; None while it does not answer."""
        return ask(self.card / "agent.sock", "status")


@dataclass(slots=True)
class Site:
    """All of it.

    Attributes:
        stage: Who stops the processes.
        root: Folder of everything.
        kind: Which broker.
        load: How much is said.
        deaf: Times in which readings may have gone unheard.
        restarts: Processes that ended by themselves and were started again, by name.
    """

    stage: Stage
    root: Path
    kind: Kind
    load: Load
    deaf: list[Deaf] = field(default_factory=list)
    restarts: dict[str, int] = field(default_factory=dict)
    broker: Broker = field(init=False)
    collector: Process = field(init=False)
    collector_link: LinkProxy = field(init=False)
    stations: list[Station] = field(default_factory=list)
    passwords: dict[str, str] = field(default_factory=dict)
    blocks: list[tuple[str, bytes]] = field(default_factory=list)
    """Block messages overheard lately, topic and payload."""

    @property
    def collector_folder(self) -> Path:
        """The collector's files."""
        return self.root / "collector"

    @property
    def collector_config(self) -> Path:
        """Its configuration."""
        return self.collector_folder / "collector.toml"

    def collector_status(self) -> dict[str, Any] | None:
        """What the collector says of itself; None while it does not answer."""
        return ask(self.collector_folder / "data" / "collector.sock", "status")

    def start(self, links: contextlib.ExitStack) -> None:
        """Start everything; on return every agent has a link.

        Args:
            links: Closes the links at the end.

        Raises:
            DemoError: Something did not start.
        """
        names = [agent_name(number) for number in range(self.load.agents)]
        self.passwords = {name: secrets.token_hex(12) for name in (*names, COLLECTOR_USER)}
        self.broker = start_broker(self.stage, self.kind, self.root / "broker", self.passwords)
        self.collector_link = links.enter_context(LinkProxy(self.broker.port))
        self._start_collector(names)
        for number in range(self.load.agents):
            self.stations.append(self._start_station(number, links))
        links.callback(self._listen_along().disconnect)
        wait_for(self.healthy, "everything to be connected", timeout_s=_START_S, process=self.collector)

    def _start_collector(self, names: list[str]) -> None:
        folder = self.collector_folder
        folder.mkdir(parents=True)
        secret(folder / "password", self.passwords[COLLECTOR_USER])
        self.collector_config.write_text(collector_toml(self.collector_link.port, free_port()), encoding="utf-8")
        for name in names:
            run_harkara("device", "add", name, "--config", str(self.collector_config))
        command = ["collector", "run", "--config", str(self.collector_config)]
        self.collector = self.stage.harkara("collector", *command)
        wait_for(self.collector_status, "the collector", timeout_s=_START_S, process=self.collector)

    def _start_station(self, number: int, links: contextlib.ExitStack) -> Station:
        name = agent_name(number)
        folder = self.root / name
        (folder / "card").mkdir(parents=True)
        if can_mount():
            links.enter_context(small_disk(folder / "card"))
        host = None
        if can_build():
            host = Host(folder / "host", folder / "card", build(self.root / "lib"), is_mounted=can_mount())
        link = links.enter_context(LinkProxy(self.broker.port))
        secret(folder / "password", self.passwords[name])
        config = folder / "agent.toml"
        config.write_text(agent_toml(name, link.port, folder / "gauge.tty"), encoding="utf-8")
        begin_ns = time.time_ns() // 1_000_000_000 * 1_000_000_000
        words = ["--port-link", folder / "gauge.tty", "--log", folder / "gauge.log", "--mood", folder / "gauge.mood"]
        words += ["--begin-ns", begin_ns, "--interval-ms", self.load.interval_ms, "--channels", self.load.channels]
        gauge = self.stage.start(
            f"gauge-{number}", [sys.executable, "-m", "simulators.chaos.gauge", *(str(word) for word in words)]
        )
        wait_for((folder / "gauge.tty").is_symlink, "the gauge's port", timeout_s=_START_S, process=gauge)
        self.deaf.append(Deaf(number, 0, time.time_ns()))
        environ = host.environ if host is not None else None
        process = self.stage.harkara(name, "agent", "run", "--config", str(config), environ=environ)
        return Station(number, folder, process, gauge, link, begin_ns, host)

    def _listen_along(self) -> mqtt.Client:
        """Overhear whole blocks, so that they can be said again later."""
        client = self.client("listener", COLLECTOR_USER)

        def on_connect(client: mqtt.Client, *_: object) -> None:
            client.subscribe("harkara/1/+/block", qos=0)

        def on_message(_client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
            keep_whole(self.blocks, message.topic, bytes(message.payload))

        client.on_connect = on_connect
        client.on_message = on_message
        client.connect_async("127.0.0.1", self.broker.port)
        client.loop_start()
        return client

    def client(self, identifier: str, user: str) -> mqtt.Client:
        """A stranger with somebody's password, straight at the broker; not connected yet."""
        client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=identifier)
        client.username_pw_set(user, self.passwords[user])
        client.reconnect_delay_set(1, 1)
        return client

    # How it is

    def healthy(self) -> bool:
        """Whether everybody runs, has a link and hears; starts again what ended by itself, as a supervisor would."""
        self.supervise()
        collector = self.collector_status()
        if collector is None or not (collector["ok"] and collector["broker"]["connected"]):
            return False
        return all(_well(station.status()) for station in self.stations)

    def unwell(self) -> str:
        """What keeps it from being healthy, for a message."""
        found = []
        collector = self.collector_status()
        if collector is None or not (collector["ok"] and collector["broker"]["connected"]):
            found.append(f"collector: {collector and (collector['ok'], collector['problem'], collector['broker'])}")
        for station in self.stations:
            status = station.status()
            if not _well(status):
                keys = ("link", "link_detail", "disk", "phase", "pending")
                device = status["devices"][0] if status else {}
                found.append(
                    f"{agent_name(station.number)}: {status and [status[key] for key in keys]} "
                    f"{device.get('state')} {device.get('detail')}"
                )
        return "; ".join(found)

    def drained(self) -> bool:
        """Whether every agent has a receipt for all it took; call it when the gauges are silent."""
        self.supervise()
        statuses = [station.status() for station in self.stations]
        return all(
            status is not None and status["open_rows"] == status["pending"] == status["queued"] == 0
            for status in statuses
        )

    def supervise(self) -> None:
        """Start again what ended by itself.

        Raises:
            DemoError: It said that a restart would not help.
        """
        for process in (self.broker.process, self.collector, *(each.process for each in self.stations)):
            if process.running:
                continue
            if process.popen.returncode == _FOR_GOOD:
                raise DemoError(f"{process.name} ended for good: {process.last_words()}")
            self.restarts[process.name] = self.restarts.get(process.name, 0) + 1
            for station in self.stations:
                if station.process is process:
                    self.deafen(station)
                    self.deaf[-1].to_ns = time.time_ns()
            process.start()

    # What is done to it

    def deafen(self, station: Station) -> None:
        """Note that from about now on the agent may not hear its gauge."""
        self.deaf.append(Deaf(station.number, time.time_ns() - UNCOMMITTED_NS))

    def hearing(self, station: Station) -> None:
        """Note that it can again, from the first line on that it hears."""
        for each in self.deaf:
            if each.agent == station.number and each.to_ns is None:
                each.to_ns = time.time_ns()

    def hearing_when_it_keeps(self, station: Station) -> None:
        """The same after trouble of its disk: once what waited for the disk meanwhile is committed, too.

        An agent asks a disk again only now and then. Until it has, a kill takes more with it than one group.
        """
        commits: int | None = None
        deadline_s = time.monotonic() + _KEEPS_S
        while time.monotonic() < deadline_s:
            status = station.status()
            if status is not None and status["disk"] == "ok":
                # The first commit may have begun before the disk was well; the one after it has the rest.
                commits = status["commits"] if commits is None else commits
                if status["commits"] >= commits + 2 and not status["queued"]:
                    break
            time.sleep(0.1)
        self.hearing(station)

    def kill(self, process: Process) -> None:
        """SIGKILL."""
        self._deafen_if_agent(process)
        process.kill()

    def stop(self, process: Process) -> None:
        """SIGTERM, and wait."""
        self._deafen_if_agent(process)
        self.stage.stop(process)

    def begin(self, process: Process) -> None:
        """Start a process that was killed or stopped."""
        if process is self.broker.process:
            self.broker.restore()
        else:
            process.start()
        for station in self.stations:
            if station.process is process:
                self.hearing(station)

    def pause(self, process: Process, seconds: float) -> None:
        """SIGSTOP for a while."""
        stations = [station for station in self.stations if station.process is process]
        for station in stations:
            self.deafen(station)
        process.signal_group(signal.SIGSTOP)
        time.sleep(seconds)
        process.signal_group(signal.SIGCONT)
        for station in stations:
            self.hearing(station)

    def limit(self, process: Process, what: int, soft: int) -> int:
        """Change a soft resource limit of a running process; the former one."""
        former, hard = resource.prlimit(process.popen.pid, what)
        resource.prlimit(process.popen.pid, what, (soft, hard))
        return former

    def speak(self, station: Station, mood: str) -> None:
        """Change a gauge's mood."""
        aside = station.mood.with_suffix(".new")
        aside.write_text(mood, encoding="ascii")
        aside.replace(station.mood)

    def _deafen_if_agent(self, process: Process) -> None:
        for station in self.stations:
            if station.process is process:
                self.deafen(station)


def _well(status: dict[str, Any] | None) -> bool:
    return (
        status is not None
        and status["link"] == "up"
        and status["disk"] == "ok"
        and all(device["state"] == "up" for device in status["devices"])
    )


def keep_whole(kept: list[tuple[str, bytes]], topic: str, payload: bytes) -> None:
    """Keep a whole block; the garbage and the damaged ones of other cycles are on these topics too."""
    if block_digest(payload) == computed_digest(payload):
        kept.append((topic, payload))
        del kept[:-_KEPT_BLOCKS]
