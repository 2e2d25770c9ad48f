"""The collector's delivery machine: what is stored, what is answered, when it is acknowledged.

State diagram and the reason of every rule: ``docs/delivery.md``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from device_profiles.wire.delivery.admission import Admission
from device_profiles.wire.delivery.batch import Batch
from device_profiles.wire.delivery.collector_io import (
    Ack,
    Alarm,
    BlockCame,
    CollectorAction,
    CollectorEvent,
    CommitFailed,
    Committed,
    Connected,
    KeepAside,
    PauseReading,
    Reconnect,
    Release,
    ResumeReading,
    SendReceipt,
    SendSynced,
    SyncCame,
    Token,
)
from device_profiles.wire.delivery.entries import Entries
from device_profiles.wire.delivery.ports import Ledger, Registry
from device_profiles.wire.intervals import IntervalSet
from device_profiles.wire.messages import Receipt, Refusal, SegmentReceipt, Sync, Synced
from device_profiles.wire.model import LossReason

SYNC_BYTES: Final = 1024  # what a waiting sync is taken to cost


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectorPolicy:
    """Bounds of the collector's machine.

    Attributes:
        window_bytes: Window granted to each agent. [bytes]
        uncommitted_bytes_max: Message bytes that may wait for the journal before the socket is left unread. [bytes]
        intervals_max: Most intervals the ledger keeps of one segment.
        rejections_max: Most rejections it keeps of one segment.
        answer_intervals_max: Most intervals named per kind and segment in one answer; what is left out comes again.
        entries_max: Ledger rows kept at hand.
        backups: Whether ``safe`` waits for a verified backup (rule C6); without backups ``safe`` is ``stored``.
    """

    window_bytes: int = 256 * 1024
    uncommitted_bytes_max: int = 8 * 1024 * 1024
    intervals_max: int = 4096
    rejections_max: int = 256
    answer_intervals_max: int = 1024
    entries_max: int = 10_000
    backups: bool = False


class CollectorMachine:
    """All agents' counterpart. One journal, one machine, one commit outstanding.

    Events go in through `handle` (or `admit` for many blocks at once); `flush` closes the open batch. Receipts,
    answers and acknowledgements leave only after the batch that holds their blocks is on the disk (rule C4).
    """

    def __init__(self, ledger: Ledger, registry: Registry, *, policy: CollectorPolicy | None = None) -> None:
        """Start with an empty batch.

        Args:
            ledger: Committed state; read while deciding.
            registry: Who may send.
            policy: Bounds.
        """
        self.policy = policy or CollectorPolicy()
        self.counters: Counter[str] = Counter()
        self._ledger = ledger
        self._registry = registry
        self._entries = Entries(ledger, entries_max=self.policy.entries_max)
        self._admission = Admission(
            ledger,
            self._entries,
            intervals_max=self.policy.intervals_max,
            rejections_max=self.policy.rejections_max,
            alarm=self._alarm,
            counters=self.counters,
        )
        self._connection: int | None = None
        self._number = 0
        self._open = Batch(0)
        self._committing: Batch | None = None
        self._paused = False
        self._actions: list[CollectorAction] = []

    @property
    def waiting(self) -> bool:
        """Whether `flush` would find anything to do."""
        return bool(self._open.tokens)

    @property
    def committing(self) -> bool:
        """Whether a `Commit` is out and unanswered; `flush` waits for it."""
        return self._committing is not None

    @property
    def uncommitted_bytes(self) -> int:
        """Message bytes that wait for the journal [bytes]."""
        return self._open.size_bytes + (self._committing.size_bytes if self._committing else 0)

    def handle(self, event: CollectorEvent) -> tuple[CollectorAction, ...]:
        """Decide what an event asks for."""
        match event:
            case BlockCame():
                self._block(event)
            case SyncCame():
                self._open.syncs[event.agent] = event.sync
                self._open.tokens.append(event.token)
                self._open.size_bytes += SYNC_BYTES
            case Committed():
                self._committed(event)
            case CommitFailed():
                self._failed(event)
            case Connected():
                # Packet identifiers mean something only on the connection they came on (rule C1).
                self._connection = event.connection
        self._flow()
        return self._take()

    def admit(self, blocks: Iterable[BlockCame]) -> tuple[CollectorAction, ...]:
        """As `handle`, for many blocks."""
        for block in blocks:
            self._block(block)
        self._flow()
        return self._take()

    def flush(self) -> tuple[CollectorAction, ...]:
        """Close the open batch: a `Commit`, or at once the answers when nothing has to be written.

        Returns nothing while an earlier commit is outstanding: its blocks come first.
        """
        if self._committing is not None or not self._open.tokens:
            return ()
        batch = self._open
        for agent, sync in batch.syncs.items():
            self._take_sync(batch, agent, sync)
        self._number += 1
        self._open = Batch(self._number)
        if batch.writes:
            self._committing = batch
            self._actions.append(batch.commit())
        else:
            self._finish(batch)
        self._flow()
        return self._take()

    # ---- arrivals ---------------------------------------------------------------------------------------------

    def _block(self, event: BlockCame) -> None:
        batch = self._open
        batch.tokens.append(event.token)
        batch.size_bytes += event.size_bytes
        facts = event.facts
        if facts is None or facts.agent != event.agent:
            # Garbled on the way, or somebody else's: no receipt, the true owner sends its good copy again (rule C5).
            fault = event.fault or "identity differs from the topic"
            batch.aside.append(KeepAside(event.token, event.agent, "unverified", fault, None))
            self.counters["unverified"] += 1
            self._alarm(event.agent, "unverified", fault)
            return
        refusal = self._registry.refusal(event.agent)
        if refusal is not None:
            self._refuse(event.agent, refusal)
            return
        self._admission.admit(batch, event.token, facts)

    def _refuse(self, agent: str, refusal: Refusal) -> None:
        self._open.refused[agent] = refusal
        self.counters["refused"] += 1
        self._alarm(agent, "refused", refusal.reason)

    def _take_sync(self, batch: Batch, agent: str, sync: Sync) -> None:
        """Learn from a sync: whose outbox it is, and what the agent no longer has."""
        if self._registry.refusal(agent) is not None:
            return
        for named in sync.segments:
            self._admission.place(batch, agent, named.segment, sync.outbox_id, named.ordinal)
            self._admission.review(batch, agent, named.segment)
            absent = named.absent
            if named.first_kept > 1:
                absent = absent.add(1, named.first_kept - 1)
            absent = absent.intersection(IntervalSet().add(1, named.tail)) if named.tail else IntervalSet()
            self._admission.infer_losses(batch, agent, named.segment, absent, LossReason.MISSING)

    # ---- commits ----------------------------------------------------------------------------------------------

    def _committed(self, event: Committed) -> None:
        batch = self._committing
        if batch is None or batch.number != event.batch:
            return
        self._committing = None
        self._finish(batch)

    def _finish(self, batch: Batch) -> None:
        """The batch is durable: receipts, answers, and only then the acknowledgements."""
        for agent, segments in batch.told.items():
            answers = tuple(self._brief(agent, segment, seqs) for segment, seqs in segments.items())
            self._actions.append(SendReceipt(agent, self._receipt(answers)))
        for agent, refusal in batch.refused.items():
            self._actions.append(SendReceipt(agent, self._receipt((), refusal)))
        for agent, sync in batch.syncs.items():
            self._actions.append(SendSynced(agent, self._answer(agent, sync)))
        self._acknowledge(batch.tokens)
        for agent, segments in batch.told.items():
            for segment, seqs in segments.items():
                self._entries.get(agent, segment).committed(seqs)
        busy = set(self._open.changed)
        busy.update((agent, segment) for agent, told in self._open.told.items() for segment in told)
        self._entries.shrink(busy)

    def _acknowledge(self, tokens: list[Token]) -> None:
        current = tuple(token for token in tokens if token.connection == self._connection)
        self.counters["stale_acks"] += len(tokens) - len(current)
        if current:
            self._actions.append(Ack(current))
        self._actions.append(Release(tuple(tokens)))

    def _failed(self, event: CommitFailed) -> None:
        """Nothing was promised: forget it all, and let the broker and the agents send again."""
        batch = self._committing
        if batch is None or batch.number != event.batch:
            return
        tokens = (*batch.tokens, *self._open.tokens)
        self._committing = None
        self._number += 1
        self._open = Batch(self._number)
        self._entries.drop()
        self.counters["commits_failed"] += 1
        self._alarm("", "journal", event.reason)
        self._actions.append(Release(tokens))
        self._actions.append(Reconnect(event.reason))

    # ---- answers ----------------------------------------------------------------------------------------------

    def _receipt(self, answers: tuple[SegmentReceipt, ...], refused: Refusal | None = None) -> Receipt:
        identity = self._ledger.identity
        return Receipt(
            lineage=identity.lineage,
            store_id=identity.store_id,
            generation=identity.generation,
            segments=answers,
            window_bytes=self.policy.window_bytes,
            refused=refused,
        )

    def _safe(self, agent: str, segment: int, stored: IntervalSet) -> IntervalSet:
        """Rule C6."""
        if not self.policy.backups:
            return stored
        return stored.intersection(self._ledger.backed_up(agent, segment))

    def _brief(self, agent: str, segment: int, seqs: list[int]) -> SegmentReceipt:
        """What became of these blocks, in the intervals they fell into: short, however long the segment is."""
        row = self._ledger.segment(agent, segment)
        assert row is not None, "a receipt for a segment the ledger does not show"
        around = _runs_around(row.stored, seqs)
        named = IntervalSet.from_numbers(seqs)
        numbers = set(seqs)
        return SegmentReceipt(
            segment=segment,
            stored=around,
            safe=self._safe(agent, segment, around),
            held=row.held.intersection(named),
            rejected=tuple(rejection for rejection in row.rejected if rejection.seq in numbers),
            lost=IntervalSet(),
        )

    def _answer(self, agent: str, sync: Sync) -> Synced:
        refusal = self._registry.refusal(agent)
        if refusal is not None:
            return Synced(nonce=sync.nonce, utc_ns=0, receipt=self._receipt((), refusal))
        answers = []
        for named in sync.segments:
            row = self._ledger.segment(agent, named.segment)
            if row is None:
                continue
            bound = self.policy.answer_intervals_max
            stored = _at_most(row.stored, bound)
            answers.append(
                SegmentReceipt(
                    segment=named.segment,
                    stored=stored,
                    safe=_at_most(self._safe(agent, named.segment, stored), bound),
                    # What an earlier program could not read, this one may: leave it out and it is offered again.
                    held=_at_most(row.held.intersection(self._admission.held(agent, named.segment)), bound),
                    rejected=row.rejected,
                    lost=_at_most(row.lost, bound),
                )
            )
        return Synced(nonce=sync.nonce, utc_ns=0, receipt=self._receipt(tuple(answers)))

    # ---- flow -------------------------------------------------------------------------------------------------

    def _flow(self) -> None:
        """Rule C4: a broker's receive maximum is no bound, an unread socket is."""
        waiting_bytes = self.uncommitted_bytes
        if not self._paused and waiting_bytes > self.policy.uncommitted_bytes_max:
            self._paused = True
            self._actions.append(PauseReading())
        elif self._paused and waiting_bytes <= self.policy.uncommitted_bytes_max // 2:
            self._paused = False
            self._actions.append(ResumeReading())

    def _alarm(self, agent: str, kind: str, detail: str) -> None:
        self._actions.append(Alarm(agent, kind, detail))

    def _take(self) -> tuple[CollectorAction, ...]:
        actions, self._actions = self._actions, []
        return tuple(actions)


def _runs_around(stored: IntervalSet, seqs: list[int]) -> IntervalSet:
    """The intervals of ``stored`` that hold one of these numbers."""
    if len(stored) <= 1:
        return stored
    wanted = IntervalSet.from_numbers(seqs)
    return IntervalSet.from_pairs((lo, hi) for lo, hi in stored if wanted.intersection(IntervalSet().add(lo, hi)))


def _at_most(seqs: IntervalSet, bound: int) -> IntervalSet:
    if len(seqs) <= bound:
        return seqs
    return IntervalSet.from_pairs(list(seqs)[:bound])
