"""One agent of a fleet: the machine that a real agent runs, an outbox in memory, a connection."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Sequence
from random import Random
from typing import Final

from device_profiles.wire.delivery.agent import AgentMachine
from device_profiles.wire.delivery.agent_io import (
    OF_SYNC,
    AgentAction,
    AgentEvent,
    BlockUnreadable,
    Connected,
    Disconnected,
    DropStored,
    GiveUp,
    Puback,
    Publish,
    ReceiptCame,
    Reconnect,
    Sealed,
    SendSync,
    SyncedCame,
    Tick,
    Trim,
)
from device_profiles.wire.digest import PREVIOUS_OF_FIRST, block_digest, chain
from device_profiles.wire.encode import encode
from device_profiles.wire.messages import MessageRejected, parse_receipt, parse_synced
from device_profiles.wire.model import Block, ClockSection, ClockState, ColumnSpec, OpenRecord, ProfileRef, Row
from device_profiles.wire.rows import columns_from_rows
from device_profiles.wire.topics import TopicKind, topic
from device_profiles.wire.values import Scaled
from simulators.fleet.connection import Connection
from simulators.fleet.outbox import MemoryOutbox

_RETRY_S: Final = 1.0
_SPAN: Final = 4001
_LATEST: Final = 100_000


class FleetAgent:
    """One agent.

    Args:
        name: Agent id.
        broker: Host and port.
        random: Its own numbers.
        shape: Rows a block and channels a row.
        settled: Told the seconds from sealing to receipt of each block that a receipt names.
    """

    def __init__(
        self,
        name: str,
        broker: tuple[str, int],
        random: Random,
        shape: tuple[int, int],
        settled: Callable[[float], None],
    ) -> None:
        self.name = name
        self.sealed = self.stored = self.given_up = 0
        self.readings = 0
        self._broker = broker
        self._random = random
        self._rows, self._channels = shape
        self._settled = settled
        self._segment = random.getrandbits(63) | 1
        self._boot = random.randbytes(8)
        self.outbox = MemoryOutbox(random.randbytes(16), self._segment)
        self._machine = AgentMachine(
            self.outbox, pinned_lineage=None, random=random.random, nonce=lambda: random.getrandbits(64)
        )
        self._connection: Connection | None = None
        self._number = 0
        self._sent: dict[int, tuple[int, int]] = {}
        self._sealed_at: dict[int, float] = {}
        self._previous = PREVIOUS_OF_FIRST
        self._timer: asyncio.TimerHandle | None = None
        self._closing = False
        self._topics = {kind: topic(name, kind) for kind in TopicKind}

    @property
    def segment(self) -> int:
        """The segment of its blocks."""
        return self._segment

    @property
    def connected(self) -> bool:
        """Whether blocks may leave."""
        return self._machine.phase == "sending"

    async def connect(self) -> None:
        """Connect; it comes back by itself when the link is lost."""
        loop = asyncio.get_running_loop()
        filters = [self._topics[TopicKind.RECEIPT], self._topics[TopicKind.SYNCED]]
        try:
            _, self._connection = await loop.create_connection(
                lambda: Connection(
                    self.name,
                    filters,
                    ready=self._on_ready,
                    message=self._on_message,
                    acknowledged=self._on_puback,
                    lost=self._on_lost,
                ),
                *self._broker,
            )
        except OSError:
            self._later()

    def disconnect(self) -> None:
        """Lose the link; it comes back by itself."""
        if self._connection is not None:
            self._connection.close()

    def close(self) -> None:
        """End for good."""
        self._closing = True
        if self._timer is not None:
            self._timer.cancel()
        self.disconnect()

    def seal(self, now_ns: int) -> None:
        """Make, encode and keep the next block."""
        block = self._block(now_ns)
        self.keep(encode(block), block.readings)

    def keep(self, data: bytes, readings: int) -> None:
        """Keep the next block, which somebody encoded for this agent and its segment, and have it sent."""
        self._previous = chain(block_digest(data))
        self.outbox.add(data, readings)
        self.sealed += 1
        self.readings += readings
        self._sealed_at[self.outbox.tail] = time.monotonic()
        self._handle(Sealed())

    def tick(self) -> None:
        """Let the machine look at the time."""
        wake_s = self._machine.next_wake_s
        if wake_s is not None and wake_s <= time.monotonic():
            self._handle(Tick())

    def _block(self, now_ns: int) -> Block:
        seq = self.outbox.tail + 1
        times = [now_ns + row * 1_000_000 for row in range(self._rows)]
        channels = range(self._channels)
        walk = self._random.randrange(_LATEST)
        rows = [
            Row(
                at_ns,
                tuple(Scaled(1500 + (walk + row * 7 + place * 131) % _SPAN, -2) for place in range(self._channels)),
            )
            for row, at_ns in enumerate(times)
        ]
        specs = [ColumnSpec(f"channel_{place:02d}", "Cel") for place in channels]
        fingerprint = hashlib.blake2b(self.name.encode(), digest_size=16).digest()
        return Block(
            agent=self.name,
            segment=self._segment,
            ordinal=1,
            seq=seq,
            device="load",
            readings_total=self.readings + self._rows * self._channels,
            previous=self._previous,
            profile=ProfileRef("load", 1, bytes(8)),
            clock=ClockSection(self._boot, time.monotonic_ns(), now_ns, ClockState.NTP, 1_000_000),
            times_ns=tuple(times),
            columns=columns_from_rows(specs, rows),
            opened=OpenRecord(0, 0, self.outbox.outbox_id, fingerprint, "created") if seq == 1 else None,
        )

    # What comes

    def _on_ready(self) -> None:
        self._number += 1
        self._sent.clear()
        self._handle(Connected(self._number))

    def _on_lost(self) -> None:
        self._connection = None
        self._handle(Disconnected(self._number))
        if not self._closing:
            self._later()

    def _on_message(self, name: str, payload: bytes) -> None:
        try:
            if name == self._topics[TopicKind.RECEIPT]:
                self._handle(ReceiptCame(self._number, parse_receipt(payload)))
            else:
                self._handle(SyncedCame(self._number, parse_synced(payload)))
        except MessageRejected:
            self.disconnect()

    def _on_puback(self, packet_id: int, delivered: bool) -> None:  # noqa: FBT001 - the shape the connection calls
        segment, seq = self._sent.pop(packet_id, (OF_SYNC, 0))
        self._handle(Puback(self._number, segment, seq, delivered))

    def _later(self) -> None:
        loop = asyncio.get_running_loop()
        wait_s = _RETRY_S * (0.5 + self._random.random())
        self._timer = loop.call_later(wait_s, lambda: loop.create_task(self.connect()))

    # What is to be done

    def _handle(self, event: AgentEvent) -> None:
        events: list[AgentEvent] = [event]
        while events:
            for action in self._machine.handle(events.pop(0), time.monotonic()):
                events += self._carry_out(action)

    def _carry_out(self, action: AgentAction) -> Sequence[AgentEvent]:
        match action:
            case Publish():
                return self._publish(action)
            case SendSync() if self._connection is not None:
                data = action.sync.encode()
                number = self._connection.publish(self._topics[TopicKind.SYNC], data, qos=1)
                self._sent[number] = (OF_SYNC, 0)
            case Trim() | DropStored():
                self._trim(action)
            case GiveUp():
                self.given_up += action.readings
                self.outbox.trim(action.seqs)
            case Reconnect():
                self.disconnect()
            case _:
                pass  # Nothing else concerns an outbox that is memory and one segment.
        return ()

    def _publish(self, action: Publish) -> Sequence[AgentEvent]:
        data = self.outbox.data(action.ref.seq)
        if data is None:
            return [BlockUnreadable(action.ref.segment, action.ref.seq)]
        if self._connection is not None:
            number = self._connection.publish(self._topics[TopicKind.BLOCK], data, qos=int(action.acknowledged))
            if action.acknowledged:
                self._sent[number] = (action.ref.segment, action.ref.seq)
        return ()

    def _trim(self, action: Trim | DropStored) -> None:
        now = time.monotonic()
        self.stored += self.outbox.trim(action.seqs)
        for low, high in action.seqs:
            for seq in range(low, high + 1):
                began = self._sealed_at.pop(seq, None)
                if began is not None:
                    self._settled(now - began)
