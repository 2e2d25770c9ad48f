"""A serial port (or pty) as a byte stream, read on the loop."""

from __future__ import annotations

import asyncio
import errno
import os
import termios
import time
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from edge_agent.drivers.direction import Direction
from edge_agent.drivers.fd import readable, writable
from edge_agent.drivers.ports import LinkDown
from edge_agent.drivers.watch import carried

if TYPE_CHECKING:
    import serial

READ_BYTES_MAX: Final = 4096
"""A kernel tty buffer. [bytes]"""
WRITE_S_MAX: Final = 5.0
"""A port that takes nothing for this long is hung; a request is a few bytes. [s]"""
PSEUDO_TERMINALS: Final = Path("/dev/pts")
OPEN_S_MAX: Final = 10.0
"""An adapter whose driver hangs in ``open`` is given up for this round. [s]"""


@dataclass(frozen=True, slots=True)
class LineFormat:
    """How characters stand on the line.

    Attributes:
        baud: Speed. [1/s]
        data_bits: 7 or 8.
        parity: ``none``, ``even`` or ``odd``.
        stop_bits: 1 or 2.
    """

    baud: int = 9600
    data_bits: int = 8
    parity: str = "none"
    stop_bits: int = 1

    @property
    def character_s(self) -> float:
        """Time of one character with its start, parity and stop bits. [s]."""
        return (1 + self.data_bits + (self.parity != "none") + self.stop_bits) / self.baud

    @property
    def words(self) -> str:
        """As people write it."""
        return f"{self.baud} baud {self.data_bits}{self.parity[0].upper()}{self.stop_bits}"


class SerialPort:
    """A port without flow control, ours alone; the name is resolved again at each opening.

    Attributes:
        path: Device file, best a stable name (``/dev/serial/by-id/...`` or ``by-path``).
        format: Speed and character.
        direction: Turns an RS-485 transceiver; None where the adapter does it.
    """

    starts_clean = False

    def __init__(self, path: Path, baud: int | LineFormat, direction: Direction | None = None) -> None:
        self.path = path
        self.direction = direction
        self.format = baud if isinstance(baud, LineFormat) else LineFormat(baud)
        self._port: serial.Serial | None = None
        self._heard_s = 0.0

    async def open(self) -> None:
        """Open and configure the port; bytes that came before are dropped, they have no time.

        Raises:
            LinkDown: It is not there, not ours to open, in use, or hangs.
        """
        try:
            # Opening can block in the kernel for as long as an adapter hangs; others must not wait for it.
            async with asyncio.timeout(OPEN_S_MAX):
                self._port = await asyncio.to_thread(_open, self.path, self.format)
        except TimeoutError:
            raise LinkDown(f"{self.path} does not open: is the adapter hung?") from None
        if self.direction is not None:
            try:
                self.direction.opened(int(self._port.fileno()), self.path)
            except LinkDown:
                await self.close()
                raise

    async def read(self, timeout_s: float | None) -> bytes | None:
        """The next bytes, seldom none; None when ``timeout_s`` passed without any.

        Raises:
            LinkDown: The port is gone.
        """
        assert self._port is not None, "read follows open"
        fd = int(self._port.fileno())
        heard_s = await readable(fd, timeout_s=timeout_s)
        if not heard_s:
            return None
        self._heard_s = heard_s
        try:
            data = os.read(fd, READ_BYTES_MAX)
        except BlockingIOError:
            return b""
        except OSError as exc:
            raise LinkDown(f"{self.path} is gone ({exc.strerror}): unplugged?") from exc
        if not data:
            raise LinkDown(f"{self.path} was hung up: unplugged?")
        carried(data, sent=False)
        return data

    async def write(self, data: bytes) -> None:
        """Send all of ``data``; returns when the kernel has it.

        Raises:
            LinkDown: The port is gone, or takes nothing for ``WRITE_S_MAX``.
        """
        assert self._port is not None, "write follows open"
        fd = int(self._port.fileno())
        carried(data, sent=True)
        if self.direction is not None:
            await self.direction.before()
            try:
                await self._send(fd, data)
            finally:
                await self.direction.after(fd)
            return
        await self._send(fd, data)

    async def _send(self, fd: int, data: bytes) -> None:
        try:
            data = _written(fd, data)
            async with asyncio.timeout(WRITE_S_MAX) if data else nullcontext():
                while data:
                    await writable(fd)
                    data = _written(fd, data)
        except TimeoutError:
            raise LinkDown(f"{self.path} takes no bytes: is the adapter hung?") from None
        except OSError as exc:
            raise LinkDown(f"{self.path} is gone ({exc.strerror}): unplugged?") from exc

    def heard_ago_s(self) -> float:
        """How long ago the bytes of the last read could be read. [s]."""
        return time.monotonic() - self._heard_s

    async def send_break(self, seconds: float) -> None:
        """Hold the line in its break state.

        Raises:
            LinkDown: The port is gone.
        """
        assert self._port is not None, "send_break follows open"
        try:
            self._port.break_condition = True
            await asyncio.sleep(seconds)
            self._port.break_condition = False
        except OSError as exc:
            raise LinkDown(f"{self.path} is gone ({exc.strerror}): unplugged?") from exc

    def drop_input(self) -> None:
        """Forget what has come and was not read.

        Raises:
            LinkDown: The port is gone.
        """
        assert self._port is not None, "drop_input follows open"
        try:
            self._port.reset_input_buffer()
        except OSError as exc:
            raise LinkDown(f"{self.path} is gone ({exc.strerror}): unplugged?") from exc

    async def close(self) -> None:
        """Close the port; never raises."""
        port, self._port = self._port, None
        if self.direction is not None:
            self.direction.closed()
        if port is not None:
            try:
                port.close()
            except OSError:
                return


def _written(fd: int, data: bytes) -> bytes:
    """What is left of ``data`` when the kernel takes no more."""
    try:
        return data[os.write(fd, data) :]
    except BlockingIOError:
        return data


def _open(path: Path, line: LineFormat) -> serial.Serial:
    import serial  # noqa: PLC0415 - an agent without serial devices need not hold it in memory

    if PSEUDO_TERMINALS in path.resolve().parents:
        # It carries whole bytes at any speed; asked for parity again, the C library says that it cannot.
        line = LineFormat(line.baud)
    try:
        return serial.Serial(
            str(path),
            line.baud,
            bytesize=line.data_bits,
            parity={"none": "N", "even": "E", "odd": "O"}[line.parity],
            stopbits=line.stop_bits,
            timeout=0,
            exclusive=True,
        )
    except serial.SerialException as exc:
        raise LinkDown(_why(path, exc)) from exc
    except (OSError, ValueError, termios.error) as exc:
        why = exc.args[-1] if exc.args else exc
        raise LinkDown(f"{path} cannot be set to {line.words}: {why}") from exc


def _why(path: Path, exc: OSError) -> str:
    number = exc.errno
    if number == errno.ENOENT or not path.exists():
        return f"{path} is not there: is the device plugged in?"
    if number in {errno.EACCES, errno.EPERM}:
        return f"no permission for {path}: add this user to the group of the port (mostly dialout)"
    if number == errno.EBUSY or "exclusively lock" in str(exc):
        return f"{path} is in use by another program"
    return f"{path} cannot be opened: {exc.strerror or exc}"
