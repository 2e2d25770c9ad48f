"""Asking the collector what it has, and believing the answer."""

from __future__ import annotations

from device_profiles.wire.delivery.agent_io import Connected, ForgetSegment, PinLineage, SendSync
from device_profiles.wire.delivery.agent_receipts import Receipts, identity_of
from device_profiles.wire.delivery.agent_state import Phase
from device_profiles.wire.delivery.lanes import END, START, Position
from device_profiles.wire.delivery.ports import SegmentSpan
from device_profiles.wire.delivery.views import SegmentView
from device_profiles.wire.intervals import IntervalSet
from device_profiles.wire.messages import Receipt, SegmentExtent, SegmentReceipt, Sync, Synced


class Syncing(Receipts):
    """Rule A5: ask first, send blocks only when the answer has come."""

    def _on_connected(self, event: Connected, now_s: float) -> None:
        self._disconnect()
        self._connection = event.connection
        self._alarmed.clear()
        self._begin_sync(now_s)

    def _begin_sync(self, now_s: float, *, after_ordinal: int = 0) -> None:
        """Ask first; send blocks only when the answer has come (rule A5)."""
        self.phase = Phase.SYNCING
        self._send_sync(now_s, after_ordinal=after_ordinal)

    def _send_sync(self, now_s: float, *, after_ordinal: int = 0) -> None:
        if self._connection is None:
            return
        spans = list(self._outbox.segments(after_ordinal, self.policy.sync_segments))
        newest = self._outbox.newest_segment()
        self._named_after = after_ordinal
        self._horizon = END[0] if len(spans) < self.policy.sync_segments else spans[-1].ordinal
        if newest is not None and all(span.segment != newest.segment for span in spans):
            spans.append(newest)
        self._outstanding = Sync(
            nonce=self._nonce(),
            outbox_id=self._outbox.outbox_id,
            segments=tuple(_extent(span) for span in spans),
        )
        self._answer_due_s = now_s + self._sync_backoff.next_s()
        if self._asked_s is None:
            self._asked_s = now_s
        self._actions.append(SendSync(self._connection, self._outstanding))
        self.counters["syncs"] += 1

    def _on_synced(self, synced: Synced, now_s: float) -> None:
        sync = self._outstanding
        if sync is None or synced.nonce != sync.nonce:
            self.counters["synced_stale"] += 1
            return
        self._outstanding = None
        receipt = synced.receipt
        if not self._belongs(receipt):
            self._halt(now_s)
            return
        if receipt.refused is not None:
            self._refuse(receipt.refused, now_s)
            return
        if self._lineage is None or self._pin_again:
            self._lineage = receipt.lineage
            self._pin_again = False
            self._actions.append(PinLineage(receipt.lineage))
        restart = self.phase is not Phase.SENDING
        store = identity_of(receipt)
        if self._known_store is not None and store != self._known_store:
            # Restored from a backup: nothing it said before holds. What it lacks is sent again.
            restart = True
            self._alarmed.discard("store_changed")
            self._alarm("store_changed", f"generation {self._known_store.generation} -> {store.generation}")
        self._store = self._known_store = store
        self._alarmed -= {"lineage", "refused"}
        self._sync_backoff.reset()
        self._sync_due_s = now_s + self.policy.sync_every_s
        if restart:
            # One connection delivers in order, so what this answer does not name did not arrive.
            self._flights.clear()
            self._timeout_s = self._receipt_backoff.next_s()
        self._rebuild(sync, receipt, now_s)
        self.phase = Phase.SENDING

    def _rebuild(self, sync: Sync, receipt: Receipt, now_s: float) -> None:
        """Replace all knowledge by the answer: an earlier statement may have been of a store that is no more."""
        answers = {answer.segment: answer for answer in receipt.segments}
        self._views = self._fresh_views(sync)
        newest = self._outbox.newest_segment()
        for named in sync.segments:
            view = self._views.get(named.segment)
            answer = answers.get(named.segment)
            if view is None or answer is None:
                continue
            self._check_rolled_back(view, answer)
            self._apply(view, answer, now_s, whole=True)
            # The next open record must be able to name the newest segment that sealed a block.
            if newest is not None and newest.tail and named.segment != newest.segment:
                self._forget_if_settled(view, answer)
        self._grant(receipt)
        live_from: Position = (0, 0)
        if self._live.position != END and self.phase is Phase.SENDING:
            live_from = self._live.position
        elif sync.segments:
            live_from = max((named.ordinal, named.tail) for named in sync.segments)
        start = (self._named_after, END[1]) if self._named_after else START
        self._backlog.seek(start, min(live_from, (self._horizon, END[1])))
        self._live.seek(live_from)

    def _fresh_views(self, sync: Sync) -> dict[int, SegmentView]:
        views: dict[int, SegmentView] = {}
        spans = {span.segment: span for span in self._outbox.segments(self._named_after, self.policy.sync_segments)}
        newest = self._outbox.newest_segment()
        if newest is not None:
            spans[newest.segment] = newest
        for named in sync.segments:
            span = spans.get(named.segment)
            if span is None:
                continue
            # A trim that is not carried out yet shows again as kept and safe, and is asked for again: no harm.
            views[named.segment] = SegmentView.of(span)
        return views

    def _check_rolled_back(self, view: SegmentView, answer: SegmentReceipt) -> None:
        """Numbers known there that were never given here: two outboxes share a segment. Never touched, but told."""
        heard = answer.stored.union(answer.held).last
        if heard is not None and heard > view.tail:
            self._alarm("rolled_back", f"segment {view.segment:016x}: {heard} is known there, {view.tail} here")

    def _forget_if_settled(self, view: SegmentView, answer: SegmentReceipt) -> None:
        if view.tail and view.gone.gaps(1, view.tail):
            return
        rejected = IntervalSet.from_numbers(rejection.seq for rejection in answer.rejected)
        settled = answer.safe.union(answer.lost).union(rejected)
        if not (view.tail and settled.gaps(1, view.tail)) and not view.shelved:
            self._actions.append(ForgetSegment(view.segment))
            del self._views[view.segment]


def _extent(span: SegmentSpan) -> SegmentExtent:
    return SegmentExtent(
        segment=span.segment,
        ordinal=span.ordinal,
        first_kept=span.first_kept,
        tail=span.tail,
        readings_total=span.readings_total,
        absent=span.absent.intersection(IntervalSet().add(span.first_kept, max(span.first_kept, span.tail))),
    )
