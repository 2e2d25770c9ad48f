"""Blocks the lake has from another life of the journal, so that projecting again adds none of them twice."""

from __future__ import annotations

import duckdb
import numpy as np

from collector.lake.ports import JournalEntry, StoreKey
from device_profiles.wire.intervals import IntervalSet


class KnownBlocks:
    """The anti-join on the lake's block table, as intervals in memory.

    A journal restored from a backup has forgotten blocks that the lake holds; agents send some of them again, and they
    get other positions. So this is asked for every block for as long as the lake holds blocks of another journal.
    """

    def __init__(self, blocks: dict[tuple[str, int], IntervalSet] | None = None) -> None:
        self._blocks = blocks or {}

    def __bool__(self) -> bool:
        return bool(self._blocks)

    def has(self, entry: JournalEntry) -> bool:
        """Whether the lake already has the block."""
        intervals = self._blocks.get((entry.agent, entry.segment))
        return intervals is not None and entry.seq in intervals

    @staticmethod
    def of_others(cursor: duckdb.DuckDBPyConnection, identity: StoreKey | None) -> KnownBlocks:
        """Blocks projected from any journal but this one; from any at all when ``identity`` is None."""
        query = (
            "SELECT agent, segment, list(seq ORDER BY seq) FROM lake.block "
            "WHERE ? OR store_id != ? OR generation != ? GROUP BY agent, segment"
        )
        store, generation = (b"", -1) if identity is None else (identity.store_id, identity.generation)
        blocks: dict[tuple[str, int], IntervalSet] = {}
        for agent, segment, numbers in cursor.execute(query, [identity is None, store, generation]).fetchall():
            seqs = np.asarray(numbers, dtype=np.int64)
            starts = np.concatenate(([0], np.flatnonzero(np.diff(seqs) > 1) + 1))
            ends = np.concatenate((starts[1:] - 1, [len(seqs) - 1]))
            pairs = zip(seqs[starts].tolist(), seqs[ends].tolist(), strict=True)
            blocks[(str(agent), int(segment))] = IntervalSet.of(*pairs)
        return KnownBlocks(blocks)
