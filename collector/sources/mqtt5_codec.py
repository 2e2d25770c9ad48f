"""MQTT 5 at full speed: the ``mqtt5`` codec (bytes in, packets out) on an asyncio transport of ours.

One read of the socket becomes one list of messages, all acknowledgements of a commit become one write.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Final, cast

import mqtt5

from collector.sources.inbox import Inbox
from collector.sources.outbound import Outbound
from collector.sources.ports import (
    KEEP_ALIVE_S,
    SESSION_EXPIRY_S,
    BrokerAddress,
    LinkDown,
    Message,
    SourceCounters,
    SourceError,
)
from collector.sources.wording import denied_subscription, ended, refused, unreachable

PACKET_BYTES_MAX: Final = 1024 * 1024
"""Largest packet we let the broker send. [bytes] Far above a legal block: an oversized one is kept as evidence."""

WRITE_BUFFER_BYTES_MAX: Final = 8 * 1024 * 1024
"""A broker that takes nothing from us: past this, what we publish is shed. [bytes]"""


_NEW: Final = False
"""Outcome of a handshake without an earlier session; a SUBACK gives it too."""


class Mqtt5Source:
    """A `MessageSource` for MQTT 5 brokers.

    Args:
        address: Where and who; its version must be "5".
        held_bytes_max: Payload bytes handed out or waiting, unacknowledged, at which reading stops. [bytes]
    """

    def __init__(self, address: BrokerAddress, *, held_bytes_max: int) -> None:
        self._address = address
        self._inbox = Inbox(held_bytes_max=held_bytes_max, pause=self._pause, resume=self._resume)
        self._link: _Link | None = None
        self._pinger: asyncio.Task[None] | None = None

    @property
    def counters(self) -> SourceCounters:
        """Counters, live."""
        return self._inbox.counters

    @property
    def generation(self) -> int:
        """Number of the present (or last) connection."""
        return self._inbox.generation

    async def connect(self, filters: Sequence[str]) -> None:
        """Connect, take the session up again and subscribe; see the port."""
        await self.close()
        address = self._address
        loop = asyncio.get_running_loop()
        link = _Link(self._inbox, address)
        try:
            async with asyncio.timeout(address.connect_timeout_s):
                await loop.create_connection(lambda: link, address.host, address.port, ssl=address.tls)
                link.send(self._connect_packet())
                session_present = await link.answer
                self._link = link
                link.subscribe(filters)
                if not session_present:
                    # A session that goes on has its subscriptions, and its messages may fill the cap before SUBACK.
                    await link.answer
                if self._inbox.paused:
                    link.pause()
        except OSError as exc:
            link.abort()
            self._link = None
            raise unreachable(address, exc) from exc
        except BaseException:
            link.abort()
            self._link = None
            raise
        self._pinger = asyncio.create_task(link.keep_alive(), name="mqtt-keep-alive")

    async def receive(self) -> list[Message]:
        """All messages that have come; see the port."""
        return await self._inbox.take()

    def acknowledge(self, messages: Sequence[Message]) -> None:
        """One write with a PUBACK for each; see the port."""
        ids = self._inbox.settle(messages)
        if ids and self._link is not None:
            self._link.send(b"".join([mqtt5.PubAckPacket(packet_id).write() for packet_id in ids]))

    def publish(self, topic: str, payload: bytes) -> bool:
        """QoS 1 within the broker's window; see the port."""
        if self._link is None or self._inbox.down is not None:
            self.counters.shed += 1
            return False
        return self._link.publish(topic, payload)

    async def close(self) -> None:
        """DISCONNECT and close; idempotent."""
        if self._pinger is not None:
            self._pinger.cancel()
            await asyncio.gather(self._pinger, return_exceptions=True)
            self._pinger = None
        if self._link is not None:
            link, self._link = self._link, None
            await link.goodbye()

    def _connect_packet(self) -> bytes:
        address = self._address
        return mqtt5.ConnectPacket(
            address.client_id,
            username=address.username,
            password=None if address.password is None else address.password.encode(),
            clean_start=False,
            keep_alive=KEEP_ALIVE_S,
            session_expiry_interval=SESSION_EXPIRY_S,
            max_packet_size=PACKET_BYTES_MAX,
        ).write()

    def _pause(self) -> None:
        if self._link is not None:
            self._link.pause()

    def _resume(self) -> None:
        if self._link is not None:
            self._link.resume()


class _Link(asyncio.Protocol):
    """One connection: bytes to packets to the inbox, packets to bytes to the socket."""

    def __init__(self, inbox: Inbox, address: BrokerAddress) -> None:
        self._inbox = inbox
        self._address = address
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._closed = asyncio.Event()
        self._rest = b""
        self._out: list[bytes] = []
        self._generation = 0
        self._outbound = Outbound(window=1, counters=inbox.counters)
        self._heard_s = time.monotonic()
        self._reading = True
        self.answer: asyncio.Future[bool] = self._loop.create_future()

    # What the source asks for

    def send(self, data: bytes) -> None:
        """Write with whatever else this turn of the loop writes."""
        if not self._out:
            self._loop.call_soon(self._flush)
        self._out.append(data)

    def subscribe(self, filters: Sequence[str]) -> None:
        self.answer = self._loop.create_future()
        wanted = [mqtt5.TopicFilter(text, max_qos=mqtt5.QoS.AT_LEAST_ONCE) for text in filters]
        self.send(mqtt5.SubscribePacket(1, wanted).write())

    def publish(self, topic: str, payload: bytes) -> bool:
        if self._transport is not None and self._transport.get_write_buffer_size() > WRITE_BUFFER_BYTES_MAX:
            self._inbox.counters.shed += 1
            return False
        packet = self._outbound.offer(topic, payload)
        if packet:
            self.send(packet)
        return packet is not None

    def pause(self) -> None:
        if self._transport is not None and self._reading:
            self._reading = False
            self._transport.pause_reading()

    def resume(self) -> None:
        if self._transport is not None and not self._reading:
            self._reading = True
            self._heard_s = time.monotonic()
            self._transport.resume_reading()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    async def goodbye(self) -> None:
        if self._transport is None or self._closed.is_set():
            return
        self._flush()
        self._transport.write(mqtt5.DisconnectPacket().write())
        self._transport.close()
        try:
            async with asyncio.timeout(1.0):
                await self._closed.wait()
        except TimeoutError:
            self._transport.abort()

    async def keep_alive(self) -> None:
        while not self._closed.is_set():
            await asyncio.sleep(KEEP_ALIVE_S / 2)
            self.send(mqtt5.PingReqPacket().write())
            if self._reading and time.monotonic() - self._heard_s > KEEP_ALIVE_S * 1.5:
                self._lose(f"broker silent for {KEEP_ALIVE_S * 1.5:g} s")

    # What asyncio tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._closed.set()
        self._outbound.abandon()
        where = f"broker {self._address.host}:{self._address.port}"
        reason = f"{where} closed the connection" if exc is None else f"{where}: {exc}"
        self._answered(LinkDown(reason))
        if self._generation == self._inbox.generation:
            self._inbox.lost(reason)

    def data_received(self, data: bytes) -> None:
        self._heard_s = time.monotonic()
        if self._rest:
            data = self._rest + data
        view = memoryview(data)
        at, end = 0, len(data)
        messages: list[Message] = []
        size_bytes = 0
        while at < end:
            try:
                packet, used = mqtt5.read(view[at:])
            except IndexError:
                break
            except ValueError as exc:
                self._lose(f"broker sent what is not MQTT 5: {exc}")
                break
            at += used
            if type(packet) is mqtt5.PublishPacket:
                payload = packet.payload
                size_bytes += len(payload)
                messages.append(Message(packet.topic, payload, packet.retain, self._generation, packet.packet_id or 0))
            else:
                self._other(packet)
        self._rest = data[at:]
        if messages:
            self._inbox.put(messages, size_bytes)

    # Inside

    def _other(self, packet: mqtt5.Packet) -> None:
        if isinstance(packet, mqtt5.PubAckPacket):
            following = self._outbound.acknowledged(packet.packet_id)
            if following:
                self.send(following)
        elif isinstance(packet, mqtt5.ConnAckPacket):
            if packet.reason_code != mqtt5.ConnAckReasonCode.SUCCESS:
                self._answered(refused(self._address, int(packet.reason_code)))
                return
            self._outbound = Outbound(window=packet.receive_max, counters=self._inbox.counters)
            self._generation = self._inbox.begin()
            self._answered(packet.session_present)
        elif isinstance(packet, mqtt5.SubAckPacket):
            denied = [code for code in packet.reason_codes if int(code) >= 0x80]
            if denied:
                self._answered(denied_subscription(self._address))
                self._lose(str(denied_subscription(self._address)))
            else:
                self._answered(_NEW)
        elif isinstance(packet, mqtt5.DisconnectPacket):
            self._lose(ended(self._address, int(packet.reason_code)))

    def _answered(self, outcome: SourceError | bool) -> None:  # noqa: FBT001
        if self.answer.done():
            return
        if isinstance(outcome, bool):
            self.answer.set_result(outcome)
        else:
            self.answer.set_exception(outcome)
            # Nobody may be waiting any more; an unread exception is no news then.
            self.answer.exception()

    def _lose(self, reason: str) -> None:
        if self._generation == self._inbox.generation:
            self._inbox.lost(reason)
        self.abort()

    def _flush(self) -> None:
        if self._out and self._transport is not None and not self._transport.is_closing():
            self._transport.write(b"".join(self._out))
        self._out.clear()
