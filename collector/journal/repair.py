"""What is saved from a journal whose file failed: whatever verifies, and a record of what does not.

Where blocks are gone that the ledger called stored, it no longer does: they become a loss record, and the journal takes
a new store id, so that agents that still keep them send them again and the lake compares block by block.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from collector.journal.counters import Counters
from collector.journal.ledger import JournalLedger, Key, Stream
from collector.journal.packing import (
    JournalEntry,
    StoredDigest,
    pack,
    pack_digests,
    unpack,
    unpack_digests,
    unpack_unsealed,
)
from collector.journal.rows import pack_identity, unpack_identity, unpack_row
from collector.journal.schema import COUNTERS, DURABLE, IDENTITY, signed, unsigned
from device_profiles.wire.decode import BlockRejected, verify
from device_profiles.wire.delivery.ports import SegmentRow, StoreIdentity
from device_profiles.wire.intervals import IntervalSet
from device_profiles.wire.model import LossReason
from harkara_io.checked import seal_json, unseal_json
from harkara_io.log_errors import LogCorrupt
from harkara_io.log_salvage import Reader

_ID_BYTES: Final = 16


def verified(last: int, received_at_ns: int, record: object) -> list[JournalEntry]:
    """The blocks of a damaged row that still verify by their own digest and identity."""
    if not isinstance(record, bytes):
        return []
    try:
        entries = unpack_unsealed(last, received_at_ns, record)
    except LogCorrupt:
        return []
    return [entry for entry in entries if _holds(entry)]


def _holds(entry: JournalEntry) -> bool:
    try:
        header = verify(entry.data, entry.agent)
    except BlockRejected:
        return False
    return (header.segment, header.seq, header.digest) == (entry.segment, entry.seq, entry.digest)


@dataclass(slots=True)
class _Saved:
    """What has been read so far."""

    streams: dict[Key, Stream] = field(default_factory=dict)
    names: dict[int, Key] = field(default_factory=dict)
    entries: dict[Key, dict[int, JournalEntry]] = field(default_factory=lambda: defaultdict(dict))
    head: int = 0
    kept: int = 0
    kept_bytes: int = 0
    rotted: int = 0


def copy(
    reader: Reader,
    target: sqlite3.Connection,
    *,
    kind: str,
    lineage: bytes | None,
    random_bytes: Callable[[int], bytes],
    now_ns: int,
) -> tuple[int, int]:
    """Copy a journal into a new file.

    Args:
        reader: Reads the old file.
        target: The new file, tables made.
        kind: ``broken``: the old content is whole; ``corrupt``: it contradicted itself.
        lineage: The operator's store, where the old file no longer says.
        random_bytes: Source of identities.
        now_ns: Wall clock. [ns]

    Returns:
        Blocks kept and blocks lost.
    """
    saved = _Saved()
    identity, counters, durable = _meta(reader)
    _streams(reader, saved)
    _batches(reader, target, saved, keep_after=durable or 0)
    lost_runs = _digests(reader, target, saved, durable or 0)
    streams = _rebuilt(saved)
    lost = lost_readings = 0
    for key, run in lost_runs.items():
        seqs = IntervalSet.from_numbers([entry.seq for entry in run])
        readings = sum(entry.readings for entry in run)
        lost += len(run)
        lost_readings += readings
        stream = streams.get(key) or Stream(0, SegmentRow())
        row = replace(stream.row, stored=stream.row.stored.subtract(seqs), lost=stream.row.lost.union(seqs))
        streams[key] = replace(
            stream,
            row=row,
            lost=stream.lost + readings,
            readings=max(0, stream.readings - readings),
            blocks=max(0, stream.blocks - len(run)),
        )
        target.execute(
            "INSERT INTO loss (agent, segment, seqs, readings, reason, claimed, at_ns) VALUES (?,?,?,?,?,0,?)",
            (key[0], signed(key[1]), seqs.to_bytes(), readings, str(LossReason.CORRUPT), now_ns),
        )
    for key, stream in sorted(streams.items(), key=lambda item: item[1].id or 1 << 62):
        _put_stream(target, key, stream)
    aside_bytes = _plain(reader, target)
    trusted = identity is not None and counters is not None and durable is not None
    base = counters or Counters(
        readings=sum(stream.readings for stream in streams.values()),
        blocks=sum(stream.blocks for stream in streams.values()),
        block_bytes=sum(stream.bytes for stream in streams.values()),
        lost=sum(stream.lost for stream in streams.values()) - lost_readings,
    )
    counters = replace(
        base,
        head=max(base.head, saved.head),
        blocks=max(0, base.blocks - lost),
        readings=max(0, base.readings - lost_readings),
        lost=base.lost + lost_readings,
        kept_bytes=saved.kept_bytes,
        aside_bytes=aside_bytes,
    )
    if identity is None:
        identity = StoreIdentity(lineage or random_bytes(_ID_BYTES), random_bytes(_ID_BYTES), 1)
    elif kind == "corrupt" and (lost or saved.rotted or reader.failures or not trusted):
        identity = replace(identity, store_id=random_bytes(_ID_BYTES), generation=identity.generation + 1)
    for number, record in (
        (IDENTITY, pack_identity(identity)),
        (COUNTERS, counters.pack()),
        (DURABLE, seal_json({"position": durable or 0})),
    ):
        target.execute("INSERT OR REPLACE INTO meta (id, record) VALUES (?,?)", (number, record))
    return saved.kept, lost


def _meta(reader: Reader) -> tuple[StoreIdentity | None, Counters | None, int | None]:
    identity: StoreIdentity | None = None
    counters: Counters | None = None
    durable: int | None = None
    for number, record in reader.rows("meta", "id", "record"):
        try:
            if number == IDENTITY:
                identity = unpack_identity(record)
            elif number == COUNTERS:
                counters = Counters.unpack(record)
            elif number == DURABLE:
                durable = int(unseal_json(record).get("position", 0))
        except (LogCorrupt, ValueError):
            continue
    return identity, counters, durable


def _streams(reader: Reader, saved: _Saved) -> None:
    columns = "agent, segment, readings, blocks, bytes, lost, record"
    for number, agent, segment, readings, blocks, size, lost, record in reader.rows("stream", "id", columns):
        try:
            row = unpack_row(record)
            key = (str(agent), unsigned(int(segment)))
            saved.streams[key] = Stream(number, row, int(readings), int(blocks), int(size), int(lost))
            saved.names[number] = key
        except (LogCorrupt, TypeError, ValueError):
            continue


def _batches(reader: Reader, target: sqlite3.Connection, saved: _Saved, *, keep_after: int) -> None:
    for last, received_at_ns, size, record in reader.rows("batch", "id", "received_at_ns, size, record"):
        saved.head = max(saved.head, last)
        try:
            entries = unpack(last, received_at_ns, record)
            rows = [(last, received_at_ns, size, record)]
        except (LogCorrupt, TypeError):
            saved.rotted += 1
            at_ns = received_at_ns if isinstance(received_at_ns, int) else 0
            entries = verified(last, at_ns, record)
            rows = [
                (entry.position, at_ns, len(entry.data), pack([(entry, entry.data)])[0].record) for entry in entries
            ]
        target.executemany("INSERT OR IGNORE INTO batch (id, received_at_ns, size, record) VALUES (?,?,?,?)", rows)
        for entry in entries:
            saved.kept += 1
            saved.kept_bytes += len(entry.data)
            key = (entry.agent, entry.segment)
            if last > keep_after or key not in saved.streams:
                saved.entries[key][entry.seq] = entry._replace(data=b"")


def _digests(reader: Reader, target: sqlite3.Connection, saved: _Saved, durable: int) -> dict[Key, list[StoredDigest]]:
    """Copy the digests; give those of blocks that were in the journal alone and are gone."""
    gone: dict[Key, list[StoredDigest]] = {}
    for _, stream, low, high, last, record in reader.rows("digests", "id", "stream, low, high, last, record"):
        key = saved.names.get(stream)
        try:
            run = list(unpack_digests(record))
        except LogCorrupt:
            continue
        if key is None:
            continue
        saved.head = max(saved.head, last)
        kept = run
        if last > durable:
            here = saved.entries.get(key, {})
            kept = [entry for entry in run if entry.seq in here]
            missing = [entry for entry in run if entry.seq not in here]
            if missing:
                gone.setdefault(key, []).extend(missing)
        if kept:
            target.execute(
                "INSERT INTO digests (stream, low, high, last, record) VALUES (?,?,?,?,?)",
                (stream, low, high, last, record if kept is run else pack_digests(kept)),
            )
    return gone


def _rebuilt(saved: _Saved) -> dict[Key, Stream]:
    """Ledger rows as read, and new ones for blocks whose row is gone."""
    streams = dict(saved.streams)
    for key, entries in saved.entries.items():
        seqs = IntervalSet.from_numbers(entries)
        stream = streams.get(key)
        if stream is None:
            readings = sum(entry.readings for entry in entries.values())
            ordinal = next(iter(entries.values())).ordinal
            streams[key] = Stream(0, SegmentRow(stored=seqs, ordinal=ordinal), readings, len(entries))
        elif seqs.subtract(stream.row.stored):
            streams[key] = replace(stream, row=replace(stream.row, stored=stream.row.stored.union(seqs)))
    return streams


def _put_stream(target: sqlite3.Connection, key: Key, stream: Stream) -> None:
    if not stream.id:
        JournalLedger.write(target, key, stream)
        return
    target.execute(
        "INSERT INTO stream (id, agent, segment, readings, blocks, bytes, lost, record) VALUES (?,?,?,0,0,0,0,x'')",
        (stream.id, key[0], signed(key[1])),
    )
    JournalLedger.write(target, key, stream)


def _plain(reader: Reader, target: sqlite3.Connection) -> int:
    """Copy epochs, losses and quarantine; gives the quarantine's bytes."""
    aside_bytes = 0
    for table, columns in (
        ("epoch", ("agent", "outbox_id", "number")),
        ("loss", ("agent", "segment", "seqs", "readings", "reason", "claimed", "at_ns")),
        ("aside", ("kind", "agent", "segment", "seq", "digest", "reason", "at_ns", "data")),
    ):
        marks = ",".join("?" * (len(columns) + 1))
        names = ", ".join(columns)
        for row in reader.rows(table, "id", names):
            try:
                target.execute(f"INSERT OR IGNORE INTO {table} (id, {names}) VALUES ({marks})", row)  # noqa: S608
            except sqlite3.Error:
                continue
            if table == "aside" and isinstance(row[-1], bytes):
                aside_bytes += len(row[-1])
    return aside_bytes
