"""The agent's delivery machine: what to send, what to delete, when to ask.

State diagram and the reason of every rule: ``docs/delivery.md``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from math import inf
from typing import Final

from device_profiles.wire.delivery.agent_io import (
    OF_SYNC,
    OUTBOX_FAILS,
    AgentAction,
    AgentEvent,
    Alarm,
    BlockUnreadable,
    Connected,
    Disconnected,
    DropStored,
    ForgetSegment,
    GiveUp,
    KnownEvent,
    Lane,
    PinLineage,
    Pressure,
    Puback,
    Publish,
    ReceiptCame,
    Reconnect,
    Sealed,
    SendSync,
    SyncedCame,
    Tick,
    Trim,
    Undone,
    Unshelve,
)
from device_profiles.wire.delivery.backoff import Backoff
from device_profiles.wire.delivery.flights import Flights
from device_profiles.wire.delivery.lanes import END, START, LaneCursor, Position
from device_profiles.wire.delivery.ports import BlockRef, OutboxIndex, SegmentSpan, StoreIdentity
from device_profiles.wire.delivery.pressure import stored_victims, unsent_victims
from device_profiles.wire.delivery.views import SegmentView
from device_profiles.wire.intervals import IntervalSet
from device_profiles.wire.messages import Receipt, Refusal, SegmentExtent, SegmentReceipt, Sync, Synced
from device_profiles.wire.model import LossReason

RETRY_AFTER_MAX_S: Final = 3600


class Phase(StrEnum):
    """Where the machine stands. Blocks leave only in ``sending``."""

    OFFLINE = "offline"
    SYNCING = "syncing"
    SENDING = "sending"
    REFUSED = "refused"
    HALTED = "halted"


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentPolicy:
    """Bounds of the agent's machine.

    Attributes:
        window_bytes: Bytes on their way before the collector grants anything. [bytes]
        window_bytes_max: Most it accepts as a grant. [bytes]
        live_share: Part of the window the backlog must leave free for live blocks.
        window_blocks: Most blocks on their way, whatever their size.
        socket_slots: Most PUBLISHes without a PUBACK.
        timeout_min_s: First wait for a receipt or a ``synced``. [s]
        timeout_max_s: Longest such wait. [s]
        puback_timeout_s: A connection on which no PUBACK comes for so long, of a block or a sync, is dead:
            reconnect. [s]
        sync_every_s: A sync even when all is well. [s]
        page: References read from the outbox at once.
        sync_segments: Segments named in one sync.
    """

    window_bytes: int = 256 * 1024
    window_bytes_max: int = 4 * 1024 * 1024
    live_share: float = 0.25
    window_blocks: int = 512
    socket_slots: int = 32
    timeout_min_s: float = 5.0
    timeout_max_s: float = 300.0
    puback_timeout_s: float = 120.0
    sync_every_s: float = 600.0
    page: int = 64
    sync_segments: int = 64


class AgentMachine:
    """One agent's side of the protocol, for as long as the process lives.

    Feed it every event in the order it happened and carry the actions out in order before the next event. It reads
    the outbox through `OutboxIndex` and changes nothing itself.
    """

    def __init__(
        self,
        outbox: OutboxIndex,
        *,
        pinned_lineage: bytes | None,
        random: Callable[[], float],
        nonce: Callable[[], int],
        policy: AgentPolicy | None = None,
    ) -> None:
        """Start offline.

        Args:
            outbox: What is kept. Only looked at while `handle` runs.
            pinned_lineage: The store this agent belongs to; None before the first contact.
            random: Uniform numbers in [0, 1), for jitter.
            nonce: Fresh unpredictable 64-bit numbers.
            policy: Bounds.
        """
        self.policy = policy or AgentPolicy()
        self.phase = Phase.OFFLINE
        self.counters: Counter[str] = Counter()
        self._outbox = outbox
        self._lineage = pinned_lineage
        self._pin_again = False  # the pin may not have reached the disk
        self._nonce = nonce
        self._random = random
        self._sync_backoff = self._new_backoff()
        self._receipt_backoff = self._new_backoff()
        self._connection: int | None = None
        self._store: StoreIdentity | None = None  # of this connection's nonce-matched synced
        self._known_store: StoreIdentity | None = None  # of the last one, over connections
        self._outstanding: Sync | None = None
        self._answer_due_s = 0.0  # an unanswered sync is repeated then
        self._sync_due_s = 0.0  # the next sync when none is outstanding
        self._timeout_s = self.policy.timeout_min_s  # how long a published block may wait for its receipt
        self._window_bytes = self.policy.window_bytes
        self._slots = 0
        self._slot_moved_s = 0.0
        self._asked_s: float | None = None  # the oldest sync without a PUBACK went out then
        self._flights = Flights()
        self._views: dict[int, SegmentView] = {}
        self._named_after = 0  # ordinal after which the last sync named segments
        self._horizon = 0  # the backlog of later segments waits for another sync
        self._backlog = LaneCursor(outbox, page=self.policy.page)
        self._live = LaneCursor(outbox, page=self.policy.page)
        self._alarmed: set[str] = set()
        self._actions: list[AgentAction] = []

    # ---- the one way in ---------------------------------------------------------------------------------------

    def handle(self, event: AgentEvent, now_s: float) -> tuple[AgentAction, ...]:
        """Decide what an event asks for.

        Args:
            event: What happened.
            now_s: Monotonic time. [s]
        """
        if isinstance(event, Undone):
            self._on_undone()
        else:
            self._dispatch(event, now_s)
        self._on_time(now_s)
        self._pump(now_s)
        actions, self._actions = self._actions, []
        return tuple(actions)

    def _dispatch(self, event: KnownEvent, now_s: float) -> None:
        match event:
            case Connected():
                self._on_connected(event, now_s)
            case BlockUnreadable():
                self._on_unreadable(event)
            case Pressure():
                self._on_pressure(event)
            case Sealed() | Tick():
                pass
            case _ if event.connection != self._connection:
                self.counters["stale_events"] += 1  # of a connection that is no more
            case Disconnected():
                self._disconnect()
            case Puback():
                self._on_puback(event, now_s)
            case ReceiptCame():
                self._on_receipt(event.receipt, now_s)
            case SyncedCame():
                self._on_synced(event.synced, now_s)

    @property
    def next_wake_s(self) -> float | None:
        """When a `Tick` is due at the latest, monotonic; None while offline [s]."""
        if self._connection is None:
            return None
        due_s = self._answer_due_s if self._outstanding is not None else self._sync_due_s
        due_s = min(due_s, self._dead_s())
        if self.phase is Phase.SENDING:
            deadline_s = self._flights.deadline_s(self._timeout_s)
            if deadline_s is not None:
                due_s = min(due_s, deadline_s)
            if self._backlog.unfinished or self._live.unfinished:
                due_s = 0.0
        return due_s

    @property
    def in_flight_bytes(self) -> int:
        """Bytes published on this connection and not settled [bytes]."""
        return self._flights.size_bytes

    @property
    def slots(self) -> int:
        """PUBLISHes of this connection without a PUBACK."""
        return self._slots

    @property
    def window_bytes(self) -> int:
        """Bytes that may be on their way, as granted last [bytes]."""
        return self._window_bytes

    # ---- connection and sync ----------------------------------------------------------------------------------

    def _on_connected(self, event: Connected, now_s: float) -> None:
        self._disconnect()
        self._connection = event.connection
        self._alarmed.clear()
        self._begin_sync(now_s)

    def _disconnect(self) -> None:
        self._connection = None
        self._store = None
        self._outstanding = None
        self._slots = 0
        self._asked_s = None
        self._flights.clear()
        self.phase = Phase.OFFLINE

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
        store = _identity(receipt)
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

    # ---- receipts ---------------------------------------------------------------------------------------------

    def _belongs(self, receipt: Receipt) -> bool:
        """Whether this is the store the agent was enrolled at."""
        return self._lineage is None or receipt.lineage == self._lineage

    def _valid(self, receipt: Receipt) -> bool:
        """Rule A4: only the identity that answered this connection's sync may settle anything."""
        return self._store is not None and _identity(receipt) == self._store

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

    # ---- PUBACK, unreadable blocks, pressure ------------------------------------------------------------------

    def _on_puback(self, event: Puback, now_s: float) -> None:
        """Rule A3: the broker has it, and a broker forgets. Only the socket slot is free again."""
        if event.segment == OF_SYNC:
            self._asked_s = None
        else:
            self._slots = max(0, self._slots - 1)
            self._slot_moved_s = now_s
        if event.delivered or self.phase is not Phase.SENDING:
            return
        # Nobody listens: the block counts as not sent, and asking is cheaper than sending.
        self._flights.remove(event.segment, event.seq)
        self.counters["undelivered"] += 1
        self.phase = Phase.SYNCING
        self._outstanding = None
        self._sync_due_s = now_s + self._sync_backoff.next_s()

    def _on_unreadable(self, event: BlockUnreadable) -> None:
        """Rule A2: a copy that rotted becomes a loss record and never blocks the window."""
        flight = self._flights.remove(event.segment, event.seq)
        if flight is not None and flight.acknowledged:
            self._slots = max(0, self._slots - 1)
        ref = self._outbox.get(event.segment, event.seq)
        view = self._views.get(event.segment)
        if ref is None or (view is not None and event.seq in view.gone):
            return
        seqs = IntervalSet().add(event.seq)
        self._actions.append(GiveUp(event.segment, seqs, ref.readings, LossReason.CORRUPT, shelve=True))
        if view is not None:
            view.gone = view.gone.union(seqs)
        self.counters["corrupt_blocks"] += 1
        self._alarm("corrupt", f"block {event.seq} of segment {event.segment:016x} is unreadable")

    def _on_pressure(self, event: Pressure) -> None:
        """Rule A8, ``drop_oldest``: what the collector has goes first; what it lacks goes with a loss record."""
        excess_bytes = event.excess_bytes
        for view, refs in stored_victims(self._outbox, self._views.values(), excess_bytes, page=self.policy.page):
            seqs = IntervalSet.from_numbers(ref.seq for ref in refs)
            self._actions.append(DropStored(view.segment, seqs))
            view.gone = view.gone.union(seqs)
            excess_bytes -= sum(ref.size_bytes for ref in refs)
            self.counters["dropped_stored_blocks"] += len(refs)
        if excess_bytes <= 0:
            return
        for refs in unsent_victims(self._outbox, excess_bytes, self._spared, page=self.policy.page):
            segment = refs[0].segment
            seqs = IntervalSet.from_numbers(ref.seq for ref in refs)
            readings = sum(ref.readings for ref in refs)
            self._give_up(segment, seqs, readings)
            gone_view = self._views.get(segment)
            if gone_view is not None:
                gone_view.gone = gone_view.gone.union(seqs)
            for ref in refs:
                self._flights.remove(ref.segment, ref.seq)
            self.counters["shed_blocks"] += len(refs)
            self._alarm("shed", f"outbox full: {readings} readings given up, oldest first")

    def _give_up(self, segment: int, seqs: IntervalSet, readings: int) -> None:
        self._actions.append(GiveUp(segment, seqs, readings, LossReason.SHED, shelve=False))

    def _spared(self, ref: BlockRef) -> bool:
        """Already dealt with in this very decision."""
        view = self._views.get(ref.segment)
        return view is not None and ref.seq in view.gone

    def _on_undone(self) -> None:
        """Believe nothing: blocks taken for gone would be spared by a full outbox, and never sent."""
        self._actions.clear()
        self._views.clear()
        self._alarmed.clear()
        self._pin_again = self._lineage is not None
        self.counters["undone"] += 1
        if self._connection is not None:
            self._actions.append(Reconnect(self._connection, OUTBOX_FAILS))
        self._disconnect()

    # ---- time and sending -------------------------------------------------------------------------------------

    def _on_time(self, now_s: float) -> None:
        if self._connection is None:
            return
        if now_s >= self._dead_s():
            # A slot cannot be taken back while the broker may still answer: only a new connection frees it.
            self.counters["puback_timeouts"] += 1
            self._actions.append(Reconnect(self._connection, "the broker acknowledges nothing"))
            self._disconnect()
            return
        if self._outstanding is not None:
            if now_s >= self._answer_due_s:
                self.counters["sync_timeouts"] += 1
                self._flights.clear()
                self._begin_sync(now_s)
            return
        if now_s >= self._sync_due_s:
            if self.phase is Phase.SENDING:
                self._send_sync(now_s)
            else:
                self._begin_sync(now_s)
            return
        if self.phase is Phase.SENDING:
            deadline_s = self._flights.deadline_s(self._timeout_s)
            if deadline_s is not None and now_s >= deadline_s:
                self.counters["receipt_timeouts"] += 1
                self._begin_sync(now_s)

    def _pump(self, now_s: float) -> None:
        """Rule A7: live blocks first, then the oldest of the backlog, within the window."""
        while (
            self.phase is Phase.SENDING
            and self._slots < self.policy.socket_slots
            and len(self._flights) < self.policy.window_blocks
        ):
            live = self._live.peek(self._skip_to)
            if live is not None:
                if not self._fits(live, self._window_bytes):
                    return
                self._publish(self._live, live, "live", now_s)
                continue
            backlog = self._backlog.peek(self._skip_to)
            if backlog is None:
                self._name_more_segments(now_s)
                return
            reserve_bytes = int(self._window_bytes * self.policy.live_share)
            if not self._fits(backlog, self._window_bytes - reserve_bytes):
                return
            self._publish(self._backlog, backlog, "backlog", now_s)

    def _fits(self, ref: BlockRef, limit_bytes: int) -> bool:
        # A single block always fits: a window smaller than a block must not stop everything.
        return not self._flights or self._flights.size_bytes + ref.size_bytes <= limit_bytes

    def _skip_to(self, ref: BlockRef) -> int | None:
        if (ref.segment, ref.seq) in self._flights:
            return ref.seq
        view = self._views.get(ref.segment)
        return None if view is None else view.skip_to(ref.seq)

    def _publish(self, lane: LaneCursor, ref: BlockRef, name: Lane, now_s: float) -> None:
        assert self._connection is not None
        lane.take()
        if ref.segment not in self._views:
            span = next(iter(self._outbox.segments(ref.ordinal - 1, 1)), None)
            gone = IntervalSet() if span is None else span.absent
            self._views[ref.segment] = SegmentView(ref.segment, ref.ordinal, ref.seq, gone, IntervalSet())
        view = self._views[ref.segment]
        view.tail = max(view.tail, ref.seq)
        acknowledged = self._wants_puback(name)
        self._flights.add(ref, name, now_s, acknowledged=acknowledged)
        if acknowledged:
            if not self._slots:
                self._slot_moved_s = now_s
            self._slots += 1
        self._actions.append(Publish(self._connection, ref, name, acknowledged))
        self.counters[f"published_{name}"] += 1

    def _wants_puback(self, name: Lane) -> bool:
        """A live block alone on its way is acknowledged by its receipt; a PUBACK would only cost packets.

        All others are sent with QoS 1, so that a broker which sheds under load sheds nothing of a backlog. A block
        whose receipt did not come is of the backlog after the sync, and so goes with QoS 1 the second time.
        """
        return name != "live" or bool(self._flights) or bool(self._slots)

    def _dead_s(self) -> float:
        """When the connection counts as dead unless a PUBACK comes before [s]."""
        waiting_s = [self._slot_moved_s] if self._slots else []
        if self._asked_s is not None:
            waiting_s.append(self._asked_s)
        return min(waiting_s, default=inf) + self.policy.puback_timeout_s

    def _name_more_segments(self, now_s: float) -> None:
        """The backlog of the named segments is through: ask about the next ones."""
        if self._horizon == END[0] or self._backlog.unfinished or self._flights or self._outstanding is not None:
            return
        self._begin_sync(now_s, after_ordinal=self._horizon)

    def _new_backoff(self) -> Backoff:
        floor_s, ceiling_s = self.policy.timeout_min_s, self.policy.timeout_max_s
        return Backoff(floor_s=floor_s, ceiling_s=ceiling_s, random=self._random)

    def _alarm(self, kind: str, detail: str) -> None:
        if kind not in self._alarmed:
            self._alarmed.add(kind)
            self._actions.append(Alarm(kind, detail))


def _identity(receipt: Receipt) -> StoreIdentity:
    return StoreIdentity(receipt.lineage, receipt.store_id, receipt.generation)


def _extent(span: SegmentSpan) -> SegmentExtent:
    return SegmentExtent(
        segment=span.segment,
        ordinal=span.ordinal,
        first_kept=span.first_kept,
        tail=span.tail,
        readings_total=span.readings_total,
        absent=span.absent.intersection(IntervalSet().add(span.first_kept, max(span.first_kept, span.tail))),
    )
