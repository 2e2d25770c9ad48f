"""Where the devices of a scenario's agents are: terminals, shared lines, trees of files, a broker, a telemetry link."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np

from simulators.carriers import Carrier, MqttCarrier, PtyCarrier, UdpCarrier
from simulators.chaos.configs import secret
from simulators.demo.broker import free_port
from simulators.demo.processes import wait_for
from simulators.faults.bytes import ByteFault
from simulators.scenario.bus import Bus
from simulators.scenario.course import Said, schedule_of
from simulators.scenario.load import Placed, struck
from simulators.scenario.model import BYTE_FAULTS, Scenario
from simulators.scenario.models import EMULATED, is_asked
from simulators.scenario.reading import UPLINK_EUI, driver_of, tables
from simulators.scenario.teller import Teller
from simulators.scenario.tree import Tree
from simulators.scenario.valley import UPLINK_USER, Valley
from simulators.world.streams import stream

_LISTEN_S: Final = 60.0


@dataclass(slots=True)
class Wiring:
    """Every device that an agent reads, on its way there.

    Attributes:
        scenario: What is played.
        valley: Whose agents read.
        devices: That are read.
        speed: Devices' time by real time; 0 is as fast as can be.
        carriers: Of those that speak by themselves.
        tellers: Of those of the catalogue.
    """

    scenario: Scenario
    valley: Valley
    devices: Sequence[Placed]
    speed: float
    carriers: dict[str, Carrier] = field(default_factory=dict)
    tellers: dict[str, Teller] = field(default_factory=dict)
    _sources: dict[str, dict[str, object]] = field(default_factory=dict)
    _buses: dict[Path, Bus] = field(default_factory=dict)
    _trees: dict[str, Tree] = field(default_factory=dict)
    _began_s: float = 0.0
    _latest_ns: int = 0

    def connect(self, ways: contextlib.ExitStack) -> None:
        """Set everything up.

        Raises:
            CarrierError: Something cannot be.
        """
        for device in self.devices:
            if device.device.model in EMULATED:
                self.tellers[device.name] = Teller(device, self.scenario.start_ns, self._answers_faults(device))
        lines: dict[Path, list[Teller]] = {}
        for device in self.devices:
            if is_asked(device.device):
                lines.setdefault(self._line(device), []).append(self.tellers[device.name])
                self._sources[device.name] = _on_a_bus(device, self._line(device))
            else:
                self._connect(device, ways)
        for link, tellers in lines.items():
            self._buses[link] = ways.enter_context(Bus(link, tellers, self.now_ns, self.speed))

    def _connect(self, device: Placed, ways: contextlib.ExitStack) -> None:
        driver = driver_of(device)
        source: dict[str, object] = {"port": self._line(device)}
        if driver == "sysfs":
            tree = Tree(self.valley.root / "ports" / f"{device.id}.sys", self.tellers[device.name])
            self._trees[device.name] = ways.enter_context(tree)
            source = {"path": tree.folder.absolute()}
        elif driver == "broker":
            port, word = self.valley.broker.port, self.valley.passwords[UPLINK_USER]
            way = MqttCarrier("127.0.0.1", port, "", username=UPLINK_USER, password=word)
            self.carriers[device.name] = ways.enter_context(way)
            file = self.valley.root / device.station.agent / "network-server-password"
            secret(file, word)
            source = {"port": port, "username": UPLINK_USER, "password_file": file.name, "dev_eui": UPLINK_EUI}
        elif device.device.carrier == "udp":
            at = ("127.0.0.1", free_port())
            self.carriers[device.name] = ways.enter_context(UdpCarrier(*at))
            source = {"udp": f"{at[0]}:{at[1]}"}
        else:
            self.carriers[device.name] = ways.enter_context(PtyCarrier(self._line(device)))
        self._sources[device.name] = source

    def _line(self, device: Placed) -> Path:
        name = f"{device.station.id}_{device.device.bus}.bus" if device.device.bus else device.id
        return (self.valley.root / "ports" / f"{name}.tty").absolute()

    def _answers_faults(self, device: Placed) -> list[tuple[int, ByteFault, np.random.Generator]]:
        """What strikes the answers of a device; what one says by itself is struck in the course already."""
        if not is_asked(device.device):
            return []
        return [
            (
                number,
                ByteFault(fault.kind, schedule_of(fault), fault.size, fault.share),
                stream(self.scenario.seed, "device", device.name, "fault", str(number)),
            )
            for number, fault in enumerate(self.scenario.fault)
            if fault.kind in BYTE_FAULTS and struck(fault, [device])
        ]

    def tables(self, name: str) -> str:
        """What an agent's configuration says of its devices."""
        agent = next(agent for agent in self.scenario.agent if agent.id == name)
        own = [device for device in self.devices if device.station.agent == name]
        return "".join(text for each in own for text in tables(each, agent, self._sources[each.name], self.speed))

    def wait(self) -> None:
        """Until somebody listens to each of them.

        Raises:
            DemoError: Nobody does, or an agent ended.
        """
        for device in self.devices:
            process = self.valley.agents[device.station.agent]
            what = f"somebody to listen to {device.name}"
            listened: Callable[[], object] = partial(self.valley.hears, device.station.agent, device.id)
            line = self.carriers.get(device.name) or self._buses.get(self._line(device))
            if line is not None and driver_of(device) != "broker" and device.device.carrier != "udp":
                listened = line.has_reader
            wait_for(listened, what, timeout_s=_LISTEN_S, process=process)

    # Under way

    def begin(self) -> None:
        """The course begins now."""
        self._began_s = time.monotonic()

    def now_ns(self) -> int:
        """The devices' time, UTC Unix time. [ns]."""
        start_ns = self.scenario.start_ns
        if not (self.speed and self._began_s):
            return self._latest_ns or start_ns
        since_ns = round((time.monotonic() - self._began_s) * self.speed * 1e9)
        return start_ns + min(since_ns, self.scenario.duration_ns)

    def measured(self, said: Said) -> None:
        """A device has measured."""
        self._latest_ns = said.at_ns
        teller = self.tellers.get(said.device.name)
        if teller is not None:
            teller.measured(said)
            tree = self._trees.get(said.device.name)
            if tree is not None:
                tree.show(said.frames)

    def hush(self) -> None:
        """Devices that are asked answer nothing more."""
        for bus in self._buses.values():
            bus.hush()
        for tree in self._trees.values():
            tree.hush()

    def write_asked(self, path: Path) -> int:
        """Write down what was asked and answered, in order; how many answers."""
        answers = [answer for teller in self.tellers.values() for answer in teller.answers]
        answers.sort(key=lambda answer: int(str(answer["asked_at_ns"])))
        if answers:
            path.write_text(
                "".join(json.dumps(each, separators=(",", ":")) + "\n" for each in answers), encoding="ascii"
            )
        return len(answers)


def _on_a_bus(device: Placed, link: Path) -> dict[str, object]:
    model = EMULATED[device.device.model]
    source: dict[str, object] = {"port": link}
    address = device.device.address
    if model.transport == "modbus":
        source["unit"] = model.address if address is None else int(address)
    elif model.transport == "sdi-12":
        source["address"] = chr(model.address) if address is None else str(address)
    return source


def asked_file(truth: Path) -> Path:
    """Where what was asked stands beside a truth file."""
    return truth.with_name(f"{truth.stem}.asked{truth.suffix}")
