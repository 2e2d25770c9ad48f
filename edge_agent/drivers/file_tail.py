"""One growing file: where its reader stands, whether it is still the same file, and what came since."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import Final, NamedTuple, Self

from device_profiles.rejects import FrameRejected, RejectReason, reject
from edge_agent.drivers.file_rows import FileRows, is_toa5_head, rows_for
from edge_agent.drivers.ports import Read, Sample
from edge_agent.outbox.types import Mark
from edge_agent.series.reader import HeaderMissing
from edge_agent.series.text_rows import LineCutter
from edge_agent.settings_series import SeriesMap

PIECE_BYTES: Final = 1 << 15
HEAD_BYTES: Final = 1 << 16
"""A header is not longer. [bytes]"""


class FileId(NamedTuple):
    """Which file it is, whatever it is called."""

    device: int
    inode: int


@dataclass(frozen=True, slots=True)
class Place:
    """How far a file has been read.

    Attributes:
        id: Which file.
        offset: Behind the last line that was read. [bytes]
        last_bytes: Length of that line in the file; nought where there is none. [bytes]
        last: Digest of that line: another file, or this one written anew, has another there.
        head: Where its newest header begins. [bytes]
        is_in_a_row: Whether a row was read, whose line no other file has in this place.
    """

    id: FileId
    offset: int = 0
    last_bytes: int = 0
    last: str = ""
    head: int = 0
    is_in_a_row: bool = False

    def fields(self) -> dict[str, int | str]:
        """As it is kept."""
        return {
            "dev": self.id.device,
            "inode": self.id.inode,
            "offset": self.offset,
            "last_bytes": self.last_bytes,
            "last": self.last,
            "head": self.head,
            "row": int(self.is_in_a_row),
        }

    @classmethod
    def parse(cls, fields: Mapping[str, int | str]) -> Self:
        """The inverse of `fields`."""
        numbers = {name: int(fields[name]) for name in ("offset", "last_bytes", "head")}
        return cls(
            FileId(int(fields["dev"]), int(fields["inode"])),
            last=str(fields["last"]),
            is_in_a_row=bool(fields["row"]),
            **numbers,
        )

    def is_in(self, path: Path) -> bool:
        """Whether a file has, up to here, what was read; raises ``OSError``."""
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size < self.offset:
                return False
            file.seek(self.offset - self.last_bytes)
            return not self.last_bytes or digest(file.read(self.last_bytes)) == self.last


def digest(line: bytes) -> str:
    """Of a line as it stands in the file; its end does not count, since it may come later."""
    return blake2b(line.rstrip(b"\n").rstrip(b"\r\0"), digest_size=8).hexdigest()


class Tail:
    """Follows one file.

    Attributes:
        path: Where it is now.
        name: Under which name its place is kept.
        place: How far its lines were read.
        fault: Why nothing more is read of it: it is not as its map says.
    """

    def __init__(self, path: Path, place: Place, form: str, layout: SeriesMap) -> None:
        self.path = self.name = path
        self.place = place
        self.fault = ""
        self._form = form
        self._layout = layout
        self._seen: tuple[int, int] | None = None
        self._rows: FileRows | None = None
        self._cutter = LineCutter(place.offset)
        self._read_to = place.offset
        self._grew_s = 0.0

    def is_same(self) -> bool:
        """Whether the file still holds what was read of it; looks only when it changed. Raises ``OSError``."""
        stat = self.path.stat()
        seen = (stat.st_size, stat.st_mtime_ns)
        if seen == self._seen:
            return True
        if not self.place.is_in(self.path):
            return False
        self._seen = seen
        if not self._cutter.is_skipping:
            # A half line may have been written anew.
            self._from_place()
        return True

    def follow(self, id_: FileId) -> None:
        """The same lines stand in another file now: it was written anew and put in its place."""
        self.place = replace(self.place, id=id_)
        self._from_place()
        self._seen = None

    def _from_place(self) -> None:
        self._cutter = LineCutter(self.place.offset)
        self._read_to = self.place.offset

    def read(
        self, device: str, *, arrived_ns: int, now_s: float, quiet_s: float, ended: bool = False
    ) -> tuple[list[Read], bool]:
        """What the next lines give, and whether there may be more at once.

        A last line without an end is half a line until the file was quiet for ``quiet_s`` (nought waits for its end),
        or nobody writes to it any more.

        Raises:
            OSError: The file is gone, or must not be read.
        """
        if self._is_given_up():
            return [], False
        with self.path.open("rb") as file:
            if self._rows is None and self.place.offset:
                file.seek(self.place.head)
                self._prepare(file.read(min(HEAD_BYTES, self.place.offset - self.place.head)))
            file.seek(self._read_to)
            data = file.read(PIECE_BYTES)
        self._read_to += len(data)
        lines = self._cutter.feed(data)
        if data:
            self._grew_s = now_s
        elif ended or (quiet_s and now_s - self._grew_s >= quiet_s):
            lines += self._cutter.flush()
        reads: list[Read] = []
        for line, offset in lines:
            found = self._line(line, offset, arrived_ns)
            if isinstance(found, Sample):
                found = replace(found, marks=(self.mark(device),))
            if found is not None:
                reads.append(found)
            if self._is_given_up():
                break
        return reads, bool(data)

    def _is_given_up(self) -> bool:
        return bool(self.fault)

    def mark(self, device: str) -> Mark:
        """The place, to be kept."""
        return Mark(device, str(self.name), self.place.fields())

    def _prepare(self, head: bytes) -> None:
        """Read the header again where the reader goes on in the middle."""
        for line, _ in LineCutter().feed(head):
            if line is None or not line.strip():
                continue
            if self._rows is None:
                self._rows = rows_for(line, self._form, self._layout)
            try:
                if self._rows.line(line, 0) is not None:
                    return
            except HeaderMissing as exc:
                self.fault = str(exc)
                return

    def _line(self, line: bytes | None, offset: int, arrived_ns: int) -> Read | None:
        before = self.place
        if line is None:
            self.place = replace(before, offset=offset, last_bytes=0, last="")
            return reject(RejectReason.TOO_LONG, f"{self.path.name}: a line is too long", b"")
        head = before.offset if is_toa5_head(line) else before.head
        last_bytes = offset - before.offset
        self.place = replace(before, offset=offset, last_bytes=last_bytes, last=digest(line), head=head)
        if not line.strip():
            return None
        if self._rows is None:
            self._rows = rows_for(line, self._form, self._layout)
        try:
            found = self._rows.line(line, arrived_ns)
        except HeaderMissing as exc:
            self.fault = str(exc)
            found = reject(RejectReason.SHAPE, self.fault, line)
        if isinstance(found, Sample):
            self.place = replace(self.place, is_in_a_row=True)
        if isinstance(found, FrameRejected):
            return reject(found.reason, f"{self.path.name}: {found.detail}", found.data)
        return found
