"""What an emulated device of the catalogue said on its way to an agent, kept so that it can be said again.

The judge has no decoder: it asks the emulator, written from the data sheet, whether it would have said these very bytes
of what the lake holds.
"""

from __future__ import annotations

import copy
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from simulators.emulators.port import Emulator
from simulators.emulators.port import Measurement as Sensed
from simulators.faults.bytes import ByteFault
from simulators.frames import Frame
from simulators.scenario.course import Said
from simulators.scenario.load import Placed
from simulators.scenario.models import EMULATED, power_on, sensed_by
from simulators.scenario.ports import Measurement

_RECENT: Final = 128
"""Frames that may still be on their way; a line that swaps them holds back few."""


@dataclass(frozen=True, slots=True)
class Told:
    """One frame of a device, and how it came to it.

    Attributes:
        device: The emulator as it was before the measurement.
        sensed: What it measured then.
        requests: What it was asked since, each with the time; the frame is of the answer to the last.
        place: Which frame of the answer, or of what it says by itself.
        frame: As it was meant.
        clock_ns: What the device's clock showed. [ns]
        faults: Numbers of the faults that struck the measurement.
        at_ns: When it went over the line, by this machine's clock. [ns]
        heard: Whether somebody took all of it.
        sure: Whether a reader must have it: it went whole, and in time.
    """

    device: Emulator
    sensed: Sensed
    requests: tuple[tuple[bytes, int], ...]
    place: int
    frame: Frame
    clock_ns: int
    faults: tuple[int, ...]
    at_ns: int = 0
    heard: bool = True
    sure: bool = True

    def again(self, channel: str, value: float | None) -> bytes | None:
        """The frame, had the channel been ``value``; None when there would be none."""
        device = copy.deepcopy(self.device)
        frames = device.measure(replace(self.sensed, values={**self.sensed.values, channel: value}))
        for request, at_ns in self.requests:
            frames = device.answer(request, at_ns)
        # A channel that is not there can take a frame with it: in a tree each has a file of its own.
        if self.frame.channel:
            return next((each.data for each in frames if each.channel == self.frame.channel), None)
        return frames[self.place].data if self.place < len(frames) else None


@dataclass(slots=True)
class Teller:
    """One device of the catalogue that an agent reads.

    Attributes:
        placed: Which.
        start_ns: Of the scenario, UTC Unix time. [ns]
        byte_faults: What strikes its answers: number, fault and its random numbers.
        told: Every frame that went over its line.
        damaged: When it did not go whole, by this machine's clock. [ns]
        answers: What was asked and answered, as the file beside the truth has it.
    """

    placed: Placed
    start_ns: int
    byte_faults: Sequence[tuple[int, ByteFault, np.random.Generator]] = ()
    told: list[Told] = field(default_factory=list)
    damaged: list[int] = field(default_factory=list)
    answers: list[dict[str, object]] = field(default_factory=list)
    _device: Emulator = field(init=False)
    _next: tuple[Sensed, tuple[int, ...]] | None = None
    _ground: tuple[Emulator, Sensed, tuple[int, ...]] = field(init=False)
    _requests: list[tuple[bytes, int]] = field(default_factory=list)
    _recent: deque[Told] = field(default_factory=lambda: deque(maxlen=_RECENT))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._device = power_on(self.placed.device)
        # Before its first measurement it holds the usual values.
        usual = sensed_by(EMULATED[self.placed.device.model], Measurement(0, self.start_ns, self.start_ns, {}, {}))
        self._ground = (copy.deepcopy(self._device), usual, ())
        self._next = (usual, ())

    def measured(self, said: Said) -> None:
        """It has measured; one that is asked takes this up with the next question."""
        model = EMULATED[self.placed.device.model]
        sensed = sensed_by(model, Measurement(said.number, said.at_ns, said.clock_ns, said.true, said.sensed))
        if model.requests != "none":
            with self._lock:
                self._next = (sensed, said.faults)
            return
        self.say(sensed, said.faults)

    def say(self, sensed: Sensed, faults: tuple[int, ...] = ()) -> Sequence[Frame]:
        """What it says by itself of a measurement."""
        before = copy.deepcopy(self._device)
        frames = self._device.measure(sensed)
        self._recent.extend(
            Told(before, sensed, (), place, frame, sensed.clock_ns, faults) for place, frame in enumerate(frames)
        )
        return frames

    def usual(self) -> Sequence[Frame]:
        """What it says by itself before anything was measured."""
        return self.say(self._ground[1])

    def find(self, data: bytes) -> Told | None:
        """What it meant by bytes on its line; not ``sure`` where they are damaged or hold more, but may be read."""
        recent = [each for each in reversed(self._recent) if each.frame.data]
        for each in recent:
            if each.frame.data == data:
                return each
        held = next((each for each in recent if each.frame.data in data), None)
        alike = held or max(recent, key=lambda each: _alike(each.frame.data, data), default=None)
        return None if alike is None else replace(alike, sure=False)

    def went(self, data: bytes, *, heard: bool, late: bool = False) -> None:
        """Note that bytes went over its line just now.

        Args:
            data: As a reader gets them.
            heard: Whether somebody took them.
            late: Whether this machine kept the reader waiting.
        """
        found, at_ns = self.find(data), time.time_ns()
        if found is not None:
            self.told.append(replace(found, at_ns=at_ns, heard=heard, sure=found.sure and not late))
        if found is None or not found.sure:
            self.damaged.append(at_ns)

    def goes_on(self, at_ns: int) -> Sequence[Frame]:
        """What comes of a new measurement unasked, while an earlier question lasts: a console's next packet."""
        if EMULATED[self.placed.device.model].requests != "line":
            return ()
        with self._lock:
            if self._next is None:
                return ()
            self._ground, self._next, self._requests = (copy.deepcopy(self._device), *self._next), None, []
            frames = self._device.measure(self._ground[1])
            return self._spoilt(frames, at_ns) if frames else ()

    def answer(self, request: bytes, at_ns: int) -> Sequence[Frame]:
        """What comes back when the line carries a question; nothing when another is meant.

        Args:
            request: One whole question.
            at_ns: In the devices' time. [ns]
        """
        with self._lock:
            fresh = self._next if self._begins(request) else None
            before = copy.deepcopy(self._device)
            if fresh is not None:
                self._device.measure(fresh[0])
            frames = self._device.answer(request, at_ns)
            if not frames:
                self._device = before
                return ()
            if fresh is not None:
                self._next, self._requests = None, []
                self._ground = (before, *fresh)
            self._requests.append((request, at_ns))
            return self._spoilt(frames, at_ns)

    def _begins(self, request: bytes) -> bool:
        """Whether a question is about now: a probe on SDI-12 is asked for data of the measurement before."""
        return EMULATED[self.placed.device.model].requests != "sdi-12" or request[1:2] != b"D"

    def _spoilt(self, frames: Sequence[Frame], at_ns: int) -> Sequence[Frame]:
        device, sensed, faults = self._ground
        wire: Sequence[Frame] = frames
        for number, fault, draws in self.byte_faults:
            wire, hit = fault.apply(wire, at_ns - self.start_ns, draws)
            if hit:
                faults = (*faults, number)
        requests = tuple(self._requests)
        self._recent.extend(
            Told(device, sensed, requests, place, frame, sensed.clock_ns, faults) for place, frame in enumerate(frames)
        )
        self.answers.append(
            {
                "kind": "asked",
                "device": self.placed.name,
                "asked_at_ns": at_ns,
                "measurement": sensed.number,
                "sensed": {name: value for name, value in sensed.values.items() if value is not None},
                "request": requests[-1][0].hex() if requests else "",
                "meant": [frame.data.hex() for frame in frames],
                "answered": [frame.data.hex() for frame in wire],
                "faults": faults,
            }
        )
        return wire


def _alike(one: bytes, other: bytes) -> int:
    return sum(mine == its for mine, its in zip(one, other, strict=False))
