"""Fields and frames: units, overlaps, scales, and frames or cases that are never reached."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from device_profiles.errors import nearest
from device_profiles.language.findings import Document, Finding, all_fields
from device_profiles.language.lines import Path
from device_profiles.quality import REASONS
from device_profiles.quantities import QUANTITIES
from device_profiles.units import UNITS, UnitError, converter, unit


def findings(document: Document) -> Iterator[Finding]:
    """Findings about ``[[frames]]`` and ``[[requests]]``."""
    for path, table in all_fields(document):
        yield from _field(path, table, document)
    yield from _resolutions(document)
    yield from _unreachable(document)
    yield from _requests(document)
    yield from _probes(document)


def _probes(document: Document) -> Iterator[Finding]:
    seen: dict[str, str] = {}
    variants = document.get("variants") or []
    for index, variant in enumerate(variants):
        probe = variant.get("probe")
        if probe is None:
            continue
        if not probe.get("match") and probe.get("length") is None:
            yield ("variants", index), "error", f"the probe of {variant['name']} takes any answer", "match or length"
        key = repr({name: value for name, value in probe.items() if value})
        if key in seen:
            yield (
                ("variants", index),
                "error",
                f"variant {variant['name']} is never told: {seen[key]} has the same probe",
                "",
            )
        seen.setdefault(key, str(variant["name"]))


def _field(path: Path, table: dict[str, Any], document: Document) -> Iterator[Finding]:
    name = str(table["name"])
    for item in table.get("missing") or []:
        reason = item.get("reason", "invalid") if isinstance(item, dict) else "invalid"
        if reason not in REASONS:
            yield (
                path,
                "error",
                f"field {name}: no reason {reason!r}",
                nearest(reason, REASONS, cutoff=0.3, otherwise=f"reasons: {', '.join(REASONS)}"),
            )
    channel = document["channels"].get(name)
    units = [table.get("unit"), *(table.get("suffix") or {}).values(), *(table.get("units") or {}).values()]
    for code in units:
        if not code:
            continue
        if code not in UNITS:
            yield (
                path,
                "error",
                f"field {name}: unit {code!r} is no UCUM code of the table",
                nearest(code, UNITS, count=3, cutoff=0.3),
            )
        elif channel is not None:
            yield from _unit_fits(path, name, code, channel)


def _unit_fits(path: Path, name: str, code: str, channel: dict[str, Any]) -> Iterator[Finding]:
    quantity = QUANTITIES.get(str(channel.get("quantity") or name))
    target = channel.get("raw_unit") or (
        None if channel.get("transform") else channel.get("unit") or (quantity.unit if quantity else None)
    )
    try:
        if target and unit(code).dimension != unit(str(target)).dimension:
            yield path, "error", f"field {name} comes in {code}, which cannot become {target}", ""
    except UnitError:
        return


def _resolutions(document: Document) -> Iterator[Finding]:
    """The smallest step a channel's fields come in, against the resolution it states: vectors are equal within half."""
    steps: dict[str, tuple[float, Path]] = {}
    for path, table in all_fields(document, unrolled=True):
        name = str(table["name"])
        step = _step(name, table, document, text=_is_text(document["frames"][path[1]]))
        if step is not None and (name not in steps or step < steps[name][0]):
            steps[name] = (step, path)
    for name, (step, path) in steps.items():
        stated = (document["channels"].get(name) or {}).get("resolution")
        if stated is None or not step:
            continue
        if float(stated) < step * 0.7:
            what = f"field {name} comes in steps of {step:g}, but its channel states a resolution of {float(stated):g}"
            yield path, "warning", what, f"resolution = {step:g}, or another scale"
        elif float(stated) > step * 21:
            what = f"channel {name} states a resolution of {float(stated):g}; its field comes in steps of {step:g}"
            yield path, "warning", what, "the vectors of this file would not notice wrong digits"


def _is_text(frame: dict[str, Any]) -> bool:
    return bool(frame.get("text")) and frame["text"].get("kind") != "hex"


def _step(name: str, table: dict[str, Any], document: Document, *, text: bool) -> float | None:
    """What one count of a whole number is in the channel's unit; 0 where nothing can be said."""
    channel = document["channels"].get(name)
    if channel is None:
        return None
    kind = str(table.get("type") or "")
    whole = table.get("of") is not None or (
        table.get("value") is None and not kind.startswith(("f", "text", "hex:", "dotted"))
    )
    if not whole or (text and kind in ("", "number", "ddmm")) or channel.get("transform"):
        return 0.0
    if table.get("exponent_from") or table.get("unit_from"):
        return 0.0
    step = abs(float(table.get("scale") or 1)) / int(table.get("divide") or 1)
    return step * _size_in_channel(name, table, channel)


def _size_in_channel(name: str, table: dict[str, Any], channel: dict[str, Any]) -> float:
    quantity = QUANTITIES.get(str(channel.get("quantity") or name))
    target = str(channel.get("unit") or (quantity.unit if quantity else "1"))
    source = str(table.get("unit") or channel.get("raw_unit") or target)
    try:
        convert = converter(source, target)
    except UnitError:
        return 0.0
    return abs(convert(1.0) - convert(0.0))


def _unreachable(document: Document) -> Iterator[Finding]:
    frames = document.get("frames") or []
    for later_index, later in enumerate(frames):
        for earlier in frames[:later_index]:
            if _covers(earlier, later):
                yield (
                    ("frames", later_index),
                    "error",
                    f"frame {later['name']} is never reached: {earlier['name']} before it takes all of its frames",
                    "narrow the first one's when",
                )
                break


def _covers(earlier: dict[str, Any], later: dict[str, Any]) -> bool:
    if earlier.get("variants") or (earlier.get("request") and earlier.get("request") != later.get("request")):
        return False
    first, second = earlier.get("when") or {}, later.get("when") or {}
    if any(first.get(key) != second.get(key) and first.get(key) for key in ("match", "starts", "contains", "columns")):
        return False
    for key in ("port", "id"):
        if first.get(key) is not None and not (second.get(key) is not None and _set(second[key]) <= _set(first[key])):
            return False
    if earlier.get("request"):
        return first == second
    low, high = _limits(first.get("length"))
    other_low, other_high = _limits(second.get("length"))
    return low <= other_low and other_high <= high


def _set(value: Any) -> set[int]:  # noqa: ANN401
    return set(value) if isinstance(value, list) else {value}


def _limits(value: Any) -> tuple[int, int]:  # noqa: ANN401
    if value is None:
        return 0, 4096
    return (value[0], value[-1]) if isinstance(value, list) else (value, value)


def _requests(document: Document) -> Iterator[Finding]:
    if str(document["transport"]["kind"]).startswith("modbus"):
        for index, frame in enumerate(document.get("frames") or []):
            if not frame.get("request"):
                yield (
                    ("frames", index),
                    "error",
                    f"frame {frame['name']} says no request: a Modbus reply does not say its registers",
                    'request = "…"',
                )
    for index, step in enumerate(document.get("steps") or []):
        if step["do"] == "write" and not step.get("writes"):
            yield ("steps", index), "error", "a step that writes must say writes = true", ""
