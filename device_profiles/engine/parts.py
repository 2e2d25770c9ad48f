"""Parts of a frame: in order, on a condition, repeated, or chosen by tags. Work is bounded whatever the bytes say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from device_profiles.engine.emit import Emitter, finish_row
from device_profiles.engine.operations import Operation, run_all
from device_profiles.engine.state import MAX_READS, SLOT_INDEX, SLOT_REMAINING, Span, State
from device_profiles.rejects import FrameRejected, RejectReason, reject

REST: Final = -1
NS_PER_S: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Tags:
    """A run of tag, value, tag, value.

    Attributes:
        read: Reads a tag at a position.
        size: Bytes of a tag.
        length_size: Bytes of the length after a tag; 0 when there is none.
        cases: Tag to what follows it.
        unknown: ``stop``, ``reject`` or ``skip``.
    """

    read: Callable[[bytes, int], int]
    size: int
    length_size: int
    cases: Mapping[int, Part]
    unknown: str


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of a frame.

    Attributes:
        operations: Fields.
        parts: Parts after the fields.
        condition: Read only when this holds.
        repeat: Repetitions: None for one, `REST`, a number, or a function of the slots.
        most: Bound of the repetitions.
        rows: Each repetition is a row of its own.
        emitter: Makes the rows of this part's own scope; None when its fields belong to the scope around it.
        scope: First and last slot to clear at each repetition.
        age: Age of a repetition's row. [s]
        tags: Instead of fields.
    """

    operations: tuple[Operation, ...] = ()
    parts: tuple[Part, ...] = ()
    condition: Callable[[Any], Any] | None = None
    repeat: int | Callable[[Any], Any] | None = None
    most: int = 1
    rows: bool = False
    emitter: Emitter | None = None
    scope: tuple[int, ...] = ()
    age: Callable[[Any], Any] | None = None
    tags: Tags | None = None

    def run(self, state: State) -> FrameRejected | None:
        """Read the part."""
        if self.condition is not None:
            state.slots[SLOT_REMAINING] = state.end - state.position
            state.reads += 2
            if not self.condition(state.slots):
                return None
        if self.tags is not None:
            return _run_tags(self.tags, state)
        if self.repeat is None:
            return self._scoped(state) if self.emitter is not None else self._once(state)
        return self._repeated(state)

    def _once(self, state: State) -> FrameRejected | None:
        rejected = run_all(self.operations, state)
        for part in self.parts:
            if rejected is not None:
                break
            rejected = part.run(state)
        return rejected

    def _repeated(self, state: State) -> FrameRejected | None:
        count: Any = self.repeat if isinstance(self.repeat, int) else self.repeat(state.slots) if self.repeat else 0
        if (count.__class__ not in (int, float, bool) or count > self.most) and count != REST:
            return reject(RejectReason.SHAPE, f"{count} repetitions, at most {self.most} are possible", state.data)
        outer_base = state.base
        index = 0
        while state.position < state.end if count == REST else index < count:
            if index >= self.most:
                state.note = f"more than {self.most} repetitions"
                break
            before = state.position
            state.base = before
            state.slots[SLOT_INDEX] = index
            rejected = self._scoped(state)
            if rejected is not None:
                if count == REST and index and rejected.reason is RejectReason.TRUNCATED:
                    state.note = f"{state.end - before} bytes after the last whole repetition"
                    state.position = state.end
                    break
                return rejected
            index += 1
            if state.position == before and count == REST:
                break
        state.base = outer_base
        return None

    def _scoped(self, state: State) -> FrameRejected | None:
        slots = state.slots
        if not self.rows:
            self._clear(state)
            rejected = self._once(state)
            if rejected is None and self.emitter is not None:
                self.emitter.emit(state, alone=False)
            return rejected
        # A row of history may read the channels that the frame's own row has: what that one read is kept aside.
        kept = [
            (slot, slots[slot], state.exact.get(slot), state.bad.get(slot), state.units.get(slot))
            for slot in self.scope
        ]
        self._clear(state)
        gathered, time_ns, age_ns = state.row, state.time_ns, state.age_ns
        state.row = None
        rejected = self._once(state)
        if rejected is None:
            if self.age is not None:
                _row_age(state, self.age(slots))
            if self.emitter is not None:
                self.emitter.emit(state, alone=False)
            finish_row(state)
        state.row, state.time_ns, state.age_ns = gathered, time_ns, age_ns
        self._clear(state)
        for slot, value, exact, bad, unit in kept:
            slots[slot] = value
            if exact is not None:
                state.exact[slot] = exact
            if bad is not None:
                state.bad[slot] = bad
            if unit is not None:
                state.units[slot] = unit
        return rejected

    def _clear(self, state: State) -> None:
        """Nothing of the scope was read yet."""
        for slot in self.scope:
            state.slots[slot] = None
            state.exact.pop(slot, None)
            state.bad.pop(slot, None)
            state.units.pop(slot, None)


def _row_age(state: State, age_s: object) -> None:
    if not isinstance(age_s, (int, float)) or abs(age_s) > 1e9:
        return
    age_ns = int(age_s * NS_PER_S)
    if state.time_ns is None:
        state.age_ns = age_ns
    else:
        state.time_ns -= age_ns


def _run_tags(tags: Tags, state: State) -> FrameRejected | None:  # noqa: C901 - one loop with its ways out
    header = tags.size + tags.length_size
    outer_end, outer_base = state.end, state.base
    rejected: FrameRejected | None = None
    while state.position < outer_end and rejected is None and state.reads <= MAX_READS:
        position = state.position
        if position + header > outer_end:
            state.note = f"{outer_end - position} bytes after the last tag"
            break
        tag = tags.read(state.data, position)
        if state.spans is not None:
            state.spans.append(Span(position, tags.size, "(tag)", tag))
        state.reads += 1
        state.position = position + header
        value_end = outer_end
        if tags.length_size:
            value_end = state.position + int.from_bytes(state.data[position + tags.size : state.position], "big")
            if value_end > outer_end:
                rejected = reject(
                    RejectReason.TRUNCATED,
                    f"tag 0x{tag:02x} says its value ends at {value_end}, frame ends at {outer_end}",
                    state.data,
                )
                break
        case = tags.cases.get(tag)
        if case is None:
            if tags.unknown == "skip":
                state.position = value_end
                continue
            what = f"unknown tag 0x{tag:0{2 * tags.size}x} at {position}"
            if tags.unknown == "reject" or position == outer_base:
                rejected = reject(RejectReason.TAG, what, state.data)
            else:
                state.note = what
            break
        state.base = state.position
        state.end = value_end
        rejected = case.run(state)
        state.end = outer_end
        if tags.length_size and rejected is None:
            state.position = value_end
    state.base = outer_base
    if not tags.length_size and rejected is None:
        state.position = outer_end
    return rejected
