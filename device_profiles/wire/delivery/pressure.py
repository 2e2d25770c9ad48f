"""Which blocks a full outbox gives up, oldest first (rule A8, ``drop_oldest``)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from device_profiles.wire.delivery.ports import BlockRef, OutboxIndex
from device_profiles.wire.delivery.views import SegmentView


def stored_victims(
    outbox: OutboxIndex, views: Iterable[SegmentView], excess_bytes: int, *, page: int
) -> Iterator[tuple[SegmentView, list[BlockRef]]]:
    """Blocks the collector has stored but not yet called safe: runs of one segment, until the excess is covered.

    Only the intervals known as stored are read, so a long backlog is not scanned.
    """
    for view in sorted(views, key=lambda view: view.ordinal):
        for lo, hi in view.stored.subtract(view.gone).subtract(view.shelved):
            position = lo - 1
            while position < hi and excess_bytes > 0:
                found = outbox.after(view.ordinal, position, page)
                refs: list[BlockRef] = []
                for ref in found:
                    if ref.segment != view.segment or ref.seq > hi or excess_bytes <= 0:
                        break
                    refs.append(ref)
                    excess_bytes -= ref.size_bytes
                if not refs:
                    break
                position = refs[-1].seq
                yield view, refs


def unsent_victims(
    outbox: OutboxIndex, excess_bytes: int, spared: Callable[[BlockRef], bool], *, page: int
) -> Iterator[list[BlockRef]]:
    """The oldest blocks of the outbox, in runs of one segment, until the excess is covered."""
    position = (0, 0)
    run: list[BlockRef] = []
    while excess_bytes > 0:
        found = outbox.after(*position, page)
        if not found:
            break
        for ref in found:
            position = (ref.ordinal, ref.seq)
            if excess_bytes <= 0:
                break
            if spared(ref):
                continue
            if run and run[0].segment != ref.segment:
                yield run
                run = []
            run.append(ref)
            excess_bytes -= ref.size_bytes
    if run:
        yield run
