"""The agent's durable log: what is accepted here reaches the collector or a loss record, whatever happens here."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from device_profiles.wire.delivery.agent_io import (
    AgentAction,
    DropStored,
    ForgetSegment,
    GiveUp,
    PinLineage,
    Trim,
    Unshelve,
)
from device_profiles.wire.intervals import EMPTY, IntervalSet
from edge_agent.outbox import settle
from edge_agent.outbox.group import Group
from edge_agent.outbox.reading import OutboxReading
from edge_agent.outbox.records import FORMAT, OWNER, TOTALS, Owner, Totals, put
from edge_agent.outbox.salvage import Salvage, successor
from edge_agent.outbox.state import State, load
from edge_agent.outbox.types import Accept, Committed, Mark, Remember, Seal
from harkara_io.kept_log import log_incident
from harkara_io.log_errors import Incident, LogError, LogForeign, LogFull
from harkara_io.log_salvage import Reader

_TRIMMED_PER_COMMIT = 2000
_RESERVE_PAGES = 24
"""Room that a group commit never takes, so that giving up blocks always finds some."""
_BLOCKS_MAX = 1 << 40
_SHELF_SHARE = 16
_KEY_BYTES = 12
_MARK_BYTES = 512


class Outbox(OutboxReading):
    """Open rows, sealed blocks, segments and loss records of one agent. Satisfies the delivery machine's index.

    Any thread may call; calls wait for one another. Every changing call is fsynced when it returns, unless it says it
    rides the next commit. Memory holds sums and segments, never the backlog.
    """

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        agent: str,
        fingerprint: bytes,
        bytes_max: int,
        now_ns: Callable[[], int] = time.time_ns,
        random_bytes: Callable[[int], bytes] = os.urandom,
        on_incident: Callable[[Incident], None] = log_incident,
    ) -> Outbox:
        """Open the outbox, making or repairing it; a start that follows no clean stop begins a new segment.

        Args:
            path: Its file; the folder is made when missing.
            agent: Whose readings these are.
            fingerprint: Of this hardware, 16 bytes; another one than last time means a copied card.
            bytes_max: Cap of all bytes on disk. [bytes]
            now_ns: Wall clock, for the names of files moved aside. [ns]
            random_bytes: Source of identities.
            on_incident: Told when the file had to be exchanged, or a block rotted.

        Raises:
            LogLocked: Another process has it.
            LogForeign: It belongs to another agent, or to a later version.
            LogBroken: The disk cannot be used now.
        """
        outbox = cls(path, FORMAT, bytes_max=bytes_max, cache_bytes=1 << 20, now_ns=now_ns, on_incident=on_incident)
        outbox._random_bytes = random_bytes
        outbox._owner = Owner(agent, random_bytes(16), fingerprint)
        outbox._riding = {}
        outbox._forgetting = set()
        outbox._checked_to = 0
        outbox._begun = False
        outbox._open()
        try:
            with contextlib.suppress(LogFull):  # then the first commit that finds room begins the segment
                outbox._change(lambda _connection, _state: None)
        except BaseException:
            outbox._release()
            raise
        return outbox

    _random_bytes: Callable[[int], bytes]
    _owner: Owner
    _riding: dict[int, IntervalSet]
    _forgetting: set[int]
    _begun: bool

    # -- what the kept log asks for
    def _fill(self, target: sqlite3.Connection) -> None:
        put(target, OWNER, self._owner.record())
        put(target, TOTALS, Totals().record())

    def _load(self) -> None:
        state = self._file.read(load)
        if state.owner.agent != self._owner.agent:
            raise LogForeign(f"{self.path} is the outbox of {state.owner.agent}, not of {self._owner.agent}")
        self._state = state
        self._checked_to = 0

    def _copy(self, reader: Reader, target: sqlite3.Connection, kind: str) -> tuple[int, int]:
        fresh = replace(self._owner, outbox_id=self._random_bytes(16))
        salvage = Salvage(reader, target, fresh, self._random_id)
        salvage.run(kind)
        self._begun = True
        return salvage.kept, salvage.lost

    def _random_id(self) -> int:
        return int.from_bytes(self._random_bytes(8), "big") or 1

    def _follow(self, state: State) -> None:
        """Begin a segment for this start; it is on the disk before its first block.

        After a clean stop as well: a card image that is put back, or a card that takes back its last write, would
        otherwise use numbers again that the collector has already given receipts for.
        """
        newest = state.newest
        moved = state.owner.fingerprint != self._owner.fingerprint
        if moved:
            state.owner = replace(state.owner, fingerprint=self._owner.fingerprint, outbox_id=self._random_bytes(16))
        reason = "crash"
        if newest is None:
            reason = "first"
        elif moved:
            reason = "hardware"
        elif newest.clean:
            reason = "start"
        new = successor(newest, state.owner, reason, self._random_id())
        state.segments[new.ordinal] = new

    # -- writing
    def _change(self, work: Callable[[sqlite3.Connection, State], None], *, pages: int = 8) -> None:
        def transaction(connection: sqlite3.Connection) -> State:
            state = self._state.copy()
            if not self._begun:
                self._follow(state)
            work(connection, state)
            state.save(connection, self._state)
            return state

        self._state = self._write(transaction, pages=pages)
        self._begun = True

    def commit(self, steps: Sequence[Accept | Seal | Remember | Mark]) -> Committed:
        """The group commit: accept rows, seal blocks, and delete what riding receipts allow, in one transaction.

        Returns:
            The sealed blocks and the readings accepted: from now on they survive power loss.

        Raises:
            LogFull: Nothing was taken; make room for ``excess_bytes`` and call again.
            LogBroken: Nothing was taken; the disk cannot be used now.
            ValueError: A block does not hold what its device has open; nothing was taken.
        """
        with self.lock:
            need = self._need_bytes(steps)
            self._make_sure_of_room(need)
            done: list[Group] = []
            rest: list[dict[int, IntervalSet]] = []

            def work(connection: sqlite3.Connection, state: State) -> None:
                rest.append(self._ride(connection, state))
                group = Group(connection, state)
                group.run(steps)
                done.append(group)

            self._change(work, pages=8 + need // FORMAT.page_bytes + self._riding_pages())
            # Only now: the work may be undone and run again, and what it forgets must be told to it each time.
            self._riding = rest[-1]
            if not self._riding:
                self._forgetting.clear()
            return Committed(tuple(done[-1].refs), done[-1].accepted)

    def apply(self, actions: Sequence[AgentAction]) -> bool:
        """Carry out what the delivery machine decided; actions that do not concern the outbox are ignored.

        Trim and ForgetSegment ride the next commit. The others are fsynced on return.

        Returns:
            Whether anything was written.

        Raises:
            LogFull: No room on the disk even for that.
            LogBroken: The disk cannot be used now. What rides is kept in memory, the rest was not done.
        """
        with self.lock:
            urgent = []
            for action in actions:
                if isinstance(action, Trim):
                    self._riding[action.segment] = self._riding.get(action.segment, EMPTY).union(action.seqs)
                elif isinstance(action, ForgetSegment):
                    self._forgetting.add(action.segment)
                elif isinstance(action, DropStored | GiveUp | Unshelve | PinLineage):
                    urgent.append(action)
            if not urgent:
                return False

            def work(connection: sqlite3.Connection, state: State) -> None:
                for action in urgent:
                    self._apply_one(connection, state, action)
                settle.trim_shelf(connection, state, self.bytes_max // _SHELF_SHARE)

            self._change(work, pages=64)
            return True

    def _apply_one(
        self, connection: sqlite3.Connection, state: State, action: DropStored | GiveUp | Unshelve | PinLineage
    ) -> None:
        if isinstance(action, DropStored):
            settle.delete_stored(connection, state, action.segment, action.seqs, limit=_BLOCKS_MAX, safe=False)
        elif isinstance(action, GiveUp):
            settle.give_up(connection, state, action.segment, action.seqs, action.reason, shelve=action.shelve)
        elif isinstance(action, Unshelve):
            settle.unshelve(connection, state, action.segment, action.seqs)
        else:
            state.owner = replace(state.owner, lineage=action.lineage)

    def flush(self) -> bool:
        """Commit everything that rides; tells whether there was anything. Raises as `commit`."""
        with self.lock:
            rides = bool(self._riding or self._forgetting)
            while self._riding or self._forgetting:
                self.commit(())
            return rides

    def _ride(self, connection: sqlite3.Connection, state: State) -> dict[int, IntervalSet]:
        """Delete what receipts allow, up to a number of blocks; gives what is left for the next commit."""
        left: dict[int, IntervalSet] = {}
        limit = _TRIMMED_PER_COMMIT
        for segment, seqs in self._riding.items():
            before = state.totals.blocks
            rest = settle.delete_stored(connection, state, segment, seqs, limit=limit, safe=True) if limit else seqs
            limit -= before - state.totals.blocks
            if rest:
                left[segment] = rest
        if not left:
            for segment in self._forgetting:
                settle.forget(connection, state, segment)
        return left

    def _riding_pages(self) -> int:
        return min(_TRIMMED_PER_COMMIT, sum(seqs.count for seqs in self._riding.values())) // 4

    def _need_bytes(self, steps: Sequence[Accept | Seal | Remember | Mark]) -> int:
        """More than the steps can take: a block is never longer than the rows it is made of."""
        need = 0
        for step in steps:
            if isinstance(step, Accept):
                need += len(step.chunk.data) + 128
            elif isinstance(step, Mark):
                need += _MARK_BYTES + 2 * len(step.file)
            elif isinstance(step, Remember):
                need += 2 * _KEY_BYTES * len(step.keys)  # pages split in halves
            else:
                need += 512 + sum(slot.size_bytes for slot in self._state.open.get(step.device, ()))
        return need

    def _make_sure_of_room(self, need: int) -> None:
        if not need:
            return
        reserve = _RESERVE_PAGES * FORMAT.page_bytes
        if self._room_bytes() < need + reserve and self._riding:
            self.flush()
        room = self._room_bytes()
        if room < need + reserve:
            raise LogFull("the outbox is full", excess_bytes=need + reserve - room, disk=False)

    def close(self, *, clean: bool = True) -> None:
        """Close. After a clean stop without open rows the next start goes on with the segment.

        Never raises for the disk's sake: what could not be written makes the next start begin a new segment.
        """
        with self.lock:
            try:
                if clean and self._failure is None:
                    self.flush()
                    if not self._state.open:
                        self._change(_end_cleanly)
            except LogError:
                pass
            finally:
                self._release()


def _end_cleanly(_connection: sqlite3.Connection, state: State) -> None:
    newest = state.newest
    assert newest is not None
    state.segments[newest.ordinal] = replace(newest, clean=True)
