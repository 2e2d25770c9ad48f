"""Receivers through a real gpsd, and UBX over TCP."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import pty
import shutil
import signal
import socket
import subprocess
import threading
import tty
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from device_profiles import catalogue
from device_profiles.codecs import nmea
from device_profiles.framing.nmea import checksum
from edge_agent import config as configuration
from edge_agent.clock import SystemClock
from edge_agent.drivers.framed import FramedDriver
from edge_agent.drivers.gpsd import GpsdLine
from edge_agent.drivers.nmea import NmeaDriver
from edge_agent.drivers.ports import Driver, LinkDown, Read, Sample
from edge_agent.drivers.tcp import TcpStream
from harkara_io.errors import ConfigError
from tests.conftest import free_port, wait_until


class Gpsd:
    """A real gpsd that reads pseudo-terminals."""

    def __init__(self, receivers: int = 1) -> None:
        self.program = shutil.which("gpsd") or ("/usr/sbin/gpsd" if Path("/usr/sbin/gpsd").exists() else "")
        if not self.program:
            pytest.skip("gpsd is not installed")
        self.port = free_port()
        self._ends = [pty.openpty() for _ in range(receivers)]
        self.names = []
        for _, slave in self._ends:
            tty.setraw(slave)
            self.names.append(os.ttyname(slave))
            Path(self.names[-1]).chmod(0o666)  # gpsd drops its rights
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        command = [self.program, "-N", "-n", "-S", str(self.port), *self.names]
        self.process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        wait_until(self._answers, what="gpsd to answer")

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1):
                return True
        except OSError:
            return False

    def say(self, data: bytes, receiver: int = 0) -> None:
        os.write(self._ends[receiver][0], data)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def close(self) -> None:
        self.kill()
        for master, slave in self._ends:
            os.close(slave)
            os.close(master)


@contextmanager
def feeding(server: Gpsd, said: list[tuple[bytes, int]]) -> Iterator[None]:
    """Receivers say this over and over: gpsd listens for a while before it believes in one."""
    stop = threading.Event()

    def feed() -> None:
        for data, receiver in itertools.cycle(said):
            if stop.wait(0.01):
                return
            server.say(data, receiver)

    feeder = threading.Thread(target=feed)
    feeder.start()
    try:
        yield
    finally:
        stop.set()
        feeder.join()


def sentence(latitude: int, second: int) -> bytes:
    body = b"GPGGA,1010%02d.00,%d00.000,N,07800.000,E,1,09,1.0,10.0,M,,M,," % (second, latitude)
    return b"$%s*%02X\r\n" % (body, checksum(body))


@pytest.fixture
def gpsd() -> Iterator[Gpsd]:
    server = Gpsd()
    yield server
    server.close()


def driver_of(port: int, device: str | None = None, silence_s: float = 20) -> NmeaDriver:
    return NmeaDriver(GpsdLine("127.0.0.1", port, device), SystemClock(), silence_s=silence_s)


def latitudes(sentences: list[bytes]) -> set[int]:
    """Of sentences, digit for digit."""
    told = [nmea.decode(each.strip()) for each in sentences]
    return {
        number.value.mantissa
        for each in told
        if isinstance(each, nmea.Sentence)
        for number in each.numbers
        if number.channel == "latitude" and number.value is not None
    }


def places(reads: list[Read]) -> list[int]:
    found = []
    for read in reads:
        assert isinstance(read, Sample), read
        found += [number.value[0] for number in read.numbers if number.channel == "latitude" and number.value]  # type: ignore[index]
    return found


def test_what_a_receiver_says_comes_through_a_real_gpsd_and_after_its_death_again(gpsd: Gpsd, captures: Path) -> None:
    lines = (captures / "serial/gpsd_nmea-rtk.log").read_bytes().splitlines(keepends=True)
    sentences = [line for line in lines if line.startswith(b"$")]
    driver = driver_of(gpsd.port)
    said = latitudes(sentences)

    async def epochs(part: list[bytes], least: int) -> list[int]:
        await driver.open()
        found: list[int] = []
        with feeding(gpsd, [(line, 0) for line in part]):
            while len(found) < least:
                found += places(await driver.read())
        return found

    async def run() -> None:
        first = await epochs(sentences[:120], 40)
        assert set(first) <= said, "digit for digit as the receiver prints them"
        gpsd.kill()
        with pytest.raises(LinkDown, match="closed the connection"):
            await until_down(driver)
        await driver.close()
        with pytest.raises(LinkDown, match="Connect call failed"):
            await driver.open()
        await driver.close()
        await asyncio.to_thread(gpsd.start)
        assert set(await epochs(sentences[120:], 30)) <= said
        await driver.close()

    asyncio.run(run())


def test_of_several_receivers_one_must_be_named() -> None:
    with ExitStack() as stack:
        server = Gpsd(receivers=2)
        stack.callback(server.close)
        for device, words in ((None, "say which with gpsd_device"), ("/dev/none", "No such device as /dev/none")):
            driver = driver_of(server.port, device)

            async def run(driver: NmeaDriver = driver) -> None:
                await driver.open()
                try:
                    await until_down(driver)
                finally:
                    await driver.close()

            with pytest.raises(LinkDown, match=words):
                asyncio.run(run())

        async def named() -> None:
            driver = driver_of(server.port, server.names[1])
            await driver.open()
            with feeding(server, [(sentence(10 + 10 * at, second), at) for second in range(60) for at in (0, 1)]):
                found: list[int] = []
                while len(found) < 5:
                    found += places(await driver.read())
            assert set(found) == latitudes([sentence(20, 0)]), "of this receiver alone"
            await driver.close()

        asyncio.run(named())


async def until_down(driver: Driver, found: list[Read] | None = None) -> None:
    """Read until the line is down, which it says."""
    while True:
        reads = await driver.read()
        if found is not None:
            found += reads


class Peer:
    """A TCP server that says what it was given, and keeps what it hears."""

    def __init__(self, *words: bytes) -> None:
        self.heard = b""
        self._words = words
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        connection, _ = self._server.accept()
        with connection:
            for word in self._words:
                connection.sendall(word)
            while data := connection.recv(4096):
                self.heard += data

    def close(self) -> None:
        self._thread.join()
        self._server.close()


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (b'{"class":"VERSION"}\n{"class":"DEVICES","devices":[]}\n', "has no receiver"),
        (b'{"class":"VERSION"}\n{"class":"ERROR","message":"no such thing"}\n', "says: no such thing"),
        (b'{"class":"VERSION"}\n{"class":"DEVICE","path":"/dev/x","activated":0}\n', "lost /dev/x"),
        (b"$GPTXT,hello\n", "no byte for 0.2 s|says nothing"),
    ],
)
def test_what_gpsd_says_is_told_in_a_line(said: bytes, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_agent.drivers.gpsd.SILENCE_S", 0.2)
    peer = Peer(said)

    async def run() -> None:
        driver = driver_of(peer.port, silence_s=0.2)
        await driver.open()
        try:
            await until_down(driver)
        finally:
            await driver.close()

    with pytest.raises(LinkDown, match=words):
        asyncio.run(run())
    peer.close()
    assert json.loads(peer.heard.partition(b"=")[2].rstrip(b";\n")) == {"enable": True, "nmea": True}


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ('gpsd = "here"', "is no address"),
        ('gpsd = "127.0.0.1:2947"\nport = "/dev/x"', "set one of port, tcp and gpsd"),
        ('tcp = "127.0.0.1:1"\ngpsd_device = "/dev/x"', "goes with gpsd"),
    ],
)
def test_faults_of_the_configuration(tmp_path: Path, lines: str, words: str) -> None:
    file = tmp_path / "agent.toml"
    file.write_text(f'agent = "abc"\n[broker]\nhost = "h"\n[[device]]\nid = "y"\ndriver = "nmea"\n{lines}\n')
    with pytest.raises(ConfigError, match=words):
        configuration.load(file)


def test_a_ubx_receiver_over_tcp(captures: Path) -> None:
    data = (captures / "serial/pyubx2_MIXED.log").read_bytes()
    peer = Peer(data)

    async def run() -> list[Sample]:
        found: list[Read] = []
        profile = catalogue.load("u-blox/nav-pvt")
        driver = FramedDriver(TcpStream("127.0.0.1", peer.port), profile, SystemClock(), silence_s=0.5)
        await driver.open()
        with pytest.raises(LinkDown):
            await until_down(driver, found)
        await driver.close()
        return [read for read in found if isinstance(read, Sample)]

    found = asyncio.run(run())
    peer.close()
    assert len(found) == 39
    assert all(sample.observed_at_ns for sample in found)


@pytest.mark.parametrize("log", ["nmea-rtk", "neo-m8n", "bu303-nofix"])
def test_recordings_played_by_gpsfake(captures: Path, log: str) -> None:
    """Of the binary receiver without a fix gpsd makes sentences: not one of them gives a place."""
    if shutil.which("gpsfake") is None:
        pytest.skip("gpsd is not installed")
    file = captures / f"serial/gpsd_{log}.log"
    port = free_port()
    command = ["gpsfake", "-q", "-c", "0.01", "-P", str(port), str(file)]
    said = latitudes([line for line in file.read_bytes().splitlines() if line.startswith(b"$")])
    with ExitStack() as stack:
        player = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        stack.callback(player.wait)
        stack.callback(os.killpg, player.pid, signal.SIGKILL)

        async def run() -> list[Read]:
            driver = driver_of(port)
            found: list[Read] = []
            while sum(isinstance(read, Sample) for read in found) < 15:
                try:
                    await driver.open()
                    while sum(isinstance(read, Sample) for read in found) < 15:
                        found += await driver.read()
                except LinkDown:  # gpsfake starts gpsd first and gives it the recording then
                    await asyncio.sleep(0.05)
                await driver.close()
            return found

        found = asyncio.run(run())
    assert set(places(found)) <= said
    assert bool(places(found)) == (log != "bu303-nofix")
