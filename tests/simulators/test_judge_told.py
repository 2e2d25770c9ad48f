"""The judge of catalogue devices: what is right passes, and one row too few, too many or a step off does not."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import pytest

from simulators.checksums import crc_modbus
from simulators.scenario.assign import assign
from simulators.scenario.course import course
from simulators.scenario.judge_told import Verdict, in_usual_unit, judge_told
from simulators.scenario.load import load, placed
from simulators.scenario.teller import Teller

BUS = """\
seed = 3
start = 2026-06-01T00:00:00Z
duration = "10min"

[[agent]]
id = "house"

[[station]]
id = "mast"
agent = "house"

[[station.device]]
id = "climate"
model = "renke/rs-wsd"
bus = "rs485"
address = 7
interval_s = 10
channels = ["air_temperature", "relative_humidity"]

[[station.device]]
id = "soil"
model = "meter/teros-12-sdi12"
interval_s = 10
channels = ["soil_temperature"]

[[station.device]]
id = "dust"
model = "nova/sds011"
interval_s = 10
channels = ["pm2_5"]
"""
SECOND = 1_000_000_000
Rows = list[tuple[str, int, float]]


def rtu(unit: int, first: int, count: int) -> bytes:
    body = struct.pack(">BBHH", unit, 3, first, count)
    return body + crc_modbus(body).to_bytes(2, "little")


@dataclass
class Asked:
    """A slave that was asked once after each measurement, and what a right lake has of it."""

    teller: Teller
    rows: Rows


@pytest.fixture
def asked(tmp_path: Path) -> Asked:
    path = tmp_path / "bus.toml"
    path.write_text(BUS, encoding="utf-8")
    scenario = load(path)
    teller = Teller(placed(scenario)[0], scenario.start_ns)
    rows: Rows = []
    for said in course(scenario):
        if said.device.device.id != "climate":
            continue
        teller.measured(said)
        [frame] = teller.answer(rtu(7, 0, 2), said.at_ns)
        teller.went(frame.data, heard=True)
        # Read here by hand, as the manual has it: humidity and temperature in tenths.
        humidity, temperature = struct.unpack(">Hh", frame.data[3:7])
        at_ns = teller.told[-1].at_ns // 1_000_000 * 1_000_000
        rows += [("relative_humidity", at_ns, humidity / 10), ("air_temperature", at_ns, temperature / 10)]
    return Asked(teller, rows)


def verdict(asked: Asked, rows: Rows) -> Verdict:
    return judge_told(asked.teller, [], rows)


def test_a_right_lake_is_right_and_one_asked_device_holds_many_different_values(asked: Asked) -> None:
    tally = verdict(asked, asked.rows).tally
    assert (tally.said, tally.stored, tally.once) == (120, 120, 120)
    assert [tally.lost, tally.duplicated, tally.altered, tally.unexpected, tally.unheard] == [0] * 5
    assert len({value for _, _, value in asked.rows}) > 4


def test_one_row_less_is_lost_and_excused_only_when_nobody_could_hear(asked: Asked) -> None:
    missing = asked.rows.pop(40)
    tally = verdict(asked, asked.rows).tally
    assert (tally.lost, tally.unheard, tally.once) == (1, 0, 119)
    around = (missing[1] - SECOND, missing[1] + 5 * SECOND)
    assert judge_told(asked.teller, [around], asked.rows).tally.lost == 0


def test_a_step_of_the_wire_is_altered(asked: Asked) -> None:
    channel, at_ns, value = asked.rows[41]
    asked.rows[41] = (channel, at_ns, value + 0.1)
    tally = verdict(asked, asked.rows).tally
    # Its neighbour may hold that very value, so that one step reads as one too many and one too few.
    assert tally.altered + tally.duplicated + tally.unexpected == 1
    asked.rows[41] = (channel, at_ns, value + 40)
    tally = verdict(asked, asked.rows).tally
    assert (tally.altered, tally.once) == (1, 119)


def test_one_row_more_is_stored_again_and_one_of_another_time_is_unexpected(asked: Asked) -> None:
    assert verdict(asked, [*asked.rows, asked.rows[9]]).tally.duplicated == 1
    channel, at_ns, value = asked.rows[9]
    tally = verdict(asked, [*asked.rows, (channel, at_ns + 60 * SECOND, value)]).tally
    assert (tally.unexpected, tally.duplicated) == (1, 0)


def test_channels_the_emulator_is_not_given_are_counted_and_not_judged(asked: Asked) -> None:
    found = verdict(asked, [*asked.rows, ("dew_point", asked.rows[0][1], 3.0)])
    assert (found.unjudged, found.tally.unexpected) == (1, 0)


def test_a_question_to_another_leaves_a_slave_as_it_was(asked: Asked) -> None:
    before = len(asked.teller.answers)
    assert asked.teller.answer(rtu(8, 0, 2), 0) == ()
    assert len(asked.teller.answers) == before


def test_a_probe_is_asked_for_data_of_the_measurement_before(tmp_path: Path) -> None:
    path = tmp_path / "bus.toml"
    path.write_text(BUS, encoding="utf-8")
    scenario = load(path)
    teller = Teller(placed(scenario)[1], scenario.start_ns)
    said = [each for each in course(scenario) if each.device.device.id == "soil"]
    teller.measured(said[0])
    teller.answer(b"0MC!", said[0].at_ns)
    # The next measurement comes between the question and its data.
    teller.measured(said[40])
    [frame] = teller.answer(b"0D0!", said[0].at_ns + 2 * SECOND)
    teller.went(frame.data, heard=True)
    told = float(frame.data[1:].split(b"+")[2])
    at_ns = teller.told[0].at_ns
    assert abs(told - said[0].sensed["soil_temperature"]) <= 0.051
    rows = [("soil_temperature", at_ns, told), ("soil_counts", at_ns, 2493.4), ("soil_conductivity", at_ns, 22.0)]
    tally = judge_told(teller, [], rows).tally
    assert (tally.once, tally.lost, tally.unexpected) == (3, 0, 0)


def test_a_frame_that_was_cut_need_not_be_read_and_one_that_came_twice_must_be_there_twice(tmp_path: Path) -> None:
    path = tmp_path / "bus.toml"
    path.write_text(BUS, encoding="utf-8")
    scenario = load(path)
    teller = Teller(placed(scenario)[2], scenario.start_ns)
    first, second = [each for each in course(scenario) if each.device.device.id == "dust"][:2]
    rows: Rows = []
    for said, frames in ((first, [first.frames[0].data] * 2), (second, [second.frames[0].data[:4]])):
        teller.measured(said)
        for data in frames:
            teller.went(data, heard=True)
            if len(data) == 10:
                fine = int.from_bytes(data[2:4], "little") / 10
                rows.append(("pm2_5", teller.told[-1].at_ns, fine))
    tally = judge_told(teller, [], rows).tally
    assert (tally.once, tally.duplicated) == (2, 0)
    tally = judge_told(teller, [], rows[:1]).tally
    assert tally.once == 1
    assert tally.lost >= 1


@pytest.mark.parametrize(
    ("unit", "value", "usual"), [("[degF]", 68.0, 20.0), ("kPa", 93.82, 938.2), ("[mi_i]/h", 10.0, 4.4704)]
)
def test_units_of_the_wire(unit: str, value: float, usual: float) -> None:
    assert in_usual_unit("x", unit, value) == pytest.approx(usual)


def test_what_must_be_there_is_never_crowded_out_by_what_need_not() -> None:
    """All alike: four said, the first two perhaps unheard; three stored late enough to be any of them."""
    said, stored = [0, 1, 2, 3], [2, 3, 4]
    pairs = assign(said, stored, 2, lambda *_: True, must={2, 3})
    assert {2, 3} <= set(pairs)
    assert len(pairs) == 3
    assert len(set(pairs.values())) == 3


def test_a_pair_is_made_by_shifting_others() -> None:
    alike = {(0, 0), (0, 1), (1, 0)}
    pairs = assign([0, 1], [0, 1], 5, lambda place, row: (place, row) in alike, must={0, 1})
    assert pairs == {0: 1, 1: 0}
