"""Carries readings from the journal into one store of others, at that store's own pace, in a thread of its own.

New blocks come from memory or from the journal. What the journal no longer has, and what a store added later wants of
the past, comes from the lake beside them. A step makes a piece while the courier sends the one before.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from random import Random
from typing import Any, Final, Protocol, cast

import duckdb

from collector.lake.notes import CommitNote
from collector.lake.ports import JournalEntry, JournalSource, StoreKey
from collector.stores.backfill import Progress
from collector.stores.beginning import beginning
from collector.stores.courier import Courier, Delivers, Piece
from collector.stores.cursor import Tally
from collector.stores.filling import Filling
from collector.stores.live import RUN, Gone, Live
from collector.stores.maker import Encode, Maker
from collector.stores.offset import Job, Offset, OffsetFile
from collector.stores.options import PumpOptions
from collector.stores.ports import Busy, NeedsPerson, Unreachable
from collector.stores.read_back import ReadBack
from collector.stores.turns import Turns
from collector.stores.watch import Pulses, Watch

_log: Final = logging.getLogger(__name__)

LIVE_PER_FILLED: Final = 3
"""Pieces of new readings sent for one of a back-fill, while there are both."""


class LakeView(Protocol):
    """What is asked of the lake."""

    note: CommitNote

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A connection for one thread, to be closed by it."""
        ...


class Pump:
    """One store's projection. ``run`` belongs to one thread; what is public besides may be called from any.

    Args:
        name: Of the store.
        journal: Where new blocks come from.
        lake: Where the past comes from.
        encode: Makes lines of readings.
        delivers: Gets lines into the store; used by the courier's thread.
        pulses: Says whether the store is alive; used by the pump's thread.
        file: Where the offset is kept.
        options: How it is served.
        clock_s: Monotonic. [s]
        random: Jitter.
    """

    def __init__(
        self,
        name: str,
        *,
        journal: JournalSource,
        lake: LakeView,
        encode: Encode,
        delivers: Delivers,
        pulses: Pulses,
        file: OffsetFile,
        options: PumpOptions,
        clock_s: Callable[[], float] = time.monotonic,
        random: Random | None = None,
    ) -> None:
        self.name = name
        self.options = options
        self.written_trouble = ""
        """Why the offset cannot be written."""
        self._journal, self._lake, self._maker = journal, lake, Maker(name, encode)
        self._file, self._clock_s, self._delivers = file, clock_s, delivers
        self._turns = Turns(name, self.step, self._pause_s)
        self.courier = Courier(name, delivers, done=self.wake, random=random or Random())  # noqa: S311 - jitter
        self.watch = Watch(
            name,
            pulses,
            every_s=options.pulse_every_s,
            needs_life=options.durable_after_s > 0,
            clock_s=clock_s,
        )
        self._filling = Filling(
            name,
            durable_after_s=options.durable_after_s,
            connect=lake.cursor,
            make=self._maker.of_readings,
            wake=self.wake,
            clock_s=clock_s,
        )
        self._offset = self._take_up(file.read())
        self._live = Live(
            journal,
            self._maker,
            options,
            position=self._offset.position,
            tally=self._offset.tally,
            clock_s=clock_s,
        )
        self._back = ReadBack(self._offset.position, unit_ns=options.unit_ns)
        self._streak = 0
        self._save_due_s = float("-inf")
        self._written: Offset | None = None

    # From any thread

    def offer(self, entries: Sequence[JournalEntry]) -> None:
        """Hand over what was just committed to the journal, every commit, in order. Never waits."""
        self._live.offer(entries)
        self.wake()

    def ask(self, work: Callable[[], Any]) -> Future[Any]:
        """Have something done by the pump's thread between two steps."""
        return self._turns.ask(work)

    def wake(self) -> None:
        """Look at once whether there is something to do."""
        self._turns.wake()

    @property
    def trouble(self) -> Busy | NeedsPerson | Unreachable | None:
        """Why nothing goes to the store at the moment; None when all is well."""
        return self._turns.fault or self.courier.trouble or self.watch.trouble

    @property
    def forgets(self) -> str:
        """What it had answered for and did not give back; empty while it does."""
        return self._back.forgets

    @property
    def is_paused(self) -> bool:
        """Whether a person wants it to rest."""
        return self.options.paused or self._offset.paused

    @property
    def sent(self) -> int:
        """Journal position up to which the store has everything."""
        return self._live.cursor.sent

    @property
    def safe(self) -> int:
        """Journal position up to which the store would still have everything after it was killed."""
        return self._live.cursor.safe

    @property
    def tally(self) -> Tally:
        """What became of readings."""
        return self._live.cursor.tally + self._filling.tally

    @property
    def resent(self) -> int:
        """Values that were sent again because a life of the store ended."""
        return self._offset.resent

    @property
    def jobs(self) -> tuple[Job, ...]:
        """Back-fills that are not finished, with how far each has come."""
        return self._filling.shown(self._offset.jobs)

    def lag_s(self, now_ns: int) -> float:
        """How long the oldest block that the store lacks has been waiting. [s]."""
        return self._live.lag_s(now_ns, self.courier.waiting)

    @property
    def held_bytes(self) -> int:
        """Bytes of blocks that wait in memory."""
        return self._live.held_bytes

    # In the pump's thread, by `ask`

    def pause(self) -> None:
        """Rest from now on, also after a restart."""
        self._offset = replace(self._offset, paused=True)
        self._take_back()
        self._save()

    def resume(self) -> None:
        """Go on, and try at once what was waiting."""
        self._offset = replace(self._offset, paused=False)
        self._save()
        self.courier.hurry()

    def fill(self, why: str, *, from_ns: int | None, until_ns: int | None) -> int:
        """Bring what the lake has of a time, and what it lacks from the journal. Returns the back-fill's number."""
        note = self._lake.note
        in_lake = note.position if note.identity == self._offset.identity else 0
        if self._live.cursor.sent > in_lake:
            # What has not reached the lake yet is not in the back-fill.
            self._move(min(in_lake, self._live.cursor.safe))
        return self._add_job(Job(0, why, note.next_block - 1, from_ns=from_ns, until_ns=until_ns))

    def replay(self) -> None:
        """Send again whatever the journal still has, and only that."""
        kept = self._journal.read(0, blocks_max=1, bytes_max=1)
        if kept:
            self._move(min(kept[0].position - 1, self._live.cursor.safe))

    # The loop

    def run(self, stop: threading.Event) -> None:
        """Serve the store until ``stop`` is set and `wake` was called."""
        try:
            self._save()
            self.courier.start()
            try:
                self._turns.take(stop)
            finally:
                self.courier.stop(1.0)
                self._filling.stop()
                self._collect()
                self._settle()
                self._save()
        except Exception as exc:  # noqa: BLE001 - logged, and shown in the state
            self._turns.ended(exc)

    def step(self) -> bool:
        """One round. Returns whether there may be more to do at once."""
        self._turns.do_what_was_asked()
        self._live.look_at_oldest()
        if self.watch.ask_if_due():
            self._new_life()
        self._collect()
        self._settle()
        if self._clock_s() >= self._save_due_s and self._written != self._offset:
            self._save()
        self._read_back()
        if self.is_paused or self.trouble is not None:
            # It may last for days: what the store does not take has its place in the journal, not in memory.
            self._live.let_go()
        if self.is_paused or not self.courier.has_room or not self.watch.may_send:
            return False
        if not self._back.may_send(self._clock_s()) or (self.forgets and self.courier.waiting):
            return False
        piece = self._piece()
        if piece is None:
            return False
        self.courier.put(piece)
        return True

    def _pause_s(self) -> float:
        return max(0.0, min(min(self.watch.due_s, self._live.due_s) - self._clock_s(), 1.0))

    def _new_life(self) -> None:
        """The store began anew: what was not safe may be gone, and is sent again."""
        forgotten = self._live.rewind() + self._filling.rewind()
        self._back.moved(self._live.cursor.safe)
        self.courier.drop()
        self._offset = replace(self._offset, resent=self._offset.resent + forgotten.values)
        _log.warning("store %s began a new life; sent again: %d values", self.name, forgotten.values)

    def _collect(self) -> None:
        for piece in self.courier.finished():
            alive_s = self.watch.alive_s
            if piece.run:
                self._filling.acknowledged(piece, cast("Progress", piece.position), self._offset.jobs, alive_s)
            elif self._live.acknowledged(piece, alive_s):
                self._back.acknowledged(
                    self._live.cursor.sent, piece.lines, dropped=self._dropped(), now_ns=time.time_ns()
                )

    def _read_back(self) -> None:
        """Now and then ask for a value that is safe, and go back when the store does not have it."""
        now_s, safe = self._clock_s(), self._live.cursor.safe
        line = self._back.due(safe, now_s)
        if line is None:
            return
        given = self.watch.has(line)
        if self._back.answered(given, safe=safe, dropped=self._dropped(), now_s=now_s):
            self._move(self._back.verified)

    def _dropped(self) -> int:
        """Lines that the store has said it does not have: one of them may be missed without its forgetting."""
        return sum(self.watch.ignored.values()) + sum(list(self._delivers.refused.values()))

    def _settle(self) -> None:
        if self._live.cursor.settle(self.watch.alive_s):
            self._offset = replace(self._offset, position=self._live.cursor.safe, tally=self._live.cursor.safe_tally)
        before = self._offset.tally
        self._offset = self._filling.settle(self._offset, self.watch.alive_s)
        if self._offset.tally is not before:
            self._live.cursor.recount(self._offset.tally)

    def _piece(self) -> Piece | None:
        if self._streak >= LIVE_PER_FILLED and (piece := self._filling.take(self._offset.jobs)) is not None:
            self._streak = 0
            return piece
        fresh = self._live.take()
        if isinstance(fresh, Gone):
            self._detach(fresh.to)
        elif fresh is not None:
            self._streak += 1
            return fresh
        self._streak = 0
        return self._filling.take(self._offset.jobs)

    def _detach(self, gone_to: int) -> None:
        """The journal was trimmed past this store, which never holds it back: the lake has what is missing."""
        if self.courier.holds(RUN):
            return  # What is on the way lies before the gap; the mark may pass it only once that has arrived.
        # From the safe mark: what is not safe yet could no longer be sent again from the journal.
        behind, note = self._live.cursor.safe, self._lake.note
        if note.identity == self._offset.identity and note.position < gone_to:
            return  # Rows that rotted, not trimmed ones: what the lake has not got yet would be in no back-fill.
        _log.warning(
            "store %s: the journal no longer has blocks %d to %d; the lake has", self.name, behind + 1, gone_to
        )
        self._add_job(Job(0, "left behind by the journal", note.next_block - 1, self._offset.identity, behind, gone_to))
        self._move(gone_to)

    def _take_back(self) -> None:
        """Forget what is on the way; what the store answered for stays."""
        self.courier.drop()
        self._live.take_back()
        self._filling.rewind()

    def _move(self, position: int) -> None:
        self._take_back()
        self._live.move(position)
        self._back.moved(position)
        self._offset = replace(self._offset, position=position, tally=self._live.cursor.safe_tally)

    def _add_job(self, job: Job) -> int:
        self._offset = self._offset.with_job(job)
        self._save()
        return self._offset.jobs[-1].number

    def _take_up(self, offset: Offset | None) -> Offset:
        identity = StoreKey(self._journal.identity.store_id, self._journal.identity.generation)
        if offset is not None and offset.identity != identity:
            _log.warning("store %s: the journal is another one than before; it is sent from its beginning", self.name)
        return beginning(
            offset, journal=identity, head=self._journal.head, note=self._lake.note, since=self.options.since
        )

    def _save(self) -> None:
        self._save_due_s = self._clock_s() + self.options.save_every_s
        try:
            self._file.write(self._offset)
            self._written, self.written_trouble = self._offset, ""
        except OSError as exc:
            if not self.written_trouble:
                _log.error("store %s: its offset cannot be written: %s", self.name, exc)
            self.written_trouble = str(exc)
