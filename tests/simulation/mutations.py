"""Rules changed one at a time. Every one must break an invariant in some seed: that is what shows it is needed."""

from __future__ import annotations

from dataclasses import dataclass, replace

from device_profiles.wire.delivery import admission
from device_profiles.wire.delivery.agent import AgentMachine, Phase
from device_profiles.wire.delivery.agent_io import AgentEvent, DropStored, Puback, Trim
from device_profiles.wire.delivery.batch import Batch
from device_profiles.wire.delivery.collector import CollectorMachine
from device_profiles.wire.delivery.collector_io import Ack, BlockFacts, CollectorAction, Commit, SendReceipt, Token
from device_profiles.wire.delivery.entries import SegmentEntry
from device_profiles.wire.delivery.lanes import START
from device_profiles.wire.delivery.views import SegmentView
from device_profiles.wire.intervals import EMPTY, IntervalSet
from device_profiles.wire.messages import Receipt, SegmentReceipt, Sync, Synced
from device_profiles.wire.model import LossReason, LossRecord
from tests.simulation.rules import FULL, Rules

# ---- the agent's machine ----------------------------------------------------------------------------------------


class DeletesOnPuback(AgentMachine):
    """Takes the broker's acknowledgement for durability (against A3)."""

    def handle(self, event: AgentEvent, now_s: float) -> tuple[object, ...]:  # type: ignore[override]
        actions: tuple[object, ...] = super().handle(event, now_s)
        if isinstance(event, Puback) and event.delivered:
            actions = (Trim(event.segment, IntervalSet().add(event.seq)), *actions)
        return actions


class DeletesOnStored(AgentMachine):
    """Deletes what is stored, safe or not (against A4)."""

    def _deletable(self, answer: SegmentReceipt) -> IntervalSet:
        return answer.safe.union(answer.stored)


class NeverSyncs(AgentMachine):
    """Starts sending at once and trusts what it sent (against A5)."""

    def _begin_sync(self, now_s: float, *, after_ordinal: int = 0) -> None:
        self.phase = Phase.SENDING
        self._backlog.seek(START)

    @property
    def next_wake_s(self) -> float | None:
        return None

    def _on_time(self, now_s: float) -> None:
        pass

    def _valid(self, receipt: Receipt) -> bool:
        return True

    def _disconnect(self) -> None:
        flights = self._flights
        super()._disconnect()
        self._flights = flights

    def _on_receipt(self, receipt: Receipt, now_s: float) -> None:
        for answer in receipt.segments:
            if answer.segment not in self._views:
                span = next((s for s in self._outbox.segments(0, 1000) if s.segment == answer.segment), None)
                if span is not None:
                    self._views[answer.segment] = SegmentView.of(span)
        super()._on_receipt(receipt, now_s)


class IgnoresGeneration(AgentMachine):
    """Keeps believing what a store said before it was restored (against A4)."""

    def _valid(self, receipt: Receipt) -> bool:
        return self._store is not None and receipt.lineage == self._store.lineage

    def _rebuild(self, sync: Sync, receipt: Receipt, now_s: float) -> None:
        before = {segment: view.stored for segment, view in self._views.items()}
        super()._rebuild(sync, receipt, now_s)
        for segment, view in self._views.items():
            view.stored = view.stored.union(before.get(segment, EMPTY))


class IgnoresLineage(AgentMachine):
    """Takes anybody's word (against A4)."""

    def _belongs(self, receipt: Receipt) -> bool:
        return True

    def _valid(self, receipt: Receipt) -> bool:
        return True


class DropsWithoutRecord(AgentMachine):
    """Makes room silently (against A8)."""

    def _give_up(self, segment: int, seqs: IntervalSet, readings: int) -> None:
        self._actions.append(DropStored(segment, seqs))


class IgnoresRejections(AgentMachine):
    """Sends a refused block again and again (against A6)."""

    def _apply_rejections(self, view: SegmentView, answer: SegmentReceipt, *, whole: bool) -> None:
        pass


class IgnoresWindow(AgentMachine):
    """Sends as fast as it reads (against A2)."""

    def _fits(self, ref: object, limit_bytes: int) -> bool:
        return True


class NeverTimesOut(AgentMachine):
    """Waits for a receipt for ever (against A5)."""

    @property
    def next_wake_s(self) -> float | None:
        return None

    def _on_time(self, now_s: float) -> None:
        pass


# ---- the collector's machine ------------------------------------------------------------------------------------


class ReceiptsBeforeCommit(CollectorMachine):
    """Promises what it is about to write (against C4)."""

    def flush(self) -> tuple[CollectorAction, ...]:
        actions = super().flush()
        batch = self._committing
        if batch is None:
            return actions
        for agent, segments in batch.told.items():
            answers = tuple(
                SegmentReceipt(segment, IntervalSet.from_numbers(seqs), IntervalSet.from_numbers(seqs))
                for segment, seqs in segments.items()
            )
            self._send_early(agent, answers)
        early, self._actions = self._actions, []
        return (*early, *actions)

    def _send_early(self, agent: str, answers: tuple[SegmentReceipt, ...]) -> None:
        self._actions.append(SendReceipt(agent, self._receipt(answers)))


class AcknowledgesBeforeCommit(CollectorMachine):
    """PUBACKs on arrival (against C4)."""

    def flush(self) -> tuple[CollectorAction, ...]:
        tokens = tuple(token for token in self._open.tokens if token.connection == self._connection)
        actions = super().flush()
        if any(isinstance(action, Commit) for action in actions):
            return (Ack(tokens), *actions) if tokens else actions
        return actions


class AcknowledgesStale(CollectorMachine):
    """Writes acknowledgements of an earlier connection to the present one (against C1)."""

    def _acknowledge(self, tokens: list[Token]) -> None:
        self._actions.append(Ack(tuple(tokens)))
        super()._acknowledge(tokens)


class CallsHeldStored(CollectorMachine):
    """Says stored of what it cannot read (against C5)."""

    def _brief(self, agent: str, segment: int, seqs: list[int]) -> SegmentReceipt:
        answer = super()._brief(agent, segment, seqs)
        return replace(answer, stored=answer.stored.union(answer.held), safe=answer.safe.union(answer.held), held=EMPTY)

    def _answer(self, agent: str, sync: Sync) -> Synced:
        synced = super()._answer(agent, sync)
        segments = tuple(
            replace(answer, stored=answer.stored.union(answer.held), safe=answer.safe.union(answer.held), held=EMPTY)
            for answer in synced.receipt.segments
        )
        return replace(synced, receipt=replace(synced.receipt, segments=segments))


class NeverPauses(CollectorMachine):
    """Reads the socket whatever waits (against C4)."""

    def _flow(self) -> None:
        pass


class _InfersNothing(admission.Admission):
    def infer_losses(self, batch: Batch, agent: str, segment: int, absent: IntervalSet, reason: LossReason) -> None:
        pass


class _LossesStay(admission.Admission):
    def _arrived_after_all(self, batch: Batch, entry: SegmentEntry, facts: BlockFacts) -> None:
        lost, claimed = entry.lost, entry.claimed
        super()._arrived_after_all(batch, entry, facts)
        entry.lost, entry.claimed = lost, claimed


class _ClaimsGross(admission.Admission):
    def _claim(self, batch: Batch, agent: str, record: LossRecord) -> None:
        super()._claim(batch, agent, record)
        entry = self._entries.get(agent, record.segment)
        entry.lost = entry.lost.union(record.intervals)
        batch.touch(entry)


class _AnySegmentIsFine(admission.Admission):
    def _judge(self, batch: Batch, child: SegmentEntry) -> None:
        pass


class _ForksAreDuplicates(admission.Admission):
    def _again(self, batch: Batch, entry: SegmentEntry, token: Token, facts: BlockFacts) -> None:
        batch.tell(facts.agent, facts.segment, facts.seq)


def _with_admission(changed: type[admission.Admission]) -> type[CollectorMachine]:
    class Changed(CollectorMachine):
        def __init__(self, *args: object, **kwargs: object) -> None:
            super().__init__(*args, **kwargs)  # type: ignore[arg-type]
            self._admission.__class__ = changed

    return Changed


# ---- the list ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Mutation:
    """One changed rule.

    Attributes:
        name: For the command line.
        rule: Which rule of the protocol it breaks.
        what: In words.
        rules: What the world runs under.
    """

    name: str
    rule: str
    what: str
    rules: Rules


def _agent(machine: type[AgentMachine]) -> Rules:
    return replace(FULL, agent_machine=machine)


def _collector(machine: type[CollectorMachine]) -> Rules:
    return replace(FULL, collector_machine=machine)


MUTATIONS: tuple[Mutation, ...] = (
    Mutation("delete-on-puback", "A3", "delete a block when the broker acknowledges it", _agent(DeletesOnPuback)),
    Mutation("delete-on-stored", "A4", "delete what is stored but not safe", _agent(DeletesOnStored)),
    Mutation("ignore-generation", "A4", "believe a store after it was restored", _agent(IgnoresGeneration)),
    Mutation("ignore-lineage", "A4", "believe another operator's store", _agent(IgnoresLineage)),
    Mutation("no-sync", "A5", "never ask what arrived", _agent(NeverSyncs)),
    Mutation("no-timeout", "A5", "wait for a receipt for ever", _agent(NeverTimesOut)),
    Mutation("ignore-rejection", "A6", "offer a refused block for ever", _agent(IgnoresRejections)),
    Mutation("drop-without-record", "A8", "make room without a loss record", _agent(DropsWithoutRecord)),
    Mutation("ignore-window", "A2", "send more than the window", _agent(IgnoresWindow)),
    Mutation("no-digest-check", "A2", "publish what rotted", replace(FULL, digest_checked=False)),
    Mutation("outbox-normal", "A1", "outbox with synchronous=NORMAL", replace(FULL, outbox_full_sync=False)),
    Mutation("seq-reuse", "ids", "number on from the highest block kept", replace(FULL, segment_after_crash=False)),
    Mutation("clone-unseen", "ids", "no new segment on other hardware", replace(
        FULL, fingerprint_checked=False, segment_at_every_start=False)),
    Mutation("clean-stop-resumes", "ids", "a clean stop lets the segment go on", replace(
        FULL, segment_at_every_start=False)),
    Mutation("loss-record-once", "A8", "a loss record dies with its carrier", replace(
        FULL, records_travel_again=False)),
    Mutation("receipt-before-commit", "C4", "receipt, then commit", _collector(ReceiptsBeforeCommit)),
    Mutation("puback-before-commit", "C4", "PUBACK, then commit", _collector(AcknowledgesBeforeCommit)),
    Mutation("stale-ack", "C1", "acknowledge on another connection", _collector(AcknowledgesStale)),
    Mutation("held-as-stored", "C5", "call held stored", _collector(CallsHeldStored)),
    Mutation("no-pause", "C4", "read on whatever waits", _collector(NeverPauses)),
    Mutation("no-inference", "resolved", "say nothing of what is absent", _collector(
        _with_admission(_InfersNothing))),
    Mutation("no-verify", "C2, C5", "store what does not verify", replace(FULL, verified_at_intake=False)),
    Mutation("journal-normal", "C3", "journal with synchronous=NORMAL", replace(FULL, journal_full_sync=False)),
    Mutation("dedupe-window", "C7", "forget the ledger after a minute", replace(FULL, dedupe_window_s=60.0)),
    Mutation("late-arrival-stays-lost", "A8", "a late block does not void its loss", _collector(
        _with_admission(_LossesStay))),
    Mutation("gross-claims", "A8", "count a loss claim against what is stored", _collector(
        _with_admission(_ClaimsGross))),
    Mutation("no-descent", "C8", "never compare segments' parents", _collector(_with_admission(_AnySegmentIsFine))),
    Mutation("trim-past-durable", "proj", "trim the journal to the offset", replace(FULL, trimmed_to_durable=False)),
    Mutation("offset-apart", "proj", "offset in its own transaction", replace(FULL, offset_with_data=False)),
    Mutation("no-anti-join", "proj", "project again after a restore", replace(FULL, anti_join=False)),
)  # fmt: skip
BY_NAME = {mutation.name: mutation for mutation in MUTATIONS}
