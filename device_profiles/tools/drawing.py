"""Draws frames: a strip of bytes where places are fixed, and a list of what stands where."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from device_profiles.engine.types import field_type
from device_profiles.errors import ProfileError

BYTES_A_ROW: Final = 12
_BYTE_WIDTH: Final = 6
MAX_STRIP_BYTES: Final = 48

Table = Mapping[str, Any]


def strip(frame: Table) -> list[str]:
    """The frame as a row of boxes, as wide as their bytes; empty where places are not fixed or too many."""
    boxes = list(_boxes(frame))
    end = max((first + size for first, size, _ in boxes), default=0)
    if not boxes or end > MAX_STRIP_BYTES or any(size < 0 for _, size, _ in boxes):
        return []
    owners = ["" for _ in range(end)]
    for first, size, name in boxes:
        for at in range(first, first + size):
            if owners[at]:
                return []
            owners[at] = name
    lines = []
    for row in range(0, end, BYTES_A_ROW):
        lines += _row(row, owners[row : row + BYTES_A_ROW])
    return lines


def _boxes(frame: Table) -> Iterator[tuple[int, int, str]]:
    text = frame.get("text")
    if text:
        return
    position: int | None = 0
    for field in frame.get("fields") or []:
        if field.get("of") or field.get("value"):
            continue
        if field.get("reg") is not None:
            return
        size = size_of(field)
        first = int(field["at"]) if field.get("at") is not None else position
        if first is None or size is None:
            return
        if not str(field.get("type", "")).startswith("skip"):
            yield first, size, str(field["name"])
        position = None if size < 0 else first + size


def _row(first: int, owners: list[str]) -> list[str]:
    edges, names, ruler = "+", "|", ""
    at = 0
    while at < len(owners):
        width = 1
        while at + width < len(owners) and owners[at + width] == owners[at]:
            width += 1
        room = width * _BYTE_WIDTH - 1
        name = owners[at]
        shown = name if len(name) <= room else name[: room - 1] + "…"
        ruler += f"{first + at:<{room + 1}}"
        edges += "-" * room + "+"
        names += f"{shown:^{room}}|"
        at += width
    return [f" {ruler.rstrip()}", edges, names, edges]


def listing(table: Table, indent: str = "") -> list[str]:
    """What stands where, line by line, conditions and repetitions with what is in them."""
    lines = []
    position: int | None = 0 if not indent else None
    for field in table.get("fields") or []:
        lines.append(f"{indent}{_line(field, position)}".rstrip())
        if field.get("of") or field.get("value") or any(field.get(key) is not None for key in ("key", "column")):
            continue
        size = size_of(field)
        start = field.get("at", position)
        position = int(start) + size if isinstance(start, int) and size is not None and size >= 0 else None
    for part in table.get("parts") or []:
        lines.append(f"{indent}{_head(part)}")
        lines += listing(part, indent + "  ")
        for case in part.get("cases") or []:
            tags = case["tag"] if isinstance(case["tag"], list) else [case["tag"]]
            lines.append(f"{indent}  {', '.join(f'0x{tag:02X}' for tag in tags)}")
            lines += listing(case, indent + "    ")
    return lines


def _line(field: Table, position: int | None) -> str:
    name = str(field["name"])
    if field.get("of"):
        return f"{'':>8}  bits {field.get('bits')!s:<10} of {field['of']}: {name}{_scale(field)}"
    if field.get("value"):
        return f"{'':>8}  = {field['value']}: {name}{_scale(field)}"
    kind = str(field.get("type") or "number")
    if field.get("member"):
        kind = f"{kind} {field['member']}"
    if any(field.get(key) is not None for key in ("key", "column")):
        place = str(field.get("key", field.get("column")))
    elif field.get("reg") is not None:
        place = f"reg {field['reg']}"
    else:
        start = field.get("at", position)
        size = size_of(field)
        place = (
            "+" if start is None else f"{start}" if size in (None, 1, -1) else f"{start}-{int(start) + (size or 1) - 1}"
        )
    return f"{place:>8}  {kind:<15} {name}{_scale(field)}"


def _head(part: Table) -> str:
    if part.get("if"):
        return f"if {part['if']}"
    if part.get("repeat"):
        return f"repeat {part['repeat']}{', each a row of its own' if part.get('rows') else ''}"
    return f"tag {part['tag']}, value, …" if part.get("tag") else "then"


def size_of(field: Table) -> int | None:
    """Bytes of a field; -1 for the rest, None where it is no binary type."""
    try:
        return field_type(str(field.get("type") or "u8"), "big").size
    except ProfileError:
        return None


def _scale(field: Table) -> str:
    words = [f"{key} {field[key]}" for key in ("add", "scale", "offset", "divide") if field.get(key)]
    return f"  ({', '.join(words)})" if words else ""
