"""What a profile says of asking its devices: which requests, in what order, how often. For every driver that asks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Table = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Question:
    """Bytes that are sent to the device.

    Attributes:
        name: Of the request in the profile.
        data: The bytes.
        wait_s: Before anything else is sent: the device is busy. [s]
    """

    name: str
    data: bytes
    wait_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Conversation:
    """How devices are asked that have a line, or an address, of their own.

    Attributes:
        first: Sent once after each opening; brings the device into the mode that is read.
        each: Sent at each tick; empty for a device that speaks by itself.
        every_s: How often it makes sense to ask. [s]
    """

    first: tuple[Question, ...]
    each: tuple[Question, ...]
    every_s: float


def conversation(document: Table) -> Conversation:
    """The questions of a profile, in order. A request that writes is sent only where a step asks for it."""
    requests: dict[str, Table] = {str(table["name"]): table for table in document.get("requests") or ()}
    steps: Sequence[Table] = [step for step in document.get("steps") or () if "request" in step]
    first = [(requests[step["request"]], step) for step in steps if step["do"] in {"initialise", "write"}]
    each = [(requests[step["request"]], step) for step in steps if step["do"] in {"start", "read"}]
    if not each:
        each = [(table, {}) for table in requests.values() if "every_s" in table and not table.get("writes")]
    return Conversation(
        tuple(_question(*pair) for pair in first),
        tuple(_question(*pair) for pair in each),
        usual_s(document, [table for table, _ in each]),
    )


def usual_s(document: Table, asked: Iterable[Table] | None = None) -> float:
    """How often it makes sense to ask some requests of a profile, or all of them. [s]."""
    tables = (document.get("requests") or ()) if asked is None else asked
    given = [float(table["every_s"]) for table in tables if table.get("every_s")]
    return min(given, default=float((document.get("polling") or {}).get("interval_s") or 60))


def readings_of(document: Table, key: str) -> list[tuple[Table, int]]:
    """The requests of a bus's devices that have ``key`` and do not write.

    Returns:
        Each, with how many ticks of the profile's usual interval lie between two of it.
    """
    tick_s = usual_s(document)
    return [
        (table, max(1, round(float(table.get("every_s") or 0) / tick_s)))
        for table in document.get("requests") or ()
        if table.get(key) and not table.get("writes")
    ]


def _question(table: Table, step: Table) -> Question:
    data = bytes.fromhex(table["hex"]) if "hex" in table else str(table.get("text") or "").encode()
    return Question(str(table["name"]), data, float(step.get("wait_s") or 0))
