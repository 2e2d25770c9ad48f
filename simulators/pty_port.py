"""The sensor's end of a real pseudo-terminal, reachable by a stable name like a serial adapter's.

What a sensor says while nobody listens is gone, as on a real serial line; the kernel would keep the first 4 KiB of it
and hand them to whoever opens the port next. So a write looks first whether anybody has the port open.
"""

from __future__ import annotations

import array
import contextlib
import errno
import fcntl
import os
import select
import termios
import time
import tty
from pathlib import Path
from types import TracebackType
from typing import Final, Self

_WRITE_TIMEOUT_S: Final = 1.0


class PtyPort:
    """A pseudo-terminal whose other end others open under ``link``.

    Attributes:
        link: Symbolic link to the terminal device, made on entry and taken away on leaving.
    """

    def __init__(self, link: Path) -> None:
        self.link = link
        self._master = -1
        self._device = ""

    def __enter__(self) -> Self:
        """Open the pair and make the link.

        Raises:
            FileExistsError: ``link`` names something that is not a link: it is not ours to replace.
        """
        if self.link.exists() and not self.link.is_symlink():
            raise FileExistsError(errno.EEXIST, "will not replace what is not a link", str(self.link))
        self._master, other = os.openpty()
        # Raw from the start: an echoing terminal would send the sensor its own words before the reader sets it up.
        tty.setraw(other)
        self._device = os.ttyname(other)
        # With our own end closed, POLLHUP tells whether a reader has the port open.
        os.close(other)
        os.set_blocking(self._master, False)
        self.link.parent.mkdir(parents=True, exist_ok=True)
        aside = self.link.with_name(f".{self.link.name}.{os.getpid()}")
        aside.symlink_to(self._device)
        aside.replace(self.link)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):
            if self.link.readlink() == Path(self._device):
                self.link.unlink()
        os.close(self._master)

    def has_reader(self) -> bool:
        """Whether somebody has the other end open now."""
        poll = select.poll()
        poll.register(self._master, 0)
        return not any(events & select.POLLHUP for _, events in poll.poll(0))

    def write(self, data: bytes) -> bool:
        """Send ``data`` whole, waiting up to a second for a slow reader.

        Returns:
            False when nobody listened, the reader left half-way or stayed too slow: (some of) it never arrived.
        """
        if not self.has_reader():
            return False
        deadline = time.monotonic() + _WRITE_TIMEOUT_S
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[os.write(self._master, rest) :]
            except BlockingIOError:
                if time.monotonic() > deadline or not self.has_reader():
                    return False
                select.select([], [self._master], [], 0.05)
        return True

    def read(self, timeout_s: float) -> bytes:
        """What the reader wrote to us, or nothing after ``timeout_s``."""
        if not select.select([self._master], [], [], timeout_s)[0]:
            return b""
        with contextlib.suppress(OSError):  # The reader left.
            return os.read(self._master, 4096)
        return b""

    def drain(self, timeout_s: float) -> bool:
        """Wait until the reader has taken every byte: closing the pair throws away what still lies in it.

        Returns:
            Whether it was taken in time.
        """
        if not self.has_reader():
            return False
        other = os.open(self._device, os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK)
        try:
            deadline = time.monotonic() + timeout_s
            # What was just written reaches the reader's queue by way of a kernel worker.
            time.sleep(0.05)
            while waiting_bytes(other):
                if time.monotonic() > deadline:
                    return False
                time.sleep(0.01)
        finally:
            os.close(other)
        return True


def waiting_bytes(terminal: int) -> int:
    """How many bytes lie unread in a terminal."""
    count = array.array("i", [0])
    fcntl.ioctl(terminal, termios.FIONREAD, count)
    return count[0]
