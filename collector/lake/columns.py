"""From decoded blocks to the rows of the lake's tables, whole columns at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from collector.lake.dictionary import SeriesDictionary, SeriesKey
from collector.lake.ports import JournalEntry, StoreKey
from collector.lake.schema import ANCHOR, BLOCK, EVENT, EXACT, LOSS, MANTISSA_EXACT_MAX, READING, Table
from device_profiles.wire.bulk import Batch, BlockInfo

UNDECODABLE: Final = "undecodable"
"""Why the readings of a block are not in the lake although the journal had it; its bytes lie in quarantine."""


@dataclass(frozen=True, slots=True)
class Rows:
    """What a run of blocks adds to the lake.

    Attributes:
        tables: Rows per table.
        series: Lake series id of each reading, in the order of the decoded batch.
        blocks: Blocks among the entries that could be decoded, with their entry.
        undecodable: The others. Their readings stand in the loss table, so that the account stays whole.
    """

    tables: tuple[tuple[Table, pa.RecordBatch], ...]
    series: npt.NDArray[np.int32]
    blocks: tuple[tuple[JournalEntry, BlockInfo], ...]
    undecodable: tuple[JournalEntry, ...]


def rows_of(
    entries: Sequence[JournalEntry],
    batch: Batch,
    dictionary: SeriesDictionary,
    *,
    identity: StoreKey,
    first_block: int,
) -> Rows:
    """Rows of decoded blocks.

    Args:
        entries: What was decoded.
        batch: What came of it, in the same order.
        dictionary: Gives series ids.
        identity: Journal the entries are from.
        first_block: Id of the first entry; the others count on from it, decodable or not.
    """
    ids = np.array(
        [dictionary.id_of(SeriesKey(s.agent, s.device, s.channel, s.unit, s.exponent)) for s in batch.series_table],
        dtype=np.int32,
    )
    series = ids[batch.series] if len(ids) else np.empty(0, np.int32)
    block_ids = batch.block.astype(np.int64)
    block_ids += first_block
    readings = pa.RecordBatch.from_arrays(
        [
            pa.array(series),
            pa.array(batch.observed_at_ns).view(pa.timestamp("ns")),
            pa.array(batch.value),
            pa.array(batch.flag),
            pa.array(block_ids),
        ],
        schema=READING.arrow,
    )
    kept: list[tuple[int, JournalEntry, BlockInfo]] = []
    undecodable: list[tuple[int, JournalEntry]] = []
    for number, (entry, info) in enumerate(zip(entries, batch.blocks, strict=True), first_block):
        if info is None:
            undecodable.append((number, entry))
        else:
            kept.append((number, entry, info))
    tables = [
        (READING, readings),
        (EXACT, _exact(series, batch, block_ids)),
        (BLOCK, _blocks(kept, identity)),
    ]
    with_records = [(number, info) for number, _, info in kept if info.texts or info.losses or info.anchors]
    if with_records:
        tables += [(EVENT, _events(with_records)), (LOSS, _losses(with_records)), (ANCHOR, _anchors(with_records))]
    if undecodable:
        tables.append((LOSS, _set_aside(undecodable)))
    return Rows(
        tuple(tables), series, tuple((entry, info) for _, entry, info in kept), tuple(entry for _, entry in undecodable)
    )


def _exact(series: npt.NDArray[np.int32], batch: Batch, block_ids: npt.NDArray[np.int64]) -> pa.RecordBatch:
    """Readings whose integer has more digits than a double keeps: hardly ever any."""
    mantissa = batch.mantissa
    where = np.empty(0, np.int64)
    if len(mantissa) and (mantissa.max() > MANTISSA_EXACT_MAX or mantissa.min() < -MANTISSA_EXACT_MAX):
        where = np.flatnonzero((mantissa > MANTISSA_EXACT_MAX) | (mantissa < -MANTISSA_EXACT_MAX))
    return pa.RecordBatch.from_arrays(
        [
            pa.array(series[where]),
            pa.array(batch.observed_at_ns[where]).view(pa.timestamp("ns")),
            pa.array(mantissa[where]),
            pa.array(block_ids[where]),
        ],
        schema=EXACT.arrow,
    )


def _blocks(kept: Sequence[tuple[int, JournalEntry, BlockInfo]], identity: StoreKey) -> pa.RecordBatch:
    headers = [info.header for _, _, info in kept]
    profiles = [info.profile for _, _, info in kept]
    clocks = [info.clock for _, _, info in kept]
    columns: dict[str, Sequence[object]] = {
        "block_id": [number for number, _, _ in kept],
        "store_id": [identity.store_id] * len(kept),
        "generation": [identity.generation] * len(kept),
        "position": [entry.position for _, entry, _ in kept],
        "received_at_ns": [entry.received_at_ns for _, entry, _ in kept],
        "agent": [header.agent for header in headers],
        "segment": [header.segment for header in headers],
        "ordinal": [header.ordinal for header in headers],
        "seq": [header.seq for header in headers],
        "device": [header.device for header in headers],
        "digest": [header.digest for header in headers],
        "row_count": [header.rows for header in headers],
        "readings": [header.readings for header in headers],
        "readings_total": [header.readings_total for header in headers],
        "profile": [profile.profile for profile in profiles],
        "profile_version": [profile.version for profile in profiles],
        "profile_digest": [profile.digest for profile in profiles],
        "boot_id": [clock.boot_id for clock in clocks],
        "boottime_ns": [clock.boottime_ns for clock in clocks],
        "wall_ns": [clock.wall_ns for clock in clocks],
        "clock_state": [int(clock.state) for clock in clocks],
        "clock_error_ns": [clock.error_ns for clock in clocks],
    }
    return pa.RecordBatch.from_pydict(columns, schema=BLOCK.arrow)


def _events(infos: Sequence[tuple[int, BlockInfo]]) -> pa.RecordBatch:
    rows = [
        (i.header.agent, i.header.device, t.channel, t.observed_at_ns, t.text, number)
        for number, i in infos
        for t in i.texts
    ]
    return _batch(EVENT, rows)


def _losses(infos: Sequence[tuple[int, BlockInfo]]) -> pa.RecordBatch:
    rows = [
        (
            i.header.agent,
            loss.reason.value,
            loss.segment,
            ",".join(f"{low}-{high}" if high > low else f"{low}" for low, high in loss.intervals),
            loss.readings,
            loss.device,
            loss.first_ns,
            loss.last_ns,
            number,
        )
        for number, i in infos
        for loss in i.losses
    ]
    return _batch(LOSS, rows)


def _set_aside(entries: Sequence[tuple[int, JournalEntry]]) -> pa.RecordBatch:
    rows = [
        (e.agent, UNDECODABLE, e.segment, f"{e.seq}", e.readings, None, None, None, number) for number, e in entries
    ]
    return _batch(LOSS, rows)


def _anchors(infos: Sequence[tuple[int, BlockInfo]]) -> pa.RecordBatch:
    rows = [
        (i.header.agent, a.boot_id, a.boottime_ns, a.utc_ns, a.error_ns, int(a.source), number)
        for number, i in infos
        for a in i.anchors
    ]
    return _batch(ANCHOR, rows)


def _batch(table: Table, rows: Sequence[Sequence[object]]) -> pa.RecordBatch:
    columns = zip(*rows, strict=True) if rows else [()] * len(table.columns)
    arrays = [pa.array(column, type=kind) for column, kind in zip(columns, table.arrow.types, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=table.arrow)
