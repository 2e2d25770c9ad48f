"""Whether a verified block is stored, a duplicate, a fork, rejected or held (rules C5, C7, C8, C9)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from device_profiles.wire.delivery.batch import Batch
from device_profiles.wire.delivery.collector_io import (
    AsideKind,
    BlockFacts,
    KeepAside,
    LossEntry,
    LossVoid,
    StoreBlock,
    Token,
)
from device_profiles.wire.delivery.entries import Entries, Key, SegmentEntry
from device_profiles.wire.delivery.ports import Ledger
from device_profiles.wire.intervals import IntervalSet
from device_profiles.wire.messages import Rejection
from device_profiles.wire.model import LossReason, LossRecord, OpenRecord

AlarmSink = Callable[[str, str, str], None]


class Admission:
    """Decides on blocks and syncs, into the open batch."""

    def __init__(
        self,
        ledger: Ledger,
        entries: Entries,
        *,
        intervals_max: int,
        rejections_max: int,
        alarm: AlarmSink,
        counters: Counter[str],
    ) -> None:
        """Set up.

        Args:
            ledger: Committed state.
            entries: Working copies over it.
            intervals_max: Most intervals the ledger keeps of one segment (rule C7).
            rejections_max: Most rejections it keeps of one segment.
            alarm: Takes (agent, kind, detail).
            counters: Counted into.
        """
        self._ledger = ledger
        self._entries = entries
        self._intervals_max = intervals_max
        self._rejections_max = rejections_max
        self._alarm = alarm
        self.counters = counters
        self._held_now: dict[Key, IntervalSet] = {}  # what this very program could not read

    def held(self, agent: str, segment: int) -> IntervalSet:
        """Seqs that were held since this program started."""
        return self._held_now.get((agent, segment), IntervalSet())

    def admit(self, batch: Batch, token: Token, facts: BlockFacts) -> None:
        """Decide on one verified block of an active agent."""
        entry = self._entries.get(facts.agent, facts.segment)
        seq = facts.seq
        if seq in entry.stored:
            self._again(batch, entry, token, facts)
        elif facts.verdict == "hold":
            self._hold(batch, entry, token, facts)
        elif facts.verdict == "reject":
            self._reject(batch, entry, token, facts, kind="rejected", reason=facts.reason)
        elif self._chain_broken(entry, facts):
            self._reject(batch, entry, token, facts, kind="fork", reason="digest chain broken")
        elif self._too_fragmented(entry, seq):
            # No receipt: it comes again, and finds room once older gaps have closed.
            self.counters["fragmented"] += 1
            self._alarm(facts.agent, "fragmented", f"segment {facts.segment:016x} has {len(entry.stored)} intervals")
        else:
            self._store(batch, entry, token, facts)

    def _again(self, batch: Batch, entry: SegmentEntry, token: Token, facts: BlockFacts) -> None:
        known = self._entries.digest(entry, facts.seq)
        if known is not None and known[0] != facts.digest:
            self._reject(batch, entry, token, facts, kind="fork", reason="same number, another content")
            return
        # The receipt was lost, or the agent is impatient. Where the digest is no longer kept the number decides.
        self.counters["duplicates"] += 1
        batch.tell(facts.agent, facts.segment, facts.seq)

    def _chain_broken(self, entry: SegmentEntry, facts: BlockFacts) -> bool:
        """Whether a stored neighbour contradicts this block's place in the chain."""
        before = self._entries.digest(entry, facts.seq - 1)
        if before is not None and before[0][:8] != facts.previous:
            return True
        after = self._entries.digest(entry, facts.seq + 1)
        return after is not None and after[1] != facts.digest[:8]

    def _too_fragmented(self, entry: SegmentEntry, seq: int) -> bool:
        stored = entry.stored
        return len(stored) >= self._intervals_max and seq - 1 not in stored and seq + 1 not in stored

    def _store(self, batch: Batch, entry: SegmentEntry, token: Token, facts: BlockFacts) -> None:
        seq = facts.seq
        entry.stored = entry.stored.add(seq)
        entry.remember(facts)
        if entry.base.ordinal != facts.ordinal:
            entry.base = replace(entry.base, ordinal=facts.ordinal)
        self._arrived_after_all(batch, entry, facts)
        batch.blocks.append(StoreBlock(token, facts))
        batch.touch(entry)
        batch.tell(facts.agent, facts.segment, seq)
        self.counters["stored"] += 1
        if facts.opened is not None:
            self._open(batch, entry, facts.opened)
        if entry.child_tail is not None and seq > entry.child_tail:
            for child, _ in self._entries.children(facts.agent, facts.segment):
                self._judge(batch, self._entries.get(facts.agent, child))
        for record in facts.losses:
            self._claim(batch, facts.agent, record)

    def _arrived_after_all(self, batch: Batch, entry: SegmentEntry, facts: BlockFacts) -> None:
        """Rules A6 and A8: a block that comes late takes back its loss record, its hold or its rejection."""
        seq = facts.seq
        one = IntervalSet().add(seq)
        if seq in entry.lost:
            entry.lost = entry.lost.subtract(one)
            entry.claimed = entry.claimed.subtract(one)
            batch.voids.append(LossVoid(facts.agent, entry.segment, one, facts.readings))
            self.counters["losses_voided"] += 1
        if seq in entry.held:
            entry.held = entry.held.subtract(one)
        if entry.base.rejected and any(
            rejection.seq == seq and rejection.digest == facts.digest for rejection in entry.base.rejected
        ):
            kept = tuple(
                rejection
                for rejection in entry.base.rejected
                if rejection.seq != seq or rejection.digest != facts.digest
            )
            entry.base = replace(entry.base, rejected=kept)

    def _hold(self, batch: Batch, entry: SegmentEntry, token: Token, facts: BlockFacts) -> None:
        if facts.seq not in entry.held:
            entry.held = entry.held.add(facts.seq)
            batch.aside.append(KeepAside(token, facts.agent, "held", facts.reason, facts))
            batch.touch(entry)
            self.counters["held"] += 1
            self._alarm(facts.agent, "held", facts.reason)
        key = (facts.agent, facts.segment)
        self._held_now[key] = self._held_now.get(key, IntervalSet()).add(facts.seq)
        batch.tell(facts.agent, facts.segment, facts.seq)

    def _reject(
        self, batch: Batch, entry: SegmentEntry, token: Token, facts: BlockFacts, *, kind: AsideKind, reason: str
    ) -> None:
        """Refuse for good, with the digest, so that only the holder of these very bytes takes it as meant for it."""
        rejection = Rejection(facts.seq, facts.digest, reason)
        if any(old.seq == facts.seq and old.digest == facts.digest for old in entry.base.rejected):
            batch.tell(facts.agent, facts.segment, facts.seq)
            return
        batch.aside.append(KeepAside(token, facts.agent, kind, reason, facts))
        self.counters[kind] += 1
        self._alarm(facts.agent, kind, f"segment {facts.segment:016x} block {facts.seq}: {reason}")
        if len(entry.base.rejected) >= self._rejections_max:
            self.counters["rejections_full"] += 1
            return
        entry.base = replace(entry.base, rejected=(*entry.base.rejected, rejection))
        batch.touch(entry)
        batch.tell(facts.agent, facts.segment, facts.seq)

    # ---- losses -----------------------------------------------------------------------------------------------

    def _claim(self, batch: Batch, agent: str, record: LossRecord) -> None:
        """A loss claim counts net of what is stored and of what was claimed before."""
        entry = self._entries.get(agent, record.segment)
        fresh = record.intervals.subtract(entry.claimed)
        if not fresh:
            return
        readings = record.readings if fresh == record.intervals else None
        inferred = fresh.intersection(entry.lost)
        if inferred:
            # The agent knows better than what was inferred from its sync.
            batch.voids.append(LossVoid(agent, record.segment, inferred, None))
        batch.losses.append(LossEntry(agent, record.segment, fresh, readings, record.reason, claimed=True))
        here = fresh.intersection(entry.stored)
        if here:
            batch.voids.append(LossVoid(agent, record.segment, here, None))
        net = fresh.subtract(here)
        entry.lost = entry.lost.union(net)
        entry.claimed = entry.claimed.union(net)
        batch.touch(entry)
        self.counters["losses_claimed"] += 1

    def infer_losses(self, batch: Batch, agent: str, segment: int, absent: IntervalSet, reason: LossReason) -> None:
        """What an agent no longer keeps and nobody has accounted for is lost: say so."""
        entry = self._entries.get(agent, segment)
        missing = absent.subtract(entry.resolved())
        if missing:
            entry.lost = entry.lost.union(missing)
            batch.losses.append(LossEntry(agent, segment, missing, None, reason, claimed=False))
            batch.touch(entry)
            self.counters["losses_inferred"] += 1

    # ---- lineage of segments ----------------------------------------------------------------------------------

    def place(self, batch: Batch, agent: str, segment: int, outbox_id: bytes, ordinal: int) -> None:
        """Rule C9: put a segment in its outbox; outboxes are numbered in the order they are first heard of."""
        entry = self._entries.get(agent, segment)
        if entry.base.outbox_id == outbox_id and entry.base.ordinal == ordinal:
            return
        epoch = self._ledger.epoch(agent, outbox_id)
        if epoch is None:
            fresh = [given for owner, _, given in batch.epochs if owner == agent]
            known = next((given for owner, box, given in batch.epochs if (owner, box) == (agent, outbox_id)), None)
            epoch = known or max(fresh, default=self._ledger.epochs(agent)) + 1
            if known is None:
                batch.epochs.append((agent, outbox_id, epoch))
        entry.base = replace(entry.base, outbox_id=outbox_id, epoch=epoch, ordinal=ordinal)
        batch.touch(entry)

    def _open(self, batch: Batch, entry: SegmentEntry, opened: OpenRecord) -> None:
        entry.base = replace(entry.base, opened=opened)
        self.place(batch, entry.agent, entry.segment, opened.outbox_id, entry.base.ordinal)
        if opened.parent_segment:
            self._entries.add_child(entry.agent, entry.segment, opened)
            self._judge(batch, entry)
        for child, _ in self._entries.children(entry.agent, entry.segment):
            self._judge(batch, self._entries.get(entry.agent, child))

    def review(self, batch: Batch, agent: str, segment: int) -> None:
        """Look at a segment's descent again: a restore may have brought evidence that no arriving block will."""
        entry = self._entries.get(agent, segment)
        if entry.base.opened is not None and entry.base.opened.parent_segment:
            self._judge(batch, entry)

    def _judge(self, batch: Batch, child: SegmentEntry) -> None:
        """Two children of one parent, or a parent that went on after the child was born: one life too many.

        The same hardware was rolled back; another hardware is a clone, and the later of the two is marked.
        """
        opened = child.base.opened
        if opened is None or child.base.suspect == "clone":
            return
        parent = self._entries.get(child.agent, opened.parent_segment)
        others = [
            record.fingerprint
            for segment, record in self._entries.children(child.agent, opened.parent_segment)
            if segment != child.segment and self._entries.get(child.agent, segment).base.suspect == ""
        ]
        last = parent.stored.last
        outlived = last is not None and last > opened.parent_tail
        if outlived and parent.base.opened is not None:
            others.append(parent.base.opened.fingerprint)
        if not others and not outlived:
            return
        verdict = "clone" if any(other != opened.fingerprint for other in others) else "rolled_back"
        if verdict == child.base.suspect:
            return
        child.base = replace(child.base, suspect=verdict)
        batch.touch(child)
        self.counters[verdict] += 1
        self._alarm(child.agent, verdict, f"segment {child.segment:016x} of parent {opened.parent_segment:016x}")
        if verdict == "rolled_back" and outlived and last is not None:
            # What lay between was taken back before it arrived; a late copy voids this.
            gap = IntervalSet().add(opened.parent_tail + 1, last)
            self.infer_losses(batch, child.agent, parent.segment, gap, LossReason.ROLLED_BACK)
