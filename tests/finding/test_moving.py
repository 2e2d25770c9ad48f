"""Addresses: moved, verified, and never two devices at one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest

from edge_agent.drivers.modbus_frames import Rtu, Tcp
from edge_agent.drivers.ports import ByteLine
from edge_agent.drivers.serial_port import SerialPort
from edge_agent.drivers.shared_line import SharedLine
from edge_agent.drivers.tcp import TcpStream
from edge_agent.finding.bus import shared
from edge_agent.finding.moving import Moved, NotMoved, move_probe, move_slave
from simulators.emulators.host import on_pty, usual
from simulators.emulators.modbus import ModbusSlave
from simulators.emulators.modbus_tcp import serve
from simulators.frames import Frame
from tests.finding.test_detect import bus

ADDRESS_REGISTER = 0x07D0


def moved(line: ByteLine, move: Callable[[SharedLine], Awaitable[Moved]]) -> Moved:
    async def run() -> Moved:
        async with shared(line, gap_s=0.005) as bus_line:
            return await move(bus_line)

    return asyncio.run(run())


def rtu(link: Path, old: int, new: int, register: int = ADDRESS_REGISTER) -> Moved:
    return moved(SerialPort(link, 9600), lambda line: move_slave(line, Rtu(), old, new, register))


def probe(link: Path, old: str, new: str) -> Moved:
    return moved(SerialPort(link, 1200), lambda line: move_probe(line, old, new, breaks=False))


def test_a_slave_moves_and_is_asked_there(tmp_path: Path) -> None:
    devices = bus(("renke/rs-wsd", 1), ("renke/rs-fsjt", 2))
    with on_pty(tmp_path / "bus", devices):
        found = rtu(tmp_path / "bus", 1, 9)
    assert (found.old, found.new) == ("1", "9")
    assert "register 0 is 658" in found.says
    assert isinstance(devices[0][1], ModbusSlave)
    assert devices[0][1].unit == 9


def test_a_slave_behind_a_gateway_that_knows_its_slaves_by_address_stays() -> None:
    devices = [(model, device) for model, device in bus(("renke/rs-wsd", 1)) if isinstance(device, ModbusSlave)]
    with serve(devices, usual) as where:
        host, _, port = where.partition(":")
        with pytest.raises(NotMoved, match="still answers at 1: switch its power"):
            moved(TcpStream(host, int(port)), lambda line: move_slave(line, Tcp(), 1, 5, ADDRESS_REGISTER))


@pytest.mark.parametrize(
    ("old", "new", "register", "words"),
    [
        (3, 9, ADDRESS_REGISTER, "no slave answers at 3"),
        (1, 2, ADDRESS_REGISTER, "answers at 2 already"),
        (1, 9, 0, "register 0 holds 658, not the address 1; nothing was written"),
        (2, 9, ADDRESS_REGISTER, "the slave refuses"),
    ],
)
def test_a_slave_that_does_not_move(tmp_path: Path, old: int, new: int, register: int, words: str) -> None:
    devices = bus(("renke/rs-wsd", 1), ("eastron/sdm120", 2))
    with on_pty(tmp_path / "bus", devices), pytest.raises(NotMoved, match=words):
        rtu(tmp_path / "bus", old, new, register)
    assert [device.unit for _, device in devices if isinstance(device, ModbusSlave)] == [1, 2]


def test_a_probe_moves_and_is_the_same_there(tmp_path: Path) -> None:
    with on_pty(tmp_path / "bus", bus(("meter/teros-12-sdi12", ord("0")))):
        found = probe(tmp_path / "bus", "0", "b")
    assert (found.old, found.new) == ("0", "b")
    assert "METER" in found.says


def test_a_probe_that_is_not_there_or_whose_new_place_is_taken(tmp_path: Path) -> None:
    with on_pty(tmp_path / "bus", bus(("meter/teros-12-sdi12", ord("0")), ("meter/teros-12-sdi12", ord("3")))):
        with pytest.raises(NotMoved, match="no probe answers at 7"):
            probe(tmp_path / "bus", "7", "b")
        with pytest.raises(NotMoved, match="answers at 3 already"):
            probe(tmp_path / "bus", "0", "3")


def test_two_probes_at_one_address_are_not_called_moved(tmp_path: Path) -> None:
    twins = bus(("meter/teros-12-sdi12", ord("0")), ("meter/teros-12-sdi12", ord("0")))
    # Both hear the command; whichever way the answers fall together, it must not be called done.
    stubborn = twins[1][1]
    hears = stubborn.answer

    def deaf_to_moves(request: bytes, at_ns: int) -> Sequence[Frame]:
        return () if b"A" in request else hears(request, at_ns)

    stubborn.answer = deaf_to_moves  # type: ignore[method-assign]
    with on_pty(tmp_path / "bus", twins), pytest.raises(NotMoved):
        probe(tmp_path / "bus", "0", "b")
