"""Emulated devices on a serial line that others open: one device, or several that share a bus."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from simulators.carriers import CarrierError, PtyCarrier
from simulators.emulators.port import Emulator, Measurement, Model, Requests
from simulators.frames import Frame
from simulators.pty_port import PtyPort

REST_S: Final = 0.005
"""A Modbus request ends when the line is silent for this long, unless its function says its length. [s]"""
_LATE_KEPT: Final = 10_000
_RTU_BYTES: Final = {1: 8, 2: 8, 3: 8, 4: 8, 5: 8, 6: 8}
"""Length of a Modbus request by its function. [bytes]"""

_HELD_MAX: Final = 4096
"""What is longer is no request. [bytes]"""

Values = Callable[[Model, int], Mapping[str, float | None]]
"""What is true for a device of a model at an instant, UTC Unix time in ns."""


class Cutter:
    """Cuts what is heard on a line into whole requests.

    Args:
        requests: How a request of these devices ends.
    """

    def __init__(self, requests: Requests) -> None:
        self._requests = requests
        self._held = bytearray()

    @property
    def holds(self) -> bool:
        """Whether a request has begun."""
        return bool(self._held)

    def feed(self, heard: bytes) -> Iterator[bytes]:
        """Whole requests; call it with nothing after a silence of ``REST_S``, which ends any Modbus request."""
        self._held += heard
        if self._held and not heard and self._requests == "rtu":
            yield bytes(self._held)
            self._held.clear()
        while (end := self._end()) > 0:
            request = bytes(self._held[:end])
            del self._held[:end]
            yield request
        if len(self._held) > _HELD_MAX:
            self._held.clear()

    def _end(self) -> int:
        """Where the first whole request ends; nought when there is none."""
        held = self._held
        if self._requests == "rtu":
            size = _RTU_BYTES.get(held[1], 0) if len(held) > 1 else 0
            return size if 0 < size <= len(held) else 0
        if self._requests == "sdi-12":
            return held.find(b"!") + 1
        if self._requests == "shdlc":
            first = held.find(b"\x7e")
            return held.find(b"\x7e", first + 1) + 1 if first >= 0 else 0
        if self._requests == "line":
            return next((index + 1 for index, byte in enumerate(held) if byte in b"\r\n"), 0)
        held.clear()
        return 0


class SerialHost:
    """Devices on one line: each measures at its pace; whoever is asked answers.

    Attributes:
        late_s: How long after their instants the latest answers were said: what this machine takes of the timing. [s]

    Args:
        port: The line.
        devices: Model and device, all asked in the same way.
        values: What is true.
        character_s: Time of one character on the wire; nought as fast as it goes. [s]
    """

    def __init__(
        self, port: PtyPort, devices: Sequence[tuple[Model, Emulator]], values: Values, *, character_s: float = 0.0
    ) -> None:
        kinds = {model.requests for model, _ in devices} - {"none"}
        if len(kinds) > 1:
            raise ValueError(f"devices on one line are asked in one way, not by {' and '.join(sorted(kinds))}")
        self.requests = 0
        self.answers = 0
        self.failure: Exception | None = None
        self.ended = threading.Event()
        """Set when nobody is served any more."""
        self.late_s: deque[float] = deque(maxlen=_LATE_KEPT)
        self._port, self._devices, self._values, self._character_s = port, devices, values, character_s
        self._cutter = Cutter(next(iter(kinds), "none"))
        self._queue: list[tuple[int, Frame]] = []
        self._numbers = [0] * len(devices)
        self._due_ns = [0] * len(devices)

    def run(self, stop: threading.Event) -> None:
        """Serve until ``stop``, or until something fails: ``failure`` says what."""
        try:
            self._serve(stop)
        except Exception as exc:  # noqa: BLE001 - it is told by whoever started this thread
            self.failure = exc
        finally:
            self.ended.set()

    def _serve(self, stop: threading.Event) -> None:
        while not stop.is_set():
            now_ns = time.time_ns()
            self._measure(now_ns)
            self._say(now_ns)
            heard = self._port.read(self._patience_s(time.time_ns()))
            for request in self._cutter.feed(heard):
                self._answer(request)

    def _patience_s(self, now_ns: int) -> float:
        next_ns = min([at for at, _ in self._queue] + self._due_ns)
        wait_s = max(0.0, (next_ns - now_ns) / 1e9)
        return min(wait_s, REST_S if self._cutter.holds else 0.1)

    def _measure(self, now_ns: int) -> None:
        for index, (model, device) in enumerate(self._devices):
            if now_ns < self._due_ns[index]:
                continue
            self._due_ns[index] = now_ns + round(model.period_s * 1e9)
            self._numbers[index] += 1
            true = Measurement(
                number=self._numbers[index], at_ns=now_ns, clock_ns=now_ns, values=self._values(model, now_ns)
            )
            self._later(device.measure(true), now_ns)

    def _answer(self, request: bytes) -> None:
        self.requests += 1
        self._queue = [each for each in self._queue if not each[1].until_asked]
        # On a real wire the request takes its time, and so does the answer.
        begins_ns = time.time_ns() + round(len(request) * self._character_s * 1e9)
        for _, device in self._devices:
            frames = device.answer(request, begins_ns)
            self.answers += bool(frames)
            self._later(frames, begins_ns)

    def _later(self, frames: Sequence[Frame], from_ns: int) -> None:
        for frame in frames:
            takes_ns = round(len(frame.data) * self._character_s * 1e9)
            self._queue.append((from_ns + frame.delay_ns + takes_ns, frame))
        self._queue.sort(key=lambda each: each[0])

    def _say(self, now_ns: int) -> None:
        while self._queue and self._queue[0][0] <= now_ns:
            at_ns, frame = self._queue.pop(0)
            self._port.write(frame.data)
            self.late_s.append((time.time_ns() - at_ns) / 1e9)


@contextmanager
def on_pty(
    link: Path, devices: Sequence[tuple[Model, Emulator]], values: Values | None = None, *, character_s: float = 0.0
) -> Iterator[SerialHost]:
    """Serve devices on a pseudo-terminal that is reached by ``link`` for as long as the context lasts.

    Raises:
        CarrierError: The terminal cannot be set up; or it failed, or a device did, while they were served.
    """
    with PtyCarrier(link) as port:
        host = SerialHost(port, devices, values or usual, character_s=character_s)
        stop = threading.Event()
        thread = threading.Thread(target=host.run, args=(stop,), name=f"devices on {link.name}")
        thread.start()
        try:
            yield host
        finally:
            stop.set()
            thread.join()
    if host.failure is not None:
        raise CarrierError(f"pty:{link}: {host.failure}") from host.failure


def usual(model: Model, at_ns: int) -> Mapping[str, float | None]:
    """A model's usual values, at any time."""
    del at_ns
    return model.channels
