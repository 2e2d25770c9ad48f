"""The shell around the delivery machine: connects, publishes what it says, tells it what happened.

The machine and everything that reads or writes the outbox run in the outbox's thread, so that a slow card never stops
the keep-alive. One event is handled at a time, its actions carried out in order before the next.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import math
import random
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import replace
from typing import Final

import aiomqtt

from device_profiles.wire.delivery.agent import AgentMachine, Phase
from device_profiles.wire.delivery.agent_io import (
    OF_SYNC,
    OUTBOX_FAILS,
    AgentEvent,
    Alarm,
    BlockUnreadable,
    Connected,
    Disconnected,
    Pressure,
    Puback,
    Publish,
    ReceiptCame,
    Reconnect,
    Sealed,
    SendSync,
    SyncedCame,
    Tick,
    Undone,
)
from device_profiles.wire.delivery.backoff import Backoff
from device_profiles.wire.messages import MessageRejected, State, parse_receipt, parse_synced
from device_profiles.wire.topics import TopicKind, topic
from edge_agent.clock import Clock
from edge_agent.disk_health import DiskHealth
from edge_agent.mqtt_client import wrote
from edge_agent.outbox import BlockUnreadable as CopyUnreadable
from edge_agent.outbox import Outbox
from harkara_io.log_errors import LogError
from harkara_io.log_thread import LogThread
from harkara_io.mqtt_errors import explain

log = logging.getLogger("harkara.agent.uplink")

RECONNECT_S_MIN: Final = 0.5
"""First wait before connecting again. [s]"""
STEADY_S: Final = 10.0
"""A connection that held this long starts the back-off afresh. [s]"""
_GRANTED_MAX: Final = 2

NetAction = tuple[Publish, bytes] | SendSync | Reconnect | Alarm


class Uplink:
    """One agent's link.

    Attributes:
        state: ``connecting``, ``up`` or ``down``.
        detail: Why it is down; empty when up.
        connection: Counts connections of this process.
        blocks_published: PUBLISHes of blocks, repeats included.
        bytes_published: Their payloads. [bytes]
        alarms: Latest detail by kind of alarm.
    """

    def __init__(
        self,
        *,
        agent: str,
        client: Callable[[aiomqtt.Will], aiomqtt.Client],
        where: tuple[str, int, str | None],
        outbox: Outbox,
        thread: LogThread,
        machine: AgentMachine,
        clock: Clock,
        state: Callable[[int], State],
        may_send: Callable[[], None],
        health: DiskHealth,
        reconnect_s_max: float,
        state_every_s: float,
    ) -> None:
        """Compose.

        Args:
            agent: Agent id.
            client: Makes a client with this will.
            where: Host, port and user name, for messages.
            outbox: Where blocks are read.
            thread: The outbox's thread; the machine runs there too.
            machine: The delivery machine.
            clock: Time.
            state: Builds the birth message of a connection; called in the outbox's thread.
            may_send: Called when blocks may leave: the session stands and the collector has answered.
            health: Told of the outbox's refusals.
            reconnect_s_max: Ceiling of the back-off. [s]
            state_every_s: How often the state message is refreshed. [s]
        """
        self.state = "connecting"
        self.detail = ""
        self.connection = 0
        self.blocks_published = 0
        self.bytes_published = 0
        self.alarms: dict[str, str] = {}
        self._agent = agent
        self._make_client = client
        self._where = where
        self._outbox = outbox
        self._thread = thread
        self._machine = machine
        self._clock = clock
        self._state_message = state
        self._may_send = may_send
        self._health = health
        self._sending = False
        self._state_due = asyncio.Event()
        self._state_every_s = state_every_s
        self._backoff = Backoff(floor_s=RECONNECT_S_MIN, ceiling_s=reconnect_s_max, random=random.random)
        self._one_at_a_time = asyncio.Lock()
        self._handled = asyncio.Event()
        self._handled_once = asyncio.Event()
        self._client: aiomqtt.Client | None = None
        self._publishing: set[asyncio.Task[object]] = set()
        self._fault: asyncio.Future[None] | None = None
        self._last_line = ""
        self._next_wake_s: float | None = None
        self._stopping = False

    @property
    def is_up(self) -> bool:
        """Whether a session stands."""
        return self.state == "up"

    @property
    def may_send(self) -> bool:
        """Whether a block sealed now would leave now."""
        return self._sending

    @property
    def in_flight_bytes(self) -> int:
        """Blocks published and without a receipt [bytes]."""
        return self._machine.in_flight_bytes

    @property
    def phase(self) -> Phase:
        """Where the delivery machine stands."""
        return self._machine.phase

    async def run(self) -> None:
        """Stay connected until stopped or cancelled."""
        while not self._stopping:
            began_s = self._clock.monotonic_s()
            try:
                await self._session()
            except (aiomqtt.MqttError, OSError, _SessionOver) as exc:
                self._is_down(exc)
            # The library leaves the socket of a failed TLS handshake to the collector of garbage.
            gc.collect()
            if self._clock.monotonic_s() - began_s > STEADY_S:
                self._backoff.reset()
            if not self._stopping:
                await asyncio.sleep(self._backoff.next_s())

    def stop(self) -> None:
        """End the session with last words, then end. Blocks without a receipt wait in the outbox."""
        self._stopping = True
        if self._fault is not None and not self._fault.done():
            self._fault.set_result(None)

    async def progress(self, timeout_s: float) -> None:
        """Wait until the machine has handled another event, at most so long."""
        self._handled_once.clear()
        try:
            async with asyncio.timeout(timeout_s):
                await self._handled_once.wait()
        except TimeoutError:
            return

    async def sealed(self) -> None:
        """New blocks are in the outbox."""
        await self._feed(Sealed())

    def tell_state(self) -> None:
        """Something in the state message changed that should not wait for the next one."""
        self._state_due.set()

    async def make_room(self, excess_bytes: int) -> None:
        """The outbox is full: the machine decides what goes."""
        await self._feed(Pressure(excess_bytes))

    async def _session(self) -> None:
        self.connection += 1
        number = self.connection
        will = aiomqtt.Will(
            self._topic(TopicKind.STATE), State(alive=False, connection=number).encode(), 1, retain=True
        )
        async with self._make_client(will) as client:
            # Many publishes wait for their PUBACK at once; that is the window, not a fault.
            client.pending_calls_threshold = 1 << 30
            await self._subscribe(client)
            self._fault = asyncio.get_running_loop().create_future()
            self._client = client
            try:
                await self._feed(Connected(number))
                self._is_up()
                await self._serve(client, number)
                await self._goodbye(client, number)
            finally:
                self._client = None
                for task in self._publishing:
                    task.cancel()
                await self._feed(Disconnected(number))

    async def _serve(self, client: aiomqtt.Client, number: int) -> None:
        assert self._fault is not None
        stages = [
            asyncio.create_task(self._receive(client, number), name="uplink receive"),
            asyncio.create_task(self._tick(), name="uplink tick"),
            asyncio.create_task(self._tell_state(client, number), name="uplink state"),
        ]
        try:
            await asyncio.wait({*stages, self._fault}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for stage in stages:
                stage.cancel()
            ended = await asyncio.gather(*stages, return_exceptions=True)
        for result in ended:
            if isinstance(result, Exception):
                raise result
        if self._fault.done():
            self._fault.result()

    async def _goodbye(self, client: aiomqtt.Client, number: int) -> None:
        """Replace the birth by the last words of a stop on purpose: the will is for accidents."""
        state = await self._thread.run(self._state_message, number)
        last = replace(state, alive=False)
        await client.publish(self._topic(TopicKind.STATE), last.encode(), qos=1, retain=True, timeout=math.inf)

    # ---- stages of a session ----------------------------------------------------------------------------------
    async def _subscribe(self, client: aiomqtt.Client) -> None:
        # QoS 0: a sync says again what a lost receipt said, and a PUBACK would acknowledge an acknowledgement.
        topics = [(self._topic(kind), 0) for kind in (TopicKind.RECEIPT, TopicKind.SYNCED)]
        granted = await client.subscribe(topics)
        codes = [code if isinstance(code, int) else code.value for code in granted]
        if any(code > _GRANTED_MAX for code in codes):
            raise _SessionOver("the broker does not let this user subscribe to its own receipts: check its ACL")

    async def _receive(self, client: aiomqtt.Client, number: int) -> None:
        receipts, synceds = self._topic(TopicKind.RECEIPT), self._topic(TopicKind.SYNCED)
        async for message in client.messages:
            payload = message.payload
            try:
                if message.topic.value == receipts:
                    await self._feed(ReceiptCame(number, parse_receipt(payload)))
                elif message.topic.value == synceds:
                    await self._feed(SyncedCame(number, parse_synced(payload)))
            except MessageRejected as exc:
                self._alarm(Alarm("unreadable", f"a message from the collector: {exc}"))

    async def _tick(self) -> None:
        while True:
            self._handled.clear()
            wake_s = self._next_wake_s
            wait_s = None if wake_s is None else max(0.0, wake_s - self._clock.monotonic_s())
            try:
                async with asyncio.timeout(wait_s):
                    await self._handled.wait()
            except TimeoutError:
                await self._feed(Tick())

    async def _tell_state(self, client: aiomqtt.Client, number: int) -> None:
        while True:
            self._state_due.clear()
            state = await self._thread.run(self._state_message, number)
            await client.publish(self._topic(TopicKind.STATE), state.encode(), qos=1, retain=True, timeout=math.inf)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._state_every_s):
                    await self._state_due.wait()

    # ---- events and actions -----------------------------------------------------------------------------------
    async def _feed(self, event: AgentEvent) -> None:
        async with self._one_at_a_time:
            try:
                actions, is_written = await self._thread.run(self._decide, event, self._clock.monotonic_s())
                if is_written:
                    self._health.worked()
            except LogError as exc:
                # What the machine decided did not reach the disk: only a sync puts both right again.
                self._health.failed("delivery", exc)
                actions = await self._thread.run(self._give_in, self._clock.monotonic_s())
            for action in actions:
                self._carry_out(action)
        self._notice_phase()
        self._handled.set()
        self._handled_once.set()

    def _give_in(self, now_s: float) -> list[NetAction]:
        """In the outbox's thread: the machine forgets what it cannot know; this reads and writes nothing."""
        actions = self._machine.handle(Undone(), now_s)
        self._next_wake_s = self._machine.next_wake_s
        return [action for action in actions if isinstance(action, Reconnect)]

    def _notice_phase(self) -> None:
        sending = self._machine.phase is Phase.SENDING
        begins = sending and not self._sending
        self._sending = sending
        if begins:
            self._may_send()

    def _decide(self, event: AgentEvent, now_s: float) -> tuple[list[NetAction], bool]:
        """In the outbox's thread: let the machine decide, change the outbox, read what is to be sent."""
        out: list[NetAction] = []
        wrote_now = False
        events = deque([event])
        while events:
            for action in self._machine.handle(events.popleft(), now_s):
                match action:
                    case Publish():
                        try:
                            out.append((action, self._outbox.read(action.ref.segment, action.ref.seq)))
                        except CopyUnreadable:
                            events.append(BlockUnreadable(action.ref.segment, action.ref.seq))
                    case SendSync() | Reconnect() | Alarm():
                        out.append(action)
                    case _:
                        wrote_now = self._outbox.apply([action]) or wrote_now
        self._next_wake_s = self._machine.next_wake_s
        return out, wrote_now

    def _carry_out(self, action: NetAction) -> None:
        match action:
            case (Publish() as publish, data):
                self.blocks_published += 1
                self.bytes_published += len(data)
                self._start(self._publish_block(publish, data))
            case SendSync():
                self._start(self._publish_sync(action))
            case Reconnect():
                if action.connection == self.connection:
                    self._end_session(action.reason)
            case Alarm():
                self._alarm(action)

    def _start(self, work: Coroutine[None, None, object]) -> None:
        task = asyncio.create_task(work)
        self._publishing.add(task)
        task.add_done_callback(self._publishing.discard)

    async def _publish_block(self, publish: Publish, data: bytes) -> None:
        qos = 1 if publish.acknowledged else 0
        if await self._publish(publish.connection, TopicKind.BLOCK, data, qos) and qos:
            await self._feed(Puback(publish.connection, publish.ref.segment, publish.ref.seq))

    async def _publish_sync(self, action: SendSync) -> None:
        if await self._publish(action.connection, TopicKind.SYNC, action.sync.encode(), 1):
            await self._feed(Puback(action.connection, OF_SYNC, 0))

    async def _publish(self, connection: int, kind: TopicKind, data: bytes, qos: int) -> bool:
        client = self._client
        if client is None or connection != self.connection:
            return False
        try:
            # Never a time-out here: the library would leak the slot. A dead link ends the session, and this with it.
            await client.publish(self._topic(kind), data, qos=qos, timeout=math.inf)
            wrote(client)
        except aiomqtt.MqttError as exc:
            self._end_session(str(exc))
            return False
        return True

    def _end_session(self, reason: str) -> None:
        if self._fault is not None and not self._fault.done():
            self._fault.set_exception(_SessionOver(reason))

    # ---- what people see --------------------------------------------------------------------------------------
    def _is_up(self) -> None:
        self.state, self.detail, self._last_line = "up", "", ""
        log.info("link up broker=%s:%d connection=%d", self._where[0], self._where[1], self.connection)

    def _is_down(self, exc: BaseException) -> None:
        host, port, username = self._where
        line = explain(exc, host=host, port=port, username=username)
        if str(exc) == OUTBOX_FAILS:
            # The broker is not to blame; the log has said what is.
            line = self._last_line = self._health.trouble or OUTBOX_FAILS
        self.state, self.detail = "down", line
        if line != self._last_line:
            self._last_line = line
            log.warning("link down: %s", line)

    def _alarm(self, alarm: Alarm) -> None:
        self.alarms[alarm.kind] = alarm.detail
        log.warning("alarm kind=%s %s", alarm.kind, alarm.detail)

    def _topic(self, kind: TopicKind) -> str:
        return topic(self._agent, kind)


class _SessionOver(Exception):
    """This session cannot go on; says why. Never leaves this module."""
