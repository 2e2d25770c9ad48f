"""Modbus slaves, read by pymodbus and held against the bytes that manuals print."""

from __future__ import annotations

import socket
import socketserver
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymodbus.client import ModbusTcpClient

from device_profiles import catalogue
from simulators.carriers import CarrierError
from simulators.emulators.modbus import ModbusSlave, ModbusTcpServer
from simulators.emulators.modbus_tcp import serve
from simulators.emulators.port import Emulator, Measurement
from simulators.emulators.power import SDM120
from simulators.emulators.radio import RuuviTag
from simulators.emulators.water import AQUA_TROLL_400
from simulators.emulators.wind import RS_FSJT

ASK_FOR_WIND = bytes.fromhex("010300000001840a")


def measure(device: Emulator, **values: float | None) -> None:
    assert device.measure(Measurement(number=1, at_ns=0, clock_ns=0, values=values)) == ()


def slave(unit: int, wind: float | None) -> ModbusSlave:
    device = RS_FSJT.make(unit)
    measure(device, wind_speed=wind)
    assert isinstance(device, ModbusSlave)
    return device


@contextmanager
def served(*slaves: ModbusSlave) -> Iterator[ModbusTcpClient]:
    """The slaves behind a TCP gateway, and pymodbus connected to it."""
    gateway = ModbusTcpServer(*slaves)

    class Answer(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            while request := self.request.recv(260):
                self.request.sendall(gateway.answer(request))

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Answer) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        client = ModbusTcpClient("127.0.0.1", port=server.server_address[1], timeout=30, retries=0)
        try:
            assert client.connect()  # type: ignore[no-untyped-call]
            yield client
        finally:
            client.close()  # type: ignore[no-untyped-call]
            server.shutdown()
            thread.join()


def test_the_manual_s_answer_byte_for_byte() -> None:
    (frame,) = slave(1, 8.6).answer(ASK_FOR_WIND, 0)
    assert frame.data == bytes.fromhex("0103020056") + frame.data[-2:]
    assert catalogue.load("renke/rs-fsjt").id == RS_FSJT.id


def test_pymodbus_reads_each_device_of_a_shared_line() -> None:
    with served(slave(1, 8.6), slave(7, 12.3), slave(9, None)) as client:
        read = {unit: client.read_holding_registers(0, count=1, device_id=unit).registers for unit in (1, 7, 9)}
    assert read == {1: [86], 7: [123], 9: [0xFFFF]}


@pytest.mark.parametrize(("address", "count", "code"), [(1, 1, 2), (0, 2, 2)])
def test_pymodbus_is_told_what_is_wrong(address: int, count: int, code: int) -> None:
    with served(slave(1, 8.6)) as client:
        answer = client.read_holding_registers(address, count=count, device_id=1)
        assert answer.isError()
        assert answer.exception_code == code
        assert client.read_input_registers(0, count=1, device_id=1).exception_code == 1


@given(st.binary(max_size=40))
def test_it_is_silent_to_what_is_not_for_it(noise: bytes) -> None:
    device = slave(1, 8.6)
    if noise != ASK_FOR_WIND:
        damaged = ASK_FOR_WIND[:-1] + bytes((ASK_FOR_WIND[-1] ^ 1,))
        assert device.answer(damaged, 0) == ()
        assert device.answer(b"\x02" + noise, 0) == ()
        assert device.answer(b"\x00" + noise, 0) == ()


@given(st.floats(0, 60))
def test_a_wind_is_told_to_its_tenth(wind: float) -> None:
    (frame,) = slave(1, wind).answer(ASK_FOR_WIND, 0)
    assert abs(int.from_bytes(frame.data[3:5], "big") / 10 - wind) <= 0.05 + 1e-9


def test_over_tcp_a_request_may_come_in_any_pieces_and_several_in_one() -> None:
    request = bytes.fromhex("000700000006 01 03 0000 0001".replace(" ", ""))
    values = lambda _model, _at_ns: {"wind_speed": 3.4}  # noqa: E731 - one line says it
    with serve([(RS_FSJT, slave(1, None))], values) as address:
        host, _, port = address.partition(":")
        with socket.create_connection((host, int(port)), timeout=30) as client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            answers = client.makefile("rb")
            for byte in request:
                client.sendall(bytes((byte,)))
            first = answers.read(11)
            assert first == bytes.fromhex("00070000000501030200") + b"\x22"
            client.sendall(request * 2 + request[:5])
            assert answers.read(22) == first * 2
            client.sendall(request[5:])
            assert answers.read(11) == first


def test_a_probe_says_of_each_value_what_it_thinks_of_it() -> None:
    probe = AQUA_TROLL_400.make(5)
    assert isinstance(probe, ModbusSlave)
    with served(probe) as client:

        def acidity() -> tuple[float, list[int]]:
            words = client.read_holding_registers(1537, count=8, device_id=5).registers
            return client.convert_from_registers(words[:2], client.DATATYPE.FLOAT32), words[2:5]  # type: ignore[return-value]

        assert acidity() == (0.0, [17, 145, 3]), "nothing was measured yet"
        measure(probe, water_ph=7.42)
        value, said = acidity()
        assert value == pytest.approx(7.42, abs=1e-6)
        assert said == [17, 145, 0]


def test_a_value_that_was_not_sensed_is_an_exception_where_there_is_no_word_for_it() -> None:
    meter = SDM120.make(1)
    assert isinstance(meter, ModbusSlave)
    with served(meter) as client:
        assert client.read_input_registers(0, count=2, device_id=1).exception_code == 4
        measure(meter, voltage=231.4)
        assert not client.read_input_registers(0, count=2, device_id=1).isError()
        assert client.read_input_registers(0, count=8, device_id=1).exception_code == 4


def test_a_reader_that_goes_away_is_nothing_and_a_device_that_fails_is_named() -> None:
    ended = threading.Event()
    request = bytes.fromhex("000700000006010300000001")

    def fails(_model: object, at_ns: int) -> dict[str, float | None]:
        raise ValueError("no such weather")

    def serving() -> None:
        with serve([(RS_FSJT, slave(1, 3.4))], fails, ended=ended) as address:
            host, _, port = address.partition(":")
            with socket.create_connection((host, int(port)), timeout=30) as client:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            assert not ended.is_set()
            with socket.create_connection((host, int(port)), timeout=30) as client:
                client.sendall(request)
                assert ended.wait(30)

    with pytest.raises(CarrierError, match="no such weather"):
        serving()


def test_a_tag_that_does_not_know_its_power_says_so_and_its_voltage_is_right() -> None:
    tag = RuuviTag()
    (frame,) = tag.measure(Measurement(number=1, at_ns=0, clock_ns=0, values={"battery_voltage": 2.977}))
    power = int.from_bytes(frame.data[13:15], "big")
    assert (power >> 5, power & 31) == (2977 - 1600, 31)
