"""`simulate replay` and `record` as people run them: real terminals, sockets, a real broker."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from pymodbus.client import ModbusTcpClient

from simulators.pty_port import PtyPort
from simulators.recordings.detect import read
from tests.conftest import Mosquitto, wait_until

COMMAND = [sys.executable, "-c", "import harkara,sys; sys.exit(harkara.main())", "simulate"]
LINES = b"".join(b"$PTEST,%d*00\r\n" % number for number in range(200))


@contextlib.contextmanager
def running(*words: str) -> Iterator[subprocess.Popen[str]]:
    """The command; afterwards it is told to stop, and must end in order."""
    with subprocess.Popen([*COMMAND, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            yield process
            process.send_signal(signal.SIGTERM)
            rest, _ = process.communicate(timeout=30)
            assert process.returncode == 0, rest
        finally:
            process.kill()


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *words], capture_output=True, text=True, timeout=60, check=False)


def gather(file: int, size: int) -> bytes:
    data = b""
    deadline = time.monotonic() + 30
    while len(data) < size and time.monotonic() < deadline:
        if select.select([file], [], [], 0.2)[0]:
            data += os.read(file, 4096)
    return data


def test_bytes_come_out_of_the_terminal_as_they_went_in(tmp_path: Path) -> None:
    log = tmp_path / "any.log"
    log.write_bytes(LINES)
    link = tmp_path / "replay.tty"
    words = ["replay", str(log), "--kind", "bytes", "--to", f"pty:{link}", "--baud", "115200", "--wait-for-reader"]
    with subprocess.Popen([*COMMAND, *words, "--json"], stdout=subprocess.PIPE, text=True) as process:
        wait_until(link.is_symlink, what="the port")
        port = os.open(link, os.O_RDONLY | os.O_NOCTTY)
        try:
            assert gather(port, len(LINES)) == LINES
            out, _ = process.communicate(timeout=30)
        finally:
            os.close(port)
    assert json.loads(out.splitlines()[-1])["bytes"] == len(LINES)


def test_everybody_connected_hears_it_over_tcp(tmp_path: Path) -> None:
    log = tmp_path / "any.log"
    log.write_bytes(LINES)
    with subprocess.Popen(
        [*COMMAND, "replay", str(log), "--kind", "bytes", "--to", "tcp", "--speed", "0", "--wait-for-reader"],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        port = int(first_line(process).split("127.0.0.1:")[1].split(";")[0])
        with socket.create_connection(("127.0.0.1", port), timeout=30) as reader:
            data = b""
            while more := reader.recv(4096):
                data += more
        assert process.wait(30) == 0
    assert data == LINES


def test_frames_are_datagrams(captures: Path) -> None:
    flight = captures / "mavlink" / "ardusub_small.tlog"
    expected = [piece.data for piece in read(flight).pieces[:50]]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as reader:
        reader.bind(("127.0.0.1", 0))
        reader.settimeout(30)
        with running("replay", str(flight), "--to", f"udp:{reader.getsockname()[1]}", "--speed", "5"):
            assert [reader.recv(65536) for _ in expected] == expected


def test_device_answers_a_modbus_client_as_it_was_recorded(captures: Path) -> None:
    capture = captures / "serial" / "iti_modbus_test.pcap"
    request = next(piece for piece in read(capture).pieces if piece.asked and piece.data[7] == 4)
    unit, _, address, count = struct.unpack(">BBHH", request.data[6:12])
    answer = next(piece for piece in read(capture).pieces if not piece.asked and piece.data[:2] == request.data[:2])
    registers = list(struct.unpack(f">{count}H", answer.data[9 : 9 + 2 * count]))
    with running("replay", str(capture), "--to", "tcp") as process:
        port = int(first_line(process).split("127.0.0.1:")[1].split(";")[0])
        client = ModbusTcpClient("127.0.0.1", port=port, timeout=10)
        assert client.connect()  # type: ignore[no-untyped-call]
        try:
            found = client.read_input_registers(address, count=count, device_id=unit)
        finally:
            client.close()  # type: ignore[no-untyped-call]
        assert found.registers == registers


@pytest.mark.broker
def test_rows_are_messages_and_as_fast_as_asked(tmp_path: Path, mosquitto: Callable[..., Mosquitto]) -> None:
    table = tmp_path / "station.csv"
    table.write_text("time,t\n" + "".join(f"2026-11-24T{hour:02d}:00:00Z,{hour}.5\n" for hour in range(24)))
    broker = mosquitto()
    got: list[bytes] = []
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    ready: list[bool] = []
    client.on_message = lambda _client, _data, message: got.append(bytes(message.payload))
    client.on_subscribe = lambda *_: ready.append(True)
    client.connect("127.0.0.1", broker.port)
    client.subscribe("station/1", qos=1)
    client.loop_start()
    try:
        wait_until(lambda: ready, what="the subscription")
        done = run("replay", str(table), "--to", f"mqtt:127.0.0.1:{broker.port}/station/1", "--speed", "0")
        assert done.returncode == 0, done.stderr
        wait_until(lambda: len(got) == 24, what="the messages")
    finally:
        client.disconnect()
        client.loop_stop()
    assert [json.loads(payload)["t"] for payload in got] == [hour + 0.5 for hour in range(24)]


def test_recorded_dialogue_is_answered_again(tmp_path: Path) -> None:
    device_end, reader_end, capture = tmp_path / "device.tty", tmp_path / "reader.tty", tmp_path / "probe.jsonl"
    words = ("record", str(device_end), "-o", str(capture), "--between", str(reader_end))
    with PtyPort(device_end) as device, running(*words):
        wait_until(lambda: reader_end.is_symlink() and device.has_reader(), what="the recorder")
        port = os.open(reader_end, os.O_RDWR | os.O_NOCTTY)
        for request, answer in ((b"0M!", b"00012\r\n"), (b"0D0!", b"0+3.14-2.7\r\n")):
            os.write(port, request)
            asked = b""
            while len(asked) < len(request):
                asked += device.read(30)
            assert asked == request
            device.write(answer)
            assert gather(port, len(answer)) == answer
        os.close(port)
    recording = read(capture)
    assert [(piece.asked, piece.data) for piece in recording.pieces] == [
        (True, b"0M!"),
        (False, b"00012\r\n"),
        (True, b"0D0!"),
        (False, b"0+3.14-2.7\r\n"),
    ]
    again = tmp_path / "again.tty"
    with running("replay", str(capture), "--to", f"pty:{again}"):
        wait_until(again.is_symlink, what="the port")
        port = os.open(again, os.O_RDWR | os.O_NOCTTY)
        os.write(port, b"0D0!")
        assert gather(port, 12) == b"0+3.14-2.7\r\n"
        os.close(port)


def test_recording_that_is_there_is_not_overwritten(tmp_path: Path) -> None:
    capture = tmp_path / "probe.jsonl"
    capture.write_text("mine")
    with PtyPort(tmp_path / "device.tty"):
        done = run("record", str(tmp_path / "device.tty"), "-o", str(capture))
    assert done.returncode == 2
    assert capture.read_text() == "mine"
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["replay", "nothing.log"], 2, "No such file"),
        (["replay", "LOG", "--to", "pigeon"], 1, "is no way to a reader"),
        (["replay", "LOG", "--to", "tcp:99999"], 1, "no port number"),
        (["replay", "LOG", "--to", "tcp:BUSY"], 1, "cannot listen"),
        (["replay", "LOG", "--to", "mqtt:127.0.0.1:BUSY2/x"], 1, "broker 127.0.0.1"),
        (["replay", "LOG", "--truth", "t.jsonl", "--kind", "bytes"], 2, "--truth is for NMEA"),
        (["record", "/dev/nothing-here", "-o", "x.jsonl"], 2, "/dev/nothing-here"),
    ],
)
def test_what_cannot_be_is_one_line(tmp_path: Path, words: list[str], status: int, said: str) -> None:
    log = tmp_path / "any.log"
    log.write_bytes(LINES)
    with socket.create_server(("127.0.0.1", 0)) as busy:
        with socket.create_server(("127.0.0.1", 0)) as gone:
            nobody = str(gone.getsockname()[1])
        port = str(busy.getsockname()[1])
        filled = [word.replace("LOG", str(log)).replace("BUSY2", nobody).replace("BUSY", port) for word in words]
        done = subprocess.run(
            [*COMMAND, *filled],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        )
    assert (done.returncode, len(done.stderr.splitlines())) == (status, 1), done.stderr
    assert said in done.stderr
