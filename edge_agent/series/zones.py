"""Time zones of files: a fixed offset, or a place whose clocks change."""

from __future__ import annotations

import datetime as dt
import re
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_OFFSET: Final = re.compile(r"([+-])(\d\d):?(\d\d)?", re.ASCII)


class ZoneUnknown(ValueError):
    """No such zone; says what to write."""


def zone(text: str) -> dt.tzinfo:
    """The zone of ``+05:30``, ``Z``, ``UTC`` or ``Asia/Kolkata``.

    Raises:
        ZoneUnknown: It is none.
    """
    if text in {"Z", "UTC"}:
        return dt.UTC
    match = _OFFSET.fullmatch(text)
    if match is not None:
        minutes = int(match[2]) * 60 + int(match[3] or 0)
        if minutes < 24 * 60:
            return dt.timezone(dt.timedelta(minutes=-minutes if match[1] == "-" else minutes))
    else:
        try:
            return ZoneInfo(text)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            pass
    raise ZoneUnknown(f"no zone {text!r}; write an offset such as +05:30, UTC, or a place such as Asia/Kolkata")
