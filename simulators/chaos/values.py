"""What a chaos gauge says: every number follows from the line's number, so that the judge needs no copy of the text."""

from __future__ import annotations

import struct
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_Whole = TypeVar("_Whole", int, "NDArray[np.int64]")

NUMBER: Final = "line_number"
"""Channel with the line's own number."""

_SPAN: Final = 20_011
_HALF: Final = 10_005
_LOG: Final = struct.Struct("<qqB")


class Said(NamedTuple):
    """One line a gauge wrote, or would have written had somebody listened.

    Attributes:
        number: Of the line; its time is that many intervals after the gauge's begin.
        at_ns: When it was written, by this machine's clock, UTC. [ns]
        heard: Whether somebody had the port open and took all of it.
    """

    number: int
    at_ns: int
    heard: bool


def channel(index: int) -> str:
    """Name of the ``index``-th generated channel, from 1."""
    return f"c{index:03d}"


def hundredths(number: _Whole, index: _Whole) -> _Whole:
    """The value of a channel in a line, in hundredths; ints or integer arrays."""
    return (number * 48_271 + index * 7_919) % _SPAN - _HALF


def line(number: int, begin_ns: int, interval_ns: int, channels: int) -> bytes:
    """The JSON line with this number.

    Args:
        number: Of the line.
        begin_ns: The gauge's begin, a whole millisecond, UTC. [ns]
        interval_ns: Between two numbers, whole milliseconds. [ns]
        channels: Generated channels beside the number.
    """
    moment = datetime.fromtimestamp((begin_ns + number * interval_ns) // 1_000_000 / 1000, UTC)
    values = ",".join(f'"{channel(i)}":{hundredths(number, i) / 100:.2f}' for i in range(1, channels + 1))
    time = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return f'{{"time":"{time}","{NUMBER}":{number},{values}}}\n'.encode("ascii")


def pack(said: Said) -> bytes:
    """A log record."""
    return _LOG.pack(*said)


def unpack(data: bytes) -> list[Said]:
    """Whole log records; a last one cut short is left out."""
    whole = len(data) - len(data) % _LOG.size
    return [Said(number, at_ns, bool(heard)) for number, at_ns, heard in _LOG.iter_unpack(data[:whole])]
