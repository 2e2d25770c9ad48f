"""Events in words: what changed, by the names the autopilots use."""

from __future__ import annotations

from pathlib import Path

import pytest
from pymavlink import mavutil

from device_profiles.mavlink.modes import mode_name
from edge_agent.imports.vehicle_log import VehicleLog
from edge_agent.telemetry.events import VehicleEvents
from tests.imports.test_vehicle_logs import imported
from tests.telemetry.recorded import FLIGHT, SUBMARINE
from tests.telemetry.test_flights_and_track import frame

_FAMILIES = {"acm": 2, "apm": 1, "rover": 10, "sub": 12, "blimp": 7, "tracker": 5}


@pytest.mark.parametrize(("family", "kind"), _FAMILIES.items())
def test_ardupilots_modes_have_the_names_that_pymavlink_knows(family: str, kind: int) -> None:
    names = getattr(mavutil, f"mode_mapping_{family}")
    assert {number: mode_name(3, kind, 1, number).upper() for number in names} == names


@pytest.mark.parametrize("main", range(1, 8))
@pytest.mark.parametrize("sub", range(9))
def test_px4s_modes_are_those_of_pymavlink(main: int, sub: int) -> None:
    theirs = mavutil.interpret_px4_mode(0x1D, main << 16 | sub << 24)
    if theirs in {"UNKNOWN", ""} or (main != 4 and sub):
        return
    ours = mode_name(12, 2, 0x1D, main << 16 | sub << 24)
    same = {"followme": "follow_target"}
    name = theirs.lower()
    assert ours in {name, f"auto {same.get(name, name)}"}


def test_a_mode_without_a_name_keeps_its_number() -> None:
    assert mode_name(3, 2, 1, 99) == "mode 99"
    assert mode_name(12, 2, 1, 77 << 16 | 3 << 24) == "mode 77.3"
    assert mode_name(4, 2, 0x51, 5) == "mode 5"
    assert mode_name(3, 2, 0xD0, 5) == "base mode 80", "the flag says that the number means nothing"


def test_what_is_said_again_is_no_event_and_what_was_so_when_first_heard_is_told_apart() -> None:
    events = VehicleEvents()
    armed = frame(0, (3).to_bytes(4, "little") + bytes((2, 3, 0x81, 4, 3)))
    first = events.hear(armed, 1)
    assert [(event.channel, event.text, event.is_first) for event in first] == [
        ("arming", "armed", True),
        ("mode", "auto", True),
    ]
    assert events.hear(armed, 2) == []
    changed = events.hear(frame(0, (6).to_bytes(4, "little") + bytes((2, 3, 0x81, 4, 3))), 3)
    assert [(event.text, event.is_first) for event in changed] == [("rtl", False)]
    assert events.hear(frame(0, bytes(4) + bytes((6, 8, 0, 4, 3))), 4) == [], "a ground station's"
    assert [event.text for event in events.hear(frame(46, (4).to_bytes(2, "little")), 5)] == ["item 4 reached"]
    assert [event.text for event in events.hear(frame(242, bytes(12)), 5)] == [], "nought, nought is no home"


def told(path: Path, channel: str) -> list[str]:
    return [
        text.text
        for row in VehicleLog(path, prefix="drone").rows()
        for text in row.sample.texts
        if text.channel == channel
    ]


def test_the_recorded_flight_in_words(captures: Path) -> None:
    path = captures / FLIGHT
    assert told(path, "arming") == ["armed", "disarmed"] * 3
    assert told(path, "flight") == ["in flight", "not in flight"]
    assert told(path, "landed") == ["taking off", "in the air", "landing", "on the ground"]
    assert told(path, "mode") == ["auto rtl", "auto mission", "manual"]
    assert [text for text in told(path, "mission") if "reached" in text] == [f"item {n} reached" for n in range(8)]
    assert told(captures / SUBMARINE, "arming") == ["armed", "disarmed"]


def test_events_are_imported_once_under_the_name_that_was_given(captures: Path, tmp_path: Path) -> None:
    first = imported(tmp_path, "--device", "survey", captures / FLIGHT)
    assert first["events"] == 40
    assert imported(tmp_path, "--device", "survey", captures / FLIGHT)["rows_added"] == 0
    assert first["readings"] - first["readings_added"] <= 1, "one message of the log came twice far apart"
