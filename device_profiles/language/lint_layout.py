"""Where fields stand: overlaps in bytes, registers, bits and columns; what comes behind an end; tags given twice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from device_profiles.engine.types import field_type
from device_profiles.errors import ProfileError
from device_profiles.language.findings import Document, Finding
from device_profiles.language.lines import Path

Table = dict[str, Any]


def findings(document: Document) -> Iterator[Finding]:
    """Findings about the layout of ``[[frames]]``."""
    for index, frame in enumerate(document.get("frames") or []):
        text = frame.get("text")
        binary = not text or text.get("kind") == "hex"
        yield from _part(frame, ("frames", index), start=0, binary=binary)
        yield from _too_long(frame, ("frames", index), document)


def _part(part: Table, path: Path, *, start: int | None, binary: bool) -> Iterator[Finding]:
    if binary:
        yield from _bytes(part, path, start)
        yield from _bits(part, path)
    else:
        yield from _columns(part, path)
    ended = ""
    for index, inner in enumerate(part.get("parts") or []):
        place: Path = (*path, "parts", index)
        if ended:
            yield place, "error", f"this part is never reached: {ended} before it takes the rest of the frame", ""
        own = 0 if inner.get("repeat") is not None else None
        yield from _part(inner, place, start=own, binary=binary)
        if inner.get("repeat") == "rest" and not inner.get("if"):
            ended = 'repeat = "rest"'
        elif inner.get("tag") and not inner.get("length") and not inner.get("if"):
            ended = "the run of tags"
    yield from _tags(part, path)
    for index, case in enumerate(part.get("cases") or []):
        yield from _part(case, (*path, "cases", index), start=0, binary=binary)


def places(part: Table, start: int | None) -> Iterator[tuple[int, Table, int | None, int]]:
    """Number, field, first byte (None where it depends on the frame) and size of each field that reads bytes."""
    position = start
    for number, table in enumerate(part.get("fields") or []):
        if table.get("of") or table.get("value"):
            continue
        try:
            size = field_type(str(table.get("type") or "u8"), "big").size
        except ProfileError:
            return
        at: int | None = None if table.get("reg") is None else 2 * int(table["reg"])
        at = int(table["at"]) if table.get("at") is not None else at
        first = position if at is None else at
        yield number, table, first, size
        position = None if first is None or size < 0 else first + size


def _bytes(part: Table, path: Path, start: int | None) -> Iterator[Finding]:
    taken: list[tuple[int, int, str]] = []
    rest = ""
    for number, table, first, size in places(part, start):
        name = str(table["name"])
        if rest and table.get("at") is None and table.get("reg") is None:
            yield (*path, "fields", number), "error", f"field {name} is never reached: {rest} takes the rest", ""
        if size < 0:
            rest = name
        if first is None or size <= 0 or str(table.get("type", "")).startswith("skip"):
            continue
        for begin, end, other in taken:
            if first < end and begin < first + size:
                where = f"registers {begin // 2} to {end // 2 - 1}" if "reg" in table else f"bytes {begin} to {end - 1}"
                yield (
                    (*path, "fields", number),
                    "error",
                    f"field {name} overlaps {other} ({where})",
                    "take bits with of = …",
                )
        taken.append((first, first + size, name))


def _bits(part: Table, path: Path) -> Iterator[Finding]:
    taken: list[tuple[str, int, int, str]] = []
    for number, table in enumerate(part.get("fields") or []):
        if not table.get("of") or str(table["name"]).startswith("_"):
            continue
        words = str(table.get("bits")).split("..")
        if not all(word.isdecimal() for word in words):
            continue
        high, low = int(words[0]), int(words[-1])
        for source, other_high, other_low, other in taken:
            inside = (low >= other_low and high <= other_high) or (low <= other_low and high >= other_high)
            # A code made of several flags is meant; half a number and half of another is not.
            if source == table["of"] and low <= other_high and other_low <= high and not inside:
                yield (
                    (*path, "fields", number),
                    "error",
                    f"field {table['name']} overlaps {other} in bits {other_high}..{other_low} of {source}",
                    "",
                )
        taken.append((str(table["of"]), high, low, str(table["name"])))


def _columns(part: Table, path: Path) -> Iterator[Finding]:
    taken: dict[object, str] = {}
    for number, table in enumerate(part.get("fields") or []):
        place = table.get("key") if table.get("key") is not None else table.get("column")
        if place is None or str(table["name"]).startswith("_"):
            continue
        if place in taken:
            yield (
                (*path, "fields", number),
                "error",
                f"field {table['name']} reads {place!r}, which {taken[place]} reads already",
                "value = … makes one field of another",
            )
        taken.setdefault(place, str(table["name"]))


def _tags(part: Table, path: Path) -> Iterator[Finding]:
    seen: dict[int, int] = {}
    for index, case in enumerate(part.get("cases") or []):
        for tag in case["tag"] if isinstance(case["tag"], list) else [case["tag"]]:
            if tag in seen:
                yield (
                    (*path, "cases", index),
                    "error",
                    f"tag 0x{tag:02X} is never reached here: case {seen[tag] + 1} has it already",
                    "one case a tag",
                )
            seen.setdefault(tag, index)


def _too_long(frame: Table, path: Path, document: Document) -> Iterator[Finding]:
    longest = (frame.get("when") or {}).get("length")
    limit = longest[-1] if isinstance(longest, list) else longest
    if limit is None or document.get("checksum") or frame.get("text"):
        return
    needed = max(
        (
            first + size
            for _, table, first, size in places(frame, 0)
            if first is not None and size > 0 and table.get("reg") is None
        ),
        default=0,
    )
    if needed > limit:
        yield path, "error", f"frame {frame['name']} needs {needed} bytes but is only taken up to {limit}", ""
