"""RS-485 transceivers that somebody has to turn: the kernel's driver by its structure, or a GPIO line at each write."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest

from edge_agent.drivers.direction import GpioDirection, KernelDirection
from edge_agent.drivers.make_parts import direction_of
from edge_agent.drivers.ports import LinkDown
from edge_agent.drivers.serial_port import LineFormat, SerialPort
from edge_agent.settings_devices import Direction, ModbusDevice
from tests.agent.harness import Instrument
from tests.drivers.test_power import Wire


def test_the_kernel_s_structure_byte_for_byte() -> None:
    # linux/serial.h: flags, delay_rts_before_send, delay_rts_after_send, five words; enabled and RTS high on send.
    wanted = bytes.fromhex("03000000 02000000 01000000") + bytes(20)
    assert KernelDirection(before_ms=2, after_ms=1).settings == wanted


def test_a_port_whose_driver_turns_nothing_says_so_and_is_closed(tmp_path: Path) -> None:
    line = Instrument(tmp_path / "line")

    async def run() -> None:
        port = SerialPort(line.name, LineFormat(9600), KernelDirection())
        with pytest.raises(LinkDown, match=r"turns no RS-485 transceiver.*leave direction out"):
            await port.open()
        # Nothing is left open: another may have it now.
        other = SerialPort(line.name, LineFormat(9600))
        await other.open()
        await other.close()

    try:
        asyncio.run(run())
    finally:
        line.close()


def test_a_gpio_line_encloses_each_write_with_its_delays(tmp_path: Path) -> None:
    line, wire = Instrument(tmp_path / "line"), Wire()

    async def run() -> None:
        port = SerialPort(line.name, LineFormat(9600), GpioDirection(wire, before_ms=30, after_ms=20))
        await port.open()
        assert wire.is_open
        began = time.monotonic()
        await port.write(b"question")
        assert os.read(line.master, 100) == b"question"
        (is_on, on_s), (is_off, off_s) = wire.levels
        assert (is_on, is_off) == (True, False)
        assert on_s - began < 0.03
        assert off_s - on_s >= 0.05
        await port.close()
        assert not wire.is_open

    try:
        asyncio.run(run())
    finally:
        line.close()


def test_a_write_that_fails_leaves_the_transceiver_listening(tmp_path: Path) -> None:
    line, wire = Instrument(tmp_path / "line"), Wire()

    async def run() -> None:
        port = SerialPort(line.name, LineFormat(9600), GpioDirection(wire))
        await port.open()
        line.unplug()
        with pytest.raises(LinkDown):
            await port.write(b"question")
        assert [active for active, _ in wire.levels] == [True, False]
        await port.close()

    asyncio.run(run())


def test_the_configuration_chooses(tmp_path: Path) -> None:
    device = ModbusDevice(id="a", profile="renke/rs-fsjt", port=tmp_path, direction=Direction(by="kernel", after_ms=1))
    assert isinstance(direction_of(device), KernelDirection)
    device = ModbusDevice(id="a", profile="renke/rs-fsjt", port=tmp_path, direction=Direction(by="gpio", line=18))
    assert isinstance(direction_of(device), GpioDirection)
