"""What goes wrong on a bus: each fault has a state that says what to look at, costs the others nothing, and ends."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from device_profiles.wire.values import Scaled
from edge_agent.drivers.shared_line import SILENT_SHARE
from simulators.emulators.host import on_pty
from simulators.pty_port import PtyPort
from tests.drivers.bus_rig import Living, Slave, line, living, modbus, profile, profile_of, until, values
from tests.profiles.test_identity import TEXT

WIND = {0: 32}
GAPPED = """
language = 1
vendor = "Acme"
model = "Weather"
version = 1
title = { en = "Weather station" }
[[documents]]
title = "manual"
[transport]
kind = "modbus-rtu"
[polling]
gap_registers = 8
retries = 3
[[requests]]
name = "air"
function = 3
address = 0
count = 1
every_s = 1
[[requests]]
name = "wind"
function = 3
address = 4
count = 1
every_s = 1
[[requests]]
name = "service"
function = 3
address = 99
count = 1
[channels]
air_temperature = { range = [-40, 80], resolution = 0.1 }
wind_speed = { range = [0, 60], resolution = 0.1 }
[[frames]]
name = "air"
request = "air"
fields = [{ name = "air_temperature", reg = 0, type = "i16", scale = 0.1 }]
[[frames]]
name = "wind"
request = "wind"
fields = [{ name = "wind_speed", reg = 4, type = "u16", scale = 0.1 }]
"""


def test_steps_start_a_measurement_wait_and_read_and_the_bus_is_the_others_meanwhile(tmp_path: Path) -> None:
    begun: list[float] = []

    def rule(first: int, size: int) -> int | None:
        if first == 0x2500:
            begun.append(time.monotonic())
        elif len(begun) > 1:
            waits.append(time.monotonic() - begun[-1])
        return None

    waits: list[float] = []
    oxygen = Slave(1, {0x2500: 0, 0x2600: 0, 0x2601: 0xA441, 0x2602: 0x3333, 0x2603: 0x733F}, rule)
    wind = Slave(2, WIND)

    async def run() -> tuple[Living, int]:
        shared = line(tmp_path / "bus")
        quick = profile("yosemitech/y504", **{"wait_s = 8": "wait_s = 0.5"})
        slow = Living("oxygen", modbus(shared, 1, quick, every_s=0.7))
        other = Living("wind", modbus(shared, 2, "renke/rs-fsjt", every_s=0.05))
        async with living(slow, other):
            await until(slow.has(1), "a first measurement")
            before = len(other.samples)
            await until(slow.has(1), "a second measurement")
            return slow, len(other.samples) - before

    with on_pty(tmp_path / "bus", [oxygen.on_line, wind.on_line]):
        slow, beside = asyncio.run(run())
    assert values(slow.samples[0]) == {"water_temperature": 20.5, "dissolved_oxygen_saturation": pytest.approx(0.95)}
    assert min(waits) >= 0.49
    assert beside >= 4
    # Met once by what it is read with; then always started first.
    assert oxygen.asked[:5] == [0x2600, 0x2500, 0x2600, 0x2500, 0x2600]


def test_a_measurement_begun_by_its_own_request_is_asked_twice(tmp_path: Path) -> None:
    """GroPoint: exception 5 says that it measures; the numbers come with the same question a while later."""
    measured: set[int] = set()

    def rule(first: int, size: int) -> int | None:
        if first in measured:
            measured.remove(first)
            return None
        measured.add(first)
        return 5

    probe = Slave(1, dict.fromkeys([*range(8), *range(100, 113)], 215), rule)

    async def run() -> Living:
        quick = profile("gropoint/profile-gplp-8", **{"wait_s = 1.6": "wait_s = 0.1", "wait_s = 2.6": "wait_s = 0.1"})
        device = Living("soil", modbus(line(tmp_path / "bus"), 1, quick))
        async with living(device):
            await until(device.has(2), "moisture and temperature")
        return device

    with on_pty(tmp_path / "bus", [probe.on_line]):
        found = {name: value for sample in asyncio.run(run()).samples for name, value in values(sample).items()}
    assert found["soil_moisture_8"] == found["soil_temperature_13"] == Scaled(215, -1)


def test_a_request_says_how_long_its_answer_may_take_and_how_often_it_is_asked_again(tmp_path: Path) -> None:
    text = GAPPED.replace("every_s = 1", "every_s = 1\ntimeout_s = 3").replace("retries = 3", "retries = 0")
    slow = Slave(1, dict.fromkeys(range(5), 215))
    slow.delay_s = 0.8

    async def run() -> Living:
        driver = modbus(line(tmp_path / "bus"), 1, profile_of(text))
        driver._timeout_s = None
        device = Living("soil", driver)
        async with living(device):
            await until(device.has(1), "an answer after 0.8 s")
            slow.rule = lambda first, size: -1
            begun = len(slow.asked)
            await until(device.says("does not answer"), "silence to be noticed")
        # Three polls without an answer, one question each: the profile says that none is asked twice.
        assert len(slow.asked) - begun <= 4
        return device

    with on_pty(tmp_path / "bus", [slow.on_line]):
        device = asyncio.run(run())
    assert values(device.samples[0])["air_temperature"] == Scaled(215, -1)


def test_what_a_device_does_not_know_is_told_once_and_a_refused_batch_is_asked_in_parts(tmp_path: Path) -> None:
    # Registers 1 to 3 are not there: a question over the gap is refused, its parts are not.
    station = Slave(1, {0: 215, 4: 32})

    async def run() -> Living:
        device = Living("weather", modbus(line(tmp_path / "bus"), 1, profile_of(GAPPED)))
        async with living(device):
            await until(device.has(6), "both parts, several times")
            del station.registers[4]
            await until(lambda: device.counters.rejected["exception"] > 0, "the refusal to be told")
            await until(device.has(5), "the other part alone")
        return device

    with on_pty(tmp_path / "bus", [station.on_line]):
        device = asyncio.run(run())
    assert {name for sample in device.samples for name in values(sample)} == {"air_temperature", "wind_speed"}
    assert device.counters.rejected == {"exception": 1}
    assert device.counters.notes["exception 2: illegal data address"] == 1
    assert device.counters.notes["batch refused"] == 1
    assert "wind with exception 2: illegal data address: not asked again for an hour" in device.counters.last_reject
    assert 99 not in station.asked, "a request without an interval is not asked"
    assert device.counters.state == "stopped"


def test_a_busy_device_is_asked_again_in_the_same_poll(tmp_path: Path) -> None:
    busy = [0]

    def rule(first: int, size: int) -> int | None:
        busy[0] += 1
        return 6 if busy[0] % 3 else None

    async def run() -> Living:
        device = Living("weather", modbus(line(tmp_path / "bus"), 1, profile_of(GAPPED), every_s=1.0))
        async with living(device):
            await until(device.has(2), "readings of a busy device")
        return device

    with on_pty(tmp_path / "bus", [Slave(1, dict.fromkeys(range(5), 7), rule).on_line]):
        assert not asyncio.run(run()).counters.rejected


def test_a_device_that_refuses_everything_is_down_with_the_question_which_model_it_is(tmp_path: Path) -> None:
    async def run() -> Living:
        device = Living("climate", modbus(line(tmp_path / "bus"), 1, "renke/rs-wsd"))
        async with living(device):
            await until(device.says("unit 1 refuses all that renke/rs-wsd asks"), "the refusal as a state")
            assert device.counters.opened == 0
            slave.registers[1] = 215
            await until(device.has(1), "readings once the right model is there")
        return device

    slave = Slave(1, WIND)
    with on_pty(tmp_path / "bus", [slave.on_line]):
        device = asyncio.run(run())
    assert "illegal data address" in device.states[1]


def test_dead_slaves_never_count_as_up_and_the_living_keep_their_polls(tmp_path: Path) -> None:
    alive = Slave(1, WIND)

    async def run() -> tuple[Living, list[Living], float]:
        shared = line(tmp_path / "bus")
        good = Living("wind", modbus(shared, 1, "renke/rs-fsjt", every_s=0.25))
        dead = [Living(f"dead {unit}", modbus(shared, unit, "renke/rs-wsd")) for unit in (7, 8, 9)]
        async with living(good):
            await until(good.has(1), "the bus to live")
            began_s = time.monotonic()
            async with living(*dead):
                await until(good.has(24), "six seconds of polls")
                return good, dead, time.monotonic() - began_s

    with on_pty(tmp_path / "bus", [alive.on_line]):
        good, dead, since_s = asyncio.run(run())
    for device in dead:
        assert device.counters.opened == 0
        assert not any(state.startswith("up") for state in device.states)
        assert "does not answer: is it powered" in device.states[-1]
        assert "others on this line answer" in device.states[-1]
    # Each once at first, then all of them together no more than their share of the time since.
    assert sum(device.questions() for device in dead) <= len(dead) + 1 + since_s * SILENT_SHARE / 0.15
    assert good.counters.rejected == {}
    assert len(good.samples) >= 24


def test_a_slave_that_dies_and_comes_back_is_down_and_up_again(tmp_path: Path) -> None:
    slave = Slave(1, WIND)

    async def run() -> Living:
        device = Living("wind", modbus(line(tmp_path / "bus"), 1, "renke/rs-fsjt"))
        async with living(device):
            await until(device.has(2), "readings")
            slave.rule = lambda first, size: -1
            before = len(slave.asked)
            await until(device.says("down: unit 1 does not answer"), "its death to be noticed")
            # One question with its second try, then one a poll.
            assert len(slave.asked) - before <= 2 + 2 + 1
            slave.rule = None
            await until(device.has(2), "readings again")
        return device

    with on_pty(tmp_path / "bus", [slave.on_line]):
        assert asyncio.run(run()).counters.opened == 2


def test_silence_s_says_how_long_a_device_may_be_silent(tmp_path: Path) -> None:
    slave = Slave(1, WIND)

    async def run() -> float:
        device = Living("wind", modbus(line(tmp_path / "bus"), 1, "renke/rs-fsjt", every_s=0.05, silence_s=2.5))
        async with living(device):
            await until(device.has(2), "readings")
            slave.rule = lambda first, size: -1
            began = time.monotonic()
            await until(device.says("does not answer"), "the silence to end")
            return time.monotonic() - began

    with on_pty(tmp_path / "bus", [slave.on_line]):
        assert asyncio.run(run()) >= 2.3


def test_a_variant_is_told_and_another_model_in_its_place_is_never_read_under_the_old_one(tmp_path: Path) -> None:
    slave = Slave(1, {0: 300, 1: 215, 0x07D0: 0xA500, 0x07D1: 2})

    async def run() -> Living:
        device = Living("soil", modbus(line(tmp_path / "bus"), 1, profile_of(TEXT)))
        async with living(device):
            await until(device.has(2), "readings of the newer variant")
            slave.rule = lambda first, size: -1
            await until(device.says("does not answer"), "it to be taken off")
            slave.registers, slave.rule = {0: 1, 1: 2, 0x07D0: 0xB700, 0x07D1: 0}, None
            await until(device.says("unit 1 is no acme/test; it answers who: b7000000"), "the other model to be told")
            seen = len(device.samples)
            await asyncio.sleep(0.5)
            assert len(device.samples) == seen
            slave.registers = {0: 215, 1: 300, 0x07D0: 0xA500, 0x07D1: 1}
            await until(device.has(1), "the first model again, of the older variant")
        return device

    with on_pty(tmp_path / "bus", [slave.on_line]):
        device = asyncio.run(run())
    right = {"soil_temperature": Scaled(215, -1), "soil_moisture_percent": Scaled(300, -1)}
    assert all(values(sample) == right for sample in device.samples)


def test_a_model_changed_between_two_polls_is_asked_who_it_is_when_answers_stop_fitting(tmp_path: Path) -> None:
    slave = Slave(1, {0: 215, 1: 300, 0x07D0: 0xA500, 0x07D1: 1})

    async def run() -> Living:
        device = Living("soil", modbus(line(tmp_path / "bus"), 1, profile_of(TEXT)))
        async with living(device):
            await until(device.has(2), "readings")
            # It has only one register where two are asked for.
            slave.registers = {0: 9, 0x07D0: 0xB700, 0x07D1: 0}
            await until(device.says("it answers who: b7000000"), "the other model to be told")
        return device

    with on_pty(tmp_path / "bus", [slave.on_line]):
        device = asyncio.run(run())
    assert all(values(sample)["soil_temperature"] == Scaled(215, -1) for sample in device.samples)


def test_two_devices_with_one_address_are_told_beside_a_neighbour_that_is_read_on(tmp_path: Path) -> None:
    """Their answers lie over each other on the wire: a nought wins, as on a bus of open collectors."""
    one, good = Slave(1, WIND), Slave(2, {0: 658, 1: 214})
    other = {"registers": {0: 77}}

    def collide(mine: bytes) -> bytes:
        theirs = Slave(1, other["registers"]).answer(bytes((1, 3, 0, 0, 0, 1, 0, 0)), 0)[0].data
        return bytes(left & right for left, right in zip(mine, theirs, strict=True))

    one.spoil = collide

    async def run() -> Living:
        shared = line(tmp_path / "bus")
        device = Living("wind", modbus(shared, 1, "renke/rs-fsjt"))
        neighbour = Living("climate", modbus(shared, 2, "renke/rs-wsd"))
        async with living(neighbour):
            await until(neighbour.has(1), "the neighbour")
            async with living(device):
                await until(device.says("do two devices have this address"), "the collision to be told")
                await until(neighbour.has(3), "the neighbour meanwhile")
                one.spoil = bytes
                await until(device.has(1), "readings once there is one device")
        assert not neighbour.counters.rejected
        return device

    with on_pty(tmp_path / "bus", [one.on_line, good.on_line]):
        device = asyncio.run(run())
    assert {values(sample)["wind_speed"] for sample in device.samples} == {Scaled(32, -1)}


def test_a_wrong_speed_is_told_and_ends_with_it(tmp_path: Path) -> None:
    slaves = [Slave(1, WIND), Slave(2, WIND)]
    for slave in slaves:
        # What a receiver at half the speed makes of it: fewer bytes, none of them right.
        slave.spoil = lambda frame: bytes(byte >> 1 ^ 0xA8 for byte in frame[::2])

    async def run() -> None:
        shared = line(tmp_path / "bus")
        devices = [Living(f"wind {unit}", modbus(shared, unit, "renke/rs-fsjt")) for unit in (1, 2)]
        async with living(*devices):
            for device in devices:
                await until(device.says("wrong speed or parity, A and B swapped"), "the wrong speed to be told")
            for slave in slaves:
                slave.spoil = bytes
            for device in devices:
                await until(device.has(1), "readings at the right speed")

    with on_pty(tmp_path / "bus", [slave.on_line for slave in slaves]):
        asyncio.run(run())


def test_an_adapter_that_is_pulled_out_and_comes_back_as_another_port(tmp_path: Path) -> None:
    """The stable name is resolved again at each opening: udev points it at whatever the adapter is now."""
    stable = tmp_path / "by-id" / "usb-adapter"
    stable.parent.mkdir()
    slave = Slave(1, WIND)

    async def run() -> Living:
        device = Living("wind", modbus(line(stable), 1, "renke/rs-fsjt"))
        async with living(device):
            with on_pty(tmp_path / "ttyUSB0", [slave.on_line]):
                stable.symlink_to((tmp_path / "ttyUSB0").readlink())
                await until(device.has(2), "readings over the first port")
            await until(device.says("was hung up"), "it to be missed")
            stable.unlink()
            await until(device.says("is not there: is the device plugged in"), "its name to be missed")
            with PtyPort(tmp_path / "ttyUSB0"), on_pty(tmp_path / "ttyUSB1", [slave.on_line]):
                stable.symlink_to((tmp_path / "ttyUSB1").readlink())
                await until(device.has(2), "readings over the other port")
                return device

    assert asyncio.run(run()).counters.opened == 2
