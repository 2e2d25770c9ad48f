"""The delivery machine beside the outbox, in the outbox's thread: events in, what is to be sent out."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from device_profiles.wire.delivery.agent import AgentMachine, Phase
from device_profiles.wire.delivery.agent_io import (
    AgentAction,
    AgentEvent,
    Alarm,
    BlockUnreadable,
    Publish,
    Reconnect,
    SendSync,
    Undone,
)
from edge_agent.outbox import BlockUnreadable as CopyUnreadable
from edge_agent.outbox import Outbox
from harkara_io.log_errors import LogError

NetAction = tuple[Publish, bytes] | SendSync | Reconnect | Alarm
"""What concerns the link or a person; a block to publish comes with its bytes."""


@dataclass(frozen=True, slots=True)
class Decided:
    """What came of one event.

    Attributes:
        actions: To be carried out in order.
        is_written: Whether the outbox was changed, and the change fsynced.
        error: Why the outbox refused. Then nothing of the decision holds, and the actions end the connection.
    """

    actions: tuple[NetAction, ...]
    is_written: bool = False
    error: LogError | None = None


class Decisions:
    """Lets the machine decide and carries out what concerns the outbox.

    Attributes:
        next_wake_s: When the machine wants a `Tick` at the latest, monotonic; None for never. [s]
    """

    def __init__(self, machine: AgentMachine, outbox: Outbox) -> None:
        self.next_wake_s: float | None = None
        self._machine = machine
        self._outbox = outbox

    @property
    def phase(self) -> Phase:
        """Where the machine stands. Any thread may ask."""
        return self._machine.phase

    @property
    def in_flight_bytes(self) -> int:
        """Blocks published and without a receipt [bytes]. Any thread may ask."""
        return self._machine.in_flight_bytes

    def decide(self, event: AgentEvent, now_s: float) -> Decided:
        """Let the machine decide, change the outbox, read what is to be sent. Only in the outbox's thread.

        An outbox that refuses is told to the machine here and now, so that it is even when nobody waits for the answer
        any more.
        """
        try:
            decided = self._decide(event, now_s)
        except LogError as exc:
            # What the machine decided did not reach the disk: only a sync puts both right again.
            undone = self._machine.handle(Undone(), now_s)
            decided = Decided(tuple(action for action in undone if isinstance(action, Reconnect)), error=exc)
        self.next_wake_s = self._machine.next_wake_s
        return decided

    def _decide(self, event: AgentEvent, now_s: float) -> Decided:
        out: list[NetAction] = []
        is_written = False
        events = deque([event])
        while events:
            for action in self._machine.handle(events.popleft(), now_s):
                match action:
                    case Publish():
                        try:
                            out.append((action, self._outbox.read(action.ref.segment, action.ref.seq)))
                        except CopyUnreadable:
                            events.append(BlockUnreadable(action.ref.segment, action.ref.seq))
                    case SendSync() | Reconnect() | Alarm():
                        out.append(action)
                    case _:
                        is_written |= self._apply(action)
        return Decided(tuple(out), is_written)

    def _apply(self, action: AgentAction) -> bool:
        return self._outbox.apply([action])
