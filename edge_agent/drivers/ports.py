"""What the agent asks of a driver, and of the byte stream below it; errors are named for what the caller does next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

from device_profiles.quality import Flag
from device_profiles.rejects import FrameRejected
from device_profiles.wire.values import Value
from edge_agent.outbox.types import Mark
from harkara_io.errors import HarkaraError


class DriverError(HarkaraError):
    """Root of what crosses a driver's port."""


class LinkDown(DriverError):
    """The line is gone or cannot be opened: close, wait and open again. Says why in one line."""


class NotReady(DriverError):
    """The line is there but cannot be used yet: try again after ``wait_s``. [s]."""

    def __init__(self, reason: str, wait_s: float) -> None:
        super().__init__(reason)
        self.wait_s = wait_s


class Number(NamedTuple):
    """One value of one channel.

    Attributes:
        channel: Name within the device.
        unit: UCUM code of the number as the sensor gave it.
        value: Exact number, or None when missing.
        flag: MISSING without a value.
        reason: Word of `device_profiles.quality.REASONS`; for counters.
    """

    channel: str
    unit: str
    value: Value | None
    flag: Flag = Flag.UNKNOWN
    reason: str = ""


class Text(NamedTuple):
    """Words that a device says: a mode, an event, a serial number. Counts as one reading.

    Attributes:
        channel: Name within the device.
        text: As the device said it; at most `device_profiles.wire.limits.MAX_TEXT_BYTES` long.
        is_event: Whether it stands for an instant; else it is a state that a device repeats, and news when it changes.
    """

    channel: str
    text: str
    is_event: bool = True


@dataclass(frozen=True, slots=True)
class Sample:
    """Values of one instant.

    Attributes:
        observed_at_ns: The sensor's own time; None when it gave none: then the arrival counts. [ns]
        arrived_ns: When its first byte was read, by the wall clock. [ns]
        numbers: Each channel at most once.
        texts: What it said in words.
        marks: How far files have been read with this sample; kept when it is accepted, and with it.
    """

    observed_at_ns: int | None
    arrived_ns: int
    numbers: tuple[Number, ...]
    texts: tuple[Text, ...] = ()
    marks: tuple[Mark, ...] = ()

    @property
    def readings(self) -> int:
        """Values that are there, and texts: what accounting counts."""
        return sum(number.value is not None for number in self.numbers) + len(self.texts)


Read = Sample | FrameRejected


class Driver(Protocol):
    """One device's line. The caller owns every retry; being cancelled at any ``await`` is normal."""

    async def open(self) -> None:
        """Open the line.

        Raises:
            LinkDown: It cannot be opened; nothing is left open.
            NotReady: Not yet.
        """
        ...

    async def read(self) -> list[Read]:
        """Wait for the next bytes and give what they complete; may be empty.

        Raises:
            LinkDown: The line is gone. What was complete has been given before.
        """
        ...

    async def close(self) -> list[Read]:
        """Close the line, open or not; gives what was still held. Never raises."""
        ...

    def notes(self) -> dict[str, int]:
        """Counts of what was read and left out on purpose, by name."""
        ...


class ByteSource(Protocol):
    """A stream of bytes below a driver: serial port, TCP connection or a program's output."""

    async def open(self) -> None:
        """Open it; raises ``LinkDown`` or ``NotReady``."""
        ...

    async def read(self, timeout_s: float | None) -> bytes | None:
        """The next bytes, seldom none (a false alarm); None when ``timeout_s`` passed without any.

        Raises:
            LinkDown: The stream ended or broke.
        """
        ...

    async def close(self) -> None:
        """Close it, open or not. Never raises."""
        ...

    @property
    def starts_clean(self) -> bool:
        """Whether the first byte after opening begins a line; a serial port is joined in mid-sentence."""
        ...


class ByteLine(ByteSource, Protocol):
    """A stream that can be spoken to: a serial port or a TCP connection."""

    async def write(self, data: bytes) -> None:
        """Send all of ``data``.

        Raises:
            LinkDown: The line is gone or takes nothing.
        """
        ...
