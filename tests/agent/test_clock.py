"""The state of the clock, and what a step of it does to the blocks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from device_profiles.wire.model import ClockSection, ClockState
from edge_agent.clock import PLAUSIBLE_FROM_NS, SystemClock, judge, set_from_rtc

SECOND_NS = 10**9
NOW_NS = PLAUSIBLE_FROM_NS + 7 * 365 * 86_400 * SECOND_NS


@dataclass
class SetClock:
    """A clock that shows what the test says."""

    wall: int = NOW_NS
    boot: int = 1000 * SECOND_NS
    state: ClockState = ClockState.NTP

    def wall_ns(self) -> int:
        return self.wall

    def boottime_ns(self) -> int:
        return self.boot

    def monotonic_s(self) -> float:
        return self.boot / SECOND_NS

    def section(self) -> ClockSection:
        return ClockSection(b"bootboot", self.boot, self.wall, self.state, 0)

    def pass_ns(self, ns: int) -> None:
        self.wall += ns
        self.boot += ns


def test_a_year_before_2020_is_unset_whatever_the_kernel_says() -> None:
    for synchronised in (True, False):
        state, error_ns = judge(PLAUSIBLE_FROM_NS - 1, kernel=(synchronised, 5), has_rtc=True)
        assert state is ClockState.UNSET
        assert error_ns > 300 * 86_400 * SECOND_NS


def test_synchronised_chip_and_neither() -> None:
    assert judge(NOW_NS, kernel=(True, 1234), has_rtc=False) == (ClockState.NTP, 1234)
    assert judge(NOW_NS, kernel=(False, 0), has_rtc=True)[0] is ClockState.RTC
    assert judge(NOW_NS, kernel=(False, 0), has_rtc=False)[0] is ClockState.UNSET


def test_the_chip_counts_only_when_the_kernel_set_the_clock_from_it(tmp_path: Path) -> None:
    assert not set_from_rtc(tmp_path / "none")
    (tmp_path / "rtc0").mkdir()
    (tmp_path / "rtc0" / "hctosys").write_text("0\n", encoding="ascii")
    assert not set_from_rtc(tmp_path)
    (tmp_path / "rtc0" / "hctosys").write_text("1\n", encoding="ascii")
    assert set_from_rtc(tmp_path)


def test_the_machines_clock_gives_both_times_of_one_instant() -> None:
    clock = SystemClock()
    section = clock.section()
    assert section.boot_id == clock.boot_id
    assert len(section.boot_id) == 8
    assert abs(section.wall_ns - clock.wall_ns()) < SECOND_NS
    assert abs(section.boottime_ns - clock.boottime_ns()) < SECOND_NS
    assert section.wall_ns % 1_000_000 == 0
