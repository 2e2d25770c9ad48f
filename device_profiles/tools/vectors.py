"""Runs the test vectors a profile carries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from device_profiles import catalogue
from device_profiles.engine.profile import Profile
from device_profiles.engine.rows import Decoded, Reading, Row
from device_profiles.quality import Flag
from device_profiles.rejects import FrameRejected

NS_PER_S: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class VectorResult:
    """Outcome of one vector.

    Attributes:
        profile: Profile id.
        name: Name or number of the vector.
        faults: What differs; empty when it passed.
    """

    profile: str
    name: str
    faults: tuple[str, ...]


def run_profile(profile: str | Path) -> list[VectorResult]:
    """Run every vector of a profile.

    Raises:
        ProfileError: The profile cannot be used.
    """
    loaded = catalogue.load(profile)
    variants = {"": loaded, loaded.variant: loaded}
    results = []
    for index, test in enumerate(loaded.document.get("tests") or []):
        variant = str(test.get("variant") or "")
        if variant not in variants:
            variants[variant] = catalogue.load(profile, variant=variant)
        name = str(test.get("name") or f"test {index + 1}")
        results.append(VectorResult(loaded.id, name, tuple(run_vector(variants[variant], test))))
    return results


def run_vector(profile: Profile, test: Mapping[str, Any]) -> Iterator[str]:
    """What differs between a vector and what the profile decodes."""
    result = decode_vector(profile, test)
    if test.get("reject") is not None:
        if isinstance(result, Decoded):
            yield f"expected reject {test['reject']!r}, but frame {result.frame!r} was decoded"
        elif result.reason != test["reject"]:
            yield f"expected reject {test['reject']!r}, got {result}"
        return
    if isinstance(result, FrameRejected):
        yield f"rejected: {result}"
        return
    parameters = profile.parameters(
        {
            name: value if isinstance(value, str) else float(value)
            for name, value in (test.get("parameters") or {}).items()
        }
    )
    rows = [{reading.channel: reading for reading in profile.apply(row, parameters)} for row in result.rows]
    expected_rows = test.get("rows")
    if expected_rows is None:
        merged = {channel: reading for row in rows for channel, reading in row.items()}
        yield from _differences(profile, merged, test.get("expect") or {})
        yield from (
            f"{channel} is there, but must be absent" for channel in test.get("absent") or [] if channel in merged
        )
        return
    if len(expected_rows) != len(rows):
        yield f"expected {len(expected_rows)} rows, got {len(rows)}"
    for index, (expected, readings, row) in enumerate(zip(expected_rows, rows, result.rows, strict=False)):
        for fault in (
            *_time_differences(row, expected),
            *_differences(
                profile, readings, {key: value for key, value in expected.items() if key not in ("at", "age_s")}
            ),
        ):
            yield f"row {index + 1}: {fault}"


def decode_vector(profile: Profile, test: Mapping[str, Any]) -> Decoded | FrameRejected:
    """Decode a vector's bytes, text or registers."""
    request = test.get("request")
    if test.get("registers") is not None:
        return profile.decode_registers(str(request or ""), [int(item) for item in test["registers"]])
    frame = (
        bytes.fromhex(test["hex"])
        if test.get("hex") is not None
        else str(test.get("text") or "").encode("latin-1", "replace")
    )
    return profile.decode(frame, port=test.get("port"), request=None if request is None else str(request))


def _time_differences(row: Row, expected: Mapping[str, Any]) -> Iterator[str]:
    if "at" in expected:
        wanted = datetime.fromisoformat(str(expected["at"]))
        wanted_ns = int(wanted.timestamp()) * NS_PER_S + wanted.microsecond * 1000
        if row.observed_at_ns != wanted_ns:
            yield f"observed at {row.observed_at_ns} ns, expected {wanted_ns}"
    if "age_s" in expected and row.age_ns != int(Decimal(str(expected["age_s"])) * NS_PER_S):
        yield f"age is {row.age_ns} ns, expected {expected['age_s']} s"


def _differences(profile: Profile, readings: Mapping[str, Reading], expected: Mapping[str, Any]) -> Iterator[str]:
    for channel, wanted in expected.items():
        reading = readings.get(channel)
        if reading is None:
            yield f"{channel} is absent, expected {_show(wanted)}"
        elif isinstance(wanted, dict):
            yield from _flag_differences(profile, reading, wanted)
        elif isinstance(wanted, str):
            if reading.text != wanted:
                yield f"{channel} is {reading.text!r}, expected {wanted!r}"
        elif reading.value is None:
            yield f"{channel} is {reading.flag.name.lower()} ({reading.reason}), expected {wanted}"
        elif abs(reading.value - float(wanted)) > tolerance(profile, channel, float(wanted)):
            yield f"{channel} is {reading.value!r} {reading.unit}, expected {wanted}"


def _flag_differences(profile: Profile, reading: Reading, wanted: Mapping[str, Any]) -> Iterator[str]:
    flag = Flag(int(wanted.get("flag", Flag.MISSING)))
    if reading.flag is not flag or (wanted.get("reason") and reading.reason != wanted["reason"]):
        expected = f"{int(flag)} {wanted.get('reason', '')!r}"
        yield f"{reading.channel} is flagged {int(reading.flag)} {reading.reason!r}, expected {expected}"
    value = wanted.get("value")
    if value is None:
        if flag in (Flag.MISSING, Flag.FAIL) and reading.value is not None:
            yield f"{reading.channel} has the number {reading.value!r}, expected none"
    elif reading.value is None or abs(reading.value - float(value)) > tolerance(profile, reading.channel, float(value)):
        yield f"{reading.channel} is {reading.value!r}, expected {value}"


def tolerance(profile: Profile, channel: str, wanted: float) -> float:
    """Half a resolution, or a millionth where the channel has none."""
    resolution = profile.channels[channel].resolution if channel in profile.channels else None
    return resolution / 2 if resolution else max(abs(wanted) * 1e-6, 1e-9)


def _show(wanted: Any) -> str:  # noqa: ANN401
    return str(dict(wanted)) if isinstance(wanted, dict) else str(wanted)
