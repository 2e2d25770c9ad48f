"""What one group commit writes: batches, digests, ledger rows, losses, quarantine. Pure but for the database."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import islice

from collector.journal import quarantine
from collector.journal.counters import Counters
from collector.journal.ledger import JournalLedger, Key, Stream
from collector.journal.packing import Batch, StoredDigest, pack, pack_digests
from collector.journal.schema import COUNTERS, signed
from device_profiles.wire.delivery.collector_io import Commit, KeepAside, LossEntry, LossVoid, StoreBlock
from device_profiles.wire.delivery.ports import SegmentRow
from device_profiles.wire.intervals import IntervalSet

_ROW_PAGES = 2
_COMMIT_PAGES = 12


@dataclass(frozen=True, slots=True)
class Prepared:
    """A commit turned into rows, so that the transaction itself is short."""

    commit: Commit
    batches: tuple[Batch, ...]
    runs: dict[Key, list[StoredDigest]]
    run_bytes: dict[Key, int]
    aside: tuple[quarantine.QuarantineEntry, ...]
    at_ns: int

    @property
    def pages(self) -> int:
        """Estimate of the pages the transaction writes, of 4 KiB."""
        size = sum(len(batch.record) for batch in self.batches) + sum(len(entry.data) for entry in self.aside)
        return _COMMIT_PAGES + size // 4096 + _ROW_PAGES * (len(self.commit.rows) + len(self.runs))


@dataclass(frozen=True, slots=True)
class Written:
    """What a transaction wrote, to be taken into memory once it is on the disk."""

    first: int
    counters: Counters
    streams: dict[Key, Stream]
    newest: dict[Key, StoredDigest]


def prepare(commit: Commit, payload: Callable[[StoreBlock | KeepAside], bytes], at_ns: int) -> Prepared:
    """Pack everything that does not depend on what the file holds."""
    items = [(block.facts, payload(block)) for block in commit.blocks]
    run_bytes: dict[Key, int] = defaultdict(int)
    for facts, data in items:
        run_bytes[(facts.agent, facts.segment)] += len(data)
    return Prepared(
        commit,
        tuple(pack(items)),
        _runs(commit.blocks),
        run_bytes,
        tuple(_aside(kept, payload(kept), at_ns) for kept in commit.aside),
        at_ns,
    )


def _runs(blocks: Iterable[StoreBlock]) -> dict[Key, list[StoredDigest]]:
    """Blocks by stream, in order, as they are remembered."""
    runs: dict[Key, list[StoredDigest]] = defaultdict(list)
    for block in blocks:
        facts = block.facts
        runs[(facts.agent, facts.segment)].append(StoredDigest(facts.seq, facts.readings, facts.previous, facts.digest))
    return runs


def _aside(kept: KeepAside, data: bytes, at_ns: int) -> quarantine.QuarantineEntry:
    facts = kept.facts
    where = (0, 0, b"") if facts is None else (facts.segment, facts.seq, facts.digest)
    return quarantine.QuarantineEntry(0, kept.kind, kept.agent, *where, kept.reason, at_ns, data)


def write(
    connection: sqlite3.Connection,
    prepared: Prepared,
    counters: Counters,
    ledger: JournalLedger,
    aside_bytes_max: int,
) -> Written:
    """Write a prepared commit inside the caller's transaction."""
    commit = prepared.commit
    first = counters.head + 1
    head = counters.head
    kept_bytes = counters.kept_bytes
    streams = _streams(prepared, ledger)
    lost, unknown = _losses(connection, prepared, streams, ledger)
    for key, unwritten in streams.items():
        streams[key] = JournalLedger.write(connection, key, unwritten)
    blocks = iter(commit.blocks)
    for batch in prepared.batches:
        head += batch.blocks
        kept_bytes += batch.payload_bytes
        connection.execute(
            "INSERT INTO batch (id, received_at_ns, size, record) VALUES (?,?,?,?)",
            (head, prepared.at_ns, batch.payload_bytes, batch.record),
        )
        for key, run in _runs(islice(blocks, batch.blocks)).items():
            seqs = [entry.seq for entry in run]
            connection.execute(
                "INSERT INTO digests (stream, low, high, last, record) VALUES (?,?,?,?,?)",
                (streams[key].id, min(seqs), max(seqs), head, pack_digests(run)),
            )
    connection.executemany("INSERT INTO epoch (agent, outbox_id, number) VALUES (?,?,?)", commit.epochs)
    aside_bytes = counters.aside_bytes + sum(quarantine.add(connection, entry) for entry in prepared.aside)
    evicted, evicted_bytes = 0, 0
    if aside_bytes > aside_bytes_max:
        evicted, evicted_bytes = quarantine.evict(connection, aside_bytes - aside_bytes_max)
    counters = replace(
        counters,
        head=head,
        blocks=counters.blocks + len(commit.blocks),
        readings=counters.readings + sum(block.facts.readings for block in commit.blocks),
        block_bytes=counters.block_bytes + kept_bytes - counters.kept_bytes,
        lost=counters.lost + lost,
        lost_unknown=counters.lost_unknown + unknown,
        kept_bytes=kept_bytes,
        aside=counters.aside + len(prepared.aside),
        aside_bytes=aside_bytes - evicted_bytes,
        aside_evicted=counters.aside_evicted + evicted,
    )
    connection.execute("INSERT OR REPLACE INTO meta (id, record) VALUES (?,?)", (COUNTERS, counters.pack()))
    newest = {key: max(run, key=lambda entry: entry.seq) for key, run in prepared.runs.items()}
    return Written(first, counters, streams, newest)


def _streams(prepared: Prepared, ledger: JournalLedger) -> dict[Key, Stream]:
    streams: dict[Key, Stream] = {}
    for agent, segment, row in prepared.commit.rows:
        key = (agent, segment)
        known = ledger.stream(agent, segment) or Stream(0, SegmentRow())
        run = prepared.runs.get(key, ())
        streams[key] = replace(
            known,
            row=row,
            readings=known.readings + sum(entry.readings for entry in run),
            blocks=known.blocks + len(run),
            bytes=known.bytes + prepared.run_bytes.get(key, 0),
        )
    return streams


def _losses(
    connection: sqlite3.Connection, prepared: Prepared, streams: dict[Key, Stream], ledger: JournalLedger
) -> tuple[int, int]:
    """Write losses and take back what came after all; gives the change in (readings, blocks of unknown readings)."""
    readings = unknown = 0

    def book(agent: str, segment: int, change: int) -> None:
        key = (agent, segment)
        stream = streams.get(key) or ledger.stream(agent, segment)
        if stream is not None:
            streams[key] = replace(stream, lost=stream.lost + change)

    for loss in prepared.commit.losses:
        connection.execute(
            "INSERT INTO loss (agent, segment, seqs, readings, reason, claimed, at_ns) VALUES (?,?,?,?,?,?,?)",
            (*_loss_values(loss), prepared.at_ns),
        )
        if loss.readings is None:
            unknown += loss.seqs.count
        else:
            readings += loss.readings
            book(loss.agent, loss.segment, loss.readings)
    for void in prepared.commit.voids:
        known_back, unknown_back = _take_back(void, connection, prepared, ledger)
        readings -= known_back
        unknown -= unknown_back
        book(void.agent, void.segment, -known_back)
    return readings, unknown


def _loss_values(loss: LossEntry) -> tuple[str, int, bytes, int | None, str, int]:
    return (
        loss.agent,
        signed(loss.segment),
        loss.seqs.to_bytes(),
        loss.readings,
        str(loss.reason),
        int(loss.claimed),
    )


def _take_back(
    void: LossVoid, connection: sqlite3.Connection, prepared: Prepared, ledger: JournalLedger
) -> tuple[int, int]:
    """Narrow the loss rows that cover these blocks; gives (readings, blocks of unknown readings) no longer lost."""
    known_back = unknown_back = 0
    rows = connection.execute(
        "SELECT id, seqs, readings FROM loss WHERE agent = ? AND segment = ?", (void.agent, signed(void.segment))
    ).fetchall()
    for row_id, seqs_bytes, row_readings in rows:
        seqs = IntervalSet.from_bytes(seqs_bytes)
        common = seqs.intersection(void.seqs)
        if not common:
            continue
        rest = seqs.subtract(common)
        if row_readings is None:
            unknown_back += common.count
            back = None
        else:
            back = min(row_readings, _readings(void, common, prepared, ledger)) if rest else row_readings
            known_back += back
        if rest:
            connection.execute(
                "UPDATE loss SET seqs = ?, readings = ? WHERE id = ?",
                (rest.to_bytes(), None if back is None else row_readings - back, row_id),
            )
        else:
            connection.execute("DELETE FROM loss WHERE id = ?", (row_id,))
    return known_back, unknown_back


def _readings(void: LossVoid, seqs: IntervalSet, prepared: Prepared, ledger: JournalLedger) -> int:
    """Readings of blocks that are here after all: said by the void, by this very commit, or remembered."""
    if void.readings is not None:
        return void.readings
    fresh = {entry.seq: entry.readings for entry in prepared.runs.get((void.agent, void.segment), ())}
    here = IntervalSet.from_numbers(fresh).intersection(seqs)
    return sum(fresh[seq] for seq in here.numbers()) + ledger.readings_of(void.agent, void.segment, seqs.subtract(here))
