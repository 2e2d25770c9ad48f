"""A PX4 log: to its end, no sentinel stored as a value, every null with a reason, an unset clock flagged."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
import pyulog

from edge_agent.imports.model import ImportRefused
from edge_agent.imports.open_log import Options, open_log
from edge_agent.imports.ulog import ULog
from edge_agent.imports.ulog_topics import TOPICS
from tests.imports.test_vehicle_logs import imported, number_of

LOG: Final = "mavlink/px4_sample_log_small.ulg"


def test_the_sample_is_read_to_its_end_and_flagged(captures: Path, tmp_path: Path) -> None:
    summary = imported(tmp_path, "--dry-run", captures / LOG)
    raw = pyulog.ULog(str(captures / LOG))
    assert summary["frames"] == sum(len(each.data["timestamp"]) for each in raw.data_list if each.name in TOPICS)
    assert summary["kept"] == summary["frames"]
    assert summary["rejects"] == {}
    assert (summary["flights"], summary["arm_windows"]) == (1, 1)
    assert summary["missing"].keys() == {"invalid", "not_ready", "unknown"}
    assert summary["notes"] == {"clock_unset_time_ref_utc": 1, "dropout_ms": 30, "dropouts": 1, "time_from_gnss": 1}


def test_no_sentinel_is_a_value_and_values_are_those_of_the_log(captures: Path) -> None:
    values: dict[str, list[float]] = {}
    for row in ULog(captures / LOG, prefix="vtol").rows():
        for number in row.sample.numbers:
            assert number.value is not None or number.reason
            if number.value is not None:
                values.setdefault(f"{row.device}/{number.channel}", []).append(number_of(number.value))
    raw = pyulog.ULog(str(captures / LOG))
    gnss = raw.get_dataset("vehicle_gps_position").data
    assert values["vtol-gnss/latitude"] == [each * 10.0**-7 for each in gnss["lat"].tolist()]
    assert values["vtol-pressure/air_pressure"] == raw.get_dataset("vehicle_air_data").data["baro_pressure_pa"].tolist()
    assert (
        values["vtol-power/second_battery_voltage"] == raw.get_dataset("battery_status", 1).data["voltage_v"].tolist()
    )
    assert "vtol-gnss/yaw_of_antennas" not in values  # never a number in this log
    assert "vtol-wind/wind_speed_north" not in values  # exactly nought with no variance: never estimated
    assert "vtol-local-position/north" not in values  # xy_valid is false throughout
    assert -1000 not in [round(each) for name in values for each in values[name] if "temperature" in name]


def test_times_count_from_what_the_receiver_told(captures: Path) -> None:
    rows = [row for row in ULog(captures / LOG, prefix="v").rows() if row.device == "v-gnss"]
    gnss = pyulog.ULog(str(captures / LOG)).get_dataset("vehicle_gps_position").data
    late_us = [
        row.sample.observed_at_ns // 1000 - utc  # type: ignore[operator]
        for row, utc in zip(rows, gnss["time_utc_usec"].tolist(), strict=True)
    ]
    assert min(late_us) == 0
    assert max(late_us) < 200_000


def test_a_second_time_nothing_is_added(captures: Path, tmp_path: Path) -> None:
    first = imported(tmp_path, captures / LOG)
    again = imported(tmp_path, captures / LOG)
    assert first["readings_added"] == first["readings"] > 10_000
    assert (again["rows_added"], again["rows_known"]) == (0, first["rows_added"] + first["rows_known"])


def test_a_log_that_breaks_off_gives_what_it_has_and_adds_nothing_later(captures: Path, tmp_path: Path) -> None:
    data = (captures / LOG).read_bytes()
    cut = tmp_path / "cut.ulg"
    cut.write_bytes(data[: len(data) // 2])
    first = imported(tmp_path, cut)
    whole = imported(tmp_path, captures / LOG)
    assert 0 < first["rows_added"] < whole["rows_added"] + whole["rows_known"]
    assert imported(tmp_path, cut)["rows_added"] == 0


def test_without_a_receivers_time_the_start_must_be_said(captures: Path, tmp_path: Path) -> None:
    log = ULog(captures / LOG, prefix="v")
    (gnss,) = log._series("vehicle_gps_position")
    gnss["time_utc_usec"][:] = 0
    assert list(log.rows()) == []
    assert log.counts.rejects == {"time_unknown": log.counts.frames}
    assert log.counts.notes["clock_unset_records"] == len(gnss["timestamp"])


def test_damage_and_a_missing_library_are_one_line(
    captures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = tmp_path / "bad.ulg"
    bad.write_bytes((captures / LOG).read_bytes()[:40] + b"\xff" * 4000)
    with pytest.raises(ImportRefused, match=r"bad\.ulg is a damaged ULog"):
        open_log(bad, Options())
    monkeypatch.setitem(sys.modules, "pyulog", None)
    with pytest.raises(ImportRefused, match=r"pip install 'harkara\[ulog\]'"):
        open_log(captures / LOG, Options())


def test_the_library_is_loaded_for_such_a_file_alone() -> None:
    code = "import sys, edge_agent.cli_import; print(sorted({'numpy', 'pyulog'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
