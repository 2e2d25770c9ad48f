"""The shell around the delivery machine: stays connected, feeds it what happens, sends what it says.

The machine and everything that reads or writes the outbox run in the outbox's thread (`edge_agent.decisions`), so that
a slow card never stops the keep-alive. One event is handled at a time, its actions carried out in order before the
next. What one connection does stands in `edge_agent.session`.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Final

import aiomqtt

from device_profiles.wire.delivery.agent import AgentMachine, Phase
from device_profiles.wire.delivery.agent_io import (
    OUTBOX_FAILS,
    AgentEvent,
    Alarm,
    Connected,
    Disconnected,
    Pressure,
    Publish,
    Reconnect,
    Sealed,
    SendSync,
    Tick,
)
from device_profiles.wire.delivery.backoff import Backoff
from device_profiles.wire.messages import State
from edge_agent.clock import Clock
from edge_agent.decisions import Decisions, NetAction
from edge_agent.disk_health import DiskHealth
from edge_agent.outbox import Outbox
from edge_agent.session import Session, SessionOver
from harkara_io.log_thread import LogThread
from harkara_io.mqtt_errors import explain

log = logging.getLogger("harkara.agent.uplink")

RECONNECT_S_MIN: Final = 0.5
"""First wait before connecting again. [s]"""
STEADY_S: Final = 10.0
"""A connection that held this long starts the back-off afresh. [s]"""


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
        self._thread = thread
        self._decisions = Decisions(machine, outbox)
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
        self._session: Session | None = None
        self._last_line = ""
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
        return self._decisions.in_flight_bytes

    @property
    def phase(self) -> Phase:
        """Where the delivery machine stands."""
        return self._decisions.phase

    async def run(self) -> None:
        """Stay connected until stopped or cancelled."""
        while not self._stopping:
            began_s = self._clock.monotonic_s()
            try:
                await self._connection()
            except (aiomqtt.MqttError, OSError, SessionOver) as exc:
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
        if self._session is not None:
            self._session.end()

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

    # ---- one connection ---------------------------------------------------------------------------------------
    async def _connection(self) -> None:
        self.connection += 1
        number = self.connection
        async with self._make_client(Session.will(self._agent, number)) as client:
            session = Session(client, self._agent, number, self._feed)
            await session.subscribe()
            self._session = session
            if self._stopping:
                session.end()
            try:
                await self._feed(Connected(number))
                self._is_up()
                await session.run(self._receive(session), self._tick(), self._tell_state(session))
                # The last words of a stop on purpose: the will is for accidents.
                state = await self._thread.run(self._state_message, number)
                await session.tell(replace(state, alive=False))
            finally:
                self._session = None
                session.abandon()
                await self._feed(Disconnected(number))

    async def _receive(self, session: Session) -> None:
        async for message in session.messages():
            if isinstance(message, Alarm):
                self._alarm(message)
            else:
                await self._feed(message)

    async def _tick(self) -> None:
        while True:
            self._handled.clear()
            wake_s = self._decisions.next_wake_s
            wait_s = None if wake_s is None else max(0.0, wake_s - self._clock.monotonic_s())
            try:
                async with asyncio.timeout(wait_s):
                    await self._handled.wait()
            except TimeoutError:
                await self._feed(Tick())

    async def _tell_state(self, session: Session) -> None:
        while True:
            self._state_due.clear()
            await session.tell(await self._thread.run(self._state_message, session.number))
            with suppress(TimeoutError):
                async with asyncio.timeout(self._state_every_s):
                    await self._state_due.wait()

    # ---- events and actions -----------------------------------------------------------------------------------
    async def _feed(self, event: AgentEvent) -> None:
        async with self._one_at_a_time:
            decided = await self._thread.run(self._decisions.decide, event, self._clock.monotonic_s())
            if decided.error is not None:
                self._health.failed("delivery", decided.error)
            elif decided.is_written:
                self._health.worked()
            for action in decided.actions:
                self._carry_out(action)
        self._notice_phase()
        self._handled.set()
        self._handled_once.set()

    def _notice_phase(self) -> None:
        sending = self.phase is Phase.SENDING
        begins = sending and not self._sending
        self._sending = sending
        if begins:
            self._may_send()

    def _carry_out(self, action: NetAction) -> None:
        if isinstance(action, Alarm):
            self._alarm(action)
            return
        session = self._session
        meant_for = action[0].connection if isinstance(action, tuple) else action.connection
        if session is None or meant_for != session.number:
            return
        match action:
            case (Publish() as publish, data):
                self.blocks_published += 1
                self.bytes_published += len(data)
                session.send_block(publish, data)
            case SendSync():
                session.send_sync(action)
            case Reconnect():
                session.end(action.reason)

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
