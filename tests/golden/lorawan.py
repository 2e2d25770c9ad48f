"""Decodes published LoRaWAN uplinks and compares every value: ``python -m tests.golden.lorawan FILE --json``.

A line of FILE is ``{"codec", "what", "port", "hex", "expect": {"data": {…}} or {"errors": […]}}``. Which profile
decodes a codec's examples, and which channel a vendor's word means, stands in ``lorawan_fields*.toml`` beside this
file. Numbers are equal when they differ by at most half of the channel's resolution, after conversion to its unit.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from device_profiles import catalogue
from device_profiles.engine.profile import Profile
from device_profiles.engine.rows import Decoded, Reading
from device_profiles.rejects import FrameRejected
from device_profiles.tools.vectors import tolerance
from device_profiles.units import UnitError, converter

FIELDS: Final = Path(__file__).with_name("lorawan_fields.toml")
_TIME_PARTS: Final = {
    "year": "%Y",
    "month": "%B",
    "day": "%d",
    "hours": "%H",
    "minutes": "%M",
    "seconds": "%S",
}
_NUMBER: Final = re.compile(r"\s*([+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)")


class Leaf(NamedTuple):
    """One value of an example, with the unit it states."""

    path: str
    value: Any
    unit: str


@dataclass
class Tally:
    """What came out."""

    examples: int = 0
    supported: int = 0
    decoded: int = 0
    values_checked: int = 0
    equal: int = 0
    differs: int = 0
    unmapped: int = 0
    details: list[dict[str, Any]] = field(default_factory=list)
    unsupported: dict[str, int] = field(default_factory=dict)

    def note(self, example: Mapping[str, Any], path: str, what: str) -> None:
        """Keep a difference for people."""
        self.details.append({"codec": example["codec"], "what": example["what"], "field": path, "problem": what})


def leaves(value: Any, path: str = "") -> Iterator[Leaf]:
    """Every value of an example; ``{value, unit}`` counts as one."""
    if isinstance(value, dict):
        if "value" in value and set(value) <= {"value", "unit", "displayName"}:
            yield Leaf(path, value["value"], str(value.get("unit") or ""))
            return
        for key, inner in value.items():
            yield from leaves(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from leaves(inner, f"{path}.{index}")
    else:
        yield Leaf(path, value, "")


class Golden:
    """The map from vendors' words to channels, and the profiles it names."""

    def __init__(self, path: Path = FIELDS) -> None:
        self.table: dict[str, dict[str, Any]] = {}
        for part in sorted(path.parent.glob(f"{path.stem}*.toml")):
            for name, entries in tomllib.loads(part.read_text(encoding="utf-8")).items():
                self.table.setdefault(name, {}).update(entries)
        self.profiles: dict[str, Profile] = {}

    def profile(self, codec: str) -> Profile | None:
        """The profile that decodes a codec's examples, or None."""
        entry = self.table["codecs"].get(codec)
        if entry is None:
            return None
        name = str(entry["profile"])
        if name not in self.profiles:
            self.profiles[name] = catalogue.load(name)
        return self.profiles[name]

    def rule(self, codec: str, path: str) -> Any:
        """What a vendor's word means: a channel, a table, or None when the map does not know it."""
        vendor = codec.partition("/")[0]
        for fields in (self.table["codecs"][codec].get("fields", {}), self.table.get("vendors", {}).get(vendor, {})):
            if path in fields:
                return fields[path]
            for pattern, rule in fields.items():
                if "*" in pattern and fnmatch.fnmatchcase(path, pattern):
                    return rule
        return None

    def unit(self, text: str) -> str:
        """UCUM code of a unit as vendors write it."""
        return str(self.table.get("units", {}).get(text, text))


def chosen(rule: Any, data: Any, path: str) -> Any:
    """The rule for an item of a list, where another key of the item says what it holds."""
    if not isinstance(rule, dict) or "by" not in rule:
        return rule
    place, keys = path.split(".")[:-1], str(rule["by"]).split(".")
    while keys[0] == "^":
        place, keys = place[:-1], keys[1:]
    for key in (*place, *keys):
        data = data[int(key)] if isinstance(data, list) else data.get(key) if isinstance(data, dict) else None
    return rule["is"].get(str(data), rule.get("else"))


def run(lines: Iterator[str], golden: Golden) -> Tally:
    """Compare every example."""
    tally = Tally()
    for line in lines:
        if not line.strip():
            continue
        example = json.loads(line)
        tally.examples += 1
        profile = golden.profile(example["codec"])
        if profile is None:
            tally.unsupported[example["codec"]] = tally.unsupported.get(example["codec"], 0) + 1
            continue
        tally.supported += 1
        before = tally.differs + tally.unmapped
        result = profile.decode(bytes.fromhex(example["hex"]), port=example["port"])
        if "errors" in example["expect"] and "data" not in example["expect"]:
            _check(
                tally,
                example,
                "(errors)",
                "" if isinstance(result, FrameRejected) else "decoded, but the vendor says error",
            )
        elif isinstance(result, FrameRejected):
            _check(tally, example, "(frame)", f"rejected: {result}")
        else:
            _compare(tally, golden, profile, example, result)
        tally.decoded += tally.differs + tally.unmapped == before
    return tally


def _check(tally: Tally, example: Mapping[str, Any], path: str, problem: str) -> None:
    tally.values_checked += 1
    if problem:
        tally.differs += 1
        tally.note(example, path, problem)
    else:
        tally.equal += 1


def _compare(tally: Tally, golden: Golden, profile: Profile, example: Mapping[str, Any], result: Decoded) -> None:
    parameters = profile.parameters(golden.table["codecs"][example["codec"]].get("parameters"))
    rows = [{reading.channel: reading for reading in profile.apply(row, parameters)} for row in result.rows]
    data = example["expect"]["data"]
    for leaf in leaves(data):
        rule = chosen(golden.rule(example["codec"], leaf.path), data, leaf.path)
        if rule is None:
            tally.unmapped += 1
            tally.note(example, leaf.path, f"no channel is named for it; the vendor says {leaf.value!r} {leaf.unit}")
            continue
        table = rule if isinstance(rule, dict) else {"channel": rule}
        if "ignore" in table:
            continue
        if "time" in table:
            _check(tally, example, leaf.path, _time_problem(result, table, leaf))
            continue
        reading = _reading(rows, table, leaf.path)
        _check(tally, example, leaf.path, _problem(golden, profile, table, leaf, reading))


def _reading(rows: list[dict[str, Reading]], table: Mapping[str, Any], path: str) -> Reading | None:
    channel = str(table["channel"])
    if "row" in table:
        index = _row_number(table, path)
        numbered = str(table.get("numbered", "")).format(index + 1)
        if rows and numbered in rows[0]:
            return rows[0][numbered]
        return rows[index].get(channel) if index < len(rows) else None
    names = [channel, *table.get("either", ())]
    return next((row[name] for name in names for row in rows if name in row), None)


def _time_problem(result: Decoded, table: Mapping[str, Any], leaf: Leaf) -> str:
    times = [row.observed_at_ns for row in result.rows]
    row = _row_number(table, leaf.path)
    found = times[row] if row < len(times) else None
    if table["time"] in _TIME_PARTS:
        part = None if found is None else datetime.fromtimestamp(found / 1e9, UTC).strftime(_TIME_PARTS[table["time"]])
        same = part is not None and part.lstrip("0") == str(leaf.value).lstrip("0")
        return "" if same else f"{table['time']} is {part}, the vendor says {leaf.value!r}"
    wanted_s = float(leaf.value) if not isinstance(leaf.value, str) else _instant_s(leaf.value)
    return (
        ""
        if found is not None and abs(found / 1e9 - wanted_s) < 0.5
        else f"time {found}, the vendor says {leaf.value!r}"
    )


def _instant_s(text: str) -> float:
    instant = datetime.fromisoformat(text)
    return (instant if instant.tzinfo is not None else instant.replace(tzinfo=UTC)).timestamp()


def _row_number(table: Mapping[str, Any], path: str) -> int:
    row = table.get("row", 0)
    return int(row) if row != "*" else int(next(part for part in path.split(".") if part.isdigit()))


def _packed(value: Any, base: int) -> tuple[int, int]:
    """A version or date such as "1.1.4" as one number, its parts being digits of a base; and the base ** parts."""
    parts = [int(part) for part in re.findall(r"\d+", str(value))]
    number = 0
    for part in parts:
        number = number * base + part
    return number, base ** len(parts)


def _special_problem(table: Mapping[str, Any], leaf: Leaf, reading: Reading) -> str:
    """What differs in a packed version or a bit set."""
    number = int(reading.text, 16) if reading.text else int(reading.value or 0)
    if "base" in table:
        wanted, modulus = _packed(leaf.value, int(table["base"]))
        same = number % modulus == wanted
    else:
        bit = table["bits"].get(str(leaf.value))
        same = bit is not None and (number & bit == bit if bit else number == 0)
    return "" if same else f"{reading.channel} is {reading.text or reading.value}, the vendor says {leaf.value!r}"


def _problem(golden: Golden, profile: Profile, table: Mapping[str, Any], leaf: Leaf, reading: Reading | None) -> str:  # noqa: PLR0911
    """What differs; empty when equal."""
    value = leaf.value
    if value in table.get("missing", ()) and (reading is None or (reading.value is None and not reading.text)):
        return ""
    if reading is None:
        return f"channel {table['channel']} is not in the frame, the vendor says {value!r}"
    if (value is None or value in table.get("missing", ())) and reading.value is None and not reading.text:
        return ""
    if "base" in table or "bits" in table:
        return _special_problem(table, leaf, reading)
    if reading.text is not None:
        zeros = str(table.get("strip", ""))
        return (
            ""
            if str(value).casefold().lstrip(zeros) == reading.text.casefold().lstrip(zeros)
            else f"{reading.text!r}, the vendor says {value!r}"
        )
    words = table.get("words", {})
    wanted = (
        words.get(str(value)) if words and (isinstance(value, (str, bool)) or str(value) in words) else _number(value)
    )
    if isinstance(wanted, list):
        return "" if reading.value in wanted else f"{reading.channel} is {reading.value!r}, the vendor says {value!r}"
    if wanted is None:
        return f"no number in {value!r}; say words or missing in the map"
    if reading.value is None:
        return f"{reading.channel} is missing ({reading.reason}), the vendor says {value!r}"
    unit = str(table.get("unit") or golden.unit(leaf.unit))
    wanted *= float(table.get("factor", 1))  # where the vendor counts in steps that are no unit
    try:
        wanted = converter(unit, reading.unit)(wanted) if unit else float(wanted)
    except UnitError as exc:
        return f"{reading.channel}: {exc}"
    limit = tolerance(profile, reading.channel, wanted) * (1 + 1e-9)
    return (
        ""
        if abs(reading.value - wanted) <= limit
        else f"{reading.channel} is {reading.value!r} {reading.unit}, the vendor says {value!r} {leaf.unit}"
    )


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return float(value)
    if isinstance(value, (int, float)):
        return float(value)
    match = _NUMBER.match(str(value))
    return None if match is None else float(match[1])


def main(argv: list[str] | None = None) -> int:
    """Run from the command line.

    Returns:
        1 when a value differs or is unmapped.
    """
    parser = argparse.ArgumentParser(
        prog="python -m tests.golden.lorawan", description="Decode published LoRaWAN uplinks and compare every value."
    )
    parser.add_argument("file", type=Path)
    parser.add_argument("--fields", type=Path, default=FIELDS, help="the map from vendors' words to channels")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args(argv)
    golden = Golden(args.fields)
    with args.file.open(encoding="utf-8") as lines:
        tally = run(lines, golden)
    reasons = golden.table.get("unsupported", {})
    figures = {
        name: getattr(tally, name)
        for name in ("examples", "supported", "decoded", "values_checked", "equal", "differs", "unmapped")
    }
    if args.json:
        unsupported = {
            codec: {"examples": count, "reason": reasons.get(codec, "no profile yet")}
            for codec, count in tally.unsupported.items()
        }
        print(json.dumps({**figures, "details": tally.details, "unsupported": unsupported}, ensure_ascii=False))
    else:
        for detail in tally.details:
            print(f"{detail['codec']} | {detail['what']} | {detail['field']}: {detail['problem']}")
        for codec, count in tally.unsupported.items():
            print(f"{codec}: {count} not supported: {reasons.get(codec, 'no profile yet')}")
        print(", ".join(f"{name} {value}" for name, value in figures.items()))
    return 1 if tally.differs or tally.unmapped else 0


if __name__ == "__main__":
    sys.exit(main())
