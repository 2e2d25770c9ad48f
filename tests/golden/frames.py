"""Decodes published frames of every transport and compares each value: ``python -m tests.golden.frames FILE --json``.

FILE is ``{"vectors": [{"id", "frame_hex" or "line", "expect", …}]}``. Which profile decodes a frame and which channel
a word of it means stands in ``frames_map.toml`` beside this file; a further frame of a device in it needs no code.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from device_profiles import catalogue
from device_profiles.engine.profile import Profile
from device_profiles.engine.rows import Decoded, Reading
from device_profiles.quality import Flag
from device_profiles.rejects import FrameRejected
from device_profiles.tools.vectors import tolerance
from device_profiles.units import UnitError, converter

MAP: Final = Path(__file__).with_name("frames_map.toml")
Table = Mapping[str, Any]


@dataclass
class Tally:
    """What came out."""

    frames: int = 0
    supported: int = 0
    decoded: int = 0
    values_checked: int = 0
    equal: int = 0
    differs: int = 0
    unmapped: int = 0
    details: list[dict[str, Any]] = field(default_factory=list)
    unsupported: list[str] = field(default_factory=list)

    def check(self, vector: Table, word: str, problem: str) -> None:
        """Count one value; an empty problem is an equal one."""
        self.values_checked += 1
        if problem:
            self.differs += 1
            self.details.append({"id": vector["id"], "field": word, "problem": problem})
        else:
            self.equal += 1


class Frames:
    """The map, and the profiles it names."""

    def __init__(self, path: Path = MAP) -> None:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        self.words: Table = table["words"]
        self.entries: list[Table] = table["frames"]
        self.profiles: dict[tuple[str, str | None], Profile] = {}

    def entry(self, name: str) -> Table | None:
        """The entry of a vector, or None when no device of the map sends such frames."""
        return next((item for item in self.entries if fnmatch.fnmatchcase(name, str(item["id"]))), None)

    def profile(self, entry: Table) -> Profile:
        """The profile of an entry."""
        key = (str(entry["profile"]), entry.get("variant"))
        if key not in self.profiles:
            self.profiles[key] = catalogue.load(key[0], variant=key[1])
        return self.profiles[key]

    def rule(self, entry: Table, word: str, readings: Mapping[str, Reading]) -> Table | None:
        """What a word means for an entry; None when nothing is named for it."""
        given = entry.get("fields", {}).get(word)
        if isinstance(given, str):
            return {"channel": given}
        if given is not None:
            return dict(given)
        general = self.words.get(word)
        if general is not None:
            found = next((name for name in general["channels"] if name in readings), general["channels"][0])
            return {**general, "channel": found}
        return {"channel": word} if word in readings else None


def frame_of(vector: Table) -> bytes:
    """The bytes of a vector."""
    if "frame_hex" in vector:
        return bytes.fromhex(vector["frame_hex"])
    return str(vector["line"]).encode("latin-1")


def run(vectors: list[Table], frames: Frames) -> Tally:
    """Compare every frame."""
    tally = Tally()
    for vector in vectors:
        tally.frames += 1
        entry = frames.entry(str(vector["id"]))
        if entry is None:
            tally.unsupported.append(str(vector["id"]))
            continue
        tally.supported += 1
        before = tally.differs + tally.unmapped
        profile = frames.profile(entry)
        result = profile.decode(frame_of(vector), port=vector.get("fport"), request=entry.get("request"))
        expected = vector.get("expect")
        if isinstance(expected, dict) and set(expected) == {"error"}:
            tally.check(vector, "(error)", "" if isinstance(result, FrameRejected) else "decoded, but must be rejected")
        elif isinstance(result, FrameRejected):
            tally.check(vector, "(frame)", f"rejected: {result}")
        else:
            _compare(tally, frames, entry, vector, result)
        tally.decoded += tally.differs + tally.unmapped == before
    return tally


def _compare(tally: Tally, frames: Frames, entry: Table, vector: Table, result: Decoded) -> None:
    profile = frames.profile(entry)
    parameters = profile.parameters(entry.get("parameters"))
    readings = {reading.channel: reading for row in result.rows for reading in profile.apply(row, parameters)}
    expected = vector["expect"]
    if isinstance(expected, list):
        _list(tally, str(entry["list"]), vector, readings)
        return
    if isinstance(expected, str):
        stated = entry.get("expect")
        if stated is None:
            tally.unmapped += 1
            tally.details.append({"id": vector["id"], "field": "expect", "problem": f"prose: {expected!r}"})
            return
        for word, rule in stated.items():
            tally.check(vector, word, problem(profile, result, readings, rule, rule.get("value")))
        return
    for word, value in expected.items():
        found = frames.rule(entry, word, readings)
        if found is None:
            tally.unmapped += 1
            tally.details.append({"id": vector["id"], "field": word, "problem": "no channel is named for it"})
        elif "ignore" not in found:
            for rule in _each(found):
                tally.check(vector, word, problem(profile, result, readings, rule, value))


def _each(rule: Table) -> Iterator[Table]:
    if "each" in rule:
        yield from ({**rule, "channel": channel} for channel in rule["each"])
    else:
        yield rule


def _list(tally: Tally, pattern: str, vector: Table, readings: Mapping[str, Reading]) -> None:
    wanted = vector["expect"]
    tally.check(
        vector, "(count)", "" if len(readings) == len(wanted) else f"{len(readings)} values, expected {len(wanted)}"
    )
    for index, value in enumerate(wanted, start=1):
        reading = readings.get(pattern.replace("{i}", str(index)))
        found = None if reading is None else reading.value
        tally.check(vector, str(index), "" if found == value else f"value {index} is {found!r}, expected {value!r}")


def problem(  # noqa: PLR0911 - each way to differ leaves at once
    profile: Profile, result: Decoded, readings: Mapping[str, Reading], rule: Table, value: object
) -> str:
    """What differs between a reading and what is expected of it; empty when equal."""
    channel = str(rule["channel"])
    reading = readings.get(channel)
    if reading is None:
        return f"channel {channel} is not in the frame, expected {value!r}"
    if rule.get("missing"):
        flag = Flag(int(rule.get("flag", Flag.MISSING)))
        if reading.value is not None or reading.flag is not flag or reading.reason != rule.get("reason"):
            shown = f"{reading.value!r} flag {int(reading.flag)} {reading.reason!r}"
            return f"{channel} is {shown}, expected no number and {rule.get('reason')!r}"
        return ""
    if reading.text is not None:
        return "" if str(value) == reading.text else f"{channel} is {reading.text!r}, expected {value!r}"
    try:
        wanted = float(str(value))
    except ValueError:
        return f"no number in {value!r}; say missing or ignore in the map"
    if rule.get("count"):
        counts = [row.mantissas[row.channels.index(channel)] for row in result.rows if channel in row.channels]
        return "" if counts == [wanted] else f"{channel} was sent as {counts}, expected {wanted}"
    if reading.value is None:
        return f"{channel} is missing ({reading.reason}), expected {value!r}"
    try:
        wanted = converter(str(rule["unit"]), reading.unit)(wanted) if rule.get("unit") else wanted
    except UnitError as exc:
        return f"{channel}: {exc}"
    limit = max(tolerance(profile, channel, wanted), 0.5 * 10 ** -int(rule["digits"]) if "digits" in rule else 0)
    return (
        ""
        if abs(reading.value - wanted) <= limit * (1 + 1e-9)
        else f"{channel} is {reading.value!r} {reading.unit}, expected {value!r}"
    )


def main(argv: list[str] | None = None) -> int:
    """Run from the command line.

    Returns:
        1 when a frame is not supported, or a value differs or is unmapped.
    """
    parser = argparse.ArgumentParser(
        prog="python -m tests.golden.frames", description="Decode published frames and compare every value."
    )
    parser.add_argument("file", type=Path)
    parser.add_argument("--map", type=Path, default=MAP, help="which profile and which channels")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args(argv)
    vectors = json.loads(args.file.read_text(encoding="utf-8"))["vectors"]
    tally = run(vectors, Frames(args.map))
    figures = {
        name: getattr(tally, name)
        for name in ("frames", "supported", "decoded", "values_checked", "equal", "differs", "unmapped")
    }
    if args.json:
        print(json.dumps({**figures, "details": tally.details, "unsupported": tally.unsupported}, ensure_ascii=False))
    else:
        for detail in tally.details:
            print(f"{detail['id']} | {detail['field']}: {detail['problem']}")
        for name in tally.unsupported:
            print(f"{name}: no profile")
        print(", ".join(f"{name} {value}" for name, value in figures.items()))
    return 1 if tally.differs or tally.unmapped or tally.unsupported else 0


if __name__ == "__main__":
    sys.exit(main())
