"""An emulated autopilot on a real socket: asked for rates, heard signed, heard in a dialect of its maker's."""

from __future__ import annotations

import asyncio
import itertools
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from edge_agent.clock import SystemClock
from edge_agent.config import load
from edge_agent.drivers.make import Lines, make
from edge_agent.drivers.ports import Driver, Sample
from harkara_io.errors import ConfigError
from simulators.emulators.port import Measurement
from simulators.emulators.vehicle import Vehicle
from simulators.emulators.vehicle_messages import SPRAY_XML
from tests.telemetry.test_signing import KEY

AGENT = 'agent = "drone-1"\n[broker]\nhost = "127.0.0.1"\n'
SPRAYER = """
language = 1
vendor = "Acme"
model = "Sprayer"
version = 1
title = { en = "Sprayer", hi = "स्प्रेयर" }
[[documents]]
title = "its maker's definition file"
kind = "manual"
[transport]
kind = "mavlink"
[channels]
tank_rest = { unit = "L", range = [0, 100], label = { en = "Rest in the tank", hi = "टंकी में शेष" } }
[[frames]]
name = "spray"
mavlink = { message = "SPRAY_STATUS" }
fields = [{ name = "tank_rest", member = "tank" }]
"""


class Autopilot(asyncio.DatagramProtocol):
    """An emulated vehicle that speaks to one address, or to who called."""

    def __init__(self, vehicle: Vehicle, to: tuple[str, int] | None) -> None:
        self.vehicle, self.to = vehicle, to
        self.heard: list[bytes] = []
        self.transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.to = self.to or addr
        self.heard.append(data)
        for frame in self.vehicle.answer(data, time.time_ns()):
            self.transport.sendto(frame.data, addr)

    async def speak(self) -> None:
        number = 0
        while True:
            number += 1
            now_ns = time.time_ns() // 1_000_000 * 1_000_000
            place = {
                "latitude": 18.5,
                "longitude": 73.8,
                "height_above_ground": 9.0,
                "ground_elevation": 560.0,
                "flow": 1.0,
                "tank": 8.5,
            }
            for frame in self.vehicle.measure(
                Measurement(number=number, at_ns=now_ns, clock_ns=now_ns, values=dict(place))
            ):
                if self.to is not None:
                    self.transport.sendto(frame.data, self.to)
            await asyncio.sleep(0.02)


@asynccontextmanager
async def flying(vehicle: Vehicle, to: tuple[str, int] | None = None) -> AsyncIterator[Autopilot]:
    loop = asyncio.get_running_loop()
    transport, autopilot = await loop.create_datagram_endpoint(
        lambda: Autopilot(vehicle, to), local_addr=("127.0.0.1", 0)
    )
    task = asyncio.create_task(autopilot.speak())
    try:
        yield autopilot
    finally:
        task.cancel()
        transport.close()


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def configured(folder: Path, *tables: str) -> list[Driver]:
    """Drivers of one stream, as agent.toml says."""
    file = folder / "agent.toml"
    file.write_text(AGENT + "".join(f'[[device]]\ndriver = "mavlink"\n{table}\n' for table in tables))
    lines = Lines()
    return [make(device, SystemClock(), lines)[0] for device in load(file).device]


async def until(driver: Driver, enough: Callable[[list[Sample]], bool]) -> list[Sample]:
    samples: list[Sample] = []
    await driver.open()
    async with asyncio.timeout(60):
        while not enough(samples):
            samples += [each for each in await driver.read() if isinstance(each, Sample)]
    samples += [each for each in await driver.close() if isinstance(each, Sample)]
    return samples


def numbers(samples: list[Sample], channel: str) -> list[Sample]:
    return [each for each in samples if any(number.channel == channel for number in each.numbers)]


def words(samples: list[Sample], channel: str) -> list[str]:
    return [text.text for each in samples for text in each.texts if text.channel == channel]


def test_a_rate_is_asked_of_who_sends_here_and_obeyed(tmp_path: Path) -> None:
    async def run() -> tuple[list[Sample], dict[str, int]]:
        port = free_port()
        device = f'id = "p"\nprofile = "mavlink/position"\nudp = "127.0.0.1:{port}"\nrates.GLOBAL_POSITION_INT = 10\n'
        (driver,) = configured(tmp_path, device)
        async with flying(Vehicle(interval_s=2.0), ("127.0.0.1", port)):
            samples = await until(driver, lambda samples: len(numbers(samples, "latitude")) >= 15)
        return samples, driver.notes()

    samples, notes = asyncio.run(run())
    times = [each.observed_at_ns or 0 for each in numbers(samples, "latitude")]
    assert min(later - earlier for earlier, later in itertools.pairwise(times)) < 1_000_000_000
    assert notes["rate_asked"] == 1


def test_who_waits_for_a_call_is_called_and_what_cannot_be_had_is_said(tmp_path: Path) -> None:
    async def run() -> tuple[list[Sample], dict[str, int]]:
        async with flying(Vehicle(interval_s=0.2)) as autopilot:
            port = autopilot.transport.get_extra_info("sockname")[1]
            device = f'id = "s"\nprofile = "mavlink/status"\nudp_out = "127.0.0.1:{port}"\n'
            (driver,) = configured(tmp_path, f'{device}once = ["HOME_POSITION"]\n')
            samples = await until(driver, lambda samples: bool(words(samples, "rates")))
            return samples, driver.notes()

    samples, notes = asyncio.run(run())
    assert words(samples, "rates") == ["HOME_POSITION: denied"]
    assert "armed" in words(samples, "arming")
    assert (notes["rate_asked"], notes["rate_refused"]) == (1, 1)


def test_a_passive_device_sends_nothing(tmp_path: Path) -> None:
    async def run() -> list[bytes]:
        port = free_port()
        (driver,) = configured(tmp_path, f'id = "p"\nprofile = "mavlink/position"\nudp = "127.0.0.1:{port}"\n')
        async with flying(Vehicle(), ("127.0.0.1", port)) as autopilot:
            await until(driver, lambda samples: len(samples) >= 20)
            return autopilot.heard

    assert asyncio.run(run()) == []


@pytest.mark.parametrize(
    ("key", "signing", "taken", "label"),
    [
        (KEY, "require", True, "signed on link 1"),
        (b"", "label", True, "unsigned"),
        (bytes(32), "label", True, "bad (forged) on link 1"),
        (b"", "require", False, "unsigned"),
    ],
)
def test_a_stream_is_labelled_and_let_in_as_asked(
    tmp_path: Path, key: bytes, signing: str, *, taken: bool, label: str
) -> None:
    file = tmp_path / "key"
    file.touch(0o600)
    file.write_text("monsoon\n")

    async def run() -> tuple[list[Sample], dict[str, int]]:
        port = free_port()
        common = f'udp = "127.0.0.1:{port}"\nsigning = "{signing}"\nsigning_key_file = "key"\n'
        (driver,) = configured(tmp_path, f'id = "s"\nprofile = "mavlink/status"\n{common}')
        async with flying(Vehicle(key=key), ("127.0.0.1", port)):

            def enough(samples: list[Sample]) -> bool:
                return bool(words(samples, "signing")) and (bool(numbers(samples, "uptime")) or not taken)

            samples = await until(driver, enough)
        return samples, driver.notes()

    samples, notes = asyncio.run(run())
    assert words(samples, "signing") == [f"system 1 component 1: {label}"]
    assert bool(numbers(samples, "uptime")) == taken
    assert notes.get("unsigned_refused", 0) == (0 if taken else notes["unsigned"])
    assert (tmp_path / "s.signing").exists() == (label == "signed on link 1")


def test_messages_of_ones_own_come_through_a_profile_of_ones_own(tmp_path: Path) -> None:
    folder = tmp_path / "acme"
    folder.mkdir()
    (folder / "sprayer.toml").write_text(SPRAYER)
    (tmp_path / "sprayer.xml").write_text(SPRAY_XML)

    async def run() -> list[Sample]:
        port = free_port()
        device = f'id = "s"\nprofile = "acme/sprayer.toml"\ndialect = "sprayer.xml"\nudp = "127.0.0.1:{port}"\n'
        (driver,) = configured(tmp_path, f"{device}rates.SPRAY_STATUS = 10\n")
        async with flying(Vehicle(interval_s=0.5), ("127.0.0.1", port)):
            return await until(driver, lambda samples: len(samples) >= 5)

    samples = asyncio.run(run())
    assert {number.value for each in samples for number in each.numbers} == {8.5}
    assert all(each.observed_at_ns is not None for each in samples), "by the vehicle's time in the message itself"


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("rates.GLOBAL_POSITON_INT = 5", "nearest: GLOBAL_POSITION_INT"),
        ("rates.GLOBAL_POSITION_INT = 0", "rates.GLOBAL_POSITION_INT"),
        ('once = ["HOME"]', "no MAVLink message 'HOME'"),
        ('signing = "require"', "signing and signing_key_file go together"),
        ('signing = "label"\nsigning_key_file = "open"', "chmod 600"),
        ('dialect = "bad.xml"', "bad.xml:3"),
        ('dialect = "bomb.xml"', "bomb.xml:1"),
        ('dialect = "none.xml"', "none.xml"),
        ('udp_out = "drone"', "udp_out is host:port"),
    ],
)
def test_a_wrong_table_is_told(tmp_path: Path, keys: str, said: str) -> None:
    (tmp_path / "open").touch(0o644)
    (tmp_path / "bad.xml").write_text('<mavlink><messages>\n<message id="1" name="A">\n<field type="u9" name="x"/>\n')
    (tmp_path / "bomb.xml").write_text('<!DOCTYPE m [<!ENTITY a "b">]><mavlink/>')
    source = "" if "udp_out" in keys else 'udp = "127.0.0.1:14550"\n'
    with pytest.raises(ConfigError, match=said) as raised:
        configured(tmp_path, f'id = "p"\nprofile = "mavlink/position"\n{source}{keys}\n')
    assert "agent.toml" in str(raised.value)


def test_devices_of_one_stream_have_one_key(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).touch(0o600)
        (tmp_path / name).write_text("word\n")
    one, other = (
        f'id = "{name}"\nprofile = "mavlink/{profile}"\nport = "/dev/ttyAMA0"\nsigning = "label"\n'
        f'signing_key_file = "{name}"\n'
        for name, profile in (("a", "position"), ("b", "status"))
    )
    with pytest.raises(ConfigError, match="give both the same signing"):
        configured(tmp_path, one, other)
