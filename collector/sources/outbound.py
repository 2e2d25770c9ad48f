"""Messages on their way to an MQTT 5 broker: packet ids, the broker's window, and a cap on what waits."""

from __future__ import annotations

from collections import deque
from typing import Final

import mqtt5

from collector.sources.ports import SourceCounters

WAITING_BYTES_MAX: Final = 4 * 1024 * 1024
"""Receipts that wait for the broker's window. [bytes] Past it the newest is shed: the agent asks again by ``sync``."""

PACKET_IDS: Final = 65_535


class Outbound:
    """QoS 1 messages of one connection. Feed acknowledgements in, get packets to write out.

    Args:
        window: Messages the broker takes without acknowledging (its receive maximum).
        counters: Where ``published`` and ``shed`` are counted.
    """

    def __init__(self, *, window: int, counters: SourceCounters) -> None:
        self._window = min(window, PACKET_IDS)
        self._counters = counters
        self._flying: set[int] = set()
        self._waiting: deque[tuple[str, bytes]] = deque()
        self._waiting_bytes = 0
        self._last_id = 0

    def offer(self, topic: str, payload: bytes) -> bytes | None:
        """Take a message.

        Returns:
            The packet to write now; ``b""`` when it waits for the window; None when it was shed.
        """
        if len(self._flying) < self._window:
            return self._packet(topic, payload)
        if self._waiting_bytes + len(payload) > WAITING_BYTES_MAX:
            self._counters.shed += 1
            return None
        self._waiting.append((topic, payload))
        self._waiting_bytes += len(payload)
        return b""

    def acknowledged(self, packet_id: int) -> bytes:
        """The broker has one: the packet that takes its place, if any."""
        self._flying.discard(packet_id)
        if not self._waiting or len(self._flying) >= self._window:
            return b""
        topic, payload = self._waiting.popleft()
        self._waiting_bytes -= len(payload)
        return self._packet(topic, payload)

    def abandon(self) -> None:
        """The connection is gone: what waited is shed."""
        self._counters.shed += len(self._waiting)
        self._waiting.clear()
        self._waiting_bytes = 0

    def _packet(self, topic: str, payload: bytes) -> bytes:
        packet_id = self._last_id % PACKET_IDS + 1
        while packet_id in self._flying:
            packet_id = packet_id % PACKET_IDS + 1
        self._last_id = packet_id
        self._flying.add(packet_id)
        self._counters.published += 1
        return mqtt5.PublishPacket(topic, payload, qos=mqtt5.QoS.AT_LEAST_ONCE, packet_id=packet_id).write()
