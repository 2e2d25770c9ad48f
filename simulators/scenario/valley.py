"""The real processes of a scenario: Mosquitto, collector, agents, each behind a link that can be made bad."""

from __future__ import annotations

import contextlib
import resource
import secrets
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from simulators.chaos.configs import COLLECTOR_USER, collector_toml, secret
from simulators.demo.accounts import ask
from simulators.demo.broker import Broker, Kind, free_port, start_broker
from simulators.demo.processes import DemoError, Process, Stage, run_harkara, wait_for
from simulators.link_proxy import LinkProxy, Weather
from simulators.scenario.hosting import Hosting, hosted
from simulators.scenario.model import DISK_FAULTS, AgentTable, FaultTable, LinkTable, Scenario

UNCOMMITTED_NS: Final = 2_500_000_000
"""What a dying agent may have read and not committed: a group commit of 1 s, and an epoch still open before it. [ns]"""
_REOPENED_NS: Final = 1_000_000_000
_START_S: Final = 60.0
_DRAIN_S: Final = 180.0
_POLL_S: Final = 0.1
UPLINK_USER: Final = "network-server"
"""Whose password the LoRaWAN network server and its readers have at the broker."""
_FOR_GOOD: Final = 2
"""Exit status of a process that says a restart would not help."""


@dataclass(slots=True)
class Deaf:
    """A time in which an agent may not hear, or not keep, what its devices say; by this machine's clock. [ns]."""

    agent: str
    from_ns: int
    to_ns: int | None = None


@dataclass(slots=True)
class Valley:
    """All processes of one scenario.

    Attributes:
        stage: Who stops them.
        root: Folder of everything.
        kind: Which broker.
        scenario: What is played.
        deaf: When agents could not hear.
        restarts: How often something that ended by itself was started again.
        passwords: At the broker, by user.
        hosts: By process, the host that it runs on where a fault strikes its disk.
    """

    stage: Stage
    root: Path
    kind: Kind
    scenario: Scenario
    deaf: list[Deaf] = field(default_factory=list)
    restarts: int = 0
    broker: Broker = field(init=False)
    collector: Process = field(init=False)
    agents: dict[str, Process] = field(default_factory=dict)
    links: dict[str, list[LinkProxy]] = field(default_factory=dict)
    passwords: dict[str, str] = field(default_factory=dict)
    hosts: dict[str, Hosting] = field(default_factory=dict)
    _down: set[str] = field(default_factory=set)
    _recovering: set[str] = field(default_factory=set)
    _configs: dict[str, tuple[AgentTable, int]] = field(default_factory=dict)

    @property
    def collector_config(self) -> Path:
        """The collector's configuration."""
        return self.root / "collector" / "collector.toml"

    def start_servers(self, ways: contextlib.ExitStack) -> None:
        """Broker and collector, with every agent enrolled.

        Raises:
            DemoError: Something did not start.
        """
        users = [*(agent.id for agent in self.scenario.agent), COLLECTOR_USER, UPLINK_USER]
        passwords = self.passwords = {user: secrets.token_hex(12) for user in users}
        for name in hosted(self.scenario.fault):
            folder = self.collector_config.parent / "data"
            if name != "collector":
                folder = self._card(name.removeprefix("agent:"))
            self.hosts[name] = ways.enter_context(Hosting(self.root / "hosts", name, folder))
        self.broker = start_broker(self.stage, self.kind, self.root / "broker", passwords)
        folder = self.collector_config.parent
        folder.mkdir(parents=True, exist_ok=True)
        secret(folder / "password", passwords[COLLECTOR_USER])
        self.collector_config.write_text(collector_toml(self.broker.port, free_port()), encoding="utf-8")
        for agent in self.scenario.agent:
            run_harkara("device", "add", agent.id, "--config", str(self.collector_config))
            self._card(agent.id).mkdir(parents=True, exist_ok=True)
            secret(self.root / agent.id / "password", passwords[agent.id])
        command = ["collector", "run", "--config", str(self.collector_config)]
        self.collector = self.stage.harkara("collector", *command, environ=self._environ("collector"))
        wait_for(self.collector_status, "the collector", timeout_s=_START_S, process=self.collector)
        tables = {link.id: link for link in self.scenario.link}
        for agent in self.scenario.agent:
            proxy = ways.enter_context(LinkProxy(self.broker.port))
            if agent.link:
                proxy.become(usual(tables[agent.link]))
                self.links.setdefault(agent.link, []).append(proxy)
            self._configs[agent.id] = (agent, proxy.port)

    def start_agents(self, tables: Mapping[str, str]) -> None:
        """Every agent, when its devices' ports are there.

        Args:
            tables: By agent, what its configuration says of its devices.
        """
        for name, (agent, port) in self._configs.items():
            config = self.root / name / "agent.toml"
            config.write_text(agent_toml(agent, port) + tables.get(name, ""), encoding="utf-8")
            self.deaf.append(Deaf(name, 0, time.time_ns()))
            environ = self._environ(f"agent:{name}")
            self.agents[name] = self.stage.harkara(name, "agent", "run", "--config", str(config), environ=environ)
        for name, process in self.agents.items():
            wait_for(partial(self.agent_status, name), name, timeout_s=_START_S, process=process)

    def _card(self, agent: str) -> Path:
        """An agent's disk."""
        return self.root / agent / "card"

    def _environ(self, name: str) -> Mapping[str, str] | None:
        return self.hosts[name].environ if name in self.hosts else None

    def hears(self, agent: str, device: str) -> bool:
        """Whether an agent says that a device is up."""
        status = self.agent_status(agent)
        return status is not None and any(each["id"] == device and each["state"] == "up" for each in status["devices"])

    def agent_status(self, name: str) -> dict[str, Any] | None:
        """What an agent says of itself; None while it does not answer."""
        return ask(self._card(name) / "agent.sock", "status")

    def collector_status(self) -> dict[str, Any] | None:
        """What the collector says of itself; None while it does not answer."""
        return ask(self.collector_config.parent / "data" / "collector.sock", "status")

    # Faults

    def strike(self, fault: FaultTable) -> None:
        """Begin a fault of links or processes."""
        if fault.link:
            for proxy in self.links.get(fault.link, ()):
                self._spoil(proxy, fault)
            return
        for name in fault.processes:
            self._hurt(name, fault)

    def heal(self, fault: FaultTable) -> None:
        """End it."""
        if fault.link:
            table = next(link for link in self.scenario.link if link.id == fault.link)
            for proxy in self.links.get(fault.link, ()):
                proxy.become(usual(table))
                if fault.kind == "half_open":
                    # What was swallowed leaves a hole that no protocol on top of TCP can survive.
                    proxy.reset()
            return
        for name in fault.processes:
            self._mend(name, fault.kind)

    def _spoil(self, proxy: LinkProxy, fault: FaultTable) -> None:
        table = next(link for link in self.scenario.link if link.id == fault.link)
        fair, size = usual(table), fault.size
        if fault.kind == "flap":
            proxy.reset()
            return
        proxy.become(
            {
                "outage": Weather(listening=False),
                "half_open": replace(fair, swallow_up=True, swallow_down=True),
                "latency": replace(fair, latency_s=2.0 if size is None else size),
                "bandwidth": replace(fair, bytes_per_s=500.0 if size is None else size),
                "loss": replace(fair, cut_after_bytes=round(4000.0 if size is None else size)),
            }[fault.kind]
        )

    def _hurt(self, name: str, fault: FaultTable) -> None:
        kind = fault.kind
        process = self._process(name)
        if name.startswith("agent:") and kind != "disk_slow":
            self.deaf.append(Deaf(name.removeprefix("agent:"), time.time_ns() - UNCOMMITTED_NS))
        if kind == "paused":
            process.signal_group(signal.SIGSTOP)
        elif kind == "disk_failing":
            resource.prlimit(process.popen.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
        elif kind in DISK_FAULTS:
            self.hosts[name].strike(fault)
        else:
            self._down.add(name)
            process.kill()

    def _mend(self, name: str, kind: str) -> None:
        process = self._process(name)
        if kind == "paused":
            process.signal_group(signal.SIGCONT)
        elif kind == "disk_failing":
            with contextlib.suppress(ProcessLookupError):
                limits = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
                resource.prlimit(process.popen.pid, resource.RLIMIT_FSIZE, limits)
        elif kind in DISK_FAULTS:
            self.hosts[name].heal()
        else:
            self._down.discard(name)
            self._start(name)
        if kind in DISK_FAULTS or kind == "disk_failing":
            # An agent asks a disk again only now and then; until it knows that it is well, its devices wait.
            self._recovering.add(name)
        else:
            self._hears(name)

    def _start(self, name: str) -> None:
        if name == "broker":
            self.broker.restore()
        else:
            self._process(name).start()

    def _recovered(self) -> None:
        for name in sorted(self._recovering):
            status = self.agent_status(name.removeprefix("agent:")) if name.startswith("agent:") else {"disk": "ok"}
            if status is not None and status["disk"] == "ok":
                self._recovering.discard(name)
                self._hears(name)

    def _hears(self, name: str) -> None:
        for each in self.deaf:
            if f"agent:{each.agent}" == name and each.to_ns is None:
                each.to_ns = time.time_ns()

    def _process(self, name: str) -> Process:
        if name == "broker":
            return self.broker.process
        return self.collector if name == "collector" else self.agents[name.removeprefix("agent:")]

    def supervise(self) -> None:
        """Start again what ended by itself, as a service manager does."""
        self._recovered()
        for name in ("broker", "collector", *(f"agent:{agent}" for agent in self.agents)):
            process = self._process(name)
            if name in self._down or process.running:
                continue
            if process.popen.returncode == _FOR_GOOD:
                raise DemoError(f"{process.name} ended for good: {process.last_words()}")
            self.restarts += 1
            if name.startswith("agent:"):
                self.deaf.append(Deaf(name.removeprefix("agent:"), time.time_ns() - UNCOMMITTED_NS, time.time_ns()))
            self._start(name)

    # The end

    def drain(self) -> bool:
        """Wait until every agent has a receipt for all it took; False when that takes too long."""
        deadline = time.monotonic() + _DRAIN_S
        while time.monotonic() < deadline:
            self.supervise()
            statuses = [self.agent_status(name) for name in self.agents]
            if all(each and each["open_rows"] == each["pending"] == each["queued"] == 0 for each in statuses):
                return True
            time.sleep(_POLL_S)
        return False

    def excused(self, agent: str, heard: Sequence[tuple[int, bool]]) -> list[tuple[int, int]]:
        """Windows in which readings of one device may be missing. [ns].

        Args:
            agent: Who reads it.
            heard: When the device spoke, and whether anybody had the line open.
        """
        found = []
        for each in self.deaf:
            if each.agent == agent:
                since = each.to_ns if each.to_ns is not None else 1 << 62
                again = next((at_ns for at_ns, open_ in heard if open_ and at_ns >= since), 1 << 62)
                found.append((each.from_ns, again + _REOPENED_NS))
        return found


def usual(link: LinkTable) -> Weather:
    """A link on a good day."""
    return Weather(latency_s=link.latency_s, bytes_per_s=link.bytes_per_s)


def agent_toml(agent: AgentTable, broker_port: int) -> str:
    """``agent.toml`` without its devices: every wait is short, since a scenario is."""
    return f"""\
agent = "{agent.id}"

[outbox]
file = "card/outbox.db"

[broker]
host = "127.0.0.1"
port = {broker_port}
username = "{agent.id}"
password_file = "password"
keepalive_s = 10
reconnect_s_max = 1.0
receipt_timeout_s = 5.0
"""
