"""Sensors on real ports: the same seed says the same, what nobody hears is written down as unheard."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import termios
import threading
import time
from pathlib import Path

import pytest

from simulators.pty_port import PtyPort, waiting_bytes
from simulators.truth import Emission, TruthLog, read_truth
from simulators.weather import CHANNELS, QUANTITIES, Quantity, WeatherStation, json_line
from tests.conftest import wait_until

NOON_NS = 1_767_225_600_000_000_000
COMMAND = [sys.executable, "-c", "import harkara,sys; sys.exit(harkara.main())", "simulate"]


def test_one_seed_says_the_same_and_another_does_not() -> None:
    first, second, other = (WeatherStation(seed=seed) for seed in (7, 7, 8))
    for number in range(50):
        at_ns = NOON_NS + number * 10**9
        values = first.sample(at_ns)
        assert values == second.sample(at_ns)
        assert values != other.sample(at_ns)


def test_a_station_started_again_goes_on_counting() -> None:
    assert WeatherStation(seed=1, first_number=41).sample(NOON_NS)["sample_number"] == "41"


@pytest.mark.parametrize("quantity", QUANTITIES, ids=lambda quantity: quantity.channel)
def test_values_have_their_digits_and_stay_within_what_the_sensor_can_say(quantity: Quantity) -> None:
    station = WeatherStation(seed=5)
    for hour in range(48):
        text = station.sample(NOON_NS + hour * 3600 * 10**9)[quantity.channel]
        assert len(text.partition(".")[2]) == quantity.decimals
        assert quantity.low <= float(text) <= quantity.high
        assert not (text.startswith("-") and float(text) == 0)


def test_day_is_bright_and_warm_and_night_is_dark() -> None:
    station = WeatherStation(seed=5, longitude_deg=0.0)
    night = station.sample(NOON_NS)
    noon = station.sample(NOON_NS + 12 * 3600 * 10**9)
    assert float(night["global_irradiance"]) == 0.0
    assert float(noon["global_irradiance"]) > 500
    assert float(noon["air_temperature"]) > float(night["air_temperature"])


def test_line_keeps_every_digit() -> None:
    line = json_line(NOON_NS + 5_000_000, {"a": "21.50", "b": "-0.010"})
    assert line == b'{"time":"2026-01-01T00:00:00.005Z","a":21.50,"b":-0.010}\n'


def test_truth_log_gives_back_what_was_said_and_no_half_line(tmp_path: Path) -> None:
    path = tmp_path / "truth.jsonl"
    emission = Emission(device="weather", form="json", text='{"a":1.50}', emitted_at_ns=5, heard=False)
    with TruthLog(path) as log:
        log.append(emission)
    with path.open("ab") as file:
        file.write(b'{"device":"weather","fo')
    assert list(read_truth(path)) == [emission]
    assert list(read_truth(tmp_path / "none")) == []


def test_port_knows_whether_somebody_listens_and_keeps_nothing_for_who_comes_later(tmp_path: Path) -> None:
    with PtyPort(tmp_path / "port") as port:
        assert not port.has_reader()
        assert not port.write(b"unheard\n")
        reader = os.open(tmp_path / "port", os.O_RDONLY | os.O_NOCTTY)
        try:
            assert port.has_reader()
            assert port.write(b"heard\n")
            assert os.read(reader, 100) == b"heard\n"
            assert port.drain(1.0)
            # Raw: no echo, no line editing, no translation of line ends.
            assert not termios.tcgetattr(reader)[3] & (termios.ECHO | termios.ICANON)
        finally:
            os.close(reader)
        assert not port.has_reader()
    assert not (tmp_path / "port").is_symlink()


def test_port_waits_for_a_slow_reader_and_loses_no_byte(tmp_path: Path) -> None:
    data = bytes(range(256)) * 256
    got = bytearray()
    with PtyPort(tmp_path / "port") as port:
        reader = os.open(tmp_path / "port", os.O_RDONLY | os.O_NOCTTY)

        def read() -> None:
            while len(got) < len(data):
                got.extend(os.read(reader, 1000))

        thread = threading.Thread(target=read)
        thread.start()
        assert port.write(data)
        thread.join(10)
        os.close(reader)
    assert bytes(got) == data


def test_drain_sees_bytes_nobody_takes(tmp_path: Path) -> None:
    with PtyPort(tmp_path / "port") as port:
        reader = os.open(tmp_path / "port", os.O_RDONLY | os.O_NOCTTY)
        port.write(b"stays")
        assert not port.drain(0.2)
        assert waiting_bytes(reader) == 5
        os.close(reader)


def test_port_replaces_an_old_link_but_no_file(tmp_path: Path) -> None:
    link = tmp_path / "port"
    link.symlink_to("/dev/null")
    with PtyPort(link):
        assert str(link.readlink()).startswith("/dev/pts/")
    link.write_text("mine", encoding="ascii")
    with pytest.raises(FileExistsError), PtyPort(link):
        pass
    assert link.read_text(encoding="ascii") == "mine"


def _lines(path: Path, count: int) -> list[bytes]:
    reader = os.open(path, os.O_RDONLY | os.O_NOCTTY)
    data = b""
    deadline = time.monotonic() + 20
    try:
        while data.count(b"\n") < count and time.monotonic() < deadline:
            data += os.read(reader, 4096)
    finally:
        os.close(reader)
    return data.splitlines()[:count]


def test_station_command_says_what_its_log_holds_and_ends_in_order(tmp_path: Path) -> None:
    link = tmp_path / "weather.tty"
    words = ["station", "--port-link", str(link), "--interval", "0.02", "--seed", "9", "--wait-for-reader"]
    with subprocess.Popen([*COMMAND, *words], stdout=subprocess.DEVNULL) as process:
        try:
            wait_until(link.is_symlink, what="the port")
            heard = _lines(link, 10)
            truth = tmp_path / "weather.tty.truth.jsonl"
            wait_until(lambda: any(not each.heard for each in read_truth(truth)), what="a line that nobody heard")
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    said = list(read_truth(truth))
    assert [each.text.encode() for each in said[:10]] == heard
    assert all(each.heard for each in said[:10])
    numbers = [json.loads(each.text)["sample_number"] for each in said]
    assert numbers == list(range(1, len(said) + 1))
    assert list(json.loads(heard[0]))[1:] == list(CHANNELS)
    assert not link.is_symlink()


def test_station_gives_a_second_port_the_same_lines(tmp_path: Path) -> None:
    first, second = tmp_path / "a.tty", tmp_path / "b.tty"
    words = ["station", "--port-link", str(first), "--beside-link", str(second), "--interval", "0.02", "--lines", "20"]
    with subprocess.Popen([*COMMAND, *words, "--wait-for-reader"], stdout=subprocess.DEVNULL) as process:
        wait_until(lambda: first.is_symlink() and second.is_symlink(), what="the ports")
        got: dict[Path, list[bytes]] = {}
        threads = [
            threading.Thread(target=lambda path=path: got.update({path: _lines(path, 20)})) for path in (first, second)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert process.wait(20) == 0
    assert len(got[first]) == 20
    assert got[first] == got[second]


def test_replay_command_moves_a_recording_to_now(tmp_path: Path) -> None:
    recording = tmp_path / "receiver.log"
    recording.write_bytes(b"$GPGLL,4404.14066,N,12118.85481,W,171925.00,A,A*7F\r\n")
    link = tmp_path / "gnss.tty"
    words = ["replay", str(recording), "--port-link", str(link), "--wait-for-reader", "--loop", "--rebase", "now"]
    with subprocess.Popen([*COMMAND, *words], stdout=subprocess.DEVNULL) as process:
        try:
            wait_until(link.is_symlink, what="the port")
            first, second = _lines(link, 2)
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    assert first.startswith(b"$GPGLL,4404.14066,N,12118.85481,W,")
    times = [int(line.split(b",")[5].split(b".")[0]) for line in (first, second)]
    assert times[1] - times[0] in {1, 41, 4041, -235959}
