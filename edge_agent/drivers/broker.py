"""Messages of a broker nearby: an offline LoRaWAN gateway's network server, or anything that publishes JSON."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Final, Protocol

import aiomqtt

from device_profiles.engine.profile import Profile
from device_profiles.rejects import FrameRejected
from edge_agent.clock import Clock
from edge_agent.drivers.line_parser import LineParser
from edge_agent.drivers.ports import LinkDown, Read, Sample
from edge_agent.drivers.profiled import reads_of
from edge_agent.drivers.uplinks import Uplink, parse
from harkara_io.mqtt_errors import explain

WAITING_MAX: Final = 1000
"""Messages that wait to be read; what a broker kept for a long stop comes in one burst."""
COUNTERS_KEPT: Final = 64
"""A message that comes again comes soon."""

_quiet: Final = logging.getLogger("harkara.agent.broker")
_quiet.setLevel(logging.CRITICAL)


class Reader(Protocol):
    """What makes samples of one message."""

    def take(self, message: bytes, arrived_ns: int) -> list[Read]:
        """Samples and rejects of a message; nothing when it is another device's."""
        ...

    def notes(self) -> dict[str, int]:
        """Counts of what was left out on purpose."""
        ...


class UplinkReader:
    """Uplinks of one LoRaWAN device through its profile."""

    def __init__(self, profile: Profile, eui: str) -> None:
        self._profile, self._eui = profile, eui.lower()
        self._seen: deque[tuple[int | None, int, bytes]] = deque(maxlen=COUNTERS_KEPT)
        self._repeated = 0
        self._empty = 0

    def take(self, message: bytes, arrived_ns: int) -> list[Read]:
        """Decode an uplink of this device; each once, since a broker may hand one over twice."""
        uplink = parse(message)
        if isinstance(uplink, FrameRejected):
            return [uplink]
        if uplink.eui != self._eui:
            return []
        if uplink.counter is not None:
            key = (uplink.counter, uplink.port, uplink.data)
            if key in self._seen:
                self._repeated += 1
                return []
            self._seen.append(key)
        if not uplink.data:
            self._empty += 1
            return []
        return [self._dated(read, uplink) for read in self._decode(uplink, arrived_ns)]

    def notes(self) -> dict[str, int]:
        """Uplinks that came twice, and those without a payload."""
        notes = {"repeated_uplinks": self._repeated, "empty_uplinks": self._empty}
        return {name: count for name, count in notes.items() if count}

    def _decode(self, uplink: Uplink, arrived_ns: int) -> list[Read]:
        # A row that says how old it is counts from when the network had it, not from when we heard of it.
        at_ns = uplink.received_ns if uplink.received_ns is not None else arrived_ns
        return reads_of(self._profile.decode(uplink.data, port=uplink.port), at_ns)

    @staticmethod
    def _dated(read: Read, uplink: Uplink) -> Read:
        if isinstance(read, Sample) and read.observed_at_ns is None and uplink.received_ns is not None:
            return replace(read, observed_at_ns=uplink.received_ns)
        return read


class JsonReader:
    """One reading per message, as a line of JSON or CSV would say it; dots reach into nested objects."""

    def __init__(self, parser: LineParser) -> None:
        self._parser = parser

    def take(self, message: bytes, arrived_ns: int) -> list[Read]:
        """The message's sample, or why it is none."""
        found = self._parser.parse(message.strip(), arrived_ns)
        return [] if found is None else [found]

    def notes(self) -> dict[str, int]:
        """Nothing is left out."""
        return {}


class BrokerDriver:
    """Subscribes at a broker and reads each message; the session outlives us, so the broker keeps what we miss."""

    def __init__(
        self,
        client: Callable[[], aiomqtt.Client],
        topics: Sequence[str],
        reader: Reader,
        clock: Clock,
        *,
        where: tuple[str, int],
    ) -> None:
        """Prepare; ``client`` makes a client, ``where`` is what to call the broker in errors."""
        self._make, self._topics, self._reader, self._clock, self._where = client, topics, reader, clock, where
        self._stack: AsyncExitStack | None = None
        self._messages: AsyncIterator[aiomqtt.Message] | None = None

    async def open(self) -> None:
        """Connect and subscribe; raises ``LinkDown``."""
        stack = AsyncExitStack()
        try:
            client = await stack.enter_async_context(self._make())
            await client.subscribe([(topic, 1) for topic in self._topics])
        except (aiomqtt.MqttError, OSError) as exc:
            await _closed(stack)
            raise LinkDown(explain(exc, host=self._where[0], port=self._where[1])) from exc
        except asyncio.CancelledError:
            await _closed(stack)
            raise
        self._stack, self._messages = stack, aiter(client.messages)

    async def read(self) -> list[Read]:
        """Wait for a message; raises ``LinkDown``."""
        assert self._messages is not None, "read follows open"
        try:
            message = await anext(self._messages)
        except (aiomqtt.MqttError, OSError, StopAsyncIteration) as exc:
            raise LinkDown(explain(exc, host=self._where[0], port=self._where[1])) from exc
        payload = message.payload
        data = payload if isinstance(payload, bytes) else str(payload or "").encode()
        return self._reader.take(data, self._clock.wall_ns())

    async def close(self) -> list[Read]:
        """Disconnect; nothing is held back."""
        stack, self._stack, self._messages = self._stack, None, None
        if stack is not None:
            await _closed(stack)
        return []

    def notes(self) -> dict[str, int]:
        """The reader's."""
        return self._reader.notes()


async def _closed(stack: AsyncExitStack) -> None:
    try:
        await stack.aclose()
    except (aiomqtt.MqttError, OSError) as exc:
        _quiet.debug("goodbye failed: %s", exc)


def client_of(
    host: str, port: int, *, identifier: str, username: str | None, password: str | None
) -> Callable[[], aiomqtt.Client]:
    """Makes clients with a lasting session at a broker of the station's own network."""

    def make() -> aiomqtt.Client:
        return aiomqtt.Client(
            host,
            port,
            identifier=identifier,
            username=username,
            password=password,
            clean_session=False,
            keepalive=60,
            timeout=15,
            max_queued_incoming_messages=WAITING_MAX,
            logger=_quiet,
        )

    return make
