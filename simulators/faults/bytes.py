"""Faults of a line: the bytes that arrive are not those that were sent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from simulators.faults.schedule import Schedule
from simulators.frames import Frame


@dataclass(slots=True)
class ByteFault:
    """One fault of one device's line; a stage may hold a frame back, so feed it measurements in order.

    Attributes:
        kind: A word of ``BYTE_FAULTS``.
        schedule: When.
        size: Bits a flip turns, or the ratio of the wrong baud rate to the right one.
        share: Part of the frames in its time that it strikes.
    """

    kind: str
    schedule: Schedule
    size: float | None = None
    share: float = 1.0
    _held: list[Frame] = field(default_factory=list)

    def apply(self, frames: Sequence[Frame], since_ns: int, draws: np.random.Generator) -> tuple[list[Frame], bool]:
        """Spoil the frames of one measurement.

        Args:
            frames: In order.
            since_ns: Time after the scenario's start. [ns]
            draws: Of this fault and device alone; drawn from only in the fault's time.

        Returns:
            What arrives, and whether anything is spoilt.
        """
        if self.schedule.round_of(since_ns) < 0:
            out, self._held = [*frames, *self._held], []
            return out, False
        found: list[Frame] = []
        struck = False
        for frame in frames:
            if frame.data and (self.share >= 1.0 or draws.random() < self.share):
                struck = True
                found.extend(_STAGES[self.kind](self, frame, draws))
            else:
                found.append(frame)
                found.extend(self._release())
        return found, struck

    def rest(self) -> list[Frame]:
        """What is still held back at the end."""
        return self._release()

    def _release(self) -> list[Frame]:
        held, self._held = self._held, []
        return held

    def _flip(self, frame: Frame, draws: np.random.Generator) -> list[Frame]:
        data = bytearray(frame.data)
        for _ in range(max(1, round(self.size or 1))):
            at = int(draws.integers(len(data) * 8))
            data[at // 8] ^= 1 << (at % 8)
        return [replace(frame, data=bytes(data))]

    def _cut(self, frame: Frame, draws: np.random.Generator) -> list[Frame]:
        return [replace(frame, data=frame.data[: int(draws.integers(len(frame.data)))])]

    def _duplicate(self, frame: Frame, _draws: np.random.Generator) -> list[Frame]:
        return [frame, frame]

    def _reorder(self, frame: Frame, _draws: np.random.Generator) -> list[Frame]:
        """Every second frame overtakes the one before it."""
        if self._held:
            return [frame, *self._release()]
        self._held = [frame]
        return []

    def _interleave(self, frame: Frame, draws: np.random.Generator) -> list[Frame]:
        """A second talker on the same wires: another's bytes in the middle of ours."""
        at = int(draws.integers(len(frame.data)))
        other = draws.bytes(int(draws.integers(1, 24)))
        return [replace(frame, data=frame.data[:at] + other + frame.data[at:])]

    def _wrong_baud(self, frame: Frame, _draws: np.random.Generator) -> list[Frame]:
        return [replace(frame, data=resampled(frame.data, self.size or 2.0))]


def resampled(data: bytes, ratio: float) -> bytes:
    """What a receiver at ``ratio`` times the sender's baud rate reads of 8N1 bytes sent without a pause."""
    line: list[int] = []
    for byte in data:
        line += [0, *(byte >> bit & 1 for bit in range(8)), 1]
    line += [1] * 20
    out = bytearray()
    at = 0.0
    end = len(data) * 10
    while at < end:
        if line[int(at)]:
            at += 1.0 / ratio  # Idle: wait for a start bit.
            continue
        bits = [line[min(len(line) - 1, int(at + (1.5 + bit) / ratio))] for bit in range(8)]
        out.append(sum(value << bit for bit, value in enumerate(bits)))
        at += 10.0 / ratio
    return bytes(out)


_Stage = Callable[[ByteFault, Frame, np.random.Generator], list[Frame]]
_STAGES: Final[dict[str, _Stage]] = {
    "flip": ByteFault._flip,  # noqa: SLF001 - the table of the class above
    "cut": ByteFault._cut,  # noqa: SLF001
    "duplicate": ByteFault._duplicate,  # noqa: SLF001
    "reorder": ByteFault._reorder,  # noqa: SLF001
    "interleave": ByteFault._interleave,  # noqa: SLF001
    "wrong_baud": ByteFault._wrong_baud,  # noqa: SLF001
}
