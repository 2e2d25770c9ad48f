"""What leaves next, how much at once, and when to stop waiting."""

from __future__ import annotations

from math import inf

from device_profiles.wire.delivery.agent_io import OF_SYNC, Lane, Puback, Publish, Reconnect
from device_profiles.wire.delivery.agent_state import Phase
from device_profiles.wire.delivery.agent_sync import Syncing
from device_profiles.wire.delivery.lanes import END, LaneCursor
from device_profiles.wire.delivery.ports import BlockRef
from device_profiles.wire.delivery.views import SegmentView
from device_profiles.wire.intervals import IntervalSet


class Sending(Syncing):
    """Rules A3 and A7, and every timer."""

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

    def _dead_s(self) -> float:
        """When the connection counts as dead unless a PUBACK comes before [s]."""
        waiting_s = [self._slot_moved_s] if self._slots else []
        if self._asked_s is not None:
            waiting_s.append(self._asked_s)
        return min(waiting_s, default=inf) + self.policy.puback_timeout_s

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

    def _name_more_segments(self, now_s: float) -> None:
        """The backlog of the named segments is through: ask about the next ones."""
        if self._horizon == END[0] or self._backlog.unfinished or self._flights or self._outstanding is not None:
            return
        self._begin_sync(now_s, after_ordinal=self._horizon)
