"""Tables of readings with a time column, said again as JSON lines."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Final

from simulators.recordings.model import Piece, Recording, RecordingError

_TIME_NAMES: Final = ("time", "timestamp", "datetime", "date_time", "date")
_NUMBER: Final = re.compile(r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$")
_EPOCH: Final = re.compile(r"^\d{9,10}(\.\d+)?$")
_TIME_FIELD: Final = re.compile(rb'"time":"([^"]+)"')
_SEPARATORS: Final = ",;\t|"


def read(path: Path, time_column: str = "") -> Recording:
    """A table as one JSON line a row: its time, and every field that is a number as it is written.

    Times without a zone are UTC. Rows that do not tell a time, and rows that go back in time, are put in order.

    Raises:
        RecordingError: No column tells the time.
    """
    text = path.read_text(encoding="utf-8-sig", errors="replace")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if len(lines) < 2:
        raise RecordingError(f"{path}: no header and rows")
    separator = max(_SEPARATORS, key=lines[0].count)
    rows = csv.DictReader(io.StringIO("\n".join(lines)), delimiter=separator, skipinitialspace=True)
    names = [name.strip() for name in rows.fieldnames or ()]
    column = time_column or next((name for name in names if name.lower() in _TIME_NAMES), "")
    if column not in names:
        raise RecordingError(
            f"{path}: no column {column or 'with a usual name'!r} for the time; its columns are {', '.join(names)}; "
            "name one with --time-column"
        )
    found = [(at, row) for row in rows if (at := _instant((row.get(column) or "").strip())) is not None]
    if not found:
        raise RecordingError(f"{path}: nothing in column {column!r} is an ISO 8601 time or Unix seconds")
    found.sort(key=lambda pair: pair[0])
    began = found[0][0]
    pieces = tuple(Piece(_ns(at - began), _line(at, row, column)) for at, row in found)
    steps = [later.at_ns - earlier.at_ns for earlier, later in pairwise(pieces)]
    length_ns = pieces[-1].at_ns + min((step for step in steps if step), default=1_000_000_000)
    return Recording("csv", pieces, length_ns, _ns(began - datetime(1970, 1, 1, tzinfo=UTC)), rebase)


def rebase(data: bytes, shift_ns: int) -> bytes:
    """Move the time of a line."""
    match = _TIME_FIELD.search(data)
    at = None if match is None else _instant(match[1].decode("ascii"))
    if match is None or at is None:
        return data
    moved = _word(at + timedelta(microseconds=shift_ns // 1000))
    return data[: match.start(1)] + moved.encode("ascii") + data[match.end(1) :]


def _line(at: datetime, row: dict[str, str], column: str) -> bytes:
    fields = [f'"time":"{_word(at)}"']
    for name, text in row.items():
        value = text.strip() if isinstance(text, str) else ""
        if name is not None and name != column and _NUMBER.match(value):
            # As written, digit by digit, in the form JSON allows.
            fields.append(f"{json.dumps(name.strip())}:{_json_number(value)}")
    return ("{" + ",".join(fields) + "}\n").encode("utf-8")


def _json_number(text: str) -> str:
    sign = "-" if text.startswith("-") else ""
    digits = text.lstrip("+-")
    whole, point, rest = digits.partition(".")
    fraction, mark, exponent = rest.partition("e" if "e" in rest else "E")
    if not point:
        whole, mark, exponent = digits.partition("e" if "e" in digits else "E")
        fraction = ""
    whole = whole.lstrip("0") or "0"
    return sign + whole + (f".{fraction}" if fraction else "") + (f"e{exponent}" if mark else "")


def _instant(text: str) -> datetime | None:
    if _EPOCH.match(text):
        whole, _, fraction = text.partition(".")
        return datetime.fromtimestamp(int(whole), UTC) + timedelta(microseconds=int((fraction + "000000")[:6]))
    try:
        at = datetime.fromisoformat(text.replace("/", "-"))
    except ValueError:
        return None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _word(at: datetime) -> str:
    return at.isoformat(timespec="microseconds" if at.microsecond else "seconds").replace("+00:00", "Z")


def _ns(span: timedelta) -> int:
    return span // timedelta(microseconds=1) * 1000
