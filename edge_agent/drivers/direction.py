"""Who turns an RS-485 transceiver from listening to sending and back: the kernel's driver, or a GPIO line of ours.

Most adapters do it themselves, and need none of this.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import struct
import termios
from pathlib import Path
from typing import Final, Protocol

from edge_agent.drivers.gpio_line import OutputLine
from edge_agent.drivers.ports import LinkDown

TIOCSRS485: Final = 0x542F
ENABLED: Final = 1
RTS_ON_SEND: Final = 2
_SETTINGS: Final = struct.Struct("=3I5I")
"""struct serial_rs485 (linux/serial.h): flags, delay before and after sending in ms, five words for later."""


class Direction(Protocol):
    """What turns the transceiver."""

    def opened(self, fd: int, path: Path) -> None:
        """Get ready on a port that was just opened; raises ``LinkDown``."""
        ...

    async def before(self) -> None:
        """Turn to sending; raises ``LinkDown``."""
        ...

    async def after(self, fd: int) -> None:
        """Turn back to listening when the last bit has left; raises ``LinkDown``."""
        ...

    def closed(self) -> None:
        """The port is closed. Never raises."""
        ...


class KernelDirection:
    """By the UART's driver: RTS is high while it sends."""

    def __init__(self, *, before_ms: float = 0.0, after_ms: float = 0.0) -> None:
        self.settings = _SETTINGS.pack(ENABLED | RTS_ON_SEND, round(before_ms), round(after_ms), 0, 0, 0, 0, 0)

    def opened(self, fd: int, path: Path) -> None:
        """Hand the settings to the driver; raises ``LinkDown`` where it knows nothing of RS-485."""
        try:
            fcntl.ioctl(fd, TIOCSRS485, self.settings)
        except OSError as exc:
            if exc.errno in {errno.ENOTTY, errno.EINVAL, errno.EOPNOTSUPP}:
                raise LinkDown(
                    f"the driver of {path} turns no RS-485 transceiver (TIOCSRS485): leave direction out for an adapter"
                    ' that does it itself, or name a line: direction = { by = "gpio", line = 18 }'
                ) from exc
            raise LinkDown(f"{path} is gone ({exc.strerror})") from exc

    async def before(self) -> None:
        """The driver does it."""

    async def after(self, fd: int) -> None:
        """The driver does it."""

    def closed(self) -> None:
        """The driver forgets it with the port."""


class GpioDirection:
    """By a GPIO line that enables the transmitter."""

    def __init__(self, line: OutputLine, *, before_ms: float = 0.0, after_ms: float = 0.0) -> None:
        self._line, self._before_s, self._after_s = line, before_ms / 1000, after_ms / 1000

    def opened(self, fd: int, path: Path) -> None:  # noqa: ARG002 - the line is not the port's
        """Take the line, listening."""
        self._line.open()

    async def before(self) -> None:
        """Enable the transmitter."""
        self._line.set(active=True)
        if self._before_s:
            await asyncio.sleep(self._before_s)

    async def after(self, fd: int) -> None:
        """Wait until the kernel has sent all, and a little for what the chip still shifts out."""
        try:
            await asyncio.to_thread(termios.tcdrain, fd)
        except termios.error as exc:
            raise LinkDown(f"the port is gone ({exc})") from exc
        finally:
            if self._after_s:
                await asyncio.sleep(self._after_s)
            self._line.set(active=False)

    def closed(self) -> None:
        """Let the line go."""
        self._line.close()
