"""A bus for tests: slaves of any behaviour on a pty, and devices that live on it as they do in the agent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from device_profiles import catalogue
from device_profiles.checksums import crc16_modbus
from device_profiles.engine.compile import compile_profile
from device_profiles.engine.profile import Profile
from edge_agent.clock import SystemClock
from edge_agent.counters import DeviceCounters
from edge_agent.devices import DeviceStage
from edge_agent.drivers.modbus import ModbusDriver
from edge_agent.drivers.modbus_frames import Rtu
from edge_agent.drivers.ports import Driver, Sample
from edge_agent.drivers.schedule import Schedule
from edge_agent.drivers.serial_port import LineFormat, SerialPort
from edge_agent.drivers.shared_line import SharedLine
from edge_agent.drivers.watch import Exchange
from edge_agent.samples import SampleQueue
from simulators.emulators.port import Model
from simulators.emulators.registry import MODELS
from simulators.frames import Frame

CLOCK = SystemClock()
MODBUS = MODELS["renke/rs-fsjt"]
"""Says how requests on the line end; what is said is the slave's own business."""


def profile(model: str, **changes: str) -> Profile:
    """A profile of the catalogue with lines of its file changed: ``{"wait_s = 8": "wait_s = 0.3"}``."""
    _, data = catalogue.read(model)
    text = data.decode()
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    return compile_profile(catalogue.parse(text.encode()), profile_id=model, digest=bytes(8))


def profile_of(text: str, profile_id: str = "acme/test") -> Profile:
    return compile_profile(catalogue.parse(text.encode()), profile_id=profile_id, digest=bytes(8))


class Slave:
    """Registers, and a rule for what is not answered from them.

    Attributes:
        asked: First register of each question, in order.
    """

    def __init__(
        self, unit: int, registers: Mapping[int, int], rule: Callable[[int, int], int | None] | None = None
    ) -> None:
        """``rule`` takes first register and size, and gives an exception, -1 for silence, or None."""
        self.unit, self.registers, self.rule = unit, dict(registers), rule
        self.asked: list[int] = []
        self.delay_s = 0.0
        self.spoil: Callable[[bytes], bytes] = bytes

    def measure(self, measurement: object) -> list[Frame]:
        return []

    def answer(self, request: bytes, at_ns: int) -> list[Frame]:
        if request[0] != self.unit:
            return []
        first, size = int.from_bytes(request[2:4], "big"), int.from_bytes(request[4:6], "big")
        self.asked.append(first)
        code = self.rule(first, size) if self.rule is not None else None
        if code is None and any(number not in self.registers for number in range(first, first + size)):
            code = 2
        if code == -1:
            return []
        if code is not None:
            body = bytes((self.unit, request[1] | 0x80, code))
        else:
            data = b"".join(self.registers[number].to_bytes(2, "big") for number in range(first, first + size))
            body = request[:2] + bytes((2 * size,)) + data
        frame = self.spoil(body + crc16_modbus(body).to_bytes(2, "little"))
        return [Frame(frame, delay_ns=round(self.delay_s * 1e9))] if frame else []

    @property
    def on_line(self) -> tuple[Model, Slave]:
        return MODBUS, self


def line(link: Path) -> SharedLine:
    return SharedLine(SerialPort(link, LineFormat(9600)), CLOCK, gap_s=0.004)


def modbus(shared: SharedLine, unit: int, model: Profile | str, *, every_s: float = 0.1, **how: float) -> ModbusDriver:
    found = catalogue.load(model) if isinstance(model, str) else model
    driver = ModbusDriver(
        shared, Rtu(), unit, found, CLOCK, Schedule(every_s, CLOCK), timeout_s=how.get("timeout_s", 0.15)
    )
    driver.silence_s = how.get("silence_s", 0.0)
    return driver


class Living:
    """A device as the agent keeps it: opened, read, closed and opened again; its state is what a person sees."""

    def __init__(self, name: str, driver: Driver, *, reconnect_s_max: float = 0.3) -> None:
        self.driver = driver
        self.counters = DeviceCounters(name, "modbus", "bus")
        self.queue = SampleQueue()
        self.samples: list[Sample] = []
        self.states: list[str] = []
        self._exchanges: list[Exchange] = []
        self._stage = DeviceStage(driver, self.counters, self.queue, reconnect_s_max=reconnect_s_max)

    def questions(self) -> int:
        """How often it was asked, in the time that it lived."""
        return sum(exchange.sent for exchange in self._exchanges)

    async def run(self) -> None:
        self._stage._watch.begin()
        keep = asyncio.ensure_future(self._keep())
        try:
            await self._stage.run()
        finally:
            keep.cancel()
            self._exchanges = self._stage._watch.end()

    async def _keep(self) -> None:
        while True:
            state = f"{self.counters.state}: {self.counters.detail}"
            if not self.states or self.states[-1] != state:
                self.states.append(state)
            while (taken := self.queue.take()) is not None:
                self.samples.append(taken[1])
            await asyncio.sleep(0.005)

    def has(self, count: int) -> Callable[[], bool]:
        """Whether so many more samples have come than now."""
        wanted = len(self.samples) + count
        return lambda: len(self.samples) >= wanted

    def says(self, words: str) -> Callable[[], bool]:
        return lambda: words in f"{self.counters.state}: {self.counters.detail}"


@asynccontextmanager
async def living(*devices: Living) -> AsyncIterator[None]:
    """Let devices live for as long as the context lasts."""
    tasks = [asyncio.ensure_future(device.run()) for device in devices]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def until(holds: Callable[[], bool], what: str, timeout_s: float = 45.0) -> None:
    """Wait for a condition."""
    try:
        async with asyncio.timeout(timeout_s):
            while not holds():  # noqa: ASYNC110 - anything may be waited for
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"never: {what}") from None


def values(sample: Sample) -> dict[str, object]:
    return {number.channel: number.value for number in sample.numbers}
