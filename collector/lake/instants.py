"""Instants as people write them: ISO 8601 with a zone, or how long ago."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from collector.lake.errors import QueryRefused

_UNITS_S: Final = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}
_RELATIVE: Final = re.compile(r"-?(\d{1,9})(s|min|m|h|d|w)")
_ISO: Final = re.compile(
    r"(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2})?)(?:\.(\d{1,9}))?)?\s*(Z|[+-]\d{2}:?\d{2})?", re.IGNORECASE
)
NS: Final = 10**9


def parse_instant(text: str, now_ns: int) -> int:
    """UTC Unix time, in nanoseconds, of what was written.

    Args:
        text: ``2026-11-23T14:00:00.250+05:30``, ``2026-11-23Z``, ``-90min``, ``2h`` (two hours ago) or ``now``.
        now_ns: What relative instants count back from, UTC Unix time. [ns]

    Raises:
        QueryRefused: It is none of these, or its zone is missing.
    """
    word = text.strip()
    if word.lower() == "now":
        return now_ns
    if relative := _RELATIVE.fullmatch(word):
        return now_ns - int(relative[1]) * _UNITS_S[relative[2]] * NS
    iso = _ISO.fullmatch(word)
    if iso is None:
        raise QueryRefused(f"no instant: {text!r}; write 2026-11-23T14:00+05:30, 2026-11-23T08:30Z, -2h or now")
    day, clock, fraction, zone = iso.groups()
    if zone is None:
        raise QueryRefused(f"no zone in {text!r}; add Z for UTC or an offset such as +05:30")
    try:
        moment = datetime.fromisoformat(f"{day}T{clock or '00:00'}{zone.upper()}")
        seconds = int(moment.timestamp())
    except (ValueError, OverflowError) as exc:
        raise QueryRefused(f"no instant: {text!r}: {exc}") from exc
    return seconds * NS + int((fraction or "").ljust(9, "0") or 0)


def iso_text(instant_ns: int) -> str:
    """ISO 8601 in UTC with as many decimals as the instant has (none, 3, 6 or 9)."""
    seconds, rest = divmod(instant_ns, NS)
    moment = datetime.fromtimestamp(0, tz=UTC) + timedelta(seconds=seconds)
    text = moment.strftime("%Y-%m-%dT%H:%M:%S")
    digits = f"{rest:09d}"
    if rest:
        digits = digits[: 3 if digits.endswith("000000") else 6 if digits.endswith("000") else 9]
        text += f".{digits}"
    return text + "Z"
