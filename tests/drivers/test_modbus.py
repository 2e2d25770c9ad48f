"""Modbus slaves through their profile: emulated and pymodbus's own, alone and on a bus, and what goes wrong there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymodbus.server import ModbusTcpServer as TheirServer
from pymodbus.simulator import DataType, SimData, SimDevice

from device_profiles import catalogue
from device_profiles.checksums import crc16_modbus
from device_profiles.wire.values import Scaled
from edge_agent.clock import SystemClock
from edge_agent.drivers.modbus import ModbusDriver
from edge_agent.drivers.modbus_frames import Question, Refused, Rtu, Setting, Tcp, batched
from edge_agent.drivers.ports import LinkDown, NotReady, Read, Sample
from edge_agent.drivers.schedule import Schedule
from edge_agent.drivers.serial_port import LineFormat, SerialPort
from edge_agent.drivers.shared_line import SharedLine
from edge_agent.drivers.tcp import TcpStream
from simulators.emulators.host import on_pty
from simulators.emulators.modbus_tcp import serve
from simulators.emulators.port import Emulator, Model
from simulators.emulators.registry import MODELS
from simulators.frames import Frame
from tests.conftest import free_port

CLOCK = SystemClock()


def slave(line: SharedLine, name: str, unit: int, *, every_s: float = 0.1, tcp: bool = False) -> ModbusDriver:
    envelope = Tcp() if tcp else Rtu()
    schedule = Schedule(every_s, CLOCK)
    return ModbusDriver(line, envelope, unit, catalogue.load(name), CLOCK, schedule, timeout_s=0.3)


def bus(link: Path) -> SharedLine:
    return SharedLine(SerialPort(link, LineFormat(9600)), CLOCK, gap_s=0.004)


async def until(driver: ModbusDriver, enough: Callable[[list[Read]], bool]) -> list[Read]:
    reads: list[Read] = []
    async with asyncio.timeout(30):
        while not enough(reads):
            reads += await driver.read()
    return reads


def values(reads: list[Read]) -> dict[str, object]:
    return {number.channel: number.value for read in reads if isinstance(read, Sample) for number in read.numbers}


def samples(count: int) -> Callable[[list[Read]], bool]:
    return lambda reads: sum(isinstance(read, Sample) for read in reads) >= count


def made(name: str, unit: int) -> tuple[Model, Emulator]:
    return MODELS[name], MODELS[name].make(unit)


def test_three_models_share_a_bus_and_every_digit_arrives(tmp_path: Path) -> None:
    devices = [made("renke/rs-fsjt", 1), made("renke/rs-wsd", 2), made("eastron/sdm120", 3)]

    async def run() -> list[list[Read]]:
        line = bus(tmp_path / "bus")
        drivers = [slave(line, model.id, place + 1) for place, (model, _) in enumerate(devices)]
        for driver in drivers:
            await driver.open()
        found = await asyncio.gather(*(until(driver, samples(3)) for driver in drivers))
        for driver in drivers:
            await driver.close()
        return found

    with on_pty(tmp_path / "bus", devices):
        wind, climate, meter = asyncio.run(run())
    assert values(wind) == {"wind_speed": Scaled(32, -1)}
    assert values(climate) == {"relative_humidity": Scaled(658, -1), "air_temperature": Scaled(214, -1)}
    assert values(meter)["voltage"] == pytest.approx(231.4, abs=1e-4)
    assert values(meter)["energy_import"] == pytest.approx(123.456, abs=1e-4)


def test_pymodbus_s_own_server_is_read_over_tcp() -> None:
    port = free_port()

    @asynccontextmanager
    async def server() -> AsyncIterator[None]:
        device = SimDevice(id=4, simdata=[SimData(0, values=[658, 0xFF9B], datatype=DataType.REGISTERS)])
        their = TheirServer(device, address=("127.0.0.1", port))
        await their.serve_forever(background=True)
        try:
            yield
        finally:
            await their.shutdown()  # type: ignore[no-untyped-call]

    async def run() -> list[Read]:
        async with server():
            line = SharedLine(TcpStream("127.0.0.1", port), CLOCK, gap_s=0.0005)
            driver = slave(line, "renke/rs-wsd", 4, tcp=True)
            await driver.open()
            reads = await until(driver, samples(2))
            await driver.close()
            return reads

    # The worked example of the vendor's manual: 65.8 % and 10.1 degrees below nought.
    assert values(asyncio.run(run())) == {"relative_humidity": Scaled(658, -1), "air_temperature": Scaled(-101, -1)}


def test_our_own_gateway_over_tcp() -> None:
    from simulators.emulators.host import usual
    from simulators.emulators.modbus import ModbusSlave

    model, device = made("renke/rs-fsjt", 9)
    assert isinstance(device, ModbusSlave)

    async def run(port: int) -> list[Read]:
        driver = slave(SharedLine(TcpStream("127.0.0.1", port), CLOCK, gap_s=0.0005), model.id, 9, tcp=True)
        await driver.open()
        reads = await until(driver, samples(1))
        await driver.close()
        return reads

    with serve([(model, device)], usual) as address:
        reads = asyncio.run(run(int(address.rpartition(":")[2])))
    assert values(reads) == {"wind_speed": Scaled(32, -1)}


class Awkward:
    """A slave that spoils its answers: late, echoed, behind noise, for another unit, damaged."""

    def __init__(self, inner: Emulator, spoil: Callable[[bytes, list[Frame]], list[Frame]]) -> None:
        self._inner, self._spoil = inner, spoil

    def measure(self, measurement: object) -> list[Frame]:
        return list(self._inner.measure(measurement))  # type: ignore[arg-type]

    def answer(self, request: bytes, at_ns: int) -> list[Frame]:
        return self._spoil(request, list(self._inner.answer(request, at_ns)))


def echo(request: bytes, frames: list[Frame]) -> list[Frame]:
    return [Frame(request), *frames]


def noise(_request: bytes, frames: list[Frame]) -> list[Frame]:
    return [Frame(b"\x00\xff\x01\x03"), *frames]


@pytest.mark.parametrize("spoil", [echo, noise])
def test_an_echo_and_noise_before_an_answer_are_stepped_over(
    tmp_path: Path, spoil: Callable[[bytes, list[Frame]], list[Frame]]
) -> None:
    model, device = made("renke/rs-fsjt", 1)

    async def run() -> list[Read]:
        driver = slave(bus(tmp_path / "bus"), model.id, 1)
        await driver.open()
        reads = await until(driver, samples(2))
        await driver.close()
        return reads

    with on_pty(tmp_path / "bus", [(model, Awkward(device, spoil))]):
        assert values(asyncio.run(run())) == {"wind_speed": Scaled(32, -1)}


def test_a_late_answer_of_one_slave_is_never_another_s(tmp_path: Path) -> None:
    """Unit 1 answers after its time is over, while unit 2 is asked; both have the same kind of answer."""
    model, late = made("renke/rs-fsjt", 1)
    other_model, other = made("renke/rs-fsjt", 2)
    asked: list[bytes] = []

    def later(_request: bytes, frames: list[Frame]) -> list[Frame]:
        asked.append(b"")
        # It is met in time; what is asked after that is answered too late.
        return [Frame(frame.data, delay_ns=450_000_000 if len(asked) > 1 else 5_000_000) for frame in frames]

    async def run() -> tuple[list[Read], SharedLine]:
        line = bus(tmp_path / "bus")
        slow, quick = slave(line, model.id, 1), slave(line, model.id, 2)
        await slow.open()
        await quick.open()
        asking = asyncio.ensure_future(_ignoring(slow.read))
        reads = await until(quick, samples(5))
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        await slow.close()
        await quick.close()
        return reads, line

    class Windy:
        """Unit 1 stands in a storm, so that a mix-up shows."""

        def measure(self, measurement: object) -> list[Frame]:
            from simulators.emulators.port import Measurement

            late.measure(Measurement(number=1, at_ns=0, clock_ns=0, values={"wind_speed": 55.5}))
            return []

        def answer(self, request: bytes, at_ns: int) -> list[Frame]:
            return later(request, list(late.answer(request, at_ns)))

    with on_pty(tmp_path / "bus", [(model, Windy()), (other_model, other)]):
        reads, _ = asyncio.run(run())
    assert {values([read])["wind_speed"] for read in reads if isinstance(read, Sample)} == {Scaled(32, -1)}


def test_a_slave_s_own_late_answer_is_not_that_of_its_next_question(tmp_path: Path) -> None:
    """Two runs of one length from a slave whose every answer comes after its time: two answers for each question."""
    runs = [Question(3, 0, 2), Question(3, 100, 2)]
    asked: list[int] = []

    class Slow:
        """Answers with the number of the first register in every word, half as late again as it may."""

        def measure(self, measurement: object) -> list[Frame]:
            return []

        def answer(self, request: bytes, at_ns: int) -> list[Frame]:
            first, size = int.from_bytes(request[2:4], "big"), int.from_bytes(request[4:6], "big")
            asked.append(first)
            body = request[:2] + bytes((2 * size,)) + first.to_bytes(2, "big") * size
            check = crc16_modbus(body).to_bytes(2, "little")
            if len(asked) == 1:
                return [Frame(body + check)]
            return [Frame(body + check, delay_ns=450_000_000 if asked.count(first) % 2 else 390_000_000)]

    async def run() -> list[object]:
        driver = slave(bus(tmp_path / "bus"), "renke/rs-wsd", 1)
        await driver.open()
        answers: list[object] = [await driver._ask(question, 0.3) for question in runs * 2]
        await driver.close()
        return answers

    with on_pty(tmp_path / "bus", [(MODELS["renke/rs-fsjt"], Slow())]):
        answers = asyncio.run(run())
    assert answers == [(0, 0), (100, 100)] * 2


async def _ignoring(read: Callable[[], Awaitable[list[Read]]]) -> None:
    while True:
        try:
            await read()
        except LinkDown:
            await asyncio.sleep(0.05)


def test_a_dead_slave_never_counts_as_up_and_its_neighbour_is_read_on(tmp_path: Path) -> None:
    async def run() -> list[Read]:
        line = bus(tmp_path / "bus")
        dead, alive = slave(line, "renke/rs-wsd", 7), slave(line, "renke/rs-fsjt", 1)
        await alive.open()
        with pytest.raises(NotReady, match=r"unit 7 does not answer: is it powered.*others on this line answer"):
            await dead.open()
        reads = await until(alive, samples(5))
        await dead.close()
        reads += await until(alive, samples(1))
        await alive.close()
        return reads

    with on_pty(tmp_path / "bus", [made("renke/rs-fsjt", 1)]):
        assert values(asyncio.run(run())) == {"wind_speed": Scaled(32, -1)}


def test_a_babbling_line_is_down_for_all_and_comes_back(tmp_path: Path) -> None:
    from simulators.pty_port import PtyPort

    async def run(port: PtyPort) -> None:
        driver = slave(bus(tmp_path / "bus"), "renke/rs-fsjt", 1)
        await driver._line.open()
        babble = asyncio.get_running_loop().run_in_executor(None, _babble, port)
        with pytest.raises(LinkDown, match="never falls silent"):
            await driver.open()
        await driver.close()
        await driver._line.close()
        await babble

    with PtyPort(tmp_path / "bus") as port:
        asyncio.run(run(port))


def _babble(port: object) -> None:
    from simulators.pty_port import PtyPort

    assert isinstance(port, PtyPort)
    while port.has_reader():
        port.write(b"\x55" * 64)


def test_neighbouring_runs_are_one_question() -> None:
    runs = [Question(3, 0, 2), Question(3, 2, 3), Question(4, 0, 1), Question(3, 10, 1), Question(3, 130, 1)]
    assert batched(runs, 0) == [
        (Question(3, 0, 5), [0, 1]),
        (Question(3, 10, 1), [3]),
        (Question(3, 130, 1), [4]),
        (Question(4, 0, 1), [2]),
    ]
    assert batched(runs, 200)[0] == (Question(3, 0, 11), [0, 1, 3])


@given(st.binary(max_size=300), st.integers(1, 247), st.sampled_from([1, 2, 3, 4]), st.integers(1, 125))
def test_any_bytes_are_an_answer_or_none(heard: bytes, unit: int, function: int, count: int) -> None:
    for envelope in (Rtu(), Tcp()):
        _, answer_in = envelope.wrap(unit, Question(function, 0, count))
        found = answer_in(heard)
        assert found is None or isinstance(found, Refused) or len(found) == count
        _, answer_in = envelope.wrap_setting(unit, Setting(5 + function % 2, count, 1))
        assert answer_in(heard) in {None, ()} or isinstance(answer_in(heard), Refused)
