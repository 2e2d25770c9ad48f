"""What a profile says of asking its devices: which requests, in what order, how often. For every driver that asks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from device_profiles.engine.profile import Profile

Table = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Question:
    """Bytes that are sent to the device.

    Attributes:
        name: Of the request in the profile.
        data: The bytes.
        wait_s: Before anything else is sent: the device is busy. [s]
        timeout_s: How long its answer may take; nought where the profile does not say. [s]
    """

    name: str
    data: bytes
    wait_s: float = 0.0
    timeout_s: float = 0.0


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


def warm_up_s(document: Table) -> float:
    """How long after its supply a device wants to be left alone. [s]."""
    return sum(float(step.get("wait_s") or 0) for step in document.get("steps") or () if step["do"] == "power_on")


@dataclass(frozen=True, slots=True)
class Asking:
    """A request of a bus's device whose answer carries readings.

    Attributes:
        table: As in the profile.
        every: At every so manyth tick of the usual interval.
        before: What starts the measurement, each with how long to wait after it. [s]
    """

    table: Table
    every: int = 1
    before: tuple[tuple[Table, float], ...] = ()

    @property
    def name(self) -> str:
        """Of the request."""
        return str(self.table["name"])


def askings_of(profile: Profile, key: str) -> list[Asking]:
    """What to ask a bus's device for its readings, in the order of the profile.

    That is what steps read, and what the profile gives an interval. A profile that does neither wants everything asked.
    Requests of another variant are not asked, nor those that write.

    Args:
        profile: Of the device, with its variant.
        key: What a request has that goes over such a bus: ``function`` or ``command``.
    """
    document = profile.document
    requests: dict[str, Table] = {
        str(table["name"]): table
        for table in document.get("requests") or ()
        if table.get(key) is not None and not table.get("writes")
    }
    answered = {frame.request for frame in profile.frames}
    if "" not in answered:
        requests = {name: table for name, table in requests.items() if name in answered or _is_started(document, name)}
    led = _led(document, requests)
    asked = {name: table for name, table in requests.items() if name in led or table.get("every_s")}
    tick_s = usual_s(document, asked.values())
    return [
        Asking(table, max(1, round(float(table.get("every_s") or 0) / tick_s)), led.get(name, ()))
        for name, table in (asked or requests).items()
    ]


def _is_started(document: Table, name: str) -> bool:
    return any(step["do"] == "start" and step.get("request") == name for step in document.get("steps") or ())


def _led(document: Table, requests: Mapping[str, Table]) -> dict[str, tuple[tuple[Table, float], ...]]:
    """What steps read, by request: what is asked before it and how long to wait then."""
    found: dict[str, tuple[tuple[Table, float], ...]] = {}
    before: list[tuple[Table, float]] = []
    for step in document.get("steps") or ():
        name, wait_s = step.get("request"), float(step.get("wait_s") or 0)
        if step["do"] == "start" and name in requests:
            before.append((requests[name], wait_s))
        elif step["do"] == "wait" and before:
            before[-1] = before[-1][0], before[-1][1] + wait_s
        elif step["do"] == "read" and name in requests:
            found[str(name)] = tuple(before)
            before = []
    return found


def _question(table: Table, step: Table) -> Question:
    data = bytes.fromhex(table["hex"]) if "hex" in table else str(table.get("text") or "").encode()
    return Question(str(table["name"]), data, float(step.get("wait_s") or 0), float(table.get("timeout_s") or 0))
