"""Frame kinds, compiled: what selects them and how they are read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from device_profiles.engine.emit import Emitter, finish_row
from device_profiles.engine.envelopes import Payload
from device_profiles.engine.parts import Part
from device_profiles.engine.rows import Decoded
from device_profiles.engine.state import SLOT_LENGTH, SLOT_PORT, Span, State
from device_profiles.engine.text import Split, columns, split
from device_profiles.rejects import FrameRejected, RejectReason

Selector = Callable[[Payload], bool]


@dataclass(frozen=True, slots=True)
class FramePlan:
    """One kind of frame.

    Attributes:
        name: In the profile.
        request: Request it answers, or empty.
        ports: LoRaWAN ports, or empty for any.
        ids: Message numbers, or empty for any.
        shortest: Least payload length. [bytes]
        longest: Greatest payload length. [bytes]
        selectors: What else must hold.
        split: How a text is split; None for binary frames.
        columns: Least and greatest number of columns of a text.
        root: How it is read.
        emitter: Makes its row.
        slot_count: Size of the working memory.
        ignore: Known, without readings.
        registers: Address, count and function of the Modbus request it answers, or None.
        pad_to: Payloads shorter than this are filled with zeros (MAVLink 2). [bytes]
    """

    name: str
    request: str
    ports: frozenset[int]
    ids: frozenset[int]
    shortest: int
    longest: int
    selectors: tuple[Selector, ...]
    split: Split | None
    columns: tuple[int, int] | None
    root: Part
    emitter: Emitter
    slot_count: int
    ignore: bool = False
    pad_to: int = 0

    def fits(self, payload: Payload, port: int | None, request: str | None) -> bool:
        """Whether the frame is of this kind."""
        if self.ports and port not in self.ports:
            return False
        if self.ids and payload.id is not None and payload.id not in self.ids:
            return False
        if request is not None and self.request and request != self.request:
            return False
        if not self.shortest <= payload.end - payload.start <= self.longest:
            return False
        return all(selector(payload) for selector in self.selectors)

    def has_columns(self, payload: Payload) -> bool:
        """Whether a text has as many values as this kind of frame has columns."""
        if self.columns is None or self.split is None:
            return True
        return self.columns[0] <= columns(self.split, payload.data[payload.start : payload.end]) <= self.columns[1]

    def read(self, payload: Payload, port: int | None, spans: list[Span] | None = None) -> Decoded | FrameRejected:
        """Read a frame that fits."""
        if self.ignore:
            return Decoded(self.name, ())
        data, start, end, _ = payload
        if self.pad_to > end - start:
            # Behind what stood before the payload, so that offsets are still those of the frame.
            data = data[:end] + bytes(self.pad_to - (end - start))
            end = len(data)
        slots: list[Any] = [None] * self.slot_count
        state = State(data, start, end, slots)
        state.spans = spans
        slots[SLOT_LENGTH] = end - start
        slots[SLOT_PORT] = port
        if self.split is not None:
            rejected = split(self.split, state)
            if (
                rejected is None
                and self.columns is not None
                and not self.columns[0] <= len(state.tokens or ()) <= self.columns[1]
            ):
                rejected = FrameRejected(
                    RejectReason.SHAPE,
                    f"{len(state.tokens or ())} values, expected {self.columns[0]} to {self.columns[1]}",
                    data[:64],
                )
            if rejected is not None:
                return rejected
        rejected = self.root.run(state)
        if rejected is not None:
            return rejected
        self.emitter.emit(state, alone=state.row is None)
        if state.row is not None:
            finish_row(state)
        if not state.note and state.tokens is None and state.position < state.end and not self.pad_to:
            state.note = f"{state.end - state.position} bytes after the last field"
        return Decoded(self.name, tuple(state.rows), state.note)
