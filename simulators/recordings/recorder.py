"""Writes down what a port says, and what is asked of it when the reader is put in between."""

from __future__ import annotations

import contextlib
import select
from pathlib import Path
from typing import Final

import serial

from simulators.pace import Pace
from simulators.pty_port import PtyPort
from simulators.recordings.capture_file import CaptureWriter
from simulators.recordings.model import RecordingError

_READ_BYTES: Final = 4096
_POLL_S: Final = 0.05


def record(port: str, file: Path, *, baud: int, between: Path | None, pace: Pace) -> int:
    """Record until SIGTERM or SIGINT, or until the port is gone.

    Args:
        port: A serial port, or what pyserial takes as one (``socket://host:port``).
        file: A new file.
        baud: Of the port. [bit/s]
        between: Where a reader finds the port instead, so that what it asks is written down too; None to listen only.
        pace: Tells when to stop.

    Returns:
        Pieces written down.

    Raises:
        RecordingError: The port cannot be opened, or the file is there already.
    """
    try:
        device = serial.serial_for_url(port, baudrate=baud, timeout=0)
    except (serial.SerialException, ValueError, OSError) as exc:
        raise RecordingError(f"port {port}: {getattr(exc, 'strerror', None) or exc}") from exc
    with contextlib.ExitStack() as stack:
        stack.callback(device.close)
        writer = stack.enter_context(CaptureWriter(file, port))
        reader = None if between is None else stack.enter_context(PtyPort(between))
        while not pace.stopping:
            with contextlib.suppress(InterruptedError):
                select.select([device.fileno()], [], [], _POLL_S)
            try:
                said = device.read(_READ_BYTES)
                if said:
                    writer.note(said, asked=False)
                asked = b"" if reader is None or not reader.has_reader() else reader.read(0)
                if asked:
                    writer.note(asked, asked=True)
                    device.write(asked)
            except (serial.SerialException, OSError):
                break  # Unplugged: what was written down stays.
            if said and reader is not None:
                reader.write(said)
        return writer.pieces
