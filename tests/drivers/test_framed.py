"""Framed and ASCII devices of the catalogue through a real serial line: heard, asked, silent, babbling."""

from __future__ import annotations

import asyncio
import os
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from device_profiles import catalogue, checksums
from device_profiles.engine.compile import compile_profile
from device_profiles.rejects import FrameRejected
from device_profiles.wire.values import Scaled
from edge_agent.clock import SystemClock
from edge_agent.drivers.framed import UNANSWERED_MAX, FramedDriver
from edge_agent.drivers.make_parts import line_format
from edge_agent.drivers.ports import LinkDown, Read, Sample
from edge_agent.drivers.questions import conversation
from edge_agent.drivers.schedule import Schedule
from edge_agent.drivers.serial_port import SerialPort
from tests.agent.harness import Instrument

SDS011 = bytes.fromhex("AAC0D4043A0AA1601DAB")
RG15_ANSWER = b"Acc  0.01 mm, EventAcc  2.10 mm, TotalAcc 12.40 mm, RInt  1.20 mmph\r\n"


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Instrument]:
    made = Instrument(tmp_path / "line")
    yield made
    made.close()


def driver(line: Instrument, model: str, **how: float) -> FramedDriver:
    profile = catalogue.load(model)
    port = SerialPort(line.name, line_format(profile.document))
    schedule = Schedule(how["every_s"], SystemClock()) if "every_s" in how else None
    return FramedDriver(port, profile, SystemClock(), schedule=schedule, silence_s=how.get("silence_s", 0))


def samples(reads: list[Read]) -> list[dict[str, object]]:
    return [{n.channel: n.value for n in read.numbers} for read in reads if isinstance(read, Sample)]


async def gather(driver: FramedDriver, wanted: int) -> list[Read]:
    reads: list[Read] = []
    async with asyncio.timeout(30):
        while len(reads) < wanted:
            reads += await driver.read()
    return reads


def test_a_device_that_speaks_is_heard_with_every_digit_and_noise_is_counted(line: Instrument) -> None:
    async def run() -> list[Read]:
        heard = driver(line, "nova/sds011")
        await heard.open()
        # Half a frame from before, a whole one, noise, and one in two pieces.
        line.say(SDS011[4:] + SDS011 + b"\x00\x01\x02" + SDS011[:3])
        reads = await gather(heard, 2)
        line.say(SDS011[3:])
        reads += await gather(heard, 1)
        return reads + await heard.close()

    reads = asyncio.run(run())
    good = {"pm2_5": Scaled(1236, -1), "pm10": Scaled(2618, -1)}
    found = samples(reads)
    assert [{name: row[name] for name in good} for row in found] == [good, good]
    rejected = b"".join(read.data for read in reads if isinstance(read, FrameRejected))
    assert rejected == SDS011[4:] + b"\x00\x01\x02"


def test_a_device_that_waits_is_asked_at_each_tick(line: Instrument) -> None:
    async def run() -> tuple[list[Read], list[bytes]]:
        asked: list[bytes] = []

        def answer() -> None:
            asked.append(os.read(line.master, 100))
            line.say(RG15_ANSWER)

        asyncio.get_running_loop().add_reader(line.master, answer)
        polled = driver(line, "hydreon/rg-15", every_s=0.1)
        await polled.open()
        reads = await gather(polled, 3)
        asyncio.get_running_loop().remove_reader(line.master)
        await polled.close()
        return reads, asked

    reads, asked = asyncio.run(run())
    assert len(samples(reads)) >= 3
    assert set(asked) == {b"R\n"}


def test_silence_after_questions_is_a_line_that_is_down_with_a_hint(line: Instrument) -> None:
    async def run() -> None:
        polled = driver(line, "hydreon/rg-15", every_s=0.05)
        await polled.open()
        try:
            await gather(polled, 1)
        finally:
            await polled.close()

    with pytest.raises(LinkDown, match=f"no answer to {UNANSWERED_MAX} requests"):
        asyncio.run(run())


def test_silence_of_a_speaker_is_noticed_when_asked_for(line: Instrument) -> None:
    async def run() -> None:
        heard = driver(line, "nova/sds011", silence_s=0.2)
        await heard.open()
        line.say(SDS011)
        assert len(await gather(heard, 1)) == 1
        await gather(heard, 1)

    with pytest.raises(LinkDown, match=r"no byte for 0\.2 s"):
        asyncio.run(run())


def test_an_unplugged_device_is_a_line_that_is_down(line: Instrument) -> None:
    async def run() -> None:
        heard = driver(line, "nova/sds011")
        await heard.open()
        line.unplug()
        await gather(heard, 1)

    with pytest.raises(LinkDown, match=r"gone|hung up"):
        asyncio.run(run())


def test_steps_say_what_is_sent_first_and_what_each_time() -> None:
    talk = conversation(catalogue.load("sensirion/sps30-uart").document)
    assert [question.name for question in talk.first] == ["start"]
    assert talk.first[0].wait_s == 30
    assert [question.data.hex() for question in talk.each] == ["7e000300fc7e"]
    listens = conversation(catalogue.load("plantower/pms5003").document)
    assert (listens.first, listens.each) == ((), ())
    # A question that the profile knows without an interval is for a mode the device is not in.
    assert conversation(catalogue.load("nova/sds011").document).each == ()


def umb(body: bytes, *, to: int, of: int) -> bytes:
    frame = struct.pack("<BBHHBB", 1, 0x10, to, of, len(body), 2) + body + b"\x03"
    return frame + struct.pack("<H", checksums.crc16_mcrf4xx(frame)) + b"\x04"


def test_a_umb_station_is_asked_for_many_channels_at_once(line: Instrument) -> None:
    """It answers for each channel by itself: here without a radiation sensor, status 24h."""
    known = {
        100: 21.5,
        110: 12.25,
        200: 58.5,
        300: 938.25,
        400: 3.5,
        440: 6.25,
        460: 3.0,
        500: 270.0,
        620: 12.5,
        820: 0,
    }
    asked: list[bytes] = []

    def answer() -> None:
        request = os.read(line.master, 200)
        asked.append(request)
        count = request[10]
        channels = struct.unpack(f"<{count}H", request[11 : 11 + 2 * count])
        body = bytes((0x2F, 0x10, 0, count))
        for channel in channels:
            if channel in known:
                body += struct.pack("<BBHBf", 8, 0, channel, 0x16, known[channel])
            elif channel == 700:
                body += struct.pack("<BBHBB", 5, 0, channel, 0x10, 60)
            else:
                body += struct.pack("<BBH", 3, 0x24, channel)
        line.say(umb(body, to=0xF001, of=0x7001))

    async def run() -> list[Read]:
        asyncio.get_running_loop().add_reader(line.master, answer)
        polled = driver(line, "lufft/ws-umb", every_s=0.2)
        await polled.open()
        reads = await gather(polled, 2)
        asyncio.get_running_loop().remove_reader(line.master)
        await polled.close()
        return reads

    air, wind = samples(asyncio.run(run()))
    assert air["air_temperature"] == 21.5
    assert air["precipitation_type"] == Scaled(60, 0)
    assert air["solar_radiation"] is None
    assert wind["wind_speed_max"] == 6.25
    assert wind["precipitation_total"] == 12.5
    # What was asked is a frame of its own right: length, checksum, end.
    for request in asked:
        assert request == umb(request[8:-4], to=0x7001, of=0xF001)


def test_questions_of_one_tick_are_asked_one_after_the_other(line: Instrument) -> None:
    """A half-duplex line carries no question while an answer is on it."""
    _, data = catalogue.read("hydreon/rg-15")
    text = data.decode().replace(
        "[[requests]]", '[[requests]]\nname = "again"\ntext = "A\\n"\nevery_s = 60\n[[requests]]', 1
    )
    profile = compile_profile(catalogue.parse(text.encode()), profile_id="hydreon/two", digest=bytes(8))
    order: list[str] = []

    async def run() -> list[Read]:
        loop = asyncio.get_running_loop()

        def say() -> None:
            order.append("answer")
            line.say(RG15_ANSWER)

        def answer() -> None:
            order.append(os.read(line.master, 100).decode().strip())
            loop.call_later(0.1, say)

        loop.add_reader(line.master, answer)
        clock = SystemClock()
        port = SerialPort(line.name, line_format(profile.document))
        polled = FramedDriver(port, profile, clock, schedule=Schedule(1.0, clock))
        await polled.open()
        reads = await gather(polled, 2)
        loop.remove_reader(line.master)
        await polled.close()
        return reads

    assert len(samples(asyncio.run(run()))) == 2
    assert order == ["A", "answer", "R", "answer"]
