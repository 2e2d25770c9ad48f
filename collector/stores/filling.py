"""The back-fills of one store, one after another: begun, taken back, begun again, and how far each is."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import duckdb

from collector.stores.backfill import END, Progress
from collector.stores.courier import Piece
from collector.stores.cursor import Cursor, Tally
from collector.stores.filler import Filler, Make
from collector.stores.offset import Job, Offset

_log: Final = logging.getLogger(__name__)

LAKE_RETRY_S: Final = 5.0
"""Pause before a back-fill is begun again that could not read the lake. [s]"""


class Filling:
    """Does the first of a store's jobs. One thread changes it, any may read what is public.

    Args:
        name: Of the store.
        durable_after_s: How long the store must be seen alive after its answer. [s]
        connect: Makes a connection to the lake.
        make: Makes lines of readings and counts them; called from a thread of the back-fill's own.
        wake: Called when a piece is there.
        clock_s: Monotonic. [s]
    """

    def __init__(
        self,
        name: str,
        *,
        durable_after_s: float,
        connect: Callable[[], duckdb.DuckDBPyConnection],
        make: Make,
        wake: Callable[[], None],
        clock_s: Callable[[], float],
    ) -> None:
        self._name, self._durable_after_s, self._clock_s = name, durable_after_s, clock_s
        self._connect, self._make, self._wake = connect, make, wake
        self._filler: Filler | None = None
        self._cursor: Cursor[Progress] | None = None
        self._again_s = 0.0

    @property
    def tally(self) -> Tally:
        """What the store answered for and what is not counted in its offset yet."""
        cursor = self._cursor
        return Tally() if cursor is None else cursor.tally

    @property
    def is_reading(self) -> bool:
        """Whether the next piece is being made."""
        filler = self._filler
        return filler is not None and filler.is_reading

    def shown(self, jobs: tuple[Job, ...]) -> tuple[Job, ...]:
        """Jobs with how far the first has come by the store's answers."""
        cursor = self._cursor
        if cursor is None or not jobs:
            return jobs
        sent = cursor.sent
        return (replace(jobs[0], done=sent.mark, readings=sent.readings, total=self._total(jobs[0])), *jobs[1:])

    def take(self, jobs: tuple[Job, ...]) -> Piece | None:
        """The next piece of the first job, when it is there; begins the job if need be."""
        if self._filler is not None and self._filler.trouble:
            self._again_s = self._clock_s() + LAKE_RETRY_S
            self.rewind()
        if self._filler is None and jobs and self._clock_s() >= self._again_s:
            self._begin(jobs[0])
        return None if self._filler is None else self._filler.take()

    def acknowledged(self, piece: Piece, progress: Progress, jobs: tuple[Job, ...], alive_s: float) -> None:
        """The store has a piece."""
        if self._cursor is not None and jobs and piece.run == jobs[0].number:
            self._cursor.acknowledged(piece.epoch, progress, piece.tally, alive_s)

    def settle(self, offset: Offset, alive_s: float) -> Offset:
        """The offset with what has become safe; what it counts is the caller's from now on."""
        cursor = self._cursor
        if cursor is None or not cursor.settle(alive_s):
            return offset
        job, *others = offset.jobs
        if cursor.safe.mark >= END:
            _log.info("store %s: back-fill %d (%s) is done", self._name, job.number, job.why)
            self._end()
            self._cursor = None
            return replace(offset, jobs=tuple(others), tally=offset.tally + cursor.hand_over())
        further = replace(job, done=cursor.safe.mark, readings=cursor.safe.readings, total=self._total(job))
        return replace(offset, jobs=(further, *others), tally=offset.tally + cursor.hand_over())

    def rewind(self) -> Tally:
        """Go back to what is safe. Returns what has to be sent again."""
        self._end()
        return Tally() if self._cursor is None else self._cursor.rewind()

    def stop(self) -> None:
        """End; what is safe is in the offset."""
        filler = self._filler
        self._end()
        if filler is not None:
            filler.join(5.0)

    def _begin(self, job: Job) -> None:
        if self._cursor is None:
            self._cursor = Cursor(Progress(job.done, job.readings), durable_after_s=self._durable_after_s)
        safe = self._cursor.safe
        self._filler = Filler(
            replace(job, done=safe.mark, readings=safe.readings),
            self._cursor.epoch,
            cursor=self._connect,
            make=self._make,
            wake=self._wake,
        )

    def _end(self) -> None:
        if self._filler is not None:
            self._filler.stop()
            self._filler = None

    def _total(self, job: Job) -> int:
        filler = self._filler
        return job.total if filler is None else filler.total
