"""What the agent gives up, to make room or because a copy rotted; and what it believes when its disk fails: nothing."""

from __future__ import annotations

from device_profiles.wire.delivery.agent_io import (
    OUTBOX_FAILS,
    BlockUnreadable,
    DropStored,
    GiveUp,
    Pressure,
    Reconnect,
)
from device_profiles.wire.delivery.agent_state import AgentState
from device_profiles.wire.delivery.ports import BlockRef
from device_profiles.wire.delivery.pressure import stored_victims, unsent_victims
from device_profiles.wire.intervals import IntervalSet
from device_profiles.wire.model import LossReason


class Room(AgentState):
    """Rules A2 and A8."""

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
