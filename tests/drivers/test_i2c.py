"""Chips on an I2C bus through their profile; the bus is the test's own, the transfers are the data sheets'."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from device_profiles import catalogue
from device_profiles.rejects import FrameRejected
from device_profiles.wire.values import Scaled
from edge_agent.clock import SystemClock
from edge_agent.drivers.i2c import I2cInstrument, SmbusBus
from edge_agent.drivers.ports import LinkDown, Read, Sample


class Chips:
    """A bus with chips that answer a command with bytes, and with silence (NACK) before it."""

    def __init__(self, answers: dict[tuple[int, bytes], bytes]) -> None:
        self.answers = answers
        self.written: list[tuple[int, bytes]] = []
        self._ready: dict[int, bytes] = {}

    def write(self, address: int, data: bytes) -> None:
        if not any(address == each for each, _ in self.answers):
            raise OSError(errno.EREMOTEIO, "Remote I/O error")
        self.written.append((address, data))
        self._ready[address] = self.answers.get((address, data), b"")

    def read(self, address: int, size: int) -> bytes:
        if address not in self._ready:
            raise OSError(errno.EREMOTEIO, "Remote I/O error")
        return self._ready[address].ljust(size, b"\0")[:size]

    @contextmanager
    def opened(self, _path: Path) -> Iterator[Chips]:
        yield self


def measure(model: str, chips: Chips, address: int | None = None) -> list[Read]:
    async def run() -> list[Read]:
        chip = I2cInstrument(
            catalogue.load(model), SystemClock(), bus=Path("/dev/i2c-1"), address=address, open_bus=chips.opened
        )
        await chip.open()
        return await chip.measure()

    return asyncio.run(run())


def right(model: str) -> bytes:
    tests = catalogue.load(model).document["tests"]
    return next(bytes.fromhex(test["hex"]) for test in tests if "hex" in test and "reject" not in test)


def test_a_single_shot_with_a_checksum_for_each_word() -> None:
    chips = Chips({(0x44, bytes.fromhex("2400")): right("sensirion/sht3x-i2c")})
    [read] = measure("sensirion/sht3x-i2c", chips)
    assert isinstance(read, Sample)
    assert {number.channel for number in read.numbers} == {"air_temperature", "relative_humidity"}
    assert all(number.value is not None for number in read.numbers)
    spoilt = bytearray(right("sensirion/sht3x-i2c"))
    spoilt[1] ^= 4
    [read] = measure("sensirion/sht3x-i2c", Chips({(0x45, bytes.fromhex("2400")): bytes(spoilt)}), address=0x45)
    assert isinstance(read, FrameRejected)


def test_a_chip_that_speaks_text_and_pads_it() -> None:
    chips = Chips({(0x63, b"R"): b"\x019.560"})
    [read] = measure("atlas-scientific/ezo-ph-i2c", chips)
    assert isinstance(read, Sample)
    assert [(number.channel, number.value) for number in read.numbers] == [("water_ph", Scaled(9560, -3))]
    assert measure("atlas-scientific/ezo-ph-i2c", Chips({(0x63, b"R"): b"\xfe"})) == []


def test_a_chip_that_is_not_there_says_where_to_look() -> None:
    with pytest.raises(LinkDown, match=r"/dev/i2c-1 address 0x44: no answer: .*i2cdetect"):
        measure("sensirion/sht3x-i2c", Chips({}))


def test_the_kernels_bus_that_is_not_there_says_how_to_turn_it_on(tmp_path: Path) -> None:
    chip = I2cInstrument(
        catalogue.load("sensirion/sht3x-i2c"), SystemClock(), bus=tmp_path / "i2c-9", address=None, open_bus=SmbusBus
    )
    with pytest.raises(LinkDown, match="is not there: is I2C turned on"):
        asyncio.run(chip.measure())
