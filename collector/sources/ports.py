"""What the intake asks of an MQTT connection, whichever library stands behind it.

The port is worded for group commit: messages come in batches, acknowledgements go out in batches, and the number of
bytes that are delivered and not yet acknowledged is capped by the source: a broker's receive maximum is no bound.
"""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple, Protocol, runtime_checkable

from harkara_io.errors import HarkaraError

MqttVersion = Literal["3.1.1", "5"]

KEEP_ALIVE_S: Final = 30
"""A broker that says nothing for one and a half times this is taken as gone. [s]"""

SESSION_EXPIRY_S: Final = 3600
"""How long an MQTT 5 broker keeps messages while the collector is away. [s] Only a saving: agents send again anyway."""


class Message(NamedTuple):
    """One message as it came, with what is needed to acknowledge it.

    Attributes:
        topic: Topic it was published under.
        payload: Its bytes, owned by the receiver.
        retain: It is a retained message, sent because of our subscription.
        generation: Connection it came over; acknowledgements of an earlier connection are dropped.
        packet_id: MQTT packet id; 0 for QoS 0, which wants no acknowledgement.
    """

    topic: str
    payload: bytes
    retain: bool
    generation: int
    packet_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerAddress:
    """How to reach the broker and who we are to it.

    Attributes:
        host: Name or address.
        port: TCP port.
        client_id: MQTT client id. Two collectors with one id throw each other out.
        username: User; None for none.
        password: Password; None for none. Not shown in ``repr``.
        tls: Context for TLS; None for plain TCP.
        version: Protocol version.
        connect_timeout_s: Longest time for TCP, TLS, CONNACK and SUBACK together. [s]
    """

    host: str
    port: int
    client_id: str
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: ssl.SSLContext | None = None
    version: MqttVersion = "3.1.1"
    connect_timeout_s: float = 10.0


@dataclass(slots=True)
class SourceCounters:
    """What a source has done since it was made. Only ever goes up, but for ``held_bytes``.

    Attributes:
        received: Messages handed out.
        received_bytes: Their payload bytes.
        acknowledged: Acknowledgements sent.
        stale_acks: Acknowledgements dropped because their connection was gone.
        published: Messages sent.
        shed: Messages to send that were dropped at the cap or with the connection.
        connections: Connections made.
        pauses: Times reading stopped because the byte cap was reached.
        held_bytes: Payload bytes handed out or waiting, and not yet acknowledged. [bytes]
    """

    received: int = 0
    received_bytes: int = 0
    acknowledged: int = 0
    stale_acks: int = 0
    published: int = 0
    shed: int = 0
    connections: int = 0
    pauses: int = 0
    held_bytes: int = 0


class SourceError(HarkaraError):
    """Root of what a source raises."""


class LinkDown(SourceError):
    """The connection is lost or could not be made: connect again after a wait."""


class SourceRefused(SourceError):
    """The broker or its certificate says no, and will again: tell a person. ``str()`` is the one line to show."""

    exit_status = 2


@runtime_checkable
class MessageSource(Protocol):
    """A subscription to an MQTT broker with manual acknowledgement. Belongs to one event loop and its thread."""

    @property
    def counters(self) -> SourceCounters:
        """Counters, live."""

    @property
    def generation(self) -> int:
        """Number of the present (or last) connection, from 1."""

    async def connect(self, filters: Sequence[str]) -> None:
        """Connect and subscribe with QoS 1; a session of the broker's is taken up again.

        Messages of an earlier connection that nobody took are forgotten: the broker sends them again. Ends with the
        subscriptions confirmed, or with them asked for again where the broker's session already has them.

        Args:
            filters: Topic filters.

        Raises:
            LinkDown: Broker not reached, or gone before it was done.
            SourceRefused: Wrong password, not authorised, certificate or version refused.
        """

    async def receive(self) -> list[Message]:
        """Wait for messages; hand out all that have come, in order of arrival.

        Cancelling loses nothing.

        Raises:
            LinkDown: The connection is lost and every message of it was handed out.
        """

    def acknowledge(self, messages: Sequence[Message]) -> None:
        """Send PUBACK for messages in this order and free their bytes; drop those of an earlier connection.

        Call it for every message handed out, in the order they were handed out, when responsibility for it has passed
        on. Never raises.
        """

    def publish(self, topic: str, payload: bytes) -> bool:
        """Send a message with QoS 1, or keep it for the moment the broker takes more.

        Returns:
            False when it was shed because the connection is down or too much is waiting. Nothing promises delivery.
        """

    async def close(self) -> None:
        """Say goodbye and close; idempotent. The broker keeps the session."""
