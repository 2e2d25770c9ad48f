"""One MQTT 5 connection on asyncio, without a client library: a fleet has hundreds of them in one process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import mqtt5

_PACKET_IDS: Final = 65_535
_LENGTH_BYTES_MAX: Final = 4


class Connection(asyncio.Protocol):
    """A connection of one agent.

    Args:
        client_id: MQTT client id and user.
        filters: What to subscribe to, QoS 0.
        ready: Called when the subscription is granted.
        message: Takes topic and payload of what comes.
        acknowledged: Takes the packet id of a PUBACK, and whether anybody subscribes to what it was about.
        lost: Called when the connection has ended.
    """

    def __init__(
        self,
        client_id: str,
        filters: list[str],
        *,
        ready: Callable[[], None],
        message: Callable[[str, bytes], None],
        acknowledged: Callable[[int, bool], None],
        lost: Callable[[], None],
    ) -> None:
        self._client_id = client_id
        self._filters = filters
        self._ready = ready
        self._message = message
        self._acknowledged = acknowledged
        self._lost = lost
        self._rest = bytearray()
        self._transport: asyncio.Transport | None = None
        self._packet_id = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """TCP stands: say who we are."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._write(mqtt5.ConnectPacket(self._client_id, clean_start=True, keep_alive=0).write())

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - why does not matter
        """It has ended."""
        self._transport = None
        self._lost()

    def data_received(self, data: bytes) -> None:
        """Take what has come, packet by packet."""
        self._rest += data
        while size := _packet_bytes(self._rest):
            packet, _ = mqtt5.read(memoryview(bytes(self._rest[:size])))
            del self._rest[:size]
            self._take(packet)

    def _take(self, packet: mqtt5.Packet) -> None:
        if isinstance(packet, mqtt5.PubAckPacket):
            self._acknowledged(packet.packet_id, packet.reason_code == mqtt5.PubAckReasonCode.SUCCESS)
        elif isinstance(packet, mqtt5.PublishPacket):
            self._message(packet.topic, bytes(packet.payload or b""))
        elif isinstance(packet, mqtt5.ConnAckPacket):
            wanted = [mqtt5.TopicFilter(text, max_qos=mqtt5.QoS.AT_MOST_ONCE) for text in self._filters]
            self._write(mqtt5.SubscribePacket(1, wanted).write())
        elif isinstance(packet, mqtt5.SubAckPacket):
            self._ready()

    def publish(self, topic: str, payload: bytes, *, qos: int) -> int:
        """Publish; the packet id with QoS 1, 0 with QoS 0."""
        if qos == 0:
            self._write(mqtt5.PublishPacket(topic, payload).write())
            return 0
        # 1 is the subscription's.
        self._packet_id = self._packet_id % (_PACKET_IDS - 1) + 1
        number = self._packet_id + 1
        packet = mqtt5.PublishPacket(topic, payload, qos=mqtt5.QoS.AT_LEAST_ONCE, packet_id=number)
        self._write(packet.write())
        return number

    def close(self) -> None:
        """End it at once, as a lost link does."""
        if self._transport is not None:
            self._transport.abort()

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)


def _packet_bytes(data: bytearray) -> int:
    """Length of the packet at the front; 0 when it is not all there."""
    length = 0
    for place in range(_LENGTH_BYTES_MAX):
        if place + 1 >= len(data):
            return 0
        byte = data[place + 1]
        length |= (byte & 0x7F) << (7 * place)
        if not byte & 0x80:
            size = place + 2 + length
            return size if size <= len(data) else 0
    raise ValueError("the broker sent a length of more than four bytes")
