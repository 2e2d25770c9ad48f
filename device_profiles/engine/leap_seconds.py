"""GPS counts every second since 1980, UTC repeats some: the difference by date (IERS Bulletin C)."""

from __future__ import annotations

from bisect import bisect_right
from typing import Final

_NS: Final = 1_000_000_000
_BEGINS_S: Final = (
    362_793_600,  # 1981-07-01
    394_329_600,  # 1982-07-01
    425_865_600,  # 1983-07-01
    489_024_000,  # 1985-07-01
    567_993_600,  # 1988-01-01
    631_152_000,  # 1990-01-01
    662_688_000,  # 1991-01-01
    709_948_800,  # 1992-07-01
    741_484_800,  # 1993-07-01
    773_020_800,  # 1994-07-01
    820_454_400,  # 1996-01-01
    867_715_200,  # 1997-07-01
    915_148_800,  # 1999-01-01
    1_136_073_600,  # 2006-01-01
    1_230_768_000,  # 2009-01-01
    1_341_100_800,  # 2012-07-01
    1_435_708_800,  # 2015-07-01
    1_483_228_800,  # 2017-01-01
)
"""Unix seconds from which one more leap second counts; none is planned after the last."""
_GPS_NS: Final = tuple((begin + count + 1) * _NS for count, begin in enumerate(_BEGINS_S))


def utc_of_gps(time_ns: int) -> int:
    """Unix time, in nanoseconds, of GPS time that was counted on from 1970 without leap seconds."""
    return time_ns - bisect_right(_GPS_NS, time_ns) * _NS
