"""Readers that others wrote, on real terminals: pymodbus, pynmeagps, pyubx2 and PyPMS agree with what is true."""

from __future__ import annotations

import os
import select
import time
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import serial
from pms.core.reader import SensorReader
from pms.core.sensor import Sensor
from pymodbus.client import ModbusSerialClient
from pynmeagps import NMEAReader
from pyubx2 import UBXReader

from simulators.carriers import CarrierError
from simulators.emulators.host import on_pty
from simulators.emulators.port import Emulator, Model
from simulators.emulators.registry import MODELS
from tests.conftest import wait_until


@contextmanager
def opened(link: Path) -> Iterator[int]:
    fd = os.open(link, os.O_RDWR | os.O_NOCTTY)
    tty.setraw(fd)
    try:
        yield fd
    finally:
        os.close(fd)


def until(fd: int, end: bytes, seconds: float = 30) -> bytes:
    heard, deadline = b"", time.monotonic() + seconds
    while not heard.endswith(end):
        assert time.monotonic() < deadline, heard
        if select.select([fd], [], [], 0.1)[0]:
            heard += os.read(fd, 4096)
    return heard


def alone(name: str) -> list[tuple[Model, Emulator]]:
    return [(MODELS[name], MODELS[name].make(MODELS[name].address))]


def test_pymodbus_reads_three_slaves_of_one_bus_and_moves_one(tmp_path: Path) -> None:
    bus = [
        (MODELS["renke/rs-fsjt"], MODELS["renke/rs-fsjt"].make(1)),
        (MODELS["renke/rs-wsd"], MODELS["renke/rs-wsd"].make(2)),
        (MODELS["eastron/sdm120"], MODELS["eastron/sdm120"].make(3)),
    ]
    with on_pty(tmp_path / "bus", bus, character_s=11 / 19_200) as host:
        client = ModbusSerialClient(str(tmp_path / "bus"), baudrate=19_200, timeout=5, retries=3)
        assert client.connect()
        try:
            assert client.read_holding_registers(0, count=1, device_id=1).registers == [32]
            assert client.read_holding_registers(0, count=2, device_id=2).registers == [658, 214]
            words = client.read_input_registers(0, count=2, device_id=3).registers
            assert client.convert_from_registers(words, client.DATATYPE.FLOAT32) == pytest.approx(231.4, abs=1e-4)
            assert not client.write_register(0x07D0, 9, device_id=2).isError()
            assert client.read_holding_registers(0x07D0, count=1, device_id=9).registers == [9]
        finally:
            client.close()  # type: ignore[no-untyped-call]
        assert host.answers >= 5


def test_an_sdi_12_probe_keeps_the_specification_s_dialogue(tmp_path: Path) -> None:
    probes = [(MODELS["meter/teros-12-sdi12"], MODELS["meter/teros-12-sdi12"].make(ord(name))) for name in "07"]
    with on_pty(tmp_path / "bus", probes), opened(tmp_path / "bus") as fd:

        def ask(command: bytes, end: bytes = b"\r\n") -> bytes:
            os.write(fd, command)
            return until(fd, end)

        assert ask(b"7!") == b"7\r\n"
        assert ask(b"7I!").startswith(b"713METER   TER12 ")
        assert ask(b"0M!", b"0\r\n") == b"00013\r\n0\r\n"
        assert ask(b"0D0!") == b"0+2493.4+17.8+22\r\n"
        assert ask(b"7CC!") == b"700103\r\n"
        assert ask(b"0R0!") == b"0+2493.4+17.8+22\r\n"
        assert ask(b"7A5!") == b"5\r\n"
        assert ask(b"5!") == b"5\r\n"
        assert ask(b"5M3!") == b"50000\r\n"


def test_an_ended_measurement_calls_for_no_service(tmp_path: Path) -> None:
    with on_pty(tmp_path / "bus", alone("meter/teros-12-sdi12")), opened(tmp_path / "bus") as fd:
        os.write(fd, b"0M!")
        assert until(fd, b"\r\n") == b"00013\r\n"
        os.write(fd, b"0!")
        assert until(fd, b"\r\n") == b"0\r\n"
        # Apart in time, so that a call that is left over from the first measurement would come before the second's end.
        time.sleep(0.3)
        os.write(fd, b"0M!")
        assert until(fd, b"0\r\n") == b"00013\r\n0\r\n"
        os.write(fd, b"0D0!")
        assert until(fd, b"\r\n") == b"0+2493.4+17.8+22\r\n"


def test_a_function_that_a_slave_does_not_know_is_answered_with_an_exception(tmp_path: Path) -> None:
    with on_pty(tmp_path / "bus", alone("renke/rs-fsjt")):
        client = ModbusSerialClient(str(tmp_path / "bus"), baudrate=19_200, timeout=10, retries=0)
        assert client.connect()
        try:
            written = client.write_registers(0, [1, 2], device_id=1)
            assert (written.isError(), written.exception_code) == (True, 1)
            assert client.mask_write_register(device_id=1).exception_code == 1
            assert client.report_device_id(device_id=1).exception_code == 1
            assert client.read_holding_registers(0, count=1, device_id=1).registers == [32]
        finally:
            client.close()  # type: ignore[no-untyped-call]


def test_a_device_that_fails_ends_the_service_and_is_named(tmp_path: Path) -> None:
    def fails(_model: Model, _at_ns: int) -> dict[str, float | None]:
        raise ValueError("no such weather")

    def serve() -> None:
        with on_pty(tmp_path / "bus", alone("nova/sds011"), fails) as host:
            assert host.ended.wait(30)

    with pytest.raises(CarrierError, match="bus: no such weather"):
        serve()


def test_pynmeagps_and_pyubx2_read_the_receivers(tmp_path: Path) -> None:
    with on_pty(tmp_path / "gnss", alone("nmea/gnss")), serial.Serial(str(tmp_path / "gnss"), timeout=30) as port:
        reader = iter(NMEAReader(port))
        said = {message.msgID: message for message in (next(reader)[1], next(reader)[1])}
        assert said["RMC"].lat == pytest.approx(30.3165, abs=1e-7)
        assert said["GGA"].alt == pytest.approx(640.2)
    with on_pty(tmp_path / "ubx", alone("u-blox/nav-pvt")), serial.Serial(str(tmp_path / "ubx"), timeout=30) as port:
        _, message = next(iter(UBXReader(port)))
        assert message.identity == "NAV-PVT"
        assert (message.lat, message.lon) == pytest.approx((30.3165, 78.0322), abs=1e-7)
        assert message.hMSL == 640_200
        assert message.fixType == 3


def test_pypms_reads_the_particle_sensors(tmp_path: Path) -> None:
    with on_pty(tmp_path / "pms", alone("plantower/pms5003")), opened(tmp_path / "pms") as fd:
        found: Any = Sensor["PMSx003"].decode(_whole(fd, 32), time=0)
        assert (found.pm01, found.pm25, found.pm10) == (8, 12, 15)
    with on_pty(tmp_path / "sds", alone("nova/sds011")), opened(tmp_path / "sds") as fd:
        dust: Any = Sensor["SDS01x"].decode(_whole(fd, 10), time=0)
        assert (dust.pm25, dust.pm10) == pytest.approx((12.3, 26.1))


def test_pypms_wakes_and_reads_an_sps30_by_its_own_dialogue(tmp_path: Path) -> None:
    with (
        on_pty(tmp_path / "sps", alone("sensirion/sps30-uart")),
        SensorReader("SPS30", str(tmp_path / "sps"), interval=0, samples=1, timeout=10) as reader,
    ):
        found: Any = next(iter(reader()))
    assert (found.pm01, found.pm25, found.pm04, found.pm10) == pytest.approx((5.23, 9.47, 12.65, 13.28), abs=0.005)


def _whole(fd: int, size: int) -> bytes:
    heard = bytearray()

    def enough() -> bool:
        if select.select([fd], [], [], 0.05)[0]:
            heard.extend(os.read(fd, 4096))
        return len(heard) >= size

    wait_until(enough, what="a whole frame")
    return bytes(heard[:size])


def test_devices_that_are_asked_differently_cannot_share_a_line(tmp_path: Path) -> None:
    mixed = [(MODELS[name], MODELS[name].make(0)) for name in ("renke/rs-fsjt", "meter/teros-12-sdi12")]
    with pytest.raises(ValueError, match="not by rtu and sdi-12"), on_pty(tmp_path / "x", mixed):
        pass
