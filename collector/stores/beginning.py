"""Where a store's projection goes on: pure, from what is remembered of it and what there is."""

from __future__ import annotations

from dataclasses import replace

from collector.lake.notes import CommitNote
from collector.lake.ports import StoreKey
from collector.stores.offset import Job, Offset


def beginning(
    offset: Offset | None, *, journal: StoreKey, head: int, note: CommitNote, since: int | str | None
) -> Offset:
    """Where it was left; where a new store begins; or the beginning of another journal than before.

    Args:
        offset: What is remembered; None of a new store.
        journal: Identity of the journal.
        head: Its newest position.
        note: How far the lake is.
        since: What of the past a new store is given: None for all, "now" for nothing, else UTC Unix time. [ns]
    """
    in_lake = note.next_block - 1
    if offset is None:
        if since == "now":
            return Offset(journal, head)
        # What the lake has comes from there, beside what it has not: new readings never wait for old ones.
        offset = Offset(journal, note.position if note.identity == journal and note.position <= head else 0)
        from_ns = since if isinstance(since, int) else None
        return offset.with_job(Job(0, "new store", in_lake, from_ns=from_ns)) if in_lake else offset
    if offset.identity == journal and offset.position <= head:
        return offset
    rest = Job(0, "rest of the journal before", in_lake, offset.identity, offset.position)
    return replace(offset.with_job(rest), identity=journal, position=0)
