"""Carries blocks from the journal into the lake: in order, many at a time, each once, in a thread of its own.

A round takes blocks (from memory when the journal has just got them, from its file otherwise), decodes them together
and stages their rows. A commit makes what is staged visible, together with the offset; a crash before it costs work.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

import duckdb
import numpy as np

from collector.lake.accounting import Accounts
from collector.lake.columns import Rows, rows_of
from collector.lake.decoding import decode_all
from collector.lake.errors import LakeUnusable
from collector.lake.feed import Feed, up_to
from collector.lake.known import KnownBlocks
from collector.lake.lake import Lake
from collector.lake.latest import ChannelKey, LatestValues, Readings
from collector.lake.maintenance import Maintenance
from collector.lake.notes import CommitNote
from collector.lake.ports import JournalEntry, JournalSource, PoisonSink, StoreKey
from collector.lake.progress import ProjectorOptions, ProjectorStats
from collector.lake.schema import BLOCK, READING, SERIES
from device_profiles.wire.bulk import Batch
from harkara_io.log_errors import LogError

_log: Final = logging.getLogger(__name__)

_READ_BYTES: Final = 4 << 20
"""Read from the journal's file in one go, and kept until it is projected. [bytes]"""


class Projector:
    """The one writer of a lake.

    ``run`` belongs to one thread. ``offer``, ``wake``, ``flush`` and ``stats`` may be called from any other.
    """

    def __init__(
        self,
        lake: Lake,
        journal: JournalSource,
        latest: LatestValues,
        accounts: Accounts,
        *,
        poison: PoisonSink,
        options: ProjectorOptions | None = None,
        maintenance: Maintenance | None = None,
        withheld: Callable[[str, int], bool] = lambda _agent, _segment: False,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """Take up where the lake says this journal was left.

        Args:
            lake: Where to.
            journal: Where from.
            latest: Is told every reading as soon as it is decoded.
            accounts: Is told what was committed.
            poison: Takes what cannot be decoded.
            options: When to do what.
            maintenance: Merges files while idle; None never does.
            withheld: Whether an (agent, segment) stays out of the latest values, as a clone's does.
            clock_ns: The collector's clock, UTC Unix time. [ns]
        """
        self._lake, self._journal, self._latest, self._accounts = lake, journal, latest, accounts
        self._poison, self._withheld, self._clock_ns = poison, withheld, clock_ns
        self._options = options or ProjectorOptions()
        self._maintenance = maintenance
        self._feed = Feed()
        self._identity = StoreKey(journal.identity.store_id, journal.identity.generation)
        same = lake.note.identity == self._identity and lake.note.position <= journal.head
        with lake.cursor() as cursor:
            self._known = KnownBlocks.of_others(cursor, self._identity if same else None)
        self._note = lake.note if same else lake.note.at(self._identity, 0)
        self._stats = ProjectorStats(position=self._note.position, durable=self._note.position if same else 0)
        self._read_ahead: Sequence[JournalEntry] = ()
        self._staged: list[tuple[str, int, int, int]] = []
        self._staged_losses: list[tuple[str, int, int]] = []
        self._skipped_before: Final = self._note.skipped
        self._oldest_staged_s: float | None = None
        self._marked_s = 0.0
        self._wanted: list[int] = []
        self._change = threading.Condition()

    def stats(self) -> ProjectorStats:
        """What was done so far."""
        return self._stats

    def offer(self, entries: Sequence[JournalEntry]) -> None:
        """Hand over what was just committed to the journal, every commit, in order. Never waits."""
        self._feed.offer(entries)
        self.wake()

    def is_behind(self) -> bool:
        """Whether so much waits that whoever fills the journal should let this thread work.

        The journal does not need it, and this process's memory does not either: both are bounded. But a thread that
        journals five times as fast as this one projects takes the interpreter away from it.
        """
        return self._feed.waiting_bytes > self._options.behind_bytes

    def wake(self) -> None:
        """Say that the journal has something new."""
        with self._change:
            self._change.notify_all()

    def flush(self, timeout_s: float = 30.0) -> bool:
        """Wait until everything journalled so far is committed in the lake. False when time ran out."""
        target = self._journal.head
        with self._change:
            self._wanted.append(target)
            self._change.notify_all()
            try:
                return self._change.wait_for(lambda: self._stats.position >= target, timeout_s)
            finally:
                self._wanted.remove(target)

    def run(self, stop: threading.Event) -> None:
        """Project until ``stop`` is set (and ``wake`` called), then commit what is staged.

        A full or failing disk does not end it, nor does a lack of memory: what was staged is dropped, the journal still
        has it, and it is tried again after a growing pause. Told once when it begins and once when it is over.
        """
        pause_s = 0.0
        while not stop.is_set():
            try:
                busy = self.step()
                if pause_s:
                    _log.warning("the lake takes rows again")
                    pause_s = 0.0
                if not busy:
                    self._rest(stop, self._pause_s())
            except (OSError, MemoryError, duckdb.Error, LogError) as exc:
                if not pause_s:
                    _log.exception("the lake cannot be written; the journal keeps everything until it can")
                pause_s = min(max(1.0, 2 * pause_s), 60.0)
                self._start_over(exc)
                self._rest(stop, pause_s)
        self._commit()
        self._mark()

    def step(self) -> bool:
        """One round, and a commit if one is due. Returns whether there was anything to project."""
        entries = self._next_entries()
        if entries:
            self._project(entries)
        if self._commit_due():
            self._commit()
        if time.monotonic() - self._marked_s >= self._options.mark_every_s:
            self._mark()
        return bool(entries)

    def _rest(self, stop: threading.Event, pause_s: float) -> None:
        with self._change:
            if not stop.is_set():
                self._change.wait(pause_s)

    def _pause_s(self) -> float:
        if self._oldest_staged_s is None:
            return self._options.poll_s
        due_s = self._oldest_staged_s + self._options.flush_after_s - time.monotonic()
        return min(self._options.poll_s, max(due_s, 0.0))

    def _start_over(self, cause: BaseException) -> None:
        """Go back to what the catalogue says is committed.

        Raises:
            LakeUnusable: The catalogue cannot even be read.
        """
        try:
            self._lake.reload()
        except duckdb.Error as exc:
            raise LakeUnusable(f"the lake's catalogue can no longer be read: {exc}") from cause
        # What the failed round had taken is gone from it: kept, it would go on behind that round.
        self._read_ahead = ()
        if self._lake.note.identity == self._identity and self._lake.note.position == self._note.position:
            self._committed()
        else:
            self._note = replace(
                self._lake.note.at(self._identity, self._stats.position), next_block=self._note.next_block
            )
            self._forget_staged()

    def _next_entries(self) -> Sequence[JournalEntry]:
        limit = self._options.round_readings
        taken = self._feed.take(self._note.position, readings_max=limit)
        if taken or self._note.position >= self._journal.head:
            return taken
        if not self._read_ahead or self._read_ahead[0].position <= self._note.position:
            self._read_ahead = self._journal.read(self._note.position, blocks_max=4096, bytes_max=_READ_BYTES)
        taken = up_to(self._read_ahead, limit)
        self._read_ahead = self._read_ahead[len(taken) :]
        return taken

    def _project(self, entries: Sequence[JournalEntry]) -> None:
        position = entries[-1].position
        fresh = [entry for entry in entries if not self._known.has(entry)] if self._known else list(entries)
        repeated = len(entries) - len(fresh)
        # Blocks of one agent side by side make a query for one device skip most row groups; sorting is stable.
        fresh.sort(key=lambda entry: entry.agent)
        batch = decode_all([entry.data for entry in fresh])
        for index, why in batch.rejected.items():
            _log.error("block cannot be decoded agent=%s seq=%d reason=%s", fresh[index].agent, fresh[index].seq, why)
            self._poison.poisoned(fresh[index], str(why.reason), why.detail)
        rows = rows_of(fresh, batch, self._lake.dictionary, identity=self._identity, first_block=self._note.next_block)
        for table, part in rows.tables:
            self._lake.stage(table, part)
        self._tell_latest(rows, batch)
        self._staged += [
            (i.header.agent, i.header.segment, i.header.readings_total, i.header.readings) for _, i in rows.blocks
        ]
        self._staged_losses += [(i.header.agent, x.segment, x.readings) for _, i in rows.blocks for x in i.losses]
        self._staged_losses += [(entry.agent, entry.segment, entry.readings) for entry in rows.undecodable]
        self._note = CommitNote(
            identity=self._identity,
            position=position,
            next_block=self._note.next_block + len(fresh),
            next_series=self._lake.dictionary.next_id,
            skipped=self._note.skipped + len(rows.undecodable),
        )
        self._stats = replace(self._stats, repeated=self._stats.repeated + repeated)
        if self._oldest_staged_s is None:
            self._oldest_staged_s = time.monotonic()

    def _tell_latest(self, rows: Rows, batch: Batch) -> None:
        now_ns = self._clock_ns()
        columns = (rows.series, batch.observed_at_ns, batch.value, batch.flag, batch.block)
        clocks = [0 if info is None else int(info.clock.state) for info in batch.blocks]
        held_back = [
            index
            for index, info in enumerate(batch.blocks)
            if info is not None and self._withheld(info.header.agent, info.header.segment)
        ]
        if held_back:
            shown = np.isin(batch.block, held_back, invert=True)
            columns = tuple(column[shown] for column in columns)  # type: ignore[assignment]
        self._latest.observe(Readings(columns[0], columns[1], columns[2], columns[3], clocks, columns[4]), now_ns)
        for index, info in enumerate(batch.blocks):
            if info is not None and info.texts and index not in held_back:
                for text in info.texts:
                    key = ChannelKey(info.header.agent, info.header.device, text.channel)
                    self._latest.observe_text(key, text.observed_at_ns, text.text, clocks[index], now_ns)

    def _commit_due(self) -> bool:
        if self._oldest_staged_s is None:
            return False
        rows, waited_s = self._lake.staged(READING), time.monotonic() - self._oldest_staged_s
        options = self._options
        return (
            self._is_wanted()
            or rows >= options.rows_max
            or self._lake.staged(BLOCK) >= options.rows_max // 64
            or waited_s >= options.flush_after_s
            or (rows >= options.large_rows and waited_s >= options.large_after_s)
        )

    def _is_wanted(self) -> bool:
        """Whether what somebody waits for is staged whole: a commit for each round on the way would only delay it."""
        with self._change:
            return any(self._stats.position < target <= self._note.position for target in self._wanted)

    def _commit(self) -> None:
        if self._oldest_staged_s is None:
            return
        self._lake.stage(SERIES, self._lake.dictionary.take_fresh())
        self._lake.commit(self._note)
        self._committed()
        if self._maintenance is not None:
            self._maintenance.run_if_due(self._lake)

    def _committed(self) -> None:
        self._accounts.stored(self._staged)
        self._accounts.lost(self._staged_losses)
        with self._change:
            self._stats = replace(
                self._stats,
                position=self._note.position,
                blocks=self._stats.blocks + len(self._staged),
                readings=self._stats.readings + sum(row[3] for row in self._staged),
                commits=self._stats.commits + 1,
                poisoned=self._note.skipped - self._skipped_before,
            )
            self._forget_staged()
            self._change.notify_all()

    def _forget_staged(self) -> None:
        self._staged, self._staged_losses, self._oldest_staged_s = [], [], None

    def _mark(self) -> None:
        self._marked_s = time.monotonic()
        if self._stats.durable < self._stats.position:
            mark = self._lake.mark_durable()
            self._journal.set_durable(mark.position)
            self._stats = replace(self._stats, durable=mark.position)
