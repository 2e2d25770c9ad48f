"""Waiting that a signal ends: every simulator paces itself with this and stops the same way."""

from __future__ import annotations

import select
import signal
import socket
import time
from types import FrameType
from typing import Final

_STOPPING: Final = (signal.SIGTERM, signal.SIGINT)


class Pace:
    """A clock to sleep by until told to stop by SIGTERM or SIGINT.

    Make it in the main thread, before the work starts.

    Attributes:
        stopping: True from the first signal on.
    """

    def __init__(self) -> None:
        self.stopping = False
        # A byte on a socket wakes the sleeper at once; a flag alone would be seen only after the sleep.
        self._waker, self._woken = socket.socketpair()
        self._waker.settimeout(0.0)
        signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)
        for number in _STOPPING:
            signal.signal(number, self._stop)

    def _stop(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        self.stopping = True

    def until(self, wall_ns: int) -> bool:
        """Sleep until this machine's clock shows ``wall_ns``; in small steps, so that a stepped clock is noticed.

        Returns:
            False when told to stop.
        """
        while not self.stopping:
            rest_s = (wall_ns - time.time_ns()) / 1e9
            if rest_s <= 0:
                return True
            self._wait(min(rest_s, 1.0))
        return False

    def sleep(self, seconds: float) -> bool:
        """Sleep; False when told to stop."""
        if not self.stopping:
            self._wait(seconds)
        return not self.stopping

    def readable(self, file: int) -> bool:
        """Wait until ``file`` has something to read; False when told to stop."""
        while not self.stopping:
            ready, _, _ = select.select([self._woken.fileno(), file], [], [])
            if file in ready:
                return True
            self._woken.recv(64)
        return False

    def _wait(self, seconds: float) -> None:
        if select.select([self._woken], [], [], seconds)[0]:
            self._woken.recv(64)
