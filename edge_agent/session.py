"""One session with the broker: subscriptions, publishes under way, and how it ends."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Final

import aiomqtt

from device_profiles.wire.delivery.agent_io import OF_SYNC, Alarm, Puback, Publish, ReceiptCame, SendSync, SyncedCame
from device_profiles.wire.messages import MessageRejected, State, parse_receipt, parse_synced
from device_profiles.wire.topics import TopicKind, topic
from edge_agent.mqtt_client import wrote

_GRANTED_MAX: Final = 2


class SessionOver(Exception):
    """This session cannot go on; says why."""


class Session:
    """A connected client.

    Attributes:
        number: Of this connection, counted by the process.
    """

    def __init__(
        self, client: aiomqtt.Client, agent: str, number: int, acknowledged: Callable[[Puback], Awaitable[None]]
    ) -> None:
        """Take over a client that is connected.

        Args:
            client: The client.
            agent: Agent id.
            number: Number of the connection.
            acknowledged: Told of each PUBACK.
        """
        self.number = number
        self._client = client
        self._agent = agent
        self._acknowledged = acknowledged
        self._publishing: set[asyncio.Task[None]] = set()
        self._end: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        # Many publishes wait for their PUBACK at once; that is the window, not a fault.
        client.pending_calls_threshold = 1 << 30

    @staticmethod
    def will(agent: str, number: int) -> aiomqtt.Will:
        """What the broker says of this agent when the connection is lost."""
        return aiomqtt.Will(
            topic(agent, TopicKind.STATE), State(alive=False, connection=number).encode(), 1, retain=True
        )

    async def subscribe(self) -> None:
        """Ask for receipts and answers.

        Raises:
            SessionOver: The broker refuses.
        """
        # QoS 0: a sync says again what a lost receipt said, and a PUBACK would acknowledge an acknowledgement.
        topics = [(topic(self._agent, kind), 0) for kind in (TopicKind.RECEIPT, TopicKind.SYNCED)]
        granted = await self._client.subscribe(topics)
        codes = [code if isinstance(code, int) else code.value for code in granted]
        if any(code > _GRANTED_MAX for code in codes):
            raise SessionOver("the broker does not let this user subscribe to its own receipts: check its ACL")

    async def messages(self) -> AsyncIterator[ReceiptCame | SyncedCame | Alarm]:
        """What the collector says, as it comes."""
        receipts, synceds = topic(self._agent, TopicKind.RECEIPT), topic(self._agent, TopicKind.SYNCED)
        async for message in self._client.messages:
            try:
                if message.topic.value == receipts:
                    yield ReceiptCame(self.number, parse_receipt(message.payload))
                elif message.topic.value == synceds:
                    yield SyncedCame(self.number, parse_synced(message.payload))
            except MessageRejected as exc:
                yield Alarm("unreadable", f"a message from the collector: {exc}")

    async def tell(self, state: State) -> None:
        """Publish the retained state message; returns when the broker has it."""
        await self._client.publish(
            topic(self._agent, TopicKind.STATE), state.encode(), qos=1, retain=True, timeout=math.inf
        )

    def send_block(self, publish: Publish, data: bytes) -> None:
        """Publish a block; its PUBACK, if there is to be one, is told when it comes."""
        puback = Puback(self.number, publish.ref.segment, publish.ref.seq) if publish.acknowledged else None
        self._start(self._publish(TopicKind.BLOCK, data, puback))

    def send_sync(self, action: SendSync) -> None:
        """Publish a sync; its PUBACK is told when it comes."""
        self._start(self._publish(TopicKind.SYNC, action.sync.encode(), Puback(self.number, OF_SYNC, 0)))

    async def run(self, *stages: Coroutine[None, None, None]) -> None:
        """Run stages until the session is ended or one of them fails, whose error is raised.

        Raises:
            SessionOver: It was ended with a reason.
        """
        tasks = [asyncio.create_task(stage) for stage in stages]
        try:
            await asyncio.wait({*tasks, self._end}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise result
        if self._end.done():
            self._end.result()

    def end(self, reason: str = "") -> None:
        """Let `run` return, or raise when there is a reason. The first call counts."""
        if self._end.done():
            return
        if reason:
            self._end.set_exception(SessionOver(reason))
        else:
            self._end.set_result(None)

    def abandon(self) -> None:
        """No more waiting for PUBACKs: the client is about to close."""
        for task in self._publishing:
            task.cancel()
        if not self._end.done():
            self._end.set_result(None)
        self._end.exception()  # nobody else may look at it

    def _start(self, work: Coroutine[None, None, None]) -> None:
        if self._end.done():
            work.close()
            return
        task = asyncio.create_task(work)
        self._publishing.add(task)
        task.add_done_callback(self._publishing.discard)

    async def _publish(self, kind: TopicKind, data: bytes, puback: Puback | None) -> None:
        try:
            # Never a time-out here: the library would leak the slot. A dead link ends the session, and this with it.
            await self._client.publish(topic(self._agent, kind), data, qos=0 if puback is None else 1, timeout=math.inf)
        except aiomqtt.MqttError as exc:
            self.end(str(exc) or "the link was lost")
            return
        wrote(self._client)
        if puback is not None:
            await self._acknowledged(puback)
