"""One group commit: rows come in, blocks are sealed. Works on a copy of the state, inside a transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import replace

from device_profiles.wire.delivery.ports import BlockRef
from device_profiles.wire.digest import DIGEST_BYTES, PREVIOUS_OF_FIRST, chain
from device_profiles.wire.model import LossRecord
from edge_agent.outbox import marks
from edge_agent.outbox.records import key_of, parse_loss
from edge_agent.outbox.state import OpenSlot, State, chunk_record
from edge_agent.outbox.types import Accept, Identity, Mark, OpenChunk, Remember, Seal, Sealed

_LOSSES_PER_BLOCK = 16


class Group:
    """Carries out steps in order.

    A chunk whose block is sealed in the same group never reaches the open table.

    Attributes:
        refs: Blocks sealed so far.
        accepted: Readings accepted so far.
    """

    def __init__(self, connection: sqlite3.Connection, state: State) -> None:
        self.refs: list[BlockRef] = []
        self.accepted = 0
        self._connection = connection
        self._state = state
        self._fresh: dict[int, bytes] = {}

    def run(self, steps: Sequence[Accept | Seal | Remember | Mark]) -> None:
        """Carry out all steps. Raises `ValueError` when a block does not hold what its device has open."""
        for step in steps:
            if isinstance(step, Accept):
                self._accept(step.chunk)
            elif isinstance(step, Remember):
                self._remember(step.keys)
            elif isinstance(step, Mark):
                marks.put(self._connection, [step])
            else:
                self._seal(step)
        self._connection.executemany("INSERT INTO open_chunk (id, record) VALUES (?, ?)", self._fresh.items())
        totals = self._state.totals
        self._state.totals = replace(totals, accepted=totals.accepted + self.accepted)

    def _accept(self, chunk: OpenChunk) -> None:
        state = self._state
        key = state.next_chunk
        state.next_chunk += 1
        record = chunk_record(chunk)
        slot = OpenSlot(key, chunk.rows, chunk.readings, len(record))
        state.open[chunk.device] = (*state.open.get(chunk.device, ()), slot)
        self._fresh[key] = record
        self.accepted += chunk.readings

    def _seal(self, step: Seal) -> None:
        state = self._state
        slots = state.open.pop(step.device, ())
        if not slots:
            raise ValueError(f"{step.device} has no open rows to seal")
        segment = state.newest
        assert segment is not None
        seq = segment.tail + 1
        key = key_of(segment.ordinal, seq)
        identity = Identity(
            agent=state.owner.agent,
            segment=segment.segment,
            ordinal=segment.ordinal,
            seq=seq,
            device=step.device,
            readings_before=segment.readings,
            previous=chain(segment.last_digest) if segment.last_digest else PREVIOUS_OF_FIRST,
            opened=segment.opened if seq == 1 else None,
            losses=self._carry_losses(key),
        )
        made = step.encode(identity)
        readings = sum(slot.readings for slot in slots)
        if made.readings != readings or len(made.digest) != DIGEST_BYTES:
            raise ValueError(f"{step.device}: a block of {made.readings} readings over {readings} open ones")
        self._insert(key, made, live=step.live)
        self._remove(slots)
        state.segments[segment.ordinal] = replace(
            segment, tail=seq, readings=segment.readings + readings, last_digest=made.digest
        )
        self.refs.append(BlockRef(segment.segment, segment.ordinal, seq, len(made.data), readings, made.digest))

    def _remember(self, keys: Sequence[int]) -> None:
        # Made with the first import: most outboxes never see one.
        self._connection.execute("CREATE TABLE IF NOT EXISTS imported (id INTEGER PRIMARY KEY)")
        self._connection.executemany("INSERT OR IGNORE INTO imported (id) VALUES (?)", [(key,) for key in keys])

    def _insert(self, key: int, made: Sealed, *, live: bool) -> None:
        self._connection.execute(
            "INSERT INTO block (id, readings, size_bytes, shelved, live, digest, data) VALUES (?, ?, ?, 0, ?, ?, ?)",
            (key, made.readings, len(made.data), live, made.digest, made.data),
        )
        totals = self._state.totals
        self._state.totals = replace(totals, blocks=totals.blocks + 1, block_bytes=totals.block_bytes + len(made.data))

    def _remove(self, slots: Sequence[OpenSlot]) -> None:
        old = [(slot.key,) for slot in slots if self._fresh.pop(slot.key, None) is None]
        if old:
            self._connection.executemany("DELETE FROM open_chunk WHERE id = ?", old)

    def _carry_losses(self, key: int) -> tuple[LossRecord, ...]:
        """Loss records that no kept block carries yet; from now on this one does."""
        if not self._state.losses_waiting:
            return ()
        query = "SELECT id, record FROM loss WHERE carried_by = 0 ORDER BY id LIMIT ?"
        found = self._connection.execute(query, (_LOSSES_PER_BLOCK,)).fetchall()
        self._state.losses_waiting = len(found) == _LOSSES_PER_BLOCK
        self._connection.executemany("UPDATE loss SET carried_by = ? WHERE id = ?", [(key, row[0]) for row in found])
        return tuple(parse_loss(record) for _, record in found)
