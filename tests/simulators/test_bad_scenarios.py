"""What cannot be played: one clear line with the place and the way out, and nothing that was started stays."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from harkara_io.errors import ConfigError
from simulators.demo.broker import find_mosquitto
from simulators.demo.processes import harkara_command
from simulators.scenario.load import load
from tests.simulators.test_run_command import running
from tests.simulators.test_scenario import written

FARM = """\
seed = 1
start = 2026-06-01T00:00:00Z
duration = "1min"

[[agent]]
id = "house"

[[station]]
id = "yard"
agent = "house"

[[station.device]]
id = "wind"
model = "renke/rs-fsjt"
bus = "rs485"
address = 1

[[station.device]]
id = "climate"
model = "renke/rs-wsd"
bus = "rs485"
address = 2

[[station]]
id = "road"

[[station.device]]
id = "dust"
model = "nova/sds011"
carrier = "pty:./dust.tty"

[[fault]]
kind = "disk_full"
process = "agent:house"
at = 10
duration = 5
"""


@pytest.mark.parametrize(
    ("was", "becomes", "words"),
    [
        ("address = 2", "address = 1", "`wind` and `climate` are at one address of `rs485`; give each its own"),
        ("\naddress = 2", "", "`wind` and `climate` are at one address of `rs485`"),
        ("address = 2", "address = 300", "an address is 1 to 247, not '300'"),
        ('"renke/rs-wsd"', '"meter/teros-12-sdi12"', "`wind` and `climate` cannot share `rs485`"),
        ('model = "nova/sds011"', 'model = "nova/sds011"\nbus = "rs485"', "a `bus` needs an agent that reads it"),
        ('"renke/rs-wsd"\nbus = "rs485"\naddress = 2', '"nova/sds011"\nbus = "x"', "`nova/sds011` shares no line"),
        ('model = "nova/sds011"', 'model = "renke/rs-fsjt"', "nobody asks `renke/rs-fsjt`"),
        ('model = "nova/sds011"', 'model = "sensirion/sht3x-i2c"', "no port of this machine reaches"),
        ('model = "nova/sds011"', 'model = "nova/sds01"', "did you mean `nova/sds011`?"),
        ('"pty:./dust.tty"', '"dir:./dust"', "`dir` cannot carry `nova/sds011`; reach it by pty or tcp or udp or mqtt"),
        ('model = "nova/sds011"', 'model = "maxim/ds18b20-w1"', "`pty` cannot carry `maxim/ds18b20-w1`"),
        ("\naddress = 2", '\naddress = 2\ncarrier = "tcp:1"', "an agent reads it at a port of its own"),
        ("\naddress = 2", '\naddress = 2\nplace_from = "wind"', "no device `wind` of this station tells where it is"),
        ("\naddress = 2", '\naddress = 2\nalso = ["mavlink/gnss"]', "only an autopilot that an agent reads"),
        ("\naddress = 2", '\naddress = 2\npoll = "often"', "'often' is no length of time"),
        ('model = "nova/sds011"', 'model = "nova/sds011"\naddress = 4', "nova/sds011 is on no bus and has no address"),
        ('"disk_full"', '"disk_fall"', "`fault.1.kind`"),
        ('"agent:house"', '"broker"', "strikes an agent or the collector, not the broker"),
        ('"agent:house"', '"agent:mouse"', "no such process `agent:mouse`; did you mean `agent:house`?"),
        ("at = 10", "at = 90", "begins after 90 s, when all is over"),
        ("at = 10", "at = -1", "greater than or equal to 0"),
        ("2026-06-01T00:00:00Z", "2026-06-31T00:00:00Z", "scenario.toml:2"),
        ("2026-06-01T00:00:00Z", "1815-06-18T00:00:00Z", "year 1815 is out of reach"),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path: Path, was: str, becomes: str, words: str) -> None:
    assert was in FARM
    with pytest.raises(ConfigError) as no:
        load(written(tmp_path, FARM.replace(was, becomes, 1)))
    assert words in str(no.value)
    assert len(str(no.value).splitlines()) == 1
    assert all(problem.line for problem in no.value.problems)


def test_two_uplinks_of_one_id_are_told(tmp_path: Path) -> None:
    lora = '\n[[station.device]]\nid = "{}"\nmodel = "dragino/lse01"\n'
    text = FARM.replace(
        '\n[[station]]\nid = "road"', lora.format("a") + lora.format("b") + '\n[[station]]\nid = "road"'
    )
    with pytest.raises(ConfigError, match="two devices `dragino/lse01` have one id on the air"):
        load(written(tmp_path, text))


def children(process: int) -> list[int]:
    """Living processes whose parents are ours, however deep."""
    found: list[int] = []
    for each in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = each.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == process and fields[0] != "Z":
            found += [int(each.parent.name), *children(int(each.parent.name))]
    return found


@pytest.mark.broker
@pytest.mark.skipif(find_mosquitto() is None, reason="mosquitto is not installed")
@pytest.mark.parametrize("trouble", ["port in use", "not a link", "no broker there", "no compiler"])
def test_what_was_started_is_stopped_when_the_rest_cannot_be(tmp_path: Path, trouble: str) -> None:
    before = children(os.getpid())
    (tmp_path / "dust.tty").write_text("mine", encoding="ascii")
    environ = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        carrier, words = {
            "port in use": (f"tcp:{port}", f"cannot listen at 127.0.0.1:{port}: Address already in use"),
            "not a link": (f"pty:{tmp_path}/dust.tty", "will not replace what is not a link"),
            "no broker there": ("mqtt:127.0.0.1:1", "broker 127.0.0.1:1"),
            "no compiler": ("tcp:0", "no `cc` is installed here"),
        }[trouble]
        text = FARM.replace("pty:./dust.tty", carrier)
        if trouble == "no compiler":
            bare = tmp_path / "bin"
            bare.mkdir()
            for tool in ("mosquitto", "mosquitto_passwd"):
                (bare / tool).symlink_to(next(p for d in ("/usr/sbin", "/usr/bin") if (p := Path(d, tool)).exists()))
            environ["PATH"] = str(bare)
        else:
            # This is about carriers: whatever happens to disks needs a compiler.
            text = text[: text.index("[[fault]]")]
        words_given = ["simulate", "run", str(written(tmp_path, text)), "--dir", str(tmp_path / "run")]
        done = subprocess.run(
            [sys.executable, *harkara_command()[1:], *words_given],
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
            env=environ,
        )
    assert done.returncode == 1, done.stderr
    assert words in done.stderr
    mistakes = [line for line in done.stderr.splitlines() if "harkara simulate" in line]
    assert len(mistakes) == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert running(tmp_path / "run") == []
    assert children(os.getpid()) == before
    assert (tmp_path / "dust.tty").read_text(encoding="ascii") == "mine"
