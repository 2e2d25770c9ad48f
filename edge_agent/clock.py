"""What the agent knows of time: wall clock, time since boot, and how far the wall clock can be trusted."""

from __future__ import annotations

import ctypes
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from device_profiles.wire.model import ClockSection, ClockState

PLAUSIBLE_FROM_NS: Final = 1_577_836_800 * 1_000_000_000
"""2020-01-01: a wall clock before it was never set. [ns]."""
ERROR_UNKNOWN_NS: Final = 365 * 86_400 * 1_000_000_000
"""Estimated error of a clock that nothing has set. [ns]."""
RTC_ERROR_NS: Final = 60 * 1_000_000_000
"""A cheap clock chip drifts about a second a day; nobody knows for how many days. [ns]."""
STATE_KEPT_S: Final = 5.0
"""The kernel is asked for the state at most this often. [s]."""

BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
RTC: Final = Path("/sys/class/rtc")

_STA_UNSYNC: Final = 0x0040
_TIME_ERROR: Final = 5


class Clock(Protocol):
    """Time as its users need it; passed in, so that a test can be its own clock."""

    def wall_ns(self) -> int:
        """UTC Unix time; may step. [ns]."""
        ...

    def boottime_ns(self) -> int:
        """Time since boot, sleep included; never steps. [ns]."""
        ...

    def monotonic_s(self) -> float:
        """For deadlines. [s]."""
        ...

    def section(self) -> ClockSection:
        """Both clocks at one instant, with the state of the wall clock."""
        ...


class _Timex(ctypes.Structure):
    """``struct timex`` of adjtimex(2), up to the fields that are read; the kernel writes all of its 208 bytes."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 256),
    )


@dataclass(slots=True)
class SystemClock:
    """The machine's clocks.

    Attributes:
        boot_id: First 8 bytes of the kernel's id of this boot.
        has_rtc: Whether the kernel set the wall clock from a clock chip at boot.
    """

    boot_id: bytes = field(default_factory=lambda: read_boot_id(BOOT_ID))
    has_rtc: bool = field(default_factory=lambda: set_from_rtc(RTC))
    _known: tuple[ClockState, int] = (ClockState.UNSET, ERROR_UNKNOWN_NS)
    _known_until_s: float = 0.0

    def wall_ns(self) -> int:
        """UTC Unix time; may step. [ns]."""
        return time.time_ns()

    def boottime_ns(self) -> int:
        """Time since boot, sleep included; never steps. [ns]."""
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME)

    def monotonic_s(self) -> float:
        """For deadlines. [s]."""
        return time.monotonic()

    def section(self) -> ClockSection:
        """Both clocks at one instant, to the millisecond (finer would cost bytes and say nothing)."""
        wall_ns = self.wall_ns() // 1_000_000 * 1_000_000
        boottime_ns = self.boottime_ns() // 1_000_000 * 1_000_000
        state, error_ns = self._state(wall_ns)
        return ClockSection(self.boot_id, boottime_ns, wall_ns, state, error_ns)

    def _state(self, wall_ns: int) -> tuple[ClockState, int]:
        now_s = time.monotonic()
        if now_s >= self._known_until_s:
            self._known = judge(wall_ns, kernel=ask_kernel(), has_rtc=self.has_rtc)
            self._known_until_s = now_s + STATE_KEPT_S
        return self._known


def judge(wall_ns: int, *, kernel: tuple[bool, int], has_rtc: bool) -> tuple[ClockState, int]:
    """How far a wall clock can be trusted.

    Args:
        wall_ns: What it shows. [ns]
        kernel: Whether the kernel counts it as synchronised, and its bound of the error. [ns]
        has_rtc: Whether a clock chip set it at boot.

    Returns:
        State and estimated error. [ns]
    """
    synchronised, error_ns = kernel
    if wall_ns < PLAUSIBLE_FROM_NS:
        return ClockState.UNSET, ERROR_UNKNOWN_NS
    if synchronised:
        return ClockState.NTP, error_ns
    return (ClockState.RTC, RTC_ERROR_NS) if has_rtc else (ClockState.UNSET, ERROR_UNKNOWN_NS)


def ask_kernel() -> tuple[bool, int]:
    """Whether some time service keeps the clock, and the bound of its error; (False, 0) where it does not say."""
    try:
        adjtimex = ctypes.CDLL(None, use_errno=True).adjtimex
    except (OSError, AttributeError):
        return False, 0
    timex = _Timex()
    state = int(adjtimex(ctypes.byref(timex)))
    if state in {-1, _TIME_ERROR} or timex.status & _STA_UNSYNC:
        return False, 0
    return True, int(timex.maxerror) * 1000


def read_boot_id(path: Path) -> bytes:
    """First 8 bytes of the kernel's random id of this boot."""
    return bytes.fromhex(path.read_text(encoding="ascii").strip().replace("-", ""))[:8]


def set_from_rtc(path: Path) -> bool:
    """Whether the kernel set the wall clock from a clock chip at boot."""
    try:
        return any((each / "hctosys").read_text(encoding="ascii").strip() == "1" for each in path.iterdir())
    except OSError:
        return False
