"""A count of pulses that survives a power cut: two slots in a small file, written in turn, each with its checksum."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path
from typing import Final, NamedTuple

_SLOT: Final = struct.Struct(">8sQQqI")
_MAGIC: Final = b"HKPULSE1"
_SECTOR: Final = 512
"""The slots lie in sectors of their own, so that a torn write spoils one of them. [bytes]"""


class Kept(NamedTuple):
    """What the file says.

    Attributes:
        serial: Of the write; the higher one is the newer.
        pulses: Pulses since the counter began.
        at_ns: When it was written, by the wall clock. [ns]
    """

    serial: int
    pulses: int
    at_ns: int


class CountFile:
    """Keeps one count. Blocks for an fsync; not more often than its user writes."""

    def __init__(self, path: Path) -> None:
        """Open or make the file; raises ``OSError``."""
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        found = [kept for kept in map(self._slot, (0, 1)) if kept is not None]
        self.kept = max(found, default=None)
        """What was found, None in a new file."""
        self._serial = self.kept.serial if self.kept is not None else 0

    def write(self, count: int, at_ns: int) -> None:
        """Keep ``count``: on return it survives a power cut; raises ``OSError``."""
        serial = self._serial + 1
        body = _SLOT.pack(_MAGIC, serial, count, at_ns, 0)[:-4]
        os.pwrite(self._fd, body + zlib.crc32(body).to_bytes(4, "big"), serial % 2 * _SECTOR)
        os.fsync(self._fd)
        self._serial = serial

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)

    def _slot(self, index: int) -> Kept | None:
        data = os.pread(self._fd, _SLOT.size, index * _SECTOR)
        if len(data) < _SLOT.size:
            return None
        magic, serial, count, at_ns, check = _SLOT.unpack(data)
        if magic != _MAGIC or check != zlib.crc32(data[:-4]):
            return None
        return Kept(serial, count, at_ns)
