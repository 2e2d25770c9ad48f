"""MQTT 3.1.1 and 5 through paho-mqtt, driven by our event loop: what the embedded broker and old brokers need.

paho reads a packet in three system calls and takes many times the CPU of the codec adapter; where that matters, use
MQTT 5. Its own threads stay unused: the loop watches the socket, so that not watching it is the back-pressure.
"""

from __future__ import annotations

import asyncio
import select
import ssl
from collections.abc import Sequence
from typing import Final

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from collector.sources.inbox import Inbox
from collector.sources.ports import (
    KEEP_ALIVE_S,
    SESSION_EXPIRY_S,
    BrokerAddress,
    LinkDown,
    Message,
    SourceCounters,
    SourceError,
)
from collector.sources.wording import denied_subscription, refused, unreachable

READS_A_TURN: Final = 64
"""Packets read before the event loop gets its turn."""

WINDOW: Final = 20
"""Messages of ours a broker holds without acknowledging: Mosquitto's default for clients that cannot say otherwise."""

WAITING_MAX: Final = 4_096
"""Receipts that wait for the window. Past it the newest is shed: the agent asks again by ``sync``."""


_NEW: Final = False
"""Outcome of a handshake without an earlier session; a SUBACK gives it too."""


class PahoSource:
    """A `MessageSource` for MQTT 3.1.1 and 5.

    Args:
        address: Where and who.
        held_bytes_max: Payload bytes handed out or waiting, unacknowledged, at which reading stops. [bytes]
    """

    def __init__(self, address: BrokerAddress, *, held_bytes_max: int) -> None:
        self._address = address
        self._inbox = Inbox(held_bytes_max=held_bytes_max, pause=self._pause, resume=self._resume)
        self._client: paho.Client | None = None
        self._socket: paho.SocketLike | None = None
        self._answer: asyncio.Future[bool] | None = None
        self._arrived: list[Message] = []
        self._ticker: asyncio.Task[None] | None = None

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
        client = self._new_client()
        try:
            async with asyncio.timeout(address.connect_timeout_s):
                # Name look-up, TCP and the TLS handshake block; nothing of the event loop is touched until then.
                await loop.run_in_executor(None, self._open, client)
                self._client = client
                self._answer = loop.create_future()
                self._watch(client)
                session_present = await self._answer
                self._answer = loop.create_future()
                client.subscribe(self._filters(filters))
                if not session_present:
                    # A session that goes on has its subscriptions, and its messages may fill the cap before SUBACK.
                    await self._answer
        except OSError as exc:
            self._drop(client)
            raise unreachable(address, exc) from exc
        except BaseException:
            self._drop(client)
            raise
        if self._inbox.paused:
            self._pause()
        self._ticker = asyncio.create_task(self._tick(client), name="mqtt-keep-alive")

    async def receive(self) -> list[Message]:
        """All messages that have come; see the port."""
        return await self._inbox.take()

    def acknowledge(self, messages: Sequence[Message]) -> None:
        """A PUBACK for each, in order; see the port."""
        ids = self._inbox.settle(messages)
        client = self._client
        if client is None:
            return
        for packet_id in ids:
            client.ack(packet_id, 1)

    def publish(self, topic: str, payload: bytes) -> bool:
        """QoS 1 within a window of 20; see the port."""
        client = self._client
        if client is None or self._inbox.down is not None:
            self.counters.shed += 1
            return False
        taken = client.publish(topic, payload, qos=1).rc == MQTTErrorCode.MQTT_ERR_SUCCESS
        if taken:
            self.counters.published += 1
        else:
            self.counters.shed += 1
        return taken

    async def close(self) -> None:
        """DISCONNECT and close; idempotent."""
        if self._ticker is not None:
            self._ticker.cancel()
            await asyncio.gather(self._ticker, return_exceptions=True)
            self._ticker = None
        if self._client is not None:
            client, self._client = self._client, None
            client.disconnect()
            # Acknowledgements and the goodbye stand in paho's queue until the loop says the socket takes bytes.
            client.loop_write()
            self._drop(client)

    # Setting up

    def _new_client(self) -> paho.Client:
        # A new client for each connection: paho keeps packet ids of the old one, which mean nothing on the new one.
        address = self._address
        five = address.version == "5"
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=address.client_id,
            clean_session=None if five else False,
            protocol=paho.MQTTv5 if five else paho.MQTTv311,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        client.connect_timeout = address.connect_timeout_s
        client.max_inflight_messages_set(WINDOW)
        client.max_queued_messages_set(WAITING_MAX)
        if address.username is not None:
            client.username_pw_set(address.username, address.password)
        if address.tls is not None:
            client.tls_set_context(address.tls)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        return client

    def _open(self, client: paho.Client) -> None:
        address = self._address
        if address.version == "5":
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.SessionExpiryInterval = SESSION_EXPIRY_S
            client.connect(address.host, address.port, KEEP_ALIVE_S, clean_start=False, properties=properties)
        else:
            client.connect(address.host, address.port, KEEP_ALIVE_S)

    def _filters(self, filters: Sequence[str]) -> list[tuple[str, int]] | list[tuple[str, SubscribeOptions]]:
        if self._address.version == "5":
            return [(text, SubscribeOptions(qos=1, retainAsPublished=True)) for text in filters]
        return [(text, 1) for text in filters]

    # The socket

    def _watch(self, client: paho.Client) -> None:
        sock = client.socket()
        if sock is None:
            raise LinkDown(f"broker {self._address.host}:{self._address.port} closed the connection")
        loop = asyncio.get_running_loop()
        self._socket = sock
        client.on_socket_close = lambda _client, _userdata, gone: self._unwatch(gone)
        client.on_socket_register_write = lambda _client, _userdata, ready: loop.add_writer(ready, client.loop_write)
        client.on_socket_unregister_write = lambda _client, _userdata, idle: _forget_writer(loop, idle)
        loop.add_reader(sock, self._readable, client, sock)
        if client.want_write():
            loop.add_writer(sock, client.loop_write)

    def _unwatch(self, sock: paho.SocketLike) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(sock)
        loop.remove_writer(sock)
        if self._socket is sock:
            self._socket = None

    def _readable(self, client: paho.Client, sock: paho.SocketLike) -> None:
        for _ in range(READS_A_TURN):
            client.loop_read()
            if self._socket is not sock or not _more(sock):
                break
        self._hand_over()

    def _hand_over(self) -> None:
        if self._arrived:
            arrived, self._arrived = self._arrived, []
            self._inbox.put(arrived, sum([len(message.payload) for message in arrived]))

    def _pause(self) -> None:
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)

    def _resume(self) -> None:
        if self._socket is not None and self._client is not None:
            asyncio.get_running_loop().add_reader(self._socket, self._readable, self._client, self._socket)

    async def _tick(self, client: paho.Client) -> None:
        while True:
            if client.loop_misc() != MQTTErrorCode.MQTT_ERR_SUCCESS:
                return
            await asyncio.sleep(1)

    def _drop(self, client: paho.Client) -> None:
        if self._client is client:
            self._client = None
        sock = client.socket()
        # paho closes what it still has when it is collected, whenever and on whichever thread that is.
        client.on_socket_close = None
        client.on_socket_register_write = None
        client.on_socket_unregister_write = None
        if sock is not None:
            self._unwatch(sock)
            sock.close()

    # What paho tells, always on the event loop's thread

    def _on_connect(
        self,
        _client: paho.Client,
        _userdata: object,
        flags: paho.ConnectFlags,
        code: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if code.is_failure:
            self._answered(refused(self._address, code.value))
            return
        self._arrived.clear()
        self._inbox.begin()
        self._answered(flags.session_present)

    def _on_subscribe(
        self,
        _client: paho.Client,
        _userdata: object,
        _mid: int,
        codes: list[ReasonCode],
        _properties: Properties | None,
    ) -> None:
        if any(code.is_failure for code in codes):
            self._answered(denied_subscription(self._address))
            self._inbox.lost(str(denied_subscription(self._address)))
        else:
            self._answered(_NEW)

    def _on_message(self, _client: paho.Client, _userdata: object, message: paho.MQTTMessage) -> None:
        packet_id = message.mid if message.qos else 0
        self._arrived.append(
            Message(message.topic, bytes(message.payload), message.retain, self._inbox.generation, packet_id)
        )

    def _on_disconnect(
        self,
        client: paho.Client,
        _userdata: object,
        _flags: paho.DisconnectFlags,
        code: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        reason = f"broker {self._address.host}:{self._address.port} closed the connection ({str(code).lower()})"
        self._answered(LinkDown(reason))
        if client is self._client:
            self._hand_over()
            self._inbox.lost(reason)

    def _answered(self, outcome: SourceError | bool) -> None:  # noqa: FBT001
        if self._answer is None or self._answer.done():
            return
        if isinstance(outcome, bool):
            self._answer.set_result(outcome)
        else:
            self._answer.set_exception(outcome)
            # Nobody may be waiting any more; an unread exception is no news then.
            self._answer.exception()


def _forget_writer(loop: asyncio.AbstractEventLoop, sock: paho.SocketLike) -> None:
    loop.remove_writer(sock)


def _more(sock: paho.SocketLike) -> bool:
    """More to read right now, in the TLS layer or in the kernel."""
    if isinstance(sock, ssl.SSLSocket) and sock.pending():
        return True
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))
