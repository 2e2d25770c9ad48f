"""MAVLink logs through ``harkara agent import``: what is counted, and that nothing is added twice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from device_profiles.wire.values import Scaled, Value
from edge_agent.clock import SystemClock
from edge_agent.fingerprint import fingerprint
from edge_agent.imports.into_outbox import IntoOutbox
from edge_agent.imports.vehicle_log import VehicleLog
from edge_agent.outbox import Outbox
from tests.telemetry.recorded import FLIGHT, SUBMARINE

AGENT = """agent = "ridge-03"
[broker]
host = "127.0.0.1"
[[device]]
id = "gnss"
driver = "nmea"
tcp = "127.0.0.1:9"
"""
_KILLED = """
import os, signal, sys
from pathlib import Path
from edge_agent.clock import SystemClock
from edge_agent.fingerprint import fingerprint
from edge_agent.imports.into_outbox import IntoOutbox
from edge_agent.imports.vehicle_log import VehicleLog
from edge_agent.outbox import Outbox

file, log = map(Path, sys.argv[1:])
outbox = Outbox.open(file, agent="ridge-03", fingerprint=fingerprint(), bytes_max=1 << 28)
groups = []
def progress():
    groups.append(1)
    if len(groups) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
IntoOutbox(outbox, "ridge-03", SystemClock()).take(VehicleLog(log, prefix="drone").rows(), progress)
"""


def harkara(folder: Path, *args: str | Path) -> subprocess.CompletedProcess[str]:
    (folder / "agent.toml").write_text(AGENT)
    command = [sys.executable, "-m", "harkara", "agent", "import", "--config", folder / "agent.toml", *args]
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, timeout=120)


def imported(folder: Path, *args: str | Path) -> dict[str, Any]:
    done = harkara(folder, "--json", *args)
    assert done.returncode == 0, done.stderr
    summary: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return summary


def number_of(value: Value) -> float:
    return value.mantissa * 10.0**value.exponent if isinstance(value, Scaled) else value


def accepted(file: Path) -> int:
    outbox = Outbox.open(file, agent="ridge-03", fingerprint=fingerprint(), bytes_max=1 << 28)
    try:
        return outbox.stats().accepted
    finally:
        outbox.close()


def take(folder: Path, *logs: Path) -> IntoOutbox:
    outbox = Outbox.open(folder / "o.db", agent="ridge-03", fingerprint=fingerprint(), bytes_max=1 << 28)
    into = IntoOutbox(outbox, "ridge-03", SystemClock())
    for log in logs:
        into.take(VehicleLog(log, prefix="drone").rows(), lambda: None)
    outbox.close()
    return into


def test_the_recorded_flight_is_counted_and_a_dry_run_writes_nothing(captures: Path, tmp_path: Path) -> None:
    summary = imported(tmp_path, "--dry-run", captures / FLIGHT)
    found = {key: summary[key] for key in ("frames", "flights", "arm_windows")}
    assert found == {"frames": 33261, "flights": 1, "arm_windows": 3}
    notes = summary["notes"]
    assert (notes["timed_frames"], notes["timed_kept"]) == (10098, 5049), "each came over two links"
    assert summary["frames"] == summary["kept"] + summary["copies"] + summary["rejects"]["unknown_message"]
    assert summary["missing"].keys() <= {"invalid", "no_sensor", "not_configured", "not_measured", "unknown"}
    assert [path.name for path in tmp_path.iterdir()] == ["agent.toml"]


def test_a_vehicle_whose_clock_is_unset_is_flagged_and_no_sentinel_is_a_value(captures: Path, tmp_path: Path) -> None:
    summary = imported(tmp_path, "--dry-run", captures / SUBMARINE)
    assert summary["notes"]["clock_unset_messages"] == 792
    assert summary["notes"]["clock_unset_time_from_log"] == 1
    log = VehicleLog(captures / SUBMARINE, prefix="sub")
    values: dict[str, list[float]] = {}
    for row in log.rows():
        for number in row.sample.numbers:
            assert number.value is not None or number.reason, "every value that is missing has a reason"
            if number.value is not None:
                values.setdefault(f"{row.device}/{number.channel}", []).append(number_of(number.value))
    assert summary["readings"] == sum(map(len, values.values())) + summary["events"]
    assert min(values["sub-position/latitude"]) > 48, "nought, nought is no place"
    assert max(values["sub-gnss/hdop"]) < 99.99


def test_importing_twice_adds_nothing(captures: Path, tmp_path: Path) -> None:
    first = imported(tmp_path, captures / FLIGHT)
    again = imported(tmp_path, captures / FLIGHT, captures / FLIGHT)
    assert first["rows_added"] > 8000
    assert (again["rows_added"], again["readings_added"]) == (0, 0)
    assert accepted(tmp_path / "outbox.db") == first["readings_added"]


def test_halves_of_a_known_log_add_nothing_in_any_order(captures: Path, tmp_path: Path) -> None:
    data = (captures / SUBMARINE).read_bytes()
    halves = [tmp_path / "a.tlog", tmp_path / "b.tlog"]
    halves[0].write_bytes(data[: len(data) // 2])
    # A half begins where a log begins: with a stamp.
    second = len(data) // 2
    while VehicleLogHead(data[second : second + 9]).is_none:
        second += 1
    halves[1].write_bytes(data[second:])
    whole = take(tmp_path, captures / SUBMARINE)
    assert take(tmp_path, *reversed(halves)).taken == 0
    assert accepted(tmp_path / "o.db") == whole.readings


class VehicleLogHead:
    """Whether bytes begin a record of a log."""

    def __init__(self, head: bytes) -> None:
        stamp = int.from_bytes(head[:8], "big")
        self.is_none = not (1.5e15 < stamp < 2e15 and head[8] == 0xFD)


def test_killed_in_the_middle_and_given_again_everything_is_there_once(captures: Path, tmp_path: Path) -> None:
    killed = subprocess.run(
        [sys.executable, "-c", _KILLED, tmp_path / "o.db", captures / FLIGHT],
        check=False,
        timeout=120,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert killed.returncode == -9
    rest = take(tmp_path, captures / FLIGHT)
    assert rest.known >= 4000
    alone = tmp_path / "alone"
    alone.mkdir()
    whole = take(alone, captures / FLIGHT)
    assert rest.taken + rest.known == whole.taken + whole.known
    assert accepted(tmp_path / "o.db") == whole.readings


def test_a_log_without_any_time_says_so_and_takes_the_start_that_is_given(tmp_path: Path) -> None:
    from tests.telemetry.test_scan import stream

    log = tmp_path / "link.mav"
    log.write_bytes(stream(2)[0])
    plain = harkara(tmp_path, "--json", log)
    assert json.loads(plain.stdout)["rejects"] == {"time_unknown": 30}
    given = imported(tmp_path, "--started", "2026-05-14T06:30:00+05:30", log)
    assert given["rows_added"] >= 10


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"no log at all\n" * 40, "looks like text without columns of numbers"),
        (None, "No such file"),
        ("dir", "is a folder"),
    ],
)
def test_what_is_no_log_is_one_line(tmp_path: Path, content: bytes | str | None, words: str) -> None:
    log = tmp_path / "log"
    if isinstance(content, bytes):
        log.write_bytes(content)
    elif content:
        log.mkdir()
    done = harkara(tmp_path, log)
    assert done.returncode == 2
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_while_another_process_has_the_outbox_nothing_is_written(captures: Path, tmp_path: Path) -> None:
    outbox = Outbox.open(tmp_path / "outbox.db", agent="ridge-03", fingerprint=fingerprint(), bytes_max=1 << 28)
    try:
        done = harkara(tmp_path, captures / FLIGHT)
    finally:
        outbox.close()
    assert done.returncode == 2
    assert "is in use, but no agent answers" in done.stderr
