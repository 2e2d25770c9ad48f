"""`simulate device` as people run it: terminal, TCP port, tree of files, broker; and the agent's own drivers."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import io
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pymodbus.client import ModbusTcpClient

from device_profiles import catalogue
from device_profiles.engine.rows import number as plain
from device_profiles.wire.values import Scaled
from edge_agent.clock import SystemClock
from edge_agent.drivers.broker import BrokerDriver, UplinkReader, client_of
from edge_agent.drivers.framed import FramedDriver
from edge_agent.drivers.make_parts import line_format
from edge_agent.drivers.ports import Driver, Sample
from edge_agent.drivers.questions import conversation
from edge_agent.drivers.schedule import Schedule
from edge_agent.drivers.serial_port import SerialPort
from edge_agent.drivers.sysfs import SysfsInstrument
from edge_agent.drivers.uplinks import TOPICS
from simulators.carriers import UdpCarrier
from simulators.emulators.host import on_pty
from simulators.emulators.registry import MODELS, VEHICLES
from simulators.emulators.survey_flight import SurveyFlight
from simulators.emulators.swing import swinging
from tests.conftest import Mosquitto, free_port, wait_until

COMMAND = [sys.executable, "-c", "import harkara,sys; sys.exit(harkara.main())", "simulate", "device"]


@contextlib.contextmanager
def running(*words: str) -> Iterator[str]:
    """The command; gives its first line. Afterwards it is told to stop, and must end in order."""
    with subprocess.Popen([*COMMAND, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline()
            process.send_signal(signal.SIGTERM)
            rest, _ = process.communicate(timeout=30)
            assert process.returncode == 0, rest
        finally:
            process.kill()


def values(sample: Sample) -> dict[str, float]:
    found = {}
    for number in sample.numbers:
        value = number.value
        exact = plain(value.mantissa, value.exponent) if isinstance(value, Scaled) else value
        if exact is not None:
            found[number.channel] = exact
    return found


async def first_sample(driver: Driver) -> Sample:
    await driver.open()
    try:
        async with asyncio.timeout(30):
            while True:
                for read in await driver.read():
                    if isinstance(read, Sample):
                        return read
    finally:
        await driver.close()


SERIAL = sorted(name for name, model in MODELS.items() if model.transport == "serial")


@pytest.mark.parametrize("name", SERIAL)
def test_the_agents_driver_reads_every_serial_model(tmp_path: Path, name: str) -> None:
    model, profile, clock = MODELS[name], catalogue.load(name), SystemClock()
    link = tmp_path / "line"
    line = SerialPort(link, line_format(profile.document))
    talk = conversation(profile.document)
    asks = bool(talk.each or talk.first)
    # A sensor that needs half a minute to settle is read at once here: the emulator has settled.
    driver = FramedDriver(line, profile, clock, schedule=Schedule(0.5, clock) if asks else None)
    driver.settle_s_max = 0.1
    with on_pty(link, [(model, model.make(model.address))]):
        sample = asyncio.run(first_sample(driver))
    found = values(sample)
    shared = set(found) & set(model.channels)
    assert shared
    units = {number.channel: number.unit for number in sample.numbers}
    same = [channel for channel in shared if units[channel] == _unit(profile, channel)]
    for channel in same:
        true = model.channels[channel]
        step = float(profile.document["channels"][channel].get("resolution") or 1e-6)
        assert abs(found[channel] - true) <= max(step, abs(true) * 1e-6) * 0.51 + 1e-9, channel


def _unit(profile: object, channel: str) -> str:
    return str(profile.channels[channel].unit)  # type: ignore[attr-defined]


def test_a_modbus_tcp_device_and_a_tree_of_files(tmp_path: Path) -> None:
    port = free_port()
    with running("renke/rs-fsjt", "--address", "3", "--with", "renke/rs-wsd@4", "--to", f"tcp:{port}") as told:
        assert told == f"renke/rs-fsjt, renke/rs-wsd at 127.0.0.1:{port}; Ctrl-C ends it\n"
        client = ModbusTcpClient("127.0.0.1", port=port, timeout=30)
        assert client.connect()  # type: ignore[no-untyped-call]
        assert 30 <= client.read_holding_registers(0, count=1, device_id=3).registers[0] <= 34
        assert 600 <= client.read_holding_registers(0, count=2, device_id=4).registers[0] <= 700
        client.close()  # type: ignore[no-untyped-call]
    tree = tmp_path / "sys"
    with running("maxim/ds18b20-w1", "--to", f"dir:{tree}"):
        wait_until(lambda: list(tree.glob("bus/w1/devices/28-*/w1_slave")), what="the probe's file")

        async def read() -> Sample:
            probe = SysfsInstrument(catalogue.load("maxim/ds18b20-w1"), SystemClock(), folder=None, root=tree)
            await probe.open()
            [sample] = await probe.measure()
            assert isinstance(sample, Sample)
            return sample

        assert 12 <= values(asyncio.run(read()))["temperature"] <= 13
    assert not list(tree.rglob("w1_slave"))


def test_pymavlink_hears_the_drone_over_udp() -> None:
    from pymavlink import mavutil

    link = mavutil.mavlink_connection("udpin:127.0.0.1:0")
    try:
        port = link.port.getsockname()[1]
        with running("mavlink/position", "--seed", "5", "--to", f"udp:127.0.0.1:{port}"):
            found = link.recv_match(type="GLOBAL_POSITION_INT", blocking=True, timeout=30)
        assert found is not None
        # It is at home, still or again.
        assert abs(found.lat - SurveyFlight(5).home.latitude * 1e7) <= 5000
    finally:
        link.close()


def heard(port: socket.socket, frames: int = 20) -> list[bytes]:
    return [port.recv(1000) for _ in range(frames)]


@pytest.mark.parametrize(
    ("secret", "key"), [(bytes(range(32)).hex(), bytes(range(32))), ("monsoon", hashlib.sha256(b"monsoon").digest())]
)
def test_a_drone_signs_when_it_has_a_key(tmp_path: Path, secret: str, key: bytes) -> None:
    from pymavlink.dialects.v20 import ardupilotmega

    file = tmp_path / "key"
    file.touch(mode=0o600)
    file.write_text(f"{secret}\n", encoding="utf-8")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as port:
        port.bind(("127.0.0.1", 0))
        port.settimeout(30)
        with running("mavlink/position", "--sign", str(file), "--to", f"udp:127.0.0.1:{port.getsockname()[1]}"):
            signed = heard(port)
    reader = ardupilotmega.MAVLink(io.BytesIO())
    reader.signing.secret_key = key
    reader.signing.allow_unsigned_callback = lambda *_: False
    messages = reader.parse_buffer(b"".join(signed))
    assert len(messages) == len(signed)
    # Of what it has no definition of it keeps no signature, but lets it by with a right one only.
    known = [message for message in messages if not message.get_type().startswith("UNKNOWN")]
    assert len(known) > len(messages) / 2
    assert all(message.get_signed() for message in known)


def test_a_drone_speaks_the_old_version_when_told() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as port:
        port.bind(("127.0.0.1", 0))
        port.settimeout(30)
        with running("mavlink/position", "--mavlink", "1", "--to", f"udp:127.0.0.1:{port.getsockname()[1]}"):
            assert {frame[0] for frame in heard(port)} == {0xFE}


@pytest.mark.broker
@pytest.mark.parametrize("network", ["chirpstack", "things-stack"])
def test_uplinks_reach_the_agents_driver_through_a_broker(mosquitto: Callable[..., Mosquitto], network: str) -> None:
    broker = mosquitto()
    client = client_of("127.0.0.1", broker.port, identifier="harkara-soil", username=None, password=None)
    eui = "a84041000181c061"
    reader = UplinkReader(catalogue.load("dragino/lse01"), eui)
    topics = [topic.format(eui=eui) for topic in TOPICS]
    driver = BrokerDriver(client, topics, reader, SystemClock(), where=("127.0.0.1", broker.port))

    async def read() -> Sample:
        await driver.open()
        # The driver listens before the probe sends its only uplink of the next twenty minutes.
        with running("dragino/lse01", "--network", network, "--to", f"mqtt:127.0.0.1:{broker.port}"):
            async with asyncio.timeout(30):
                while not (found := await driver.read()):
                    pass
        await driver.close()
        [sample] = found
        assert isinstance(sample, Sample)
        return sample

    found = values(asyncio.run(read()))
    true = MODELS["dragino/lse01"].channels
    assert abs(found["soil_moisture_percent"] - true["soil_moisture_percent"]) < 0.5


def test_the_list_and_what_cannot_be(tmp_path: Path) -> None:
    open_key, empty_key = tmp_path / "open", tmp_path / "empty"
    open_key.touch(mode=0o644)
    empty_key.touch(mode=0o600)
    done = subprocess.run([*COMMAND, "--list", "--json"], capture_output=True, text=True, check=True, timeout=60)
    assert {each["model"] for each in json.loads(done.stdout)} == {*MODELS, *VEHICLES}
    for words, said in (
        (["nova/sds0111"], "did you mean nova/sds011"),
        ([], "which model?"),
        (["nova/sds011", "--with", "gill/windsonic@2"], "share a bus"),
        (["pulse/tipping-bucket"], "wired to pins"),
        (["meter/teros-12-sdi12", "--address", "12"], "an SDI-12 address is one of"),
        (["renke/rs-fsjt", "--address", "300"], "an address is 1 to 247"),
        (["renke/rs-fsjt", "--to", "tcp:x"], "write tcp:PORT"),
        (["renke/rs-fsjt", "--to", "tcp:99999"], "write tcp:PORT"),
        (["nova/sds011", "--to", "dir:./x"], "reach it by pty or tcp or udp"),
        (["hydreon/rg-15", "--to", "tcp:5020"], "reach it by pty"),
        (["maxim/ds18b20-w1", "--to", "pty:./x"], "reach it by dir"),
        (["renke/rs-fsjt", "--to", "pigeon:1"], "reach it by pty or tcp"),
        (["renke/rs-fsjt", "--address", "3", "--with", "renke/rs-wsd@3"], "two devices at address 3"),
        (["nova/sds011", "--address", "7"], "nova/sds011 is on no bus and has no address"),
        (["nova/sds011", "--network", "chirpstack"], "--network is for dragino/lse01"),
        (["nova/sds011", "--mavlink", "1"], "--mavlink and --sign are for mavlink/position"),
        (["nova/sds011", "--sign", "key"], "--mavlink and --sign are for mavlink/position"),
        (["mavlink/position", "--sign", "nowhere"], "--sign nowhere: No such file"),
        (["mavlink/position", "--sign", str(open_key)], f"others can read it; chmod 600 {open_key}"),
        (["mavlink/position", "--sign", str(empty_key)], "its first line is empty"),
        (["mavlink/position", "--sign", "key", "--mavlink", "1"], "MAVLink 1 has no signatures"),
    ):
        failed = subprocess.run([*COMMAND, *words], capture_output=True, text=True, check=False, timeout=60)
        assert failed.returncode == 2, failed
        assert said in failed.stderr
        assert failed.stderr.count("\n") == 1


def test_values_swing_around_the_usual_ones() -> None:
    model = MODELS["gill/windsonic"]
    seen = {swinging(model, second * 10**9)["wind_speed"] for second in range(0, 600, 7)}
    assert len(seen) > 5
    assert all(value is not None and abs(value - 2.74) <= 0.06 for value in seen)
    assert swinging(model, 0, seed=1) == swinging(model, 0, seed=1) != swinging(model, 0, seed=2)
    meter = MODELS["eastron/sdm120"]
    energy = [swinging(meter, second * 10**9)["energy_import"] or 0.0 for second in range(0, 80_000, 997)]
    assert energy == sorted(energy), "a counter never runs backwards within a day"


def test_who_listens_late_is_spoken_to_and_may_ask() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with UdpCarrier("127.0.0.1", port) as line:
        for _ in range(3):
            line.send(b"nobody")
            assert line.receive(0.05) == b""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as reader:
            reader.bind(("127.0.0.1", port))
            reader.settimeout(10)
            line.send(b"somebody")
            data, address = reader.recvfrom(100)
            assert data == b"somebody"
            reader.sendto(b"ask", address)
            wait_until(lambda: line.receive(0.5) == b"ask", what="the question")
