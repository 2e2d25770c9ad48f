"""Faults: each does what its name says, where and when it is told to, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.faults.bytes import ByteFault, resampled
from simulators.faults.clock import ClockFault
from simulators.faults.schedule import Schedule
from simulators.faults.sensor import SensorFault
from simulators.frames import Frame
from simulators.scenario.model import BYTE_FAULTS, CLOCK_FAULTS, SENSOR_FAULTS
from simulators.world.streams import stream

SECOND_NS = 1_000_000_000
TIMES = np.arange(100, dtype=np.int64) * SECOND_NS
VALUES = 20.0 + np.sin(np.arange(100) / 7.0)
WHEN = Schedule(40 * SECOND_NS, 20 * SECOND_NS)
FRAME = Frame(b'{"time":1,"air_temperature":21.50}\r\n')


@pytest.mark.parametrize("kind", SENSOR_FAULTS)
def test_sensor_fault_strikes_in_its_time_alone(kind: str) -> None:
    fault = SensorFault(kind, "air_temperature", WHEN)
    out, struck = fault.apply("air_temperature", VALUES, TIMES, stream(1, kind))
    assert struck.tolist() == [40 <= place < 60 for place in range(100)]
    assert np.array_equal(out[~struck], VALUES[~struck])
    assert not np.array_equal(out[struck], VALUES[struck], equal_nan=True)
    other, missed = fault.apply("wind_speed", VALUES, TIMES, stream(1, kind))
    assert other is VALUES
    assert not missed.any()


def test_each_sensor_fault_does_what_its_name_says() -> None:
    def spoilt(kind: str, size: float | None = None) -> list[float]:
        out, struck = SensorFault(kind, "", WHEN, size).apply("air_temperature", VALUES, TIMES, stream(1, kind))
        return list(out[struck].tolist())

    assert np.isnan(spoilt("dropout")).all()
    assert set(spoilt("stuck")) == {VALUES[40]}
    assert set(spoilt("sentinel", -40.0)) == {-40.0}
    assert np.abs(np.array(spoilt("spike", 5.0)) - VALUES[40:60]) == pytest.approx(5.0)
    assert spoilt("drift", 36.0)[10] == pytest.approx(VALUES[50] + 0.1)
    assert spoilt("unit_flip")[0] == pytest.approx(VALUES[40] * 1.8 + 32.0)


def test_stuck_sensor_stays_stuck_over_chunks_and_sticks_anew_in_the_next_round() -> None:
    fault = SensorFault("stuck", "", Schedule(40 * SECOND_NS, 20 * SECOND_NS, 50 * SECOND_NS))
    first, _ = fault.apply("x", VALUES[:50], TIMES[:50], stream(1))
    second, _ = fault.apply("x", VALUES[50:], TIMES[50:], stream(1))
    whole = np.concatenate([first, second])
    assert set(whole[40:60].tolist()) == {VALUES[40]}
    assert set(whole[90:].tolist()) == {VALUES[90]}


@pytest.mark.parametrize("kind", BYTE_FAULTS)
def test_byte_fault_strikes_in_its_time_alone(kind: str) -> None:
    fault, draws = ByteFault(kind, WHEN), stream(2, kind)
    said: list[bytes] = []
    for at_ns in TIMES.tolist():
        frames, struck = fault.apply([Frame(b"%03d\n" % (at_ns // SECOND_NS))], at_ns, draws)
        assert struck == (40 <= at_ns // SECOND_NS < 60)
        said += [frame.data for frame in frames]
    said += [frame.data for frame in fault.rest()]
    plain = [b"%03d\n" % number for number in range(100)]
    assert said[:40] == plain[:40]
    assert said[-40:] == plain[-40:]
    assert said != plain


def test_each_byte_fault_does_what_its_name_says() -> None:
    def spoilt(kind: str, size: float | None = None) -> list[bytes]:
        frames, _ = ByteFault(kind, Schedule(0), size).apply([FRAME, Frame(b"second\n")], 0, stream(3, kind))
        return [frame.data for frame in frames]

    flipped = int.from_bytes(spoilt("flip", 1)[0]) ^ int.from_bytes(FRAME.data)
    assert flipped.bit_count() == 1
    assert FRAME.data.startswith(spoilt("cut")[0])
    assert spoilt("duplicate") == [FRAME.data] * 2 + [b"second\n"] * 2
    assert spoilt("reorder") == [b"second\n", FRAME.data]
    assert len(spoilt("interleave")[0]) > len(FRAME.data)


@given(st.binary(min_size=1, max_size=80))
def test_right_baud_reads_every_byte_and_a_wrong_one_none_of_a_text(data: bytes) -> None:
    assert resampled(data, 1.0) == data
    assert resampled(b"$GNRMC,123519", 2.0) != b"$GNRMC,123519"


@pytest.mark.parametrize("kind", CLOCK_FAULTS)
def test_clock_fault_strikes_in_its_time_alone(kind: str) -> None:
    fault = ClockFault(kind, WHEN)
    now_ns = 1_780_272_000_000_000_000
    for since_ns in TIMES.tolist():
        shown = fault.shown_ns(now_ns + since_ns, since_ns)
        assert (shown is not None) == (40 <= since_ns // SECOND_NS < 60)


def test_each_clock_fault_does_what_its_name_says() -> None:
    def shown(kind: str, size: float | None = None) -> int:
        found = ClockFault(kind, Schedule(0), size).shown_ns(1_780_272_100 * SECOND_NS, 100 * SECOND_NS)
        assert found is not None
        return found - 1_780_272_100 * SECOND_NS

    assert shown("skew", 50.0) == 5_000_000
    assert shown("step", -60.0) == -60 * SECOND_NS
    assert shown("unset", 0.0) == (100 - 1_780_272_100) * SECOND_NS
    assert shown("rollover") == -1024 * 7 * 86_400 * SECOND_NS
