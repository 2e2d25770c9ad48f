"""A serial port (or pty) as a byte stream, read on the loop."""

from __future__ import annotations

import asyncio
import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from edge_agent.drivers.fd import readable
from edge_agent.drivers.ports import LinkDown

if TYPE_CHECKING:
    import serial

READ_BYTES_MAX: Final = 4096
"""A kernel tty buffer. [bytes]"""
OPEN_S_MAX: Final = 10.0
"""An adapter whose driver hangs in ``open`` is given up for this round. [s]"""


class SerialPort:
    """Eight data bits, no parity, one stop bit, no flow control, ours alone.

    Attributes:
        path: Device file.
        baud: Speed. [1/s]
    """

    starts_clean = False

    def __init__(self, path: Path, baud: int) -> None:
        self.path = path
        self.baud = baud
        self._port: serial.Serial | None = None

    async def open(self) -> None:
        """Open and configure the port; bytes that came before are dropped, they have no time.

        Raises:
            LinkDown: It is not there, not ours to open, in use, or hangs.
        """
        try:
            # Opening can block in the kernel for as long as an adapter hangs; others must not wait for it.
            async with asyncio.timeout(OPEN_S_MAX):
                self._port = await asyncio.to_thread(_open, self.path, self.baud)
        except TimeoutError:
            raise LinkDown(f"{self.path} does not open: is the adapter hung?") from None

    async def read(self, timeout_s: float | None) -> bytes | None:
        """The next bytes, seldom none; None when ``timeout_s`` passed without any.

        Raises:
            LinkDown: The port is gone.
        """
        assert self._port is not None, "read follows open"
        fd = int(self._port.fileno())
        if not await readable(fd, timeout_s=timeout_s):
            return None
        try:
            data = os.read(fd, READ_BYTES_MAX)
        except BlockingIOError:
            return b""
        except OSError as exc:
            raise LinkDown(f"{self.path} is gone ({exc.strerror})") from exc
        if not data:
            raise LinkDown(f"{self.path} was hung up")
        return data

    async def close(self) -> None:
        """Close the port; never raises."""
        port, self._port = self._port, None
        if port is not None:
            try:
                port.close()
            except OSError:
                return


def _open(path: Path, baud: int) -> serial.Serial:
    import serial  # noqa: PLC0415 - an agent without serial devices need not hold it in memory

    try:
        return serial.Serial(str(path), baud, timeout=0, exclusive=True)
    except serial.SerialException as exc:
        raise LinkDown(_why(path, exc)) from exc
    except (OSError, ValueError) as exc:
        raise LinkDown(f"{path} cannot be used at {baud} baud: {exc}") from exc


def _why(path: Path, exc: OSError) -> str:
    number = exc.errno
    if number == errno.ENOENT or not path.exists():
        return f"{path} is not there: is the device plugged in?"
    if number in {errno.EACCES, errno.EPERM}:
        return f"no permission for {path}: add this user to the group of the port (mostly dialout)"
    if number == errno.EBUSY or "exclusively lock" in str(exc):
        return f"{path} is in use by another program"
    return f"{path} cannot be opened: {exc.strerror or exc}"
