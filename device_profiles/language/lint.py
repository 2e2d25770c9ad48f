"""What a profile that fits the schema can still get wrong: units, limits, reachability, privacy, proof."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any, Final

from device_profiles.engine.types import field_type
from device_profiles.errors import Problem, ProfileError
from device_profiles.expressions import ExpressionError, parse
from device_profiles.language.lines import Lines, Path
from device_profiles.quality import REASONS
from device_profiles.quantities import QUANTITIES
from device_profiles.rejects import RejectReason
from device_profiles.units import UNITS, UnitError, unit

Document = dict[str, Any]
PERSONAL: Final = ("P2", "P3", "P4")


def lint(document: Document, lines: Lines) -> list[Problem]:
    """Findings of sense, errors and warnings."""
    return [
        Problem(what, lines.find(path), "", hint, "", severity) for path, severity, what, hint in _findings(document)
    ]


_Finding = tuple[Path, str, str, str]


def _findings(document: Document) -> Iterator[_Finding]:
    for name, table in document["channels"].items():
        yield from _channel(name, table)
    yield from _feeding(document)
    yield from _parameters(document)
    for path, table in _fields(document):
        yield from _field(path, table, document)
    yield from _overlaps(document)
    yield from _unreachable(document)
    yield from _requests(document)
    yield from _proof(document)


def _channel(name: str, table: dict[str, Any]) -> Iterator[_Finding]:  # noqa: C901 - a list of independent findings
    path: Path = ("channels", name)
    word = str(table.get("quantity") or name)
    quantity = QUANTITIES.get(word)
    kind = table.get("kind", "number")
    if quantity is None and kind in ("number", "counter"):
        close = get_close_matches(word, QUANTITIES, 3, 0.5)
        hint = f"nearest quantities: {', '.join(close)}" if close else "say quantity = … or unit and label"
        if table.get("quantity") or not table.get("unit") or not table.get("label"):
            yield (
                path,
                "error",
                f"channel {name} is no quantity of the list and does not say its own unit and label",
                hint,
            )
    code = str(table.get("unit") or (quantity.unit if quantity and kind in ("number", "counter") else "1"))
    for key, value in (("unit", code), ("raw_unit", table.get("raw_unit"))):
        if value is not None and value not in UNITS:
            close = get_close_matches(str(value), UNITS, 3, 0.3)
            yield (
                path,
                "error",
                f"channel {name}: {key} {value!r} is no UCUM code of the table",
                f"nearest: {', '.join(close)}",
            )
    if (
        quantity
        and code in UNITS
        and kind in ("number", "counter")
        and UNITS[code].dimension != UNITS[quantity.unit].dimension
    ):
        yield (
            path,
            "error",
            (
                f"channel {name} is {quantity.name}, which is {UNITS[quantity.unit].dimension}, "
                f"but its unit {code!r} measures {UNITS[code].dimension}"
            ),
            "",
        )
    if (
        kind in ("number", "counter")
        and table.get("range") is None
        and (quantity is None or (quantity.low is None and quantity.high is None))
    ):
        yield path, "error", f"channel {name} has no limits", "say range = [least, greatest] the sensor can measure"
    elif kind == "number" and table.get("range") is None:
        yield path, "warning", f"channel {name} does not say the sensor's range", ""
    limits = table.get("range")
    if limits is not None and limits[0] >= limits[1]:
        yield path, "error", f"channel {name}: range must rise", ""
    privacy = table.get("privacy") or (quantity.privacy if quantity else "P0")
    if privacy in PERSONAL and not table.get("purpose"):
        yield (
            path,
            "error",
            f"channel {name} is of privacy class {privacy} and has no purpose",
            'say purpose = "why it is collected"',
        )
    label = table.get("label")
    if label is not None and "hi" not in label:
        yield path, "warning", f"channel {name} has no Hindi label", ""


def _feeding(document: Document) -> Iterator[_Finding]:
    if document.get("codec"):
        return
    fed = {str(table["name"]) for _, table in _fields(document, unrolled=True)}
    for name, table in document["channels"].items():
        if not table.get("derived") and not table.get("from") and name not in fed:
            yield (
                ("channels", name),
                "error",
                f"channel {name} is fed by no field",
                "a field of that name, from = … or derived = …",
            )


def _parameters(document: Document) -> Iterator[_Finding]:
    declared = document.get("parameters") or {}
    used: set[str] = set()
    for name, table in document["channels"].items():
        for item in _parameter_names(table):
            used.add(item)
            if item not in declared:
                close = get_close_matches(item, declared, 1, 0.4)
                yield (
                    ("channels", name),
                    "error",
                    f"channel {name} uses parameter {item!r}, which is not declared",
                    f"nearest: {close[0]}" if close else "",
                )
    for name, table in declared.items():
        if name not in used:
            yield ("parameters", name), "warning", f"parameter {name} is used by no channel", ""
        if table.get("unit") is not None and table["unit"] not in UNITS:
            yield (
                ("parameters", name),
                "error",
                f"parameter {name}: unit {table['unit']!r} is no UCUM code of the table",
                "",
            )
        if table.get("choices") and table.get("default") is not None and table["default"] not in table["choices"]:
            yield ("parameters", name), "error", f"parameter {name}: default is none of its choices", ""


def _parameter_names(value: Any, key: str = "") -> Iterator[str]:  # noqa: ANN401
    if isinstance(value, dict):
        for inner_key, inner in value.items():
            if inner_key == "parameter" and isinstance(inner, str):
                yield inner
            elif inner_key not in ("label", "note", "purpose", "codes"):
                yield from _parameter_names(inner, inner_key)
    elif isinstance(value, list):
        for inner in value:
            yield from _parameter_names(inner, key)
    elif isinstance(value, str) and "param." in value:
        try:
            names = parse(value).names
        except ExpressionError:
            return
        yield from (name.removeprefix("param.") for name in names if name.startswith("param."))


def _fields(document: Document, *, unrolled: bool = False) -> Iterator[tuple[Path, dict[str, Any]]]:
    for index, frame in enumerate(document.get("frames") or []):
        yield from _fields_of(frame, ("frames", index), unrolled=unrolled)


def _fields_of(table: dict[str, Any], path: Path, *, unrolled: bool) -> Iterator[tuple[Path, dict[str, Any]]]:
    for index, item in enumerate(table.get("fields") or []):
        if unrolled and "{i}" in item["name"]:
            first = int(table.get("first", 1))
            count = table["repeat"] if isinstance(table.get("repeat"), int) else int(table.get("max", 64))
            for number in range(first, first + count):
                yield (*path, "fields", index), {**item, "name": item["name"].replace("{i}", str(number))}
        else:
            yield (*path, "fields", index), item
    for key in ("parts", "cases"):
        for index, inner in enumerate(table.get(key) or []):
            outer: dict[str, Any] = {
                name: table[name] for name in ("repeat", "max", "first") if name in table and name not in inner
            }
            yield from _fields_of({**outer, **inner}, (*path, key, index), unrolled=unrolled)


def _field(path: Path, table: dict[str, Any], document: Document) -> Iterator[_Finding]:
    name = str(table["name"])
    for item in table.get("missing") or []:
        reason = item.get("reason", "invalid") if isinstance(item, dict) else "invalid"
        if reason not in REASONS:
            close = get_close_matches(reason, REASONS, 1, 0.3)
            yield (
                path,
                "error",
                f"field {name}: no reason {reason!r}",
                f"nearest: {close[0]}" if close else f"reasons: {', '.join(REASONS)}",
            )
    channel = document["channels"].get(name)
    units = [table.get("unit"), *(table.get("suffix") or {}).values(), *(table.get("units") or {}).values()]
    for code in units:
        if not code:
            continue
        if code not in UNITS:
            close = get_close_matches(code, UNITS, 3, 0.3)
            yield (
                path,
                "error",
                f"field {name}: unit {code!r} is no UCUM code of the table",
                f"nearest: {', '.join(close)}",
            )
        elif channel is not None:
            yield from _unit_fits(path, name, code, channel)


def _unit_fits(path: Path, name: str, code: str, channel: dict[str, Any]) -> Iterator[_Finding]:
    quantity = QUANTITIES.get(str(channel.get("quantity") or name))
    target = channel.get("raw_unit") or (
        None if channel.get("transform") else channel.get("unit") or (quantity.unit if quantity else None)
    )
    try:
        if target and unit(code).dimension != unit(str(target)).dimension:
            yield path, "error", f"field {name} comes in {code}, which cannot become {target}", ""
    except UnitError:
        return


def _overlaps(document: Document) -> Iterator[_Finding]:
    for index, frame in enumerate(document.get("frames") or []):
        if frame.get("text"):
            continue
        position = 0
        taken: list[tuple[int, int, str]] = []
        for number, table in enumerate(frame.get("fields") or []):
            if table.get("of") or table.get("value") or table.get("reg") is not None:
                continue
            try:
                size = field_type(str(table.get("type") or "u8"), "big").size
            except ProfileError:
                continue
            start = int(table.get("at", position))
            for first, last, other in taken:
                if size > 0 and start < last and first < start + size:
                    yield (
                        ("frames", index, "fields", number),
                        "error",
                        f"field {table['name']} overlaps {other} (bytes {first} to {last - 1})",
                        "take bits with of = …",
                    )
            if size > 0:
                taken.append((start, start + size, str(table["name"])))
            position = start + max(size, 0)
        longest = (frame.get("when") or {}).get("length")
        limit = longest[-1] if isinstance(longest, list) else longest
        needed = max((last for _, last, _ in taken), default=0)
        if limit is not None and needed > limit and not document.get("checksum"):
            yield (
                ("frames", index),
                "error",
                f"frame {frame['name']} needs {needed} bytes but is only taken up to {limit}",
                "",
            )


def _unreachable(document: Document) -> Iterator[_Finding]:
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


def _requests(document: Document) -> Iterator[_Finding]:
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


def _proof(document: Document) -> Iterator[_Finding]:
    tests = document.get("tests") or []
    if len(tests) < 2:
        yield ("tests",), "error", f"{len(tests)} test vectors; at least two", ""
    if tests and not any(_is_failure(test) for test in tests):
        yield ("tests",), "error", "no test vector is of a failure: one frame must be rejected or one value missing", ""
    for index, test in enumerate(tests):
        given = [key for key in ("expect", "rows", "reject") if test.get(key) is not None]
        if len(given) != 1:
            yield ("tests", index), "error", "a test has exactly one of expect, rows, reject", ""
        if test.get("reject") is not None and test["reject"] not in set(RejectReason):
            close = get_close_matches(str(test["reject"]), [str(item) for item in RejectReason], 1, 0.3)
            yield (
                ("tests", index),
                "error",
                f"no reject reason {test['reject']!r}",
                f"nearest: {close[0]}" if close else "",
            )
        for channel in test.get("expect") or {}:
            if channel not in document["channels"]:
                yield ("tests", index), "error", f"expects channel {channel!r}, which does not exist", ""


def _is_failure(test: dict[str, Any]) -> bool:
    if test.get("reject") is not None:
        return True
    tables = [test.get("expect") or {}, *(test.get("rows") or [])]
    return any(
        isinstance(value, dict) and value.get("flag", 9) in (3, 4, 9) for table in tables for value in table.values()
    )
