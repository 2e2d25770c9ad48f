"""``harkara agent init`` recognises what speaks on a port and writes a file that runs."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from device_profiles.framing.nmea import checksum
from edge_agent import config, discover, settings_devices, template
from tests.agent.harness import Instrument


def nmea(body: str) -> str:
    return f"${body}*{checksum(body.encode()):02X}\r\n"


GNSS = nmea("GNRMC,171926.00,A,4404.14063,N,12118.85478,W,0.117,,180326,,,A") + nmea(
    "GNGGA,171926.00,4404.14063,N,12118.85478,W,1,12,0.91,1147.2,M,-21.3,M,,"
)


def kinds(data: str) -> str:
    found = discover.recognise(Path("/dev/x"), 9600, data.encode())
    return "none" if found is None else found.kind


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        ("half,a,line\r\n" + GNSS * 3, "nmea"),
        ('bles": 1}\n' + '{"time": "2026-01-01T00:00:00Z", "t": 21.50}\n' * 3, "json"),
        ("1\n" + "21.50,55.1,1013\n" * 4, "csv"),
        ("x\nt;rh\n" + "21.50;55\n" * 4, "csv"),
        ("1 2\n" + "21.50 55.1\n" * 4, "csv"),
        ("hello world\n" * 5, "none"),
        ("\x00\xff\xfe" * 100, "none"),
        ("", "none"),
    ],
)
def test_what_speaks_is_recognised(data: str, kind: str) -> None:
    assert kinds(data) == kind


@contextmanager
def talking(folder: Path, name: str, text: str) -> Iterator[Path]:
    """A pty that says ``text`` over and over, as an instrument does."""
    instrument = Instrument(folder / name)
    stop = threading.Event()

    def talk() -> None:
        while not stop.wait(0.05):
            instrument.say(text)

    thread = threading.Thread(target=talk)
    thread.start()
    try:
        yield instrument.name
    finally:
        stop.set()
        thread.join()
        instrument.close()


def init(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "harkara", "agent", "init", "--agent", "ridge-03", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=120)


def test_ports_that_speak_become_devices_and_the_file_loads(tmp_path: Path) -> None:
    station_line = '{"time":"2026-01-01T00:00:00Z","air temp":21.50,"rh":55,"station":"x"}\n'
    with (
        talking(tmp_path, "gnss", GNSS) as gnss,
        talking(tmp_path, "station", station_line) as station,
        talking(tmp_path, "logger", "1.5,2.25\n") as logger,
        talking(tmp_path, "noise", "???\n") as noise,
    ):
        words = [word for port in (gnss, station, logger, noise) for word in ("--port", str(port))]
        done = init(tmp_path, *words, "--seconds", "1", "--broker", "mqtt.example.org")
    assert done.returncode == 0, done.stderr
    found = config.load(tmp_path / "agent.toml")
    assert found.agent == "ridge-03"
    assert found.broker.host == "mqtt.example.org"
    assert [(device.id, device.driver, getattr(device, "port", None)) for device in found.device] == [
        ("gnss", "nmea", gnss),
        ("station", "lines", station),
        ("station-2", "lines", logger),
    ]
    weather, csv = found.device[1], found.device[2]
    assert isinstance(weather, settings_devices.LinesDevice)
    assert isinstance(csv, settings_devices.LinesDevice)
    assert weather.channels == {
        "air_temp": settings_devices.Channel(field="air temp"),
        "rh": settings_devices.Channel(),
    }
    assert csv.columns == ("c1", "c2")
    text = (tmp_path / "agent.toml").read_text(encoding="utf-8")
    assert "# last: 21.50" in text
    assert f"# {noise}: " in text


def test_a_file_that_is_there_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "agent.toml").write_text("mine", encoding="utf-8")
    done = init(tmp_path, "--port", str(tmp_path / "nothing"))
    assert done.returncode == 2
    assert "is there already; name another with --out, or overwrite with --force" in done.stderr
    assert (tmp_path / "agent.toml").read_text(encoding="utf-8") == "mine"


def test_nothing_heard_still_gives_a_template_and_says_so(tmp_path: Path) -> None:
    quiet = Instrument(tmp_path / "quiet")
    done = init(tmp_path, "--port", str(quiet.name), "--port", str(tmp_path / "none"), "--seconds", "0.2", "--out", "-")
    quiet.close()
    assert done.returncode == 1
    assert "no byte within 0.2 s" in done.stdout
    assert "is not there" in done.stdout
    assert "# [[device]]" in done.stdout


@pytest.mark.parametrize(("host", "agent"), [("Raspi.local", "raspi-local"), ("x", "agent-x"), ("---", "agent-one")])
def test_an_agent_id_is_made_from_any_host_name(host: str, agent: str) -> None:
    assert template.agent_id(host) == agent
