"""How blocks leave the outbox: held by the collector, given up with a loss record, or put on the shelf.

Every function works on a copy of the state inside a transaction, and is harmless when repeated: a block that is gone
is not counted again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from device_profiles.wire.intervals import EMPTY, IntervalSet
from device_profiles.wire.model import LossReason, LossRecord
from edge_agent.outbox.records import SEQ_MASK, Segment, key_of, loss_record, parse_loss
from edge_agent.outbox.state import State

_INTERVALS_PER_LOSS = 256
_ASIDE_ROWS_MAX = 16


class _Sum(NamedTuple):
    blocks: int
    readings: int
    size_bytes: int
    last_key: int


def delete_stored(
    connection: sqlite3.Connection, state: State, segment_id: int, seqs: IntervalSet, *, limit: int, safe: bool
) -> IntervalSet:
    """Delete blocks that the collector holds; shelved ones stay.

    Loss records that safe blocks carried are settled. Those of blocks that are merely stored go out again, because a
    restore may take the carrier back; a claim that came already counts nothing.

    Args:
        connection: Inside a transaction.
        state: Changed.
        segment_id: Segment of the blocks.
        seqs: Their numbers.
        limit: At most so many blocks, so that one commit stays short.
        safe: Whether they are safe, or only stored.

    Returns:
        What is left to do.
    """
    segment = state.by_id(segment_id)
    if segment is None:
        return EMPTY
    left = seqs
    for low, high in _keys(segment, seqs):
        found = _sum(connection, low, high, limit)
        if found.blocks:
            last = min(high, found.last_key)
            if safe:
                connection.execute("DELETE FROM loss WHERE carried_by BETWEEN ? AND ?", (low, last))
            else:
                state.losses_waiting |= _send_again(connection, low, last)
            segment = _delete(connection, state, segment, low, last, found=found)
            totals = state.totals
            state.totals = replace(totals, stored=totals.stored + found.readings)
            limit -= found.blocks
            if limit <= 0:
                return left.subtract(IntervalSet.of((low & SEQ_MASK, last & SEQ_MASK)))
        left = left.subtract(IntervalSet.of((low & SEQ_MASK, high & SEQ_MASK)))
    return left


def give_up(
    connection: sqlite3.Connection,
    state: State,
    segment_id: int,
    seqs: IntervalSet,
    reason: LossReason,
    *,
    shelve: bool,
) -> None:
    """Record the loss of blocks and delete or shelve them; loss records they carried must go out again."""
    segment = state.by_id(segment_id)
    if segment is None:
        return
    readings, given_up = 0, EMPTY
    for low, high in _keys(segment, seqs):
        found = _sum(connection, low, high, -1)
        if not found.blocks:
            continue
        readings += found.readings
        given_up = given_up.union(_present(connection, low, high))
        _send_again(connection, low, high)
        if shelve and reason is LossReason.REJECTED:
            segment = _shelve(connection, state, segment, low, high, found=found)
            continue
        if shelve:
            connection.execute(
                "INSERT INTO aside (reason, data) SELECT ?, data FROM block WHERE id BETWEEN ? AND ? AND shelved = 0",
                (reason.value, low, high),
            )
            connection.execute("DELETE FROM aside WHERE id <= (SELECT max(id) FROM aside) - ?", (_ASIDE_ROWS_MAX,))
        segment = _delete(connection, state, segment, low, high, found=found)
    if not given_up:
        return
    add_loss(connection, LossRecord(reason, segment_id, given_up, readings))
    state.losses_waiting = True
    state.totals = replace(state.totals, lost=state.totals.lost + readings)


def unshelve(connection: sqlite3.Connection, state: State, segment_id: int, seqs: IntervalSet) -> None:
    """Offer rejected blocks again: they are pending once more, and their loss is taken back where it was not sent."""
    segment = state.by_id(segment_id)
    if segment is None:
        return
    wanted = seqs.intersection(segment.shelved)
    for low, high in _keys(segment, wanted):
        readings, size = connection.execute(
            "SELECT coalesce(sum(readings), 0), coalesce(sum(size_bytes), 0) FROM block WHERE id BETWEEN ? AND ?"
            " AND shelved = 1",
            (low, high),
        ).fetchone()
        connection.execute("UPDATE block SET shelved = 0 WHERE id BETWEEN ? AND ?", (low, high))
        _take_back(connection, segment_id, IntervalSet.of((low & SEQ_MASK, high & SEQ_MASK)), readings)
        totals = state.totals
        state.totals = replace(totals, lost=totals.lost - readings, shelved_bytes=totals.shelved_bytes - size)
    state.segments[segment.ordinal] = replace(segment, shelved=segment.shelved.subtract(wanted))


def trim_shelf(connection: sqlite3.Connection, state: State, bytes_max: int) -> None:
    """Delete the oldest shelved blocks until the shelf fits its cap; their loss is recorded already."""
    while state.totals.shelved_bytes > bytes_max:
        segment = next(found for found in state.segments.values() if found.shelved)
        seq = next(iter(segment.shelved))[0]
        key = key_of(segment.ordinal, seq)
        (size,) = connection.execute("SELECT size_bytes FROM block WHERE id = ?", (key,)).fetchone()
        connection.execute("DELETE FROM block WHERE id = ?", (key,))
        one = IntervalSet.of((seq, seq))
        state.segments[segment.ordinal] = replace(
            segment, shelved=segment.shelved.subtract(one), absent=segment.absent.union(one)
        )
        totals = state.totals
        state.totals = replace(
            totals,
            blocks=totals.blocks - 1,
            block_bytes=totals.block_bytes - size,
            shelved_bytes=totals.shelved_bytes - size,
        )


def forget(connection: sqlite3.Connection, state: State, segment_id: int) -> None:
    """Drop the row of a settled segment that is not the newest and keeps nothing."""
    segment = state.by_id(segment_id)
    if segment is None or segment is state.newest or segment.absent.count < segment.tail:
        return
    connection.execute(
        "DELETE FROM loss WHERE carried_by BETWEEN ? AND ?",
        (key_of(segment.ordinal, 0), key_of(segment.ordinal + 1, 0)),
    )
    del state.segments[segment.ordinal]


def add_loss(connection: sqlite3.Connection, loss: LossRecord) -> None:
    """Write a loss record that waits for a block; joins one of the same segment and reason that waits already."""
    for key, record in connection.execute("SELECT id, record FROM loss WHERE carried_by = 0").fetchall():
        waiting = parse_loss(record)
        united = waiting.intervals.union(loss.intervals)
        same = (waiting.reason, waiting.segment) == (loss.reason, loss.segment)
        if same and loss.segment and len(united) <= _INTERVALS_PER_LOSS:
            both = replace(waiting, intervals=united, readings=waiting.readings + loss.readings)
            connection.execute("UPDATE loss SET record = ? WHERE id = ?", (loss_record(both), key))
            return
    connection.execute("INSERT INTO loss (carried_by, record) VALUES (0, ?)", (loss_record(loss),))


def _take_back(connection: sqlite3.Connection, segment_id: int, seqs: IntervalSet, readings: int) -> None:
    for key, record in connection.execute("SELECT id, record FROM loss WHERE carried_by = 0").fetchall():
        waiting = parse_loss(record)
        common = waiting.intervals.intersection(seqs)
        if waiting.segment != segment_id or waiting.reason is not LossReason.REJECTED or common.count != seqs.count:
            continue
        rest = waiting.intervals.subtract(seqs)
        if rest:
            less = replace(waiting, intervals=rest, readings=waiting.readings - readings)
            connection.execute("UPDATE loss SET record = ? WHERE id = ?", (loss_record(less), key))
        else:
            connection.execute("DELETE FROM loss WHERE id = ?", (key,))
        return


def _send_again(connection: sqlite3.Connection, low: int, high: int) -> bool:
    """Let the loss records that these blocks carried wait for another block; tells whether there were any."""
    changed = connection.execute("UPDATE loss SET carried_by = 0 WHERE carried_by BETWEEN ? AND ?", (low, high))
    return changed.rowcount > 0


def _keys(segment: Segment, seqs: IntervalSet) -> Iterator[tuple[int, int]]:
    for low, high in seqs:
        if low <= segment.tail:
            yield key_of(segment.ordinal, low), key_of(segment.ordinal, min(high, segment.tail))


def _sum(connection: sqlite3.Connection, low: int, high: int, limit: int) -> _Sum:
    row = connection.execute(
        "SELECT count(*), coalesce(sum(readings), 0), coalesce(sum(size_bytes), 0), coalesce(max(id), 0) FROM"
        " (SELECT id, readings, size_bytes FROM block WHERE id BETWEEN ? AND ? AND shelved = 0 ORDER BY id LIMIT ?)",
        (low, high, limit),
    ).fetchone()
    return _Sum(*row)


def _present(connection: sqlite3.Connection, low: int, high: int) -> IntervalSet:
    rows = connection.execute("SELECT id FROM block WHERE id BETWEEN ? AND ? AND shelved = 0 ORDER BY id", (low, high))
    return IntervalSet.from_numbers(key & SEQ_MASK for (key,) in rows)


def _delete(
    connection: sqlite3.Connection, state: State, segment: Segment, low: int, high: int, *, found: _Sum
) -> Segment:
    connection.execute("DELETE FROM block WHERE id BETWEEN ? AND ? AND shelved = 0", (low, high))
    gone = IntervalSet.of((low & SEQ_MASK, high & SEQ_MASK)).subtract(segment.shelved)
    after = replace(segment, absent=segment.absent.union(gone))
    state.segments[segment.ordinal] = after
    totals = state.totals
    state.totals = replace(
        totals, blocks=totals.blocks - found.blocks, block_bytes=totals.block_bytes - found.size_bytes
    )
    return after


def _shelve(
    connection: sqlite3.Connection, state: State, segment: Segment, low: int, high: int, *, found: _Sum
) -> Segment:
    connection.execute("UPDATE block SET shelved = 1 WHERE id BETWEEN ? AND ? AND shelved = 0", (low, high))
    present = IntervalSet.of((low & SEQ_MASK, high & SEQ_MASK)).subtract(segment.absent)
    after = replace(segment, shelved=segment.shelved.union(present))
    state.segments[segment.ordinal] = after
    totals = state.totals
    state.totals = replace(totals, shelved_bytes=totals.shelved_bytes + found.size_bytes)
    return after
