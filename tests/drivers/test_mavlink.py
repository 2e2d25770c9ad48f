"""Autopilots over TCP and UDP: several devices of one stream, the vehicle's times, lines that break."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from device_profiles import catalogue
from device_profiles.wire.values import Scaled
from edge_agent.clock import SystemClock
from edge_agent.config import load
from edge_agent.drivers.make import Lines, make
from edge_agent.drivers.mavlink import MavlinkDriver
from edge_agent.drivers.mavlink_link import MavlinkLink
from edge_agent.drivers.ports import LinkDown, NotReady, Sample, Text
from edge_agent.drivers.tcp import TcpStream
from edge_agent.drivers.udp import UdpInput
from harkara_io.errors import ConfigError
from simulators.emulators.mavlink_writer import Definition, Writer
from tests.telemetry.recorded import FLIGHT
from tests.telemetry.test_scan import HEARTBEAT

SYSTEM_TIME = Definition(2, "SYSTEM_TIME", [("uint64_t", "time_unix_usec"), ("uint32_t", "time_boot_ms")])
PRESSURE = Definition(
    29,
    "SCALED_PRESSURE",
    [("uint32_t", "time_boot_ms"), ("float", "press_abs"), ("float", "press_diff"), ("int16_t", "temperature")],
)
UNIX_S = 1_780_000_000
AGENT = """agent = "drone-1"
[broker]
host = "127.0.0.1"
"""


def pressure(writer: Writer, at_ms: int, kelvin: int = 25) -> bytes:
    return writer.frame(PRESSURE, {"time_boot_ms": at_ms, "press_abs": 940.5, "temperature": 100 * kelvin}, 0)


def clock_frame(writer: Writer, at_ms: int) -> bytes:
    unix_us = UNIX_S * 1_000_000 + at_ms * 1_000
    return writer.frame(SYSTEM_TIME, {"time_unix_usec": unix_us, "time_boot_ms": at_ms}, 0)


@asynccontextmanager
async def sending(data: bytes) -> AsyncIterator[int]:
    """A TCP server that sends this to whoever connects, and closes."""

    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        with contextlib.suppress(ConnectionError):
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def until_down(driver: MavlinkDriver) -> list[Sample]:
    samples: list[Sample] = []
    await driver.open()
    try:
        while True:
            samples += [each for each in await driver.read() if isinstance(each, Sample)]
    except LinkDown:
        samples += [each for each in await driver.close() if isinstance(each, Sample)]
    return samples


def test_two_devices_read_the_recorded_flight_at_the_vehicles_own_times(captures: Path) -> None:
    async def run() -> tuple[list[Sample], list[Sample], dict[str, int]]:
        async with sending((captures / FLIGHT).read_bytes()) as port:
            clock = SystemClock()
            link = MavlinkLink(TcpStream("127.0.0.1", port), clock)
            position, attitude = (
                MavlinkDriver(link, catalogue.load(f"mavlink/{name}"), clock) for name in ("position", "attitude")
            )
            async with asyncio.timeout(60):
                both = await asyncio.gather(until_down(position), until_down(attitude))
            return both[0], both[1], position.notes()

    positions, attitudes, notes = asyncio.run(run())
    fixes = [each for each in positions if any(number.channel == "height_above_home" for number in each.numbers)]
    assert len(fixes) == 695
    assert len([each for each in attitudes if each.observed_at_ns is not None]) >= 2074
    assert all(1_723_733_565 < (each.observed_at_ns or 0) / 1e9 - 599 < 1_723_733_565 + 400 for each in fixes)
    assert notes["copies"] > 3000
    assert notes["clock_unset"] == notes["overrun"] == 0


def receive(datagrams: list[bytes], wanted: int, *, interval_s: float = 0) -> tuple[list[Sample], dict[str, int]]:
    """Send datagrams to a driver that listens, until it has given as many samples."""

    async def run() -> tuple[list[Sample], dict[str, int]]:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        clock = SystemClock()
        link = MavlinkLink(UdpInput("127.0.0.1", port), clock)
        driver = MavlinkDriver(link, catalogue.load("mavlink/pressure"), clock, interval_s=interval_s)
        await driver.open()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for datagram in datagrams:
                sender.sendto(datagram, ("127.0.0.1", port))
        samples: list[Sample] = []
        async with asyncio.timeout(30):
            while len(samples) < wanted:
                samples += [each for each in await driver.read() if isinstance(each, Sample)]
        samples += [each for each in await driver.close() if isinstance(each, Sample)]
        return samples, driver.notes()

    return asyncio.run(run())


def test_what_was_measured_before_the_vehicle_knew_the_time_has_its_time() -> None:
    writer = Writer(version=2, system=1, component=1)
    said = [pressure(writer, 1_000), pressure(writer, 2_000, 26), clock_frame(writer, 2_500), pressure(writer, 3_000)]
    samples, notes = receive(said, 3)
    assert [each.observed_at_ns for each in samples] == [(UNIX_S + second) * 10**9 for second in (1, 2, 3)]
    assert notes["clock_unset"] == 0
    assert Scaled(2600, -2) in [each.value for each in samples[1].numbers]


def test_a_heartbeat_before_any_time_holds_nothing_up() -> None:
    async def run() -> list[Sample]:
        writer = Writer(version=2, system=1, component=1)
        beat = writer.frame(HEARTBEAT, {"type": 2, "autopilot": 3, "base_mode": 0x81}, 0)
        async with sending(beat + clock_frame(writer, 5_000)) as port:
            clock = SystemClock()
            link = MavlinkLink(TcpStream("127.0.0.1", port), clock)
            driver = MavlinkDriver(link, catalogue.load("mavlink/status"), clock)
            await driver.open()
            samples: list[Sample] = []
            async with asyncio.timeout(20):
                while len(samples) < 3:
                    samples += [each for each in await driver.read() if isinstance(each, Sample)]
            await driver.close()
            return samples

    samples = asyncio.run(run())
    assert [each.observed_at_ns for each in samples] == [(UNIX_S + 5) * 10**9] * 3
    assert samples[1].texts == (Text("arming", "armed"), Text("mode", "stabilize")), "who reads heartbeats says events"


def test_a_copy_over_a_second_link_counts_once_and_a_ground_station_is_another() -> None:
    writer, station = Writer(version=2, system=1, component=1), Writer(version=2, system=255, component=1)
    frames = [clock_frame(writer, 500), pressure(writer, 1_000), pressure(writer, 2_000)]
    samples, notes = receive([b"".join([*frames, *frames, pressure(station, 9_000)])], 2)
    assert len(samples) == 2
    assert (notes["copies"], notes["others"]) == (3, 1)


def test_thinned_by_the_vehicles_clock() -> None:
    writer = Writer(version=1, system=1, component=1)
    frames = [clock_frame(writer, 0), *(pressure(writer, 100 * number) for number in range(1, 31))]
    samples, notes = receive([b"".join(frames)], 3, interval_s=1.0)
    assert [round((each.observed_at_ns or 0) / 1e9 - UNIX_S, 1) for each in samples] == [0.1, 1.1, 2.1]
    assert notes["thinned"] == 27


def test_a_vehicle_that_never_learns_the_time_goes_by_the_agents_clock_with_its_own_intervals() -> None:
    async def run() -> tuple[list[Sample], dict[str, int]]:
        writer = Writer(version=2, system=1, component=1)
        async with sending(pressure(writer, 1_000) + pressure(writer, 4_000, 26)) as port:
            clock = SystemClock()
            link = MavlinkLink(TcpStream("127.0.0.1", port), clock)
            driver = MavlinkDriver(link, catalogue.load("mavlink/pressure"), clock)
            return await until_down(driver), driver.notes()

    samples, notes = asyncio.run(run())
    times = [each.observed_at_ns or 0 for each in samples]
    assert times[1] - times[0] == 3 * 10**9
    assert times[1] <= samples[1].arrived_ns
    assert notes["clock_unset"] == 2


def test_a_line_that_breaks_is_down_for_all_and_opens_when_all_have_let_go() -> None:
    async def run() -> None:
        writer = Writer(version=2, system=1, component=1)
        async with sending(clock_frame(writer, 0) + pressure(writer, 1_000)) as port:
            clock = SystemClock()
            link = MavlinkLink(TcpStream("127.0.0.1", port), clock)
            one, other = (MavlinkDriver(link, catalogue.load("mavlink/pressure"), clock) for _ in range(2))
            await other.open()
            assert len(await until_down(one)) == 1
            with pytest.raises(NotReady):
                await one.open()
            assert len([each for each in await other.read() if isinstance(each, Sample)]) == 1
            with pytest.raises(LinkDown):
                await other.read()
            await other.close()
            assert len(await until_down(one)) == 1, "the same line again"

    asyncio.run(run())


def test_agent_toml_names_several_devices_of_one_vehicle(tmp_path: Path) -> None:
    file = tmp_path / "agent.toml"
    devices = "".join(
        f'[[device]]\nid = "{name}"\ndriver = "mavlink"\nprofile = "mavlink/{name}"\nport = "/dev/ttyAMA0"\n'
        for name in ("position", "weather")
    )
    file.write_text(AGENT + devices)
    lines = Lines()
    made = [make(device, SystemClock(), lines) for device in load(file).device]
    assert [where for _, where in made] == ["/dev/ttyAMA0", "/dev/ttyAMA0"]
    assert len(lines.vehicles) == 1


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ('udp = "14550"', "udp is host:port, e.g. 0.0.0.0:14550"),
        ("", "set one of port, tcp, udp and udp_out"),
        ('udp = "0.0.0.0:14550"\nprofile = "renke/rs-fsjt"', 'driver = "modbus"'),
    ],
)
def test_a_wrong_table_is_told_with_what_fits(tmp_path: Path, keys: str, words: str) -> None:
    file = tmp_path / "agent.toml"
    profile = "" if "profile" in keys else 'profile = "mavlink/position"\n'
    file.write_text(f'{AGENT}[[device]]\nid = "drone"\ndriver = "mavlink"\n{profile}{keys}\n')
    with pytest.raises(ConfigError, match=words):
        load(file)


def test_an_address_that_is_taken_says_so() -> None:
    async def run() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.bind(("127.0.0.1", 0))
            with pytest.raises(LinkDown, match="Address already in use"):
                await UdpInput("127.0.0.1", other.getsockname()[1]).open()

    asyncio.run(run())
