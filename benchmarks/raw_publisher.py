"""A load that costs almost nothing: PUBLISH packets encoded beforehand, written to a plain socket in large runs.

A client library would take more of the two cores than the collector under test. Each connection is one agent. What may
be on its way at once is bounded by the broker's acknowledgements or by the collector's receipts, as the caller wants.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Sequence
from typing import Final

import mqtt5

PACKET_IDS: Final = 60_000
READ_BYTES: Final = 256 * 1024


def publish_packets(topic: str, payloads: Sequence[bytes], *, first_id: int = 1) -> list[bytes]:
    """QoS 1 PUBLISH packets of MQTT 5, with packet ids that count up and around."""
    return [
        mqtt5.PublishPacket(
            topic, payload, qos=mqtt5.QoS.AT_LEAST_ONCE, packet_id=(first_id - 1 + place) % PACKET_IDS + 1
        ).write()
        for place, payload in enumerate(payloads)
    ]


class RawPublisher:
    """One MQTT 5 connection that writes packets as they are and counts acknowledgements without decoding them.

    Attributes:
        sent: PUBLISH packets written.
        acknowledged: PUBACKs read.
        bytes_out: Bytes of MQTT written. [B]
        bytes_in: Bytes of MQTT read. [B]
        messages: PUBLISH packets read (receipts), as (topic, payload); take them with ``take()``.
    """

    def __init__(self, host: str, port: int, client_id: str, *, filters: Sequence[str] = ()) -> None:
        """Connect and subscribe.

        Args:
            host: Broker.
            port: Its TCP port.
            client_id: MQTT client id.
            filters: What to subscribe to, with QoS 0.
        """
        self.sent = 0
        self.acknowledged = 0
        self.bytes_out = self.bytes_in = 0
        self.messages: list[tuple[str, bytes]] = []
        self._rest = b""
        self._connected = False
        self._subscribed = not filters
        self._socket = socket.create_connection((host, port), timeout=10)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(mqtt5.ConnectPacket(client_id, clean_start=True, keep_alive=0).write())
        while not self._connected:
            self.read()
        if filters:
            wanted = [mqtt5.TopicFilter(text, max_qos=mqtt5.QoS.AT_MOST_ONCE) for text in filters]
            self._socket.sendall(mqtt5.SubscribePacket(1, wanted).write())
            while not self._subscribed:
                self.read()

    def fileno(self) -> int:
        """For ``select``."""
        return self._socket.fileno()

    def write(self, packets: bytes, count: int) -> None:
        """Write packets that are already encoded; waits while the broker takes nothing."""
        self._socket.sendall(packets)
        self.sent += count
        self.bytes_out += len(packets)

    def read(self) -> None:
        """Read what has come; waits for at least one byte.

        Raises:
            ConnectionError: The broker closed the connection.
        """
        data = self._socket.recv(READ_BYTES)
        if not data:
            raise ConnectionError("the broker closed the load's connection")
        self.bytes_in += len(data)
        data = self._rest + data
        at, end = 0, len(data)
        while end - at >= 2:
            kind, length, body = data[at] >> 4, data[at + 1], at + 2
            if length & 0x80:
                length, body = _long_length(data, at + 1)
                if body < 0:
                    break
            if body + length > end:
                break
            if kind == 4:
                self.acknowledged += 1
            elif kind == 3:
                (size,) = struct.unpack_from(">H", data, body)
                topic = data[body + 2 : body + 2 + size].decode()
                # QoS 0: no packet id; one byte says that there are no properties.
                self.messages.append((topic, data[body + 3 + size : body + length]))
            elif kind == 2:
                self._connected = True
            elif kind == 9:
                self._subscribed = True
            at = body + length
        self._rest = data[at:]

    def take(self) -> list[tuple[str, bytes]]:
        """Messages read since the last call."""
        taken, self.messages = self.messages, []
        return taken

    def close(self) -> None:
        """Close without goodbye."""
        self._socket.close()


def _long_length(data: bytes, at: int) -> tuple[int, int]:
    """Remaining length of more than one byte, and where the body starts; (0, -1) when it is not all there."""
    length = 0
    for place in range(4):
        if at + place >= len(data):
            return 0, -1
        byte = data[at + place]
        length |= (byte & 0x7F) << (7 * place)
        if not byte & 0x80:
            return length, at + place + 1
    raise ValueError("remaining length of more than four bytes")
