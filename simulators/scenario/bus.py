"""A line of devices that are asked, in scaled time: whoever is meant answers with what is true at that instant."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from simulators.carriers import PtyCarrier
from simulators.emulators.host import REST_S, Cutter
from simulators.frames import Frame
from simulators.scenario.models import EMULATED
from simulators.scenario.teller import Teller

_LOOK_S: Final = 0.05
_HELD_UP_S: Final = 0.3
"""When this thread came to its turn so much too late, its answer may be too late for the reader. [s]"""


@dataclass(slots=True)
class Bus:
    """Devices on one pseudo-terminal; used within ``with``.

    Attributes:
        link: Where a reader finds it.
        tellers: The devices.
        now_ns: The devices' time, UTC Unix time. [ns]
        speed: Devices' time by real time; 0 is at once.
    """

    link: Path
    tellers: Sequence[Teller]
    now_ns: Callable[[], int]
    speed: float
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread = field(init=False)
    _port: PtyCarrier = field(init=False)
    _queue: list[tuple[float, Teller, Frame]] = field(default_factory=list)
    _silent: bool = False

    def __enter__(self) -> Self:
        """Open the terminal and serve it."""
        self._port = PtyCarrier(self.link)
        self._port.__enter__()
        self._thread = threading.Thread(target=self._serve, name=f"devices on {self.link.name}", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._port.__exit__(kind, error, trace)

    def has_reader(self) -> bool:
        """Whether somebody has the line open."""
        return self._port.has_reader()

    def hush(self) -> None:
        """Answer nothing more; what was begun is said to its end."""
        self._silent = True

    def _serve(self) -> None:
        cutter = Cutter(EMULATED[self.tellers[0].placed.device.model].requests)
        turn_s = time.monotonic()
        while not self._stop.is_set():
            rest_s = min([at for at, _, _ in self._queue], default=turn_s + 1) - time.monotonic()
            wait_s = max(0.0, min(rest_s, REST_S if cutter.holds else _LOOK_S))
            begun_s = time.monotonic()
            heard = self._port.receive(wait_s)
            turn_s = time.monotonic()
            for request in cutter.feed(heard):
                if not self._silent:
                    self._answer(request)
            if not self._silent:
                for teller in self.tellers:
                    self._later(teller, teller.goes_on(self.now_ns()))
            self._say(held_up=time.monotonic() - begun_s > wait_s + _HELD_UP_S)

    def _answer(self, request: bytes) -> None:
        at_ns = self.now_ns()
        self._queue = [each for each in self._queue if not each[2].until_asked]
        for teller in self.tellers:
            self._later(teller, teller.answer(request, at_ns))

    def _later(self, teller: Teller, frames: Sequence[Frame]) -> None:
        now_s = time.monotonic()
        for frame in frames:
            wait_s = frame.delay_ns / 1e9 / self.speed if self.speed else 0.0
            self._queue.append((now_s + wait_s, teller, frame))
        self._queue.sort(key=lambda each: each[0])

    def _say(self, *, held_up: bool) -> None:
        while self._queue and self._queue[0][0] <= (now_s := time.monotonic()):
            due_s, teller, frame = self._queue.pop(0)
            late = held_up or now_s - due_s > _HELD_UP_S
            teller.went(frame.data, heard=self._port.send(frame.data), late=late)
