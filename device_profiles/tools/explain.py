"""Explains a frame: every byte that was read, what it means, and the readings it gives."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any

from device_profiles.engine.profile import Profile
from device_profiles.engine.rows import Decoded, Reading, Row
from device_profiles.engine.state import Span
from device_profiles.rejects import FrameRejected


def explain(
    profile: Profile,
    frame: bytes,
    *,
    port: int | None = None,
    request: str | None = None,
    parameters: Mapping[str, float | str] | None = None,
) -> dict[str, Any]:
    """Decode a frame and keep where each field stood.

    Returns:
        ``profile, frame, fields, rows`` or ``profile, reject``; JSON as it stands.
    """
    spans: list[Span] = []
    result = profile.decode(frame, port=port, request=request, spans=spans)
    if isinstance(result, FrameRejected):
        return {
            "profile": profile.id,
            "reject": {"reason": str(result.reason), "detail": result.detail, "hex": frame.hex()},
        }
    rows = rows_as_json(profile, result, parameters)
    return {
        "profile": profile.id,
        "version": profile.version,
        "frame": result.frame,
        "incomplete": result.incomplete or None,
        "fields": _fields(spans, rows),
        "rows": rows,
    }


def _fields(spans: list[Span], rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Every field with where it stood; with value, unit and flag where it is the one reading of its channel."""
    readings: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        for reading in row["readings"]:
            readings.setdefault(reading["channel"], []).append(reading)
    names = [span.name for span in spans]
    fields = []
    for span in spans:
        field = {"offset": span.offset if span.size else None, "bytes": span.size, "field": span.name, "raw": span.raw}
        given = readings.get(span.name, [])
        if len(given) == 1 and names.count(span.name) == 1:
            kept = ("value", "text", "unit", "flag", "reason", "meaning")
            field |= {key: given[0][key] for key in kept if key in given[0]}
        fields.append(field)
    return fields


def rows_as_json(
    profile: Profile, result: Decoded, parameters: Mapping[str, float | str] | None = None
) -> list[dict[str, Any]]:
    """Rows with their readings, for JSON."""
    values = profile.parameters(parameters)
    rows = []
    for row in result.rows:
        readings = [reading_as_json(profile, reading) for reading in profile.apply(row, values)]
        rows.append({"observed_at_ns": row.observed_at_ns, "age_ns": row.age_ns, "readings": readings})
    return rows


def reading_as_json(profile: Profile, reading: Reading) -> dict[str, Any]:
    """One reading for JSON; a code comes with its meaning."""
    found: dict[str, Any] = {
        "channel": reading.channel,
        "value": reading.value,
        "unit": reading.unit,
        "flag": int(reading.flag),
    }
    if reading.reason:
        found["reason"] = reading.reason
    if reading.text is not None:
        found["text"] = reading.text
    meaning = meaning_of(profile, reading)
    if meaning:
        found["meaning"] = meaning
    return found


def meaning_of(profile: Profile, reading: Reading) -> str:
    """What a code stands for, or nothing."""
    plan = profile.channels.get(reading.channel)
    codes = plan.table.get("codes") if plan is not None else None
    if not codes or reading.value is None or reading.value != int(reading.value):
        return ""
    return str(codes.get(str(int(reading.value)), ""))


def explain_text(profile: Profile, frame: bytes, explained: Mapping[str, Any]) -> str:
    """The same for people: one line a field, then one line a reading."""
    if "reject" in explained:
        reject = explained["reject"]
        return f"{profile.id}: rejected, {reject['reason']}: {reject['detail']}\n  {frame.hex(' ')}"
    lines = [
        f"{profile.id} version {profile.version}, frame {explained['frame']}",
        "",
        f"  {'offset':>6}  {'bytes':<24}  {'field':<28} {'raw':<14} value",
    ]
    for field in explained["fields"]:
        offset = "" if field["offset"] is None else str(field["offset"])
        raw_bytes = "" if field["offset"] is None else _bytes(profile, frame, field["offset"], field["bytes"])
        value = f" {_value(field)}" if "flag" in field else ""
        lines.append(f"  {offset:>6}  {raw_bytes:<24}  {field['field']:<28} {field['raw']!s:<14}{value}".rstrip())
    for row in explained["rows"]:
        lines.append("")
        if row["observed_at_ns"] is not None or row["age_ns"] is not None:
            lines.append(
                f"  observed at {iso(row['observed_at_ns'])}"
                if row["observed_at_ns"] is not None
                else f"  measured {row['age_ns'] / 1e9:g} s before"
            )
        lines.extend(_reading_line(reading) for reading in row["readings"])
    if explained["incomplete"]:
        lines.extend(["", f"  not read: {explained['incomplete']}"])
    return "\n".join(lines)


def _reading_line(reading: Mapping[str, Any]) -> str:
    return f"  {reading['channel']:<30} {_value(reading, 16)}"


def _value(reading: Mapping[str, Any], width: int = 0) -> str:
    value = reading.get("text", "-" if reading["value"] is None else f"{reading['value']:.10g}")
    tail = f"  flag {reading['flag']} {reading['reason']}" if reading.get("reason") else ""
    meaning = f"  ({reading['meaning']})" if reading.get("meaning") else ""
    unit = "" if reading["unit"] == "1" else f" {reading['unit']}"
    return f"{value:>{width}}{unit}{meaning}{tail}"


def iso(time_ns: int) -> str:
    """A time in nanoseconds as people write it."""
    seconds, rest = divmod(time_ns, 1_000_000_000)
    stamp = dt.datetime.fromtimestamp(0, dt.UTC) + dt.timedelta(seconds=seconds)
    fraction = f".{rest:09d}".rstrip("0") if rest else ""
    return f"{stamp:%Y-%m-%dT%H:%M:%S}{fraction}Z"


def _bytes(profile: Profile, frame: bytes, offset: int, size: int) -> str:
    payload = profile.unwrap(frame)
    data, end = (frame, len(frame)) if isinstance(payload, FrameRejected) else (payload.data, payload.end)
    # What MAVLink 2 left out as zeros has no bytes; behind the payload the checksum stands.
    part = data[offset : min(offset + size, end)]
    text = (
        part.decode("ascii")
        if part.isascii()
        and part.decode("ascii").isprintable()
        and size
        and profile.transport in ("ascii", "sdi-12", "ve.direct", "iio", "hwmon", "w1", "nmea")
        else part.hex(" ")
    )
    return text if len(text) <= 24 else f"{text[:21]}..."


def jsonl(
    profile: Profile,
    result: Decoded | FrameRejected,
    *,
    index: int,
    parameters: Mapping[str, float | str] | None = None,
) -> list[str]:
    """One JSON line a reading or reject."""
    if isinstance(result, FrameRejected):
        return [
            json.dumps(
                {"frame": index, "reject": str(result.reason), "detail": result.detail, "hex": result.data.hex()}
            )
        ]
    lines: list[str] = []
    values = profile.parameters(parameters)
    for row in result.rows:
        for reading in profile.apply(row, values):
            found = {"frame": index, "kind": result.frame, **_times(row), **reading_as_json(profile, reading)}
            lines += [json.dumps(found)]
    return lines


def _times(row: Row) -> dict[str, int | str]:
    times: dict[str, int | str] = {}
    if row.observed_at_ns is not None:
        times |= {"observed_at": iso(row.observed_at_ns), "observed_at_ns": row.observed_at_ns}
    if row.age_ns is not None:
        times["age_ns"] = row.age_ns
    return times
