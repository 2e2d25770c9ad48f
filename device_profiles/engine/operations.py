"""The steps of reading a binary frame. Each moves numbers from bytes into slots, or says why it cannot."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from device_profiles.engine.leap_seconds import utc_of_gps
from device_profiles.engine.state import MAX_READS, Span, State
from device_profiles.rejects import FrameRejected, RejectReason, reject

Reader = Callable[[bytes, int], Any]


class Operation:
    """One step; ``run`` returns None or the reject."""

    __slots__ = ()

    def run(self, state: State) -> FrameRejected | None:
        """Do the step."""
        raise NotImplementedError


class Run(Operation):
    """Neighbouring fields of plain types, unpacked in one call into neighbouring slots."""

    __slots__ = ("count", "first", "last", "names", "places", "size", "unpack_from")

    def __init__(self, layout: str, first: int, names: tuple[str, ...], places: tuple[tuple[int, int], ...]) -> None:
        packed = struct.Struct(layout)
        self.unpack_from = packed.unpack_from
        self.size = packed.size
        self.first = first
        self.count = len(names)
        self.last = first + self.count
        self.names = names
        self.places = places

    def run(self, state: State) -> FrameRejected | None:
        """Do the step."""
        position = state.position
        end = position + self.size
        if end > state.end:
            return state.truncated(self.size)
        state.reads += self.count
        values = self.unpack_from(state.data, position)
        state.slots[self.first : self.last] = values
        state.position = end
        if state.spans is not None:
            for name, (offset, size), value in zip(self.names, self.places, values, strict=True):
                state.spans.append(Span(position + offset, size, name, value))
        return None


class Read(Operation):
    """One field of a type `struct` does not have, or one that shares its slot."""

    __slots__ = ("name", "reader", "size", "slot")

    def __init__(self, slot: int, name: str, size: int, reader: Reader) -> None:
        self.slot = slot
        self.name = name
        self.size = size
        self.reader = reader

    def run(self, state: State) -> FrameRejected | None:
        """Do the step."""
        position = state.position
        size = self.size if self.size >= 0 else max(state.end - position, 0)
        if position + size > state.end:
            return state.truncated(size)
        state.reads += 1
        value = self.reader(state.data, position) if self.size >= 0 else self.reader(state.data[: state.end], position)
        state.slots[self.slot] = value
        if value is None:
            state.bad[self.slot] = "garbled"
        state.position = position + size
        if state.spans is not None:
            state.spans.append(Span(position, size, self.name, value))
        return None


class Seek(Operation):
    """Go to an offset from the base, or skip."""

    __slots__ = ("offset", "relative")

    def __init__(self, offset: int, *, relative: bool) -> None:
        self.offset = offset
        self.relative = relative

    def run(self, state: State) -> FrameRejected | None:
        """Do the step."""
        state.position = (state.position if self.relative else state.base) + self.offset
        return state.truncated(self.offset) if state.position > state.end else None


class SkipRest(Operation):
    """Leave the rest of the frame unread, knowingly."""

    __slots__ = ()

    def run(self, state: State) -> FrameRejected | None:
        """Do the step."""
        state.position = state.end
        return None


class Bits(Operation):
    """Bits of an integer field."""

    __slots__ = ("mask", "name", "shift", "sign", "slot", "source")

    def __init__(self, slot: int, name: str, source: int, shift: int, width: int, *, signed: bool) -> None:
        self.slot = slot
        self.name = name
        self.source = source
        self.shift = shift
        self.mask = (1 << width) - 1
        self.sign = 1 << (width - 1) if signed else 0

    def run(self, state: State) -> FrameRejected | None:
        """Do the step."""
        word = state.slots[self.source]
        state.reads += 1
        if word.__class__ is not int:
            state.slots[self.slot] = None
            return None
        value = (word >> self.shift) & self.mask
        if value & self.sign:
            value -= self.sign << 1
        state.slots[self.slot] = value
        if state.spans is not None:
            state.spans.append(Span(-1, 0, self.name, value))
        return None


class Compute(Operation):
    """A field computed from others."""

    __slots__ = ("expression", "name", "slot")

    def __init__(self, slot: int, name: str, expression: Callable[[Any], Any]) -> None:
        self.slot = slot
        self.name = name
        self.expression = expression

    def run(self, state: State) -> FrameRejected | None:
        """Do the step."""
        state.reads += 1
        value = self.expression(state.slots)
        if value is True or value is False:
            value = int(value)
        elif value.__class__ is int and not -(2**63) <= value < 2**63:
            value = None
        if value is None:
            state.bad[self.slot] = "undefined"
        state.slots[self.slot] = value
        state.exact.pop(self.slot, None)
        if state.spans is not None:
            state.spans.append(Span(-1, 0, self.name, value))
        return None


class Equals(Operation):
    """A field that every device of the model sends alike."""

    __slots__ = ("name", "slot", "wanted")

    def __init__(self, slot: int, name: str, wanted: frozenset[Any]) -> None:
        self.slot = slot
        self.name = name
        self.wanted = wanted

    def run(self, state: State) -> FrameRejected | None:
        """Do the step."""
        value = state.slots[self.slot]
        if value in self.wanted:
            return None
        wanted = " or ".join(str(item) for item in sorted(self.wanted, key=str))
        return reject(RejectReason.IDENTITY, f"{self.name} is {value}, this model sends {wanted}", state.data)


class Time(Operation):
    """A field that is the time of the row, or how long ago it was measured."""

    __slots__ = ("age", "factor_ns", "gps", "origin_ns", "skip", "slot")

    def __init__(
        self, slot: int, factor_ns: int, origin_ns: int, *, age: bool, skip: frozenset[Any], gps: bool = False
    ) -> None:
        self.gps = gps
        self.slot = slot
        self.factor_ns = factor_ns
        self.origin_ns = origin_ns
        self.age = age
        self.skip = skip

    def run(self, state: State) -> FrameRejected | None:
        """Do the step."""
        value = state.slots[self.slot]
        if value.__class__ not in (int, float) or value in self.skip or value != value or abs(value) > 2**62:  # noqa: PLR0124 - NaN
            return None
        time_ns = int(value * self.factor_ns) + self.origin_ns
        if self.gps:
            time_ns = utc_of_gps(time_ns)
        if not -(2**63) <= time_ns < 2**63:
            return None
        if self.age:
            state.age_ns = time_ns
        else:
            state.time_ns = time_ns
        return None


def run_all(operations: tuple[Operation, ...], state: State) -> FrameRejected | None:
    """Run steps in order until one rejects or the frame's budget of work is spent."""
    for operation in operations:
        rejected = operation.run(state)
        if rejected is not None:
            return rejected
    if state.reads > MAX_READS:
        return reject(RejectReason.TOO_LONG, f"more than {MAX_READS} fields", state.data)
    return None
