"""The agent's delivery machine: what to send, what to delete, when to ask.

State diagram and the reason of every rule: ``docs/delivery.md``. The machine is built up in layers, each a page:
`agent_state` (what it knows), `agent_receipts`, `agent_sync`, `agent_sending`, and `agent_room` beside them.
"""

from __future__ import annotations

from device_profiles.wire.delivery.agent_io import (
    AgentAction,
    AgentEvent,
    BlockUnreadable,
    Connected,
    Disconnected,
    KnownEvent,
    Pressure,
    Puback,
    ReceiptCame,
    Sealed,
    SyncedCame,
    Tick,
    Undone,
)
from device_profiles.wire.delivery.agent_room import Room
from device_profiles.wire.delivery.agent_sending import Sending
from device_profiles.wire.delivery.agent_state import AgentPolicy, Phase

__all__ = ["AgentMachine", "AgentPolicy", "Phase"]


class AgentMachine(Sending, Room):
    """One agent's side of the protocol, for as long as the process lives.

    Feed it every event in the order it happened and carry the actions out in order before the next event. It reads
    the outbox through `OutboxIndex` and changes nothing itself.
    """

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
