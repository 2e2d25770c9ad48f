"""What findings are made of, and walks over the fields of a document."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from device_profiles.language.lines import Path

Document = dict[str, Any]
Finding = tuple[Path, str, str, str]
"""Where, ``error`` or ``warning``, what, hint."""


def all_fields(document: Document, *, unrolled: bool = False) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Every field of every frame with its place; ``unrolled`` counts ``{i}`` out."""
    for index, frame in enumerate(document.get("frames") or []):
        yield from fields_of(frame, ("frames", index), unrolled=unrolled)


def fields_of(table: dict[str, Any], path: Path, *, unrolled: bool) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Fields of one part and of those in it."""
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
            yield from fields_of({**outer, **inner}, (*path, key, index), unrolled=unrolled)
