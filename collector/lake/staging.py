"""Rows of one commit on their way into Parquet: gathered, written in row groups, one file per table and UTC day.

Files grow in ``incoming/``, where nobody looks, and move to their place only when whole and fsynced. What a crash
leaves in ``incoming/`` belongs to no commit and is deleted at the next start.
"""

from __future__ import annotations

import contextlib
import uuid
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from collector.lake.disk import Disk, make_folder
from collector.lake.schema import Table

DAY_NS: Final = 86_400 * 10**9
ROW_GROUP_ROWS: Final = 131_072
"""Rows of a row group: one agent's blocks lie together, so a query for one device skips most groups."""
INLINE_ROWS_MAX: Final = 200
"""Up to here a table's share of a commit goes into the catalogue itself: dearer by the row, cheaper than a file."""
WRITING_MAX: Final = 1
"""Row groups being encoded while the next is decoded: more would only hold memory."""
OPEN_DAYS_MAX: Final = 8
"""Open files at a time; a backlog that spans more days closes the one it has not needed for longest."""


@dataclass(frozen=True, slots=True)
class StagedFile:
    """A whole, fsynced file in its place, not yet in the catalogue."""

    table: Table
    path: Path
    rows: int
    size_bytes: int


def _one_thread() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="parquet")


@dataclass(slots=True)
class _Open:
    path: Path
    writer: pq.ParquetWriter
    rows: int = 0


@dataclass(slots=True)
class TableStaging:
    """One table's share of the coming commit.

    Attributes:
        table: Where the rows belong.
        data: Folder the table's own folder lies in.
        incoming: Folder for files that still grow; same file system as ``data``.
        disk: Makes things durable.
        rows: Rows taken since the last commit.
    """

    table: Table
    data: Path
    incoming: Path
    disk: Disk
    rows: int = 0
    _waiting: dict[int, list[pa.RecordBatch]] = field(default_factory=dict)
    _waiting_rows: dict[int, int] = field(default_factory=dict)
    _open: dict[int, _Open] = field(default_factory=dict)
    _whole: list[StagedFile] = field(default_factory=list)
    _writer: ThreadPoolExecutor = field(default_factory=_one_thread)
    _writing: deque[Future[None]] = field(default_factory=deque)

    def add(self, rows: pa.RecordBatch) -> None:
        """Take rows in. They are visible to nobody before the commit, and lost in a crash until then."""
        if rows.num_rows == 0:
            return
        self.rows += rows.num_rows
        for day, part in _by_day(rows) if self.table.by_day else [(0, rows)]:
            self._waiting.setdefault(day, []).append(part)
            self._waiting_rows[day] = self._waiting_rows.get(day, 0) + part.num_rows
            if self._waiting_rows[day] >= ROW_GROUP_ROWS:
                self._write_out(day)

    def finish(self) -> tuple[list[StagedFile], pa.Table | None]:
        """Close and fsync everything taken since the last call.

        Returns:
            Files to add to the catalogue; rows to insert in the catalogue itself when there were only few, else None.
        """
        waiting = [part for parts in self._waiting.values() for part in parts]
        few = self.rows <= INLINE_ROWS_MAX and not self._open and not self._whole
        inline = pa.Table.from_batches(waiting, self.table.arrow) if few and waiting else None
        if not few:
            for day in list(self._waiting):
                self._write_out(day)
            self._written()
            for day in list(self._open):
                self._close(day)
        files, self._whole = self._whole, []
        self._waiting.clear()
        self._waiting_rows.clear()
        self.rows = 0
        for folder in {file.path.parent for file in files}:
            self.disk.sync_folder(folder)
        return files, inline

    def forget(self) -> None:
        """Drop everything taken since the last commit; half-written files go."""
        while self._writing:
            with contextlib.suppress(OSError, pa.ArrowException):
                self._written()
        for held in self._open.values():
            # Closing writes the footer, which a full disk does not take either.
            with contextlib.suppress(OSError, pa.ArrowException):
                held.writer.close()
            held.path.unlink(missing_ok=True)
        for file in self._whole:
            file.path.unlink(missing_ok=True)
        self._open.clear()
        self._whole.clear()
        self._waiting.clear()
        self._waiting_rows.clear()
        self.rows = 0

    def _write_out(self, day: int) -> None:
        parts = self._waiting.pop(day)
        del self._waiting_rows[day]
        held = self._open.pop(day, None) or self._start(day)
        self._open[day] = held  # newest last, so that the first is the one longest unused
        held.rows += sum(part.num_rows for part in parts)
        # Encoding a row group leaves the interpreter to others: it goes on beside the decoding of the next.
        self._writing.append(self._writer.submit(_write, held.writer, parts))
        self._written(WRITING_MAX)
        while len(self._open) > OPEN_DAYS_MAX:
            self._written()
            self._close(next(iter(self._open)))

    def _written(self, left: int = 0) -> None:
        """Wait until at most ``left`` row groups are under way.

        Raises:
            OSError: One could not be written.
        """
        while len(self._writing) > left:
            self._writing.popleft().result()

    def _start(self, day: int) -> _Open:
        path = self.incoming / f"{self.table.name}-{day}-{uuid.uuid4().hex}.parquet"
        try:
            return _Open(path, pq.ParquetWriter(path, self.table.arrow, compression="zstd", write_page_checksum=True))
        except OSError:
            path.unlink(missing_ok=True)
            raise

    def _close(self, day: int) -> None:
        held = self._open[day]
        held.writer.close()
        self.disk.sync_file(held.path)
        folder = self.data / "main" / self.table.name
        if self.table.by_day:
            date = datetime.fromtimestamp(day * 86_400, tz=UTC)
            folder = folder / f"year={date.year}" / f"month={date.month}" / f"day={date.day}"
        make_folder(self.disk, folder)
        target = folder / f"{uuid.uuid4().hex}.parquet"
        self.disk.rename(held.path, target)
        del self._open[day]  # not before: `forget` must find a file that could not be finished
        self._whole.append(StagedFile(self.table, target, held.rows, target.stat().st_size))


def _write(writer: pq.ParquetWriter, parts: list[pa.RecordBatch]) -> None:
    writer.write_table(pa.Table.from_batches(parts), row_group_size=ROW_GROUP_ROWS)


def _by_day(rows: pa.RecordBatch) -> list[tuple[int, pa.RecordBatch]]:
    """Split rows by the UTC day of ``observed_at``; nearly always there is only one."""
    times = rows.column("observed_at").cast(pa.int64()).to_numpy()
    first, last = int(times.min()) // DAY_NS, int(times.max()) // DAY_NS
    if first == last:
        return [(first, rows)]
    days = np.floor_divide(times, DAY_NS)
    return [(int(day), rows.filter(pc.equal(pa.array(days), pa.scalar(day)))) for day in np.unique(days)]
