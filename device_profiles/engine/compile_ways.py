"""Which slot a field is kept in: one for each way a channel is read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

Field = Mapping[str, Any]
_WAYS: Final = (
    "add",
    "scale",
    "offset",
    "divide",
    "unit",
    "unit_from",
    "units",
    "exponent_from",
    "sign_from",
    "missing",
)
"""Keys by which two fields of one channel are read differently."""


def is_read(table: Field) -> bool:
    """Whether the field takes bytes or a token of the frame, rather than being computed from others."""
    return table.get("of") is None and table.get("value") is None


def slot_name(table: Field) -> str:
    """Under what name the field's slot is kept: its own, unless a field before reads the channel in another way."""
    return str(table.get("slot") or table["name"])


def apart(tree: dict[str, Any]) -> dict[str, Any]:
    """The tree of a frame, with a slot of its own for each way a channel is read (scale, unit, what is missing)."""
    return _apart(tree, {})


def _apart(part: dict[str, Any], seen: dict[str, list[str]]) -> dict[str, Any]:
    changed = dict(part)
    if part.get("fields"):
        changed["fields"] = [_with_slot(table, seen) for table in part["fields"]]
    for key in ("parts", "cases"):
        if part.get(key):
            changed[key] = [_apart(inner, seen) for inner in part[key]]
    return changed


def _with_slot(table: dict[str, Any], seen: dict[str, list[str]]) -> dict[str, Any]:
    name = str(table["name"])
    if name.startswith("_") or str(table.get("type", "")).startswith("skip"):
        return table
    kind = str(table.get("type") or "")
    way = repr([kind[:1] == "f", kind.partition(":")[0] in ("text", "hex", "dotted"), *map(table.get, _WAYS)])
    ways = seen.setdefault(name, [])
    if way not in ways:
        ways.append(way)
    index = ways.index(way)
    return {**table, "slot": f"{name}#{index}"} if index else table
