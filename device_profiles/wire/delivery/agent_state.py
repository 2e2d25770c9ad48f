"""What the agent's delivery machine knows, and its bounds. The rules stand in the modules built on this one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from device_profiles.wire.delivery.agent_io import AgentAction, Alarm
from device_profiles.wire.delivery.backoff import Backoff
from device_profiles.wire.delivery.flights import Flights
from device_profiles.wire.delivery.lanes import LaneCursor
from device_profiles.wire.delivery.ports import OutboxIndex, StoreIdentity
from device_profiles.wire.delivery.views import SegmentView
from device_profiles.wire.messages import Sync


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


class AgentState:
    """One agent's side of the protocol, as data.

    Attributes:
        policy: Bounds.
        phase: Where the machine stands.
        counters: How often what happened, by name.
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

    def _disconnect(self) -> None:
        self._connection = None
        self._store = None
        self._outstanding = None
        self._slots = 0
        self._asked_s = None
        self._flights.clear()
        self.phase = Phase.OFFLINE

    def _new_backoff(self) -> Backoff:
        floor_s, ceiling_s = self.policy.timeout_min_s, self.policy.timeout_max_s
        return Backoff(floor_s=floor_s, ceiling_s=ceiling_s, random=self._random)

    def _alarm(self, kind: str, detail: str) -> None:
        if kind not in self._alarmed:
            self._alarmed.add(kind)
            self._actions.append(Alarm(kind, detail))
