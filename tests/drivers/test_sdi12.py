"""SDI-12 probes through their profile: the specification's dialogue on a bus, and what goes wrong there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_profiles import catalogue
from device_profiles.rejects import FrameRejected, RejectReason
from device_profiles.wire.values import Scaled
from edge_agent.clock import SystemClock
from edge_agent.drivers.ports import LinkDown, NotReady, Read, Sample
from edge_agent.drivers.schedule import Schedule
from edge_agent.drivers.sdi12 import Sdi12Driver
from edge_agent.drivers.sdi12_lines import Damaged, Promise, line_of, promise, values
from edge_agent.drivers.serial_port import LineFormat, SerialPort
from edge_agent.drivers.shared_line import SharedLine
from simulators.emulators.host import on_pty
from simulators.emulators.port import Emulator, Measurement, Model
from simulators.emulators.registry import MODELS
from simulators.emulators.sdi12 import Sdi12Probe
from simulators.frames import Frame

CLOCK = SystemClock()
TEROS = MODELS["meter/teros-12-sdi12"]
RIGHT = {"soil_counts": Scaled(24934, -1), "soil_temperature": Scaled(178, -1), "soil_conductivity": Scaled(22, 0)}


def bus(link: Path) -> SharedLine:
    return SharedLine(SerialPort(link, LineFormat(1200, 7, "even")), CLOCK, gap_s=0.01)


def probe(line: SharedLine, address: str, model: str = TEROS.id, *, breaks: bool = False) -> Sdi12Driver:
    return Sdi12Driver(line, address, catalogue.load(model), CLOCK, Schedule(0.2, CLOCK), breaks=breaks)


async def until(driver: Sdi12Driver, count: int) -> list[Read]:
    await driver.open()
    reads: list[Read] = []
    try:
        async with asyncio.timeout(30):
            while len(reads) < count:
                reads += await driver.read()
    finally:
        await driver.close()
    return reads


def found(read: Read) -> dict[str, object]:
    assert isinstance(read, Sample), read
    return {number.channel: number.value for number in read.numbers}


class Spoilt:
    """A probe whose answers a fault changes."""

    def __init__(self, inner: Emulator, spoil: Callable[[bytes, list[Frame]], list[Frame]]) -> None:
        self._inner, self._spoil = inner, spoil

    def measure(self, measurement: Measurement) -> list[Frame]:
        return list(self._inner.measure(measurement))

    def answer(self, request: bytes, at_ns: int) -> list[Frame]:
        return self._spoil(request, list(self._inner.answer(request, at_ns)))


def made(address: str) -> tuple[Model, Emulator]:
    return TEROS, TEROS.make(ord(address))


@pytest.mark.parametrize("breaks", [False, True])
def test_two_probes_of_one_bus_are_measured_with_checksums(tmp_path: Path, *, breaks: bool) -> None:
    async def run() -> list[list[Read]]:
        line = bus(tmp_path / "bus")
        return await asyncio.gather(*(until(probe(line, name, breaks=breaks), 1) for name in "07"))

    with on_pty(tmp_path / "bus", [made("0"), made("7")]):
        for reads in asyncio.run(run()):
            assert found(reads[0]) == RIGHT


def test_a_generic_probe_gives_its_values_by_number(tmp_path: Path) -> None:
    with on_pty(tmp_path / "bus", [made("0")]):
        reads = asyncio.run(until(probe(bus(tmp_path / "bus"), "0", "sdi-12/generic"), 1))
    assert list(found(reads[0]).values()) == list(RIGHT.values())


def test_an_echoing_adapter_and_a_damaged_line_cost_nothing(tmp_path: Path) -> None:
    spoilt: list[bytes] = []

    def spoil(request: bytes, frames: list[Frame]) -> list[Frame]:
        if b"D0" in request and not spoilt:
            spoilt.append(frames[0].data)
            frames = [Frame(frames[0].data.replace(b"+22", b"+23"), delay_ns=frames[0].delay_ns)]
        return [Frame(request), *frames]

    with on_pty(tmp_path / "bus", [(TEROS, Spoilt(TEROS.make(ord("0")), spoil))]):
        reads = asyncio.run(until(probe(bus(tmp_path / "bus"), "0"), 1))
    assert spoilt
    assert found(reads[0]) == RIGHT


def test_a_line_that_stays_damaged_is_a_reject(tmp_path: Path) -> None:
    def spoil(request: bytes, frames: list[Frame]) -> list[Frame]:
        return [Frame(each.data.replace(b"+22", b"+23"), delay_ns=each.delay_ns) for each in frames]

    with on_pty(tmp_path / "bus", [(TEROS, Spoilt(TEROS.make(ord("0")), spoil))]):
        [read, *_] = asyncio.run(until(probe(bus(tmp_path / "bus"), "0"), 1))
    assert isinstance(read, FrameRejected)
    assert read.reason == RejectReason.CHECKSUM


def test_a_probe_that_is_not_there_is_down_and_its_neighbour_is_read_on(tmp_path: Path) -> None:
    async def run() -> list[Read]:
        line = bus(tmp_path / "bus")
        gone = asyncio.ensure_future(until(probe(line, "5"), 1))
        reads = await until(probe(line, "0"), 2)
        with pytest.raises(NotReady, match="probe 5 does not answer: is it powered"):
            await gone
        return reads

    with on_pty(tmp_path / "bus", [made("0")]):
        assert [found(read) for read in asyncio.run(run())] == [RIGHT, RIGHT]


def test_lines_of_the_specification() -> None:
    # SDI-12 1.4, 4.4.12.3 and 4.4.6.
    assert values("0", b"+3.14OqZ", with_crc=True) == [b"+3.14"]
    assert isinstance(values("0", b"+3.15OqZ", with_crc=True), Damaged)
    assert values("0", b"+3.14-2.718+.5", with_crc=False) == [b"+3.14", b"-2.718", b"+.5"]
    assert isinstance(values("0", b"+3.1x4", with_crc=False), Damaged)
    assert promise(b"0013") == Promise(1, 3)
    assert promise(b"12345678") is None
    assert line_of("0")(b"\x000!0\r\n") == b""
    assert line_of("7")(b"0M!00013\r\n") is None


@given(st.binary(max_size=100))
def test_any_bytes_are_a_line_or_none(heard: bytes) -> None:
    said = line_of("0")(heard)
    if said is not None:
        promise(said)
        assert isinstance(values("0", said, with_crc=True), list | Damaged)


def test_another_model_at_the_address_is_told_by_what_it_says_and_not_read(tmp_path: Path) -> None:
    other = Sdi12Probe("0", "13DECAGON GS3   105", lambda values: ("+1.0", "+2.0", "+3"), ready_s=0)

    async def run() -> None:
        driver = probe(bus(tmp_path / "bus"), "0")
        with pytest.raises(NotReady, match="probe 0 is no meter/teros-12-sdi12, it says it is '13DECAGON GS3   105'"):
            await driver.open()
        await driver.close()

    with on_pty(tmp_path / "bus", [(TEROS, other)]):
        asyncio.run(run())


def test_a_promise_that_no_checksum_guards_holds_the_bus_no_longer_than_the_profile_says(tmp_path: Path) -> None:
    def spoil(request: bytes, frames: list[Frame]) -> list[Frame]:
        # A disturbed answer to MC: 999 s for what takes one.
        return [Frame(each.data.replace(b"0001", b"0999"), delay_ns=each.delay_ns) for each in frames]

    with on_pty(tmp_path / "bus", [(TEROS, Spoilt(TEROS.make(ord("0")), spoil))]):
        reads = asyncio.run(until(probe(bus(tmp_path / "bus"), "0"), 1))
    assert found(reads[0]) == RIGHT


def test_a_request_without_an_interval_is_not_asked(tmp_path: Path) -> None:
    """CS650: M3 gives everything; M and M1 are there for older loggers."""
    asked: list[bytes] = []

    class Cs650:
        def measure(self, measurement: Measurement) -> list[Frame]:
            return []

        def answer(self, request: bytes, at_ns: int) -> list[Frame]:
            asked.append(request)
            said = {b"0!": b"0", b"0M3!": b"00006", b"0D0!": b"0+0.2+0.1+20.5+10.2+1.2+3.4"}.get(request)
            return [Frame(said + b"\r\n")] if said is not None else []

    with on_pty(tmp_path / "bus", [(TEROS, Cs650())]):
        asyncio.run(until(probe(bus(tmp_path / "bus"), "0", "campbell/cs650"), 1))
    assert set(asked) == {b"0!", b"0M3!", b"0D0!"}


def test_a_probe_that_falls_silent_costs_the_bus_one_try_a_poll(tmp_path: Path) -> None:
    asked: list[bytes] = []

    def spoil(request: bytes, frames: list[Frame]) -> list[Frame]:
        asked.append(request)
        return frames if len(asked) == 1 else []

    async def run() -> None:
        driver = probe(bus(tmp_path / "bus"), "0", "sdi-12/generic")
        await driver.open()
        with pytest.raises(LinkDown, match="probe 0 does not answer"):
            await forever(driver)
        await driver.close()

    with on_pty(tmp_path / "bus", [(TEROS, Spoilt(TEROS.make(ord("0")), spoil))]):
        asyncio.run(run())
    # Met; three tries as the standard says; then one a poll until it counts as down.
    assert len(asked) == 1 + 3 + 1 + 1


async def forever(driver: Sdi12Driver) -> None:
    async with asyncio.timeout(60):
        while True:
            await driver.read()
