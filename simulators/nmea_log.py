"""A recorded NMEA 0183 log, ready to be said again: byte for byte, in a loop, with its clock moved to another time.

Only the fields that tell the time are rewritten, and the checksum with them; a sentence whose checksum was wrong in the
recording stays wrong by the same bits. Fields as in u-blox M8 Receiver Description, UBX-13003221, "NMEA protocol".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import reduce
from itertools import pairwise
from operator import xor
from pathlib import Path
from typing import Final

_SENTENCE: Final = re.compile(rb"^\$([^*\r\n]*)(?:\*([0-9A-Fa-f]{2}))?([\r\n]*)$")
_TIME: Final = re.compile(rb"^(\d{2})(\d{2})(\d{2})(\.\d+)?$")
_TIME_FIELD: Final[dict[bytes, int]] = {
    b"RMC": 1, b"GGA": 1, b"GNS": 1, b"GST": 1, b"GBS": 1, b"ZDA": 1, b"GRS": 1, b"GLL": 5,
}  # fmt: skip
"""Which field of a sentence holds hhmmss.ss, by its formatter (the last three letters of its address)."""
_RMC_DATE_FIELD: Final = 9
_ZDA_DATE_FIELDS: Final = (2, 3, 4)
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Epoch:
    """What a receiver said about one instant.

    Attributes:
        at: The instant the sentences name, UTC; None when none of them names one.
        lines: Each line with its line end, as recorded.
    """

    at: datetime | None
    lines: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class NmeaLog:
    """A recording, cut into epochs.

    Attributes:
        epochs: In order; their instants never go back.
        step: Usual distance of two epochs; one second when the recording does not tell.
    """

    epochs: tuple[Epoch, ...]
    step: timedelta

    @property
    def length(self) -> timedelta:
        """How long one pass takes, the step from its last epoch to the first of the next included."""
        instants = [epoch.at for epoch in self.epochs if epoch.at is not None]
        if not instants:
            return self.step * len(self.epochs)
        return instants[-1] - instants[0] + self.step


def read_nmea_log(path: Path) -> NmeaLog:
    """Read a recording; lines that begin with ``#`` are its keeper's remarks, not the receiver's words: left out.

    Raises:
        ValueError: It holds no sentence.
    """
    lines = [line for line in path.read_bytes().splitlines(keepends=True) if not line.startswith(b"#")]
    if not any(line.startswith(b"$") for line in lines):
        raise ValueError(f"{path} holds no NMEA sentence")
    epochs = tuple(_epochs(lines))
    steps = [
        later.at - earlier.at
        for earlier, later in pairwise(epochs)
        if earlier.at and later.at and later.at > earlier.at
    ]
    return NmeaLog(epochs=epochs, step=min(steps, default=timedelta(seconds=1)))


def _epochs(lines: list[bytes]) -> Iterator[Epoch]:
    date = next((found for line in lines if (found := _date_of(line))), datetime(2000, 1, 1, tzinfo=UTC))
    now: datetime | None = None
    gathered: list[bytes] = []
    # Sentences without a time before the first that has one belong to it; later ones to the epoch they follow.
    for line in lines:
        clock = _time_of(line)
        if clock is not None:
            instant = date + clock
            if now is not None and instant < now - _DAY / 2:
                date += _DAY
                instant += _DAY
            if now is not None and instant > now:
                yield Epoch(at=now, lines=tuple(gathered))
                gathered = []
            now = instant if now is None or instant > now else now
        gathered.append(line)
    yield Epoch(at=now, lines=tuple(gathered))


def _fields(line: bytes) -> list[bytes]:
    match = _SENTENCE.match(line)
    return match.group(1).split(b",") if match else [b""]


def _time_of(line: bytes) -> timedelta | None:
    fields = _fields(line)
    index = _TIME_FIELD.get(fields[0][-3:])
    match = _TIME.match(fields[index]) if index is not None and len(fields) > index else None
    if match is None:
        return None
    hours, minutes, seconds, fraction = match.groups(default=b"0")
    return timedelta(hours=int(hours), minutes=int(minutes), seconds=int(seconds) + float(fraction))


def _date_of(line: bytes) -> datetime | None:
    fields = _fields(line)
    if fields[0][-3:] != b"RMC" or len(fields) <= _RMC_DATE_FIELD:
        return None
    try:
        return datetime.strptime(fields[_RMC_DATE_FIELD].decode("ascii"), "%d%m%y").replace(tzinfo=UTC)
    except ValueError:
        return None


def shifted(line: bytes, shift: timedelta, at: datetime | None) -> bytes:
    """The same line, its time moved.

    Args:
        line: As recorded, with its line end.
        shift: How far to move; whole seconds, so that the digits after the point stay.
        at: The recorded instant of the line's epoch, for its date.

    Returns:
        The line with time, date and checksum rewritten; any other line byte for byte.
    """
    match = _SENTENCE.match(line)
    if match is None or at is None:
        return line
    body, checksum, ending = match.groups()
    fields = body.split(b",")
    clock = _time_of(line)
    formatter = fields[0][-3:]
    index = _TIME_FIELD.get(formatter)
    if clock is None or index is None:
        return line
    midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
    moved = midnight + clock + shift
    fraction = fields[index][6:]
    fields[index] = moved.strftime("%H%M%S").encode("ascii") + fraction
    if formatter == b"RMC" and len(fields) > _RMC_DATE_FIELD and fields[_RMC_DATE_FIELD]:
        fields[_RMC_DATE_FIELD] = moved.strftime("%d%m%y").encode("ascii")
    if formatter == b"ZDA" and len(fields) > _ZDA_DATE_FIELDS[-1] and fields[_ZDA_DATE_FIELDS[0]]:
        fields[2:5] = moved.strftime("%d,%m,%Y").encode("ascii").split(b",")
    rewritten = b",".join(fields)
    tail = b""
    if checksum is not None:
        # Whatever was wrong with the recorded checksum stays wrong.
        tail = b"*%02X" % (int(checksum, 16) ^ nmea_checksum(body) ^ nmea_checksum(rewritten))
    return b"$" + rewritten + tail + ending


def nmea_checksum(body: bytes) -> int:
    """Exclusive or of everything between ``$`` and ``*``."""
    return reduce(xor, body, 0)
