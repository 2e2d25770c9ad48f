"""Makes the pieces of a back-fill in a thread of its own, so that a long sort never keeps new readings waiting."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import closing
from typing import Final

import duckdb

from collector.stores.backfill import BackFill, FilledPiece
from collector.stores.courier import Piece
from collector.stores.cursor import Tally
from collector.stores.lines import Lines
from collector.stores.offset import Job
from collector.stores.ports import Readings

_log: Final = logging.getLogger(__name__)

Make = Callable[[Readings], tuple[Lines, Tally]]


class Filler:
    """One back-fill being read. Gives one piece at a time and waits until it is taken.

    Args:
        job: What to bring, and where it was left.
        epoch: Of the back-fill's cursor.
        cursor: Makes a connection to the lake.
        make: Makes lines of readings and counts them; called from this thread.
        wake: Called when a piece is there.
    """

    def __init__(
        self,
        job: Job,
        epoch: int,
        *,
        cursor: Callable[[], duckdb.DuckDBPyConnection],
        make: Make,
        wake: Callable[[], None],
    ) -> None:
        self.total = job.total
        """Readings in all; 0 until they are counted."""
        self.trouble = ""
        """Why it ended too early; empty while all is well."""
        self._job, self._epoch = job, epoch
        self._cursor, self._make, self._wake = cursor, make, wake
        self._piece: Piece | None = None
        self._change = threading.Condition()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="back-fill", daemon=True)
        self._thread.start()

    @property
    def is_reading(self) -> bool:
        """Whether the next piece is being made."""
        return self._piece is None and self._thread.is_alive()

    def take(self) -> Piece | None:
        """The next piece, when it is there."""
        if self._piece is None:
            return None
        with self._change:
            piece, self._piece = self._piece, None
            self._change.notify_all()
        return piece

    def stop(self) -> None:
        """End; what was not taken is forgotten."""
        with self._change:
            self._stopped = True
            self._change.notify_all()

    def join(self, timeout_s: float) -> None:
        """Wait for the end, after `stop`."""
        self._thread.join(timeout_s)

    def _run(self) -> None:
        try:
            with closing(self._cursor()) as cursor:
                self._fill(BackFill(cursor, self._job))
        except Exception as exc:  # noqa: BLE001 - told by `trouble`
            # The lake may be closing, or its disk fail. Whoever reads `trouble` begins another one from the safe mark.
            if not self._stopped:
                _log.warning("the lake cannot be read for a back-fill, it is tried again: %s", exc)
                self.trouble = str(exc).partition("\n")[0] or type(exc).__name__
                self._wake()

    def _fill(self, fill: BackFill) -> None:
        if not self.total:
            self.total = fill.total()
        for made in fill.pieces():
            if not self._give(self._piece_of(made)):
                return

    def _piece_of(self, made: FilledPiece) -> Piece:
        lines, tally = self._make(made.readings)
        return Piece(self._job.number, self._epoch, made.progress, lines, tally)

    def _give(self, piece: Piece) -> bool:
        with self._change:
            self._change.wait_for(lambda: self._piece is None or self._stopped)
            if self._stopped:
                return False
            self._piece = piece
        self._wake()
        return True
