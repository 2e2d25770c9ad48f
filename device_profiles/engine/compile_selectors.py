"""What selects a frame, compiled: numbers, lengths, bytes at places; and register numbers by their notation."""

from __future__ import annotations

from typing import Any

from device_profiles.engine.envelopes import Payload
from device_profiles.engine.frames import Selector
from device_profiles.errors import profile_error

Table = dict[str, Any]


def zero_based(register: int, numbering: str) -> int:
    """0-based register number: ``numbering`` is ``0``, ``1`` or ``40001`` (also 30001, 400001)."""
    if numbering == "0":
        return register
    if numbering == "1" or register < 10000:
        return register - 1
    return (register % 100000 if register >= 100000 else register % 10000) - 1


def numbers(value: object) -> frozenset[int]:
    """One number or several, as a set; empty for none."""
    if value is None:
        return frozenset()
    return frozenset(int(item) for item in value) if isinstance(value, list) else frozenset((int(str(value)),))


def span(value: object, default: tuple[int, int]) -> tuple[int, int]:
    """Least and greatest, of a number or of two."""
    if value is None:
        return default
    if isinstance(value, list):
        return int(value[0]), int(value[-1])
    return int(str(value)), int(str(value))


def selectors(when: Table) -> list[Selector]:
    """What else must hold of a frame, by its ``when``."""
    selectors = [match(item) for item in when.get("match") or []]
    if when.get("starts") is not None:
        start = str(when["starts"]).encode("latin-1")
        selectors.append(lambda payload: payload.data.startswith(start, payload.start, payload.end))
    if when.get("contains") is not None:
        inside = str(when["contains"]).encode("latin-1")
        selectors.append(lambda payload: payload.data.find(inside, payload.start, payload.end) >= 0)
    return selectors


def match(table: Table) -> Selector:
    """Whether bytes stand at an offset; a negative one counts from the end."""
    wanted = bytes.fromhex(table["hex"])
    mask = bytes.fromhex(table["mask"]) if table.get("mask") else b"\xff" * len(wanted)
    if len(mask) != len(wanted):
        raise profile_error("mask and hex of a match must be equally long")
    at = int(table.get("at", 0))
    bits = int.from_bytes(mask, "big")
    value = int.from_bytes(wanted, "big") & bits

    def fits(payload: Payload) -> bool:
        start = (payload.start if at >= 0 else payload.end) + at
        found = payload.data[max(start, 0) : start + len(wanted)]
        return (
            start >= payload.start
            and start + len(wanted) <= payload.end
            and int.from_bytes(found, "big") & bits == value
        )

    return fits
