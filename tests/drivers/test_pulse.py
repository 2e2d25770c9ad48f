"""Counted contacts: no tip lost between samples, a count that survives a power cut, downtime that is stated."""

from __future__ import annotations

import asyncio
import os
import struct
from pathlib import Path

import pytest

from device_profiles import catalogue
from device_profiles.wire.values import Scaled
from edge_agent.clock import SystemClock
from edge_agent.drivers.ports import LinkDown, NotReady, Sample
from edge_agent.drivers.pulse import DOWNTIME_CHANNEL, GpioEdges, PulseDriver, has_running_count
from edge_agent.drivers.pulse_count import CountFile
from edge_agent.drivers.schedule import Schedule

TIP = struct.Struct(">q")


class PipeEdges:
    """Edges through a pipe, as the kernel queues them: each a time, in order."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe()

    def tip(self, times: int = 1) -> None:
        os.write(self._write, TIP.pack(0) * times)

    def open(self) -> int:
        return self._read

    def read(self) -> list[int]:
        data = os.read(self._read, TIP.size * 1024)
        return [TIP.unpack_from(data, at)[0] for at in range(0, len(data), TIP.size)]

    def close(self) -> None:
        pass


def bucket(edges: PipeEdges, file: Path | None, model: str = "pulse/tipping-bucket") -> PulseDriver:
    clock = SystemClock()
    return PulseDriver(edges, catalogue.load(model), clock, Schedule(0.05, clock), file=file)


async def sample(driver: PulseDriver) -> dict[str, object]:
    async with asyncio.timeout(30):
        while True:
            for read in await driver.read():
                assert isinstance(read, Sample)
                return {number.channel: number.value for number in read.numbers}


async def counted(driver: PulseDriver, wanted: int) -> dict[str, object]:
    async with asyncio.timeout(30):
        while (found := await sample(driver))["precipitation_count"] != Scaled(wanted, 0):
            pass
    return found


def test_every_tip_is_in_the_count_and_the_count_goes_on_after_a_stop(tmp_path: Path) -> None:
    async def run() -> None:
        edges = PipeEdges()
        first = bucket(edges, tmp_path / "rain.count")
        await first.open()
        edges.tip(3)
        assert DOWNTIME_CHANNEL not in await counted(first, 3)
        edges.tip(2)
        # Tips that the kernel holds when we are told to stop.
        await first.close()
        again = bucket(PipeEdges(), tmp_path / "rain.count")
        await again.open()
        found = await sample(again)
        assert found["precipitation_count"] == Scaled(5, 0)
        assert isinstance(found[DOWNTIME_CHANNEL], Scaled)
        assert DOWNTIME_CHANNEL not in await sample(again)
        await again.close()

    asyncio.run(run())


def test_a_torn_write_leaves_the_count_before_it(tmp_path: Path) -> None:
    path = tmp_path / "rain.count"
    file = CountFile(path)
    for count in (10, 11, 12):
        file.write(count, count)
    file.close()
    whole = path.read_bytes()
    newest = 3 % 2 * 512
    for cut in range(36):
        path.write_bytes(whole[:newest] + whole[newest : newest + cut] + bytes(36 - cut))
        kept = CountFile(path).kept
        assert kept is not None
        assert kept.pulses in {11, 12}
    path.write_bytes(b"something else" * 100)
    assert CountFile(path).kept is None


def test_an_anemometer_counts_anew_with_every_sample() -> None:
    async def run() -> None:
        edges = PipeEdges()
        driver = bucket(edges, None, "pulse/cup-anemometer")
        await driver.open()
        async with asyncio.timeout(30):
            edges.tip()
            while not _number((await sample(driver))["pulse_rate"]):
                edges.tip()
            while _number((await sample(driver))["pulse_rate"]) != 0:
                pass
        await driver.close()

    asyncio.run(run())


def _number(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, Scaled):
        return float(value.mantissa * 10.0**value.exponent)
    assert isinstance(value, float)
    return value


def test_a_count_that_cannot_be_kept_does_not_begin_anew(tmp_path: Path) -> None:
    with pytest.raises(NotReady, match="keeps no count"):
        asyncio.run(bucket(PipeEdges(), tmp_path / "no" / "rain.count").open())


def test_a_chip_that_is_not_there_says_how_to_find_one(tmp_path: Path) -> None:
    with pytest.raises(LinkDown, match="gpiodetect"):
        GpioEdges(tmp_path / "gpiochip9", 17, debounce_ms=10, name="rain").open()


def test_which_profiles_keep_a_running_count() -> None:
    assert has_running_count(catalogue.load("pulse/tipping-bucket"))
    assert not has_running_count(catalogue.load("pulse/cup-anemometer"))
