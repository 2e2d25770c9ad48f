"""What the collector's word does: settle, delete what is safe, shelve what is refused, wait or halt."""

from __future__ import annotations

from typing import Final

from device_profiles.wire.delivery.agent_io import GiveUp, Trim, Unshelve
from device_profiles.wire.delivery.agent_state import AgentState, Phase
from device_profiles.wire.delivery.ports import StoreIdentity
from device_profiles.wire.delivery.views import SegmentView
from device_profiles.wire.intervals import IntervalSet
from device_profiles.wire.messages import Receipt, Refusal, SegmentReceipt
from device_profiles.wire.model import LossReason

RETRY_AFTER_MAX_S: Final = 3600
"""Longest wait that a refusal may ask for. [s]"""


class Receipts(AgentState):
    """Rules A4 and A6."""

    def _belongs(self, receipt: Receipt) -> bool:
        """Whether this is the store the agent was enrolled at."""
        return self._lineage is None or receipt.lineage == self._lineage

    def _valid(self, receipt: Receipt) -> bool:
        """Rule A4: only the identity that answered this connection's sync may settle anything."""
        return self._store is not None and identity_of(receipt) == self._store

    def _on_receipt(self, receipt: Receipt, now_s: float) -> None:
        if self.phase is Phase.REFUSED and receipt.refused is None and not receipt.segments:
            # Enrolled a moment ago. Only a hint to ask sooner, so it needs no proof.
            self._sync_due_s = min(self._sync_due_s, now_s + self._random())
            return
        if not self._valid(receipt):
            self.counters["void_receipts"] += 1
            if self._store is not None:
                if "void_receipt" not in self._alarmed:
                    self._sync_due_s = min(self._sync_due_s, now_s + self.policy.timeout_min_s)
                self._alarm("void_receipt", f"receipt of {receipt.store_id.hex()} generation {receipt.generation}")
            return
        if receipt.refused is not None:
            self._refuse(receipt.refused, now_s)
            return
        self._grant(receipt)
        for answer in receipt.segments:
            view = self._views.get(answer.segment)
            if view is not None:
                self._apply(view, answer, now_s, whole=False)

    def _apply(self, view: SegmentView, answer: SegmentReceipt, now_s: float, *, whole: bool) -> None:
        """Settle what the collector names; delete only what is ``safe``."""
        # Nothing that was never named or published can be there, whatever the message says.
        ours = IntervalSet().add(0, view.tail)
        stored, held = answer.stored.intersection(ours), answer.held.intersection(ours)
        view.stored = stored if whole else view.stored.union(stored)
        view.held = (held if whole else view.held.union(held)).subtract(view.stored)
        self._apply_rejections(view, answer, whole=whole)
        if view.held and "held" not in self._alarmed:
            self._alarm("held", f"the collector cannot read {view.held.count} blocks yet; they are kept here")
        trim = view.trimmable(self._deletable(answer).intersection(ours))
        if trim:
            self._actions.append(Trim(view.segment, trim))
            view.gone = view.gone.union(trim)
            self.counters["trims"] += 1
        settled = self._flights.settle(
            lambda ref: ref.segment == view.segment and view.settled(ref.seq),
            now_s,
        )
        if settled and not self._flights:
            # Only an empty window proves that nothing is stuck in it.
            self._receipt_backoff.reset()

    def _deletable(self, answer: SegmentReceipt) -> IntervalSet:
        """Rule A4. ``stored`` alone would not survive a restore from a backup."""
        return answer.safe

    def _apply_rejections(self, view: SegmentView, answer: SegmentReceipt, *, whole: bool) -> None:
        refused: list[int] = []
        for rejection in answer.rejected:
            ref = self._outbox.get(view.segment, rejection.seq)
            if ref is None or rejection.seq in view.gone:
                continue
            if ref.digest != rejection.digest:
                self._alarm("fork", f"another block {rejection.seq} of segment {view.segment:016x} was refused")
                continue
            refused.append(rejection.seq)
            if rejection.seq not in view.shelved:
                seqs = IntervalSet().add(rejection.seq)
                self._actions.append(GiveUp(view.segment, seqs, ref.readings, LossReason.REJECTED, shelve=True))
                view.shelved = view.shelved.union(seqs)
                self.counters["rejected_blocks"] += 1
                self._alarm("rejected", f"block {rejection.seq} of {view.segment:016x}: {rejection.reason}")
        if whole:
            free = view.shelved.subtract(IntervalSet.from_numbers(refused))
            if free:
                self._actions.append(Unshelve(view.segment, free))
                view.shelved = view.shelved.subtract(free)

    def _grant(self, receipt: Receipt) -> None:
        if receipt.window_bytes > 0:
            self._window_bytes = min(receipt.window_bytes, self.policy.window_bytes_max)

    def _refuse(self, refusal: Refusal, now_s: float) -> None:
        """The registry does not know this agent, or no longer: wait, keep everything."""
        self.phase = Phase.REFUSED
        self._flights.clear()
        self._outstanding = None
        wait_s = min(max(refusal.retry_after_s, self.policy.timeout_min_s), RETRY_AFTER_MAX_S)
        self._sync_due_s = now_s + wait_s * (1 + 0.25 * self._random())
        self._alarm("refused", refusal.reason)

    def _halt(self, now_s: float) -> None:
        """Another operator's store answers: send nothing; ask rarely, in case the mistake is put right."""
        self.phase = Phase.HALTED
        self._store = None
        self._flights.clear()
        self._sync_due_s = now_s + self._sync_backoff.ceiling_s()
        self._alarm("lineage", "the collector belongs to another store than the one this agent was enrolled at")


def identity_of(receipt: Receipt) -> StoreIdentity:
    """Which store a receipt speaks for."""
    return StoreIdentity(receipt.lineage, receipt.store_id, receipt.generation)
