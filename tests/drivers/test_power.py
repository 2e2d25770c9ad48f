"""Shared supplies: on before the first member is read, off after the last, never longer than they may be."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from pymodbus.server import ModbusTcpServer as TheirServer
from pymodbus.simulator import DataType, SimData, SimDevice

from edge_agent import power_groups
from edge_agent.drivers.framed import FramedDriver
from edge_agent.drivers.make import Lines
from edge_agent.drivers.make_parts import line_format
from edge_agent.drivers.modbus_frames import Question, Rtu, Setting, Tcp
from edge_agent.drivers.modbus_settings import COIL_ON, NotTaken, write
from edge_agent.drivers.polled import PolledDriver
from edge_agent.drivers.ports import LinkDown, Read, Sample
from edge_agent.drivers.power import PowerGroup, Switch
from edge_agent.drivers.power_switches import CommandSwitch, GpioSwitch, RelaySwitch
from edge_agent.drivers.schedule import Schedule
from edge_agent.drivers.serial_port import SerialPort
from edge_agent.drivers.shared_line import SharedLine
from edge_agent.drivers.tcp import TcpStream
from edge_agent.settings_power import Power, Relay
from simulators.emulators.host import on_pty
from simulators.frames import Frame
from tests.agent.harness import Instrument
from tests.conftest import free_port
from tests.drivers.bus_rig import CLOCK, Living, Slave, line, living, modbus, profile, until, values

DDI = b"\t2493.4 27.8 22\rg"


def commands(log: Path) -> CommandSwitch:
    return CommandSwitch(*(["/bin/sh", "-c", f"echo {word} >> {log}"] for word in ("on", "off")))


def group(switch: Switch, *, settle_s: float = 0.0, on_max_s: float = 60.0, off_at_exit: bool = True) -> PowerGroup:
    return PowerGroup("probes", switch, CLOCK, settle_s=settle_s, on_max_s=on_max_s, off_at_exit=off_at_exit)


def said(log: Path) -> list[str]:
    return log.read_text(encoding="ascii").split() if log.exists() else []


def test_members_share_one_switching_and_each_waits_until_it_has_settled(tmp_path: Path) -> None:
    log = tmp_path / "log"

    async def run() -> list[float]:
        supply = group(commands(log), settle_s=0.2)
        await supply.start()
        held: list[float] = []

        async def member(settle_s: float, holds_s: float) -> None:
            began = time.monotonic()
            async with supply.on(settle_s):
                held.append(time.monotonic() - began)
                assert said(log)[-1] == "on"
                await asyncio.sleep(holds_s)

        await asyncio.gather(member(0.0, 0.1), member(0.4, 0.2))
        assert said(log) == ["off", "on", "off"]
        await supply.stop()
        return held

    first, second = asyncio.run(run())
    assert first >= 0.2
    assert second >= 0.4
    # Off at the start, whatever a dead agent left; off at the end too.
    assert said(log) == ["off", "on", "off", "off"]


def test_a_member_that_is_cancelled_turns_off_what_it_turned_on(tmp_path: Path) -> None:
    log = tmp_path / "log"

    async def run() -> None:
        supply = group(commands(log))

        async def member() -> None:
            async with supply.on():
                await asyncio.sleep(60)

        task = asyncio.ensure_future(member())
        await until(lambda: said(log) == ["on"], "it to be on")
        task.cancel()
        await until(lambda: said(log) == ["on", "off"], "it to be off")

    asyncio.run(run())


def test_a_member_that_is_cancelled_while_it_turns_it_on_turns_it_off(tmp_path: Path) -> None:
    log = tmp_path / "log"
    slow = ["/bin/sh", "-c", f"echo on >> {log}; sleep 30"]

    async def run() -> None:
        supply = group(CommandSwitch(slow, ["/bin/sh", "-c", f"echo off >> {log}"]))

        async def member() -> None:
            async with supply.on():
                raise AssertionError("fed")

        task = asyncio.ensure_future(member())
        await until(lambda: said(log) == ["on"], "it to be on, perhaps")
        task.cancel()
        await until(lambda: said(log) == ["on", "off"], "it to be off")

    asyncio.run(run())


def test_nobody_holds_it_longer_than_on_max_s_and_that_is_counted(tmp_path: Path) -> None:
    log = tmp_path / "log"

    async def run() -> None:
        supply = group(commands(log), on_max_s=0.3)
        async with supply.on():
            await until(lambda: said(log) == ["on", "off"], "it to be cut off")
            with pytest.raises(LinkDown, match=r"power group probes was cut off after 0\.3 s"):
                async with supply.on():
                    pass
        assert supply.notes() == {"power_cut_off": 1}
        async with supply.on():
            assert said(log)[-1] == "on"

    asyncio.run(run())


def test_a_supply_that_cannot_be_switched_on_says_why_and_feeds_nobody(tmp_path: Path) -> None:
    async def run() -> None:
        failing = group(CommandSwitch(["/bin/sh", "-c", "echo no such relay >&2; exit 3"], ["/bin/true"]))
        with pytest.raises(LinkDown, match="cannot be switched on: /bin/sh ended with 3: no such relay"):
            async with failing.on():
                raise AssertionError("fed")
        missing = group(CommandSwitch([str(tmp_path / "none")], ["/bin/true"]))
        with pytest.raises(LinkDown, match="cannot be run: No such file"):
            async with missing.on():
                raise AssertionError("fed")
        assert failing.notes() == {"power_not_switched": 1}

    asyncio.run(run())


class Board:
    """A relay board: coils that are written with function 5 and read with function 1."""

    def __init__(self, unit: int, *, takes: bool = True) -> None:
        self.unit, self.takes = unit, takes
        self.coils = {0: False, 1: False}
        self.history: list[bool] = []

    def measure(self, measurement: object) -> list[Frame]:
        return []

    def answer(self, request: bytes, at_ns: int) -> list[Frame]:
        from device_profiles.checksums import crc16_modbus

        if request[0] != self.unit:
            return []
        function, coil = request[1], int.from_bytes(request[2:4], "big")
        if function == 5:
            if self.takes:
                self.coils[coil] = request[4] == 0xFF
                self.history.append(self.coils[coil])
            return [Frame(request)]
        body = bytes((self.unit, 1, 1, int(self.coils[coil])))
        return [Frame(body + crc16_modbus(body).to_bytes(2, "little"))]


@pytest.mark.parametrize("echoes", [False, True])
def test_a_relay_feeds_probes_of_its_own_bus_only_while_they_are_read(tmp_path: Path, *, echoes: bool) -> None:
    board, probe = Board(16), Slave(1, {0: 32})
    probe.rule = lambda first, size: None if board.coils[1] else -1

    class Echo:
        """A half-duplex adapter hears what it sends."""

        measure = board.measure

        def answer(self, request: bytes, at_ns: int) -> list[Frame]:
            return [Frame(request)]

    async def run() -> Living:
        lines = Lines()
        lines.buses[str(tmp_path / "bus")] = shared = line(tmp_path / "bus")
        relay = Relay(port=tmp_path / "bus", unit=16, coil=1)
        supply = power_groups.build(Power(id="probes", relay=relay, settle_s=0.1), CLOCK, lines)
        await supply.start()
        driver = modbus(shared, 1, "renke/rs-fsjt", every_s=0.5)
        driver.supply = supply
        device = Living("wind", driver)
        async with living(device):
            await until(device.has(2), "readings of a probe that is fed when it is read")
        await supply.stop()
        return device

    devices = [(probe.on_line[0], each) for each in ([Echo()] if echoes else []) + [board, probe]]
    with on_pty(tmp_path / "bus", devices):  # type: ignore[arg-type]
        device = asyncio.run(run())
    assert device.counters.rejected == {}
    assert board.history[:4] == [False, True, False, True]
    assert not board.coils[1]


def test_a_relay_that_does_not_take_it_is_told(tmp_path: Path) -> None:
    board = Board(16, takes=False)

    async def run() -> None:
        shared = line(tmp_path / "bus")
        supply = group(RelaySwitch(lambda: shared, Rtu(), 16, 0))
        with pytest.raises(LinkDown, match="coil 0: unit 16 has 0 where 1 was written"):
            async with supply.on():
                raise AssertionError("fed")
        await supply.stop()

    with on_pty(tmp_path / "bus", [(Slave(1, {}).on_line[0], board)]):
        asyncio.run(run())


def test_a_chip_is_set_up_again_each_time_it_is_fed(tmp_path: Path) -> None:
    log = tmp_path / "log"
    did: list[str] = []

    class Chip:
        async def open(self) -> None:
            did.append("set up")

        async def measure(self) -> list[Read]:
            did.append("measured")
            return []

        async def close(self) -> None:
            did.append("closed")

    async def run() -> None:
        supply = group(commands(log))
        driver = PolledDriver(Chip(), Schedule(0.1, CLOCK), CLOCK, supply=supply)
        await driver.open()
        await driver.read()
        await driver.read()
        await driver.close()

    asyncio.run(run())
    assert did == ["set up", "set up", "measured", "set up", "measured", "closed"]
    assert said(log) == ["on", "off"] * 3


class Wire:
    """A GPIO line of the test's: what it was driven to, and when."""

    def __init__(self) -> None:
        self.levels: list[tuple[bool, float]] = []
        self.is_open = False

    def open(self) -> None:
        assert not self.is_open
        self.is_open = True

    def set(self, *, active: bool) -> None:
        assert self.is_open
        self.levels.append((active, time.monotonic()))

    def close(self) -> None:
        self.is_open = False


def test_a_gpio_line_feeds_a_probe_that_speaks_when_it_is_switched_on(tmp_path: Path) -> None:
    """METER's DDI: the probe says its values once, a quarter of a second after it has power."""
    probe = Instrument(tmp_path / "probe")
    wire = Wire()

    class Speaking(Wire):
        def set(self, *, active: bool) -> None:
            wire.levels.append((active, time.monotonic()))
            if active:
                probe.say(ddi())

    async def run() -> list[Sample]:
        model = profile("meter/teros-12-ddi")
        supply = group(GpioSwitch(Speaking()), settle_s=0.05)
        driver = FramedDriver(
            SerialPort(probe.name, line_format(model.document)), model, CLOCK, schedule=Schedule(0.5, CLOCK)
        )
        driver.supply = supply
        device = Living("soil", driver)
        async with living(device):
            await until(device.has(2), "two readings, each from a switching on")
        await supply.stop()
        return device.samples

    try:
        samples = asyncio.run(run())
    finally:
        probe.close()
    assert values(samples[0])["soil_temperature"] == values(samples[1])["soil_temperature"] is not None
    levels = [active for active, _ in wire.levels]
    assert levels[:4] == [True, False, True, False]
    assert not levels[-1]
    # Warmed up as the profile says before it is listened to, and off at once when it has spoken.
    assert 0.245 <= wire.levels[1][1] - wire.levels[0][1] < 5.0


def ddi() -> bytes:
    from device_profiles.checksums import meter_crc6, meter_legacy

    body = DDI
    body += bytes((meter_legacy(body),))
    return body + bytes((meter_crc6(body),))


def test_pymodbus_s_own_server_takes_coils_and_registers_and_refuses_what_it_has_not() -> None:
    port = free_port()
    bits, words = ([SimData(0, count=16, values=False, datatype=DataType.BITS)] for _ in range(2))
    registers = [SimData(0, values=[1, 2, 3], datatype=DataType.REGISTERS)]

    async def run() -> None:
        their = TheirServer(SimDevice(id=4, simdata=(bits, words, registers, registers)), address=("127.0.0.1", port))
        await their.serve_forever(background=True)
        shared = SharedLine(TcpStream("127.0.0.1", port), CLOCK, gap_s=0.0005)
        await shared.open()
        envelope = Tcp()
        try:
            for setting in (Setting(5, 3, COIL_ON), Setting(5, 3, 0), Setting(6, 1, 77)):
                await write(shared, envelope, 4, setting)
            question, answer_in = envelope.wrap(4, Question(3, 1, 1))
            assert await shared.ask(question, answer_in, 1.0) == (77,)
            with pytest.raises(NotTaken, match="unit 4 refuses: exception 2: illegal data address"):
                await write(shared, envelope, 4, Setting(6, 9, 1))
        finally:
            await shared.close()
            await their.shutdown()  # type: ignore[no-untyped-call]

    asyncio.run(run())
