"""The shell around the delivery machine: messages in; one transaction per group commit; receipts, then PUBACKs out.

Two loops share the event loop's thread. One takes what the source brings, verifies it and hands it to the machine. The
other lets blocks gather for at most the group commit's time, has the journal commit them on its own thread, and carries
out what the machine then says. While a commit is at the disk the next one gathers.

Limit: the source stops reading at ``unjournalled_mb`` of messages that are not acknowledged; ``counters.pauses`` of the
source shows it.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Final

from collector.intake_ports import Abandoned, CommittedSink, Committer, IntakeCounters
from collector.quiet import AlarmLog
from collector.sources.ports import LinkDown, Message, MessageSource, SourceRefused
from collector.verify import examine
from device_profiles.wire.delivery import collector_io as io
from device_profiles.wire.delivery.backoff import Backoff
from device_profiles.wire.delivery.collector import CollectorMachine
from device_profiles.wire.messages import MessageRejected, parse_state, parse_sync
from device_profiles.wire.topics import TopicKind, TopicRejected, parse_topic, subscription, topic

LOG: Final = logging.getLogger(__name__)

FILTERS: Final = tuple(subscription(kind) for kind in (TopicKind.BLOCK, TopicKind.SYNC, TopicKind.STATE))

RECONNECT_FLOOR_S: Final = 0.2
"""Shortest wait before connecting again. [s]"""

EAGER_BYTES: Final = 1024 * 1024
"""So many bytes are not kept waiting for company. [bytes]"""

GIVE_WAY_S_MAX: Final = 1.0
"""Longest pause between two batches of messages for the lake's sake. [s]"""

GIVE_WAY_STEP_S: Final = 0.01
"""Between two looks whether it has caught up. [s]"""

TOPICS_KEPT_MAX: Final = 100_000
"""Topics whose parsing is remembered. Past it the memory starts anew."""


class Intake:
    """Between one source and one journal.

    Args:
        source: Where messages come from.
        machine: Decides; belongs to the event loop's thread.
        committer: Writes.
        sink: Hears what was committed and said.
        is_refused: Whether an agent is not active; the machine asks the same registry.
        group_commit_s: Longest wait of a block for others to share its fsync. [s]
        reconnect_s_max: Longest wait between two attempts to connect. [s]
        is_behind: Whether those who work on committed blocks in this process need a rest from new ones.
    """

    def __init__(
        self,
        *,
        source: MessageSource,
        machine: CollectorMachine,
        committer: Committer,
        sink: CommittedSink,
        is_refused: Callable[[str], bool],
        group_commit_s: float,
        reconnect_s_max: float,
        is_behind: Callable[[], bool] = lambda: False,
    ) -> None:
        self.counters = IntakeCounters()
        self._source = source
        self._machine = machine
        self._committer = committer
        self._sink = sink
        self._is_refused = is_refused
        self._group_commit_s = group_commit_s
        self._reconnect_s_max = reconnect_s_max
        self._is_behind = is_behind
        self._topics: dict[str, tuple[str, TopicKind] | None] = {}
        self._arrived: deque[tuple[int, Message]] = deque()
        """Every message not acknowledged yet, in order of arrival: PUBACKs must go out in it (MQTT-4.6.0-2)."""
        self._blocks: dict[int, bytes] = {}
        """Payloads of the blocks not settled yet, by the token's slot."""
        self._fates: dict[str, set[int]] = {"committed": set(), "quarantined": set(), "refused": set()}
        """Slots of those of which is known what becomes of them; a block in none of these is a duplicate or stale."""
        self._done: set[int] = set()
        self._next_index = 0
        self._work = asyncio.Event()
        self._closing = False
        self.alarms = AlarmLog()
        self._closers: set[asyncio.Future[None]] = set()
        """Closings under way: the event loop itself keeps no task alive."""

    async def run(self, stopping: asyncio.Event) -> None:
        """Work until ``stopping``; then commit and acknowledge what has come, and leave the broker.

        Raises:
            SourceRefused: The broker refused the very first connection for good.
        """
        async with asyncio.TaskGroup() as group:
            reading = group.create_task(self._read(), name="intake-read")
            group.create_task(self._commit_as_they_come(), name="intake-commit")
            await stopping.wait()
            reading.cancel()
            await asyncio.wait([reading])
            self._closing = True
            self._work.set()
        await self._source.close()
        self.counters.connected = False

    # The broker's side

    async def _read(self) -> None:
        backoff = Backoff(floor_s=RECONNECT_FLOOR_S, ceiling_s=self._reconnect_s_max, random=random.random)
        trouble = ""
        while True:
            try:
                await self._source.connect(FILTERS)
                if trouble or not self.counters.connected:
                    LOG.info("broker reached connection=%d", self._source.generation)
                trouble, self.counters.connected = "", True
                backoff.reset()
                self._carry_out(self._machine.handle(io.Connected(self._source.generation)))
                while True:
                    self.take(await self._source.receive())
                    await self._give_way()
            except (LinkDown, SourceRefused) as exc:
                if isinstance(exc, SourceRefused) and not self._source.generation:
                    raise
                # One line when it is lost, not one at every attempt.
                if str(exc) != trouble:
                    LOG.warning("broker lost: %s", exc)
                trouble, self.counters.connected = str(exc), False
            await asyncio.sleep(backoff.next_s())

    async def _give_way(self) -> None:
        """Take nothing new while the lake catches up, so that the broker holds the agents back; but never for long.

        A lake that is broken or full must not stop receipts: the journal goes on, a batch of messages at a time.
        """
        until_s = time.monotonic() + GIVE_WAY_S_MAX
        while self._is_behind() and not self._closing and time.monotonic() < until_s:  # noqa: ASYNC110 - another thread
            await asyncio.sleep(GIVE_WAY_STEP_S)

    def take(self, batch: Sequence[Message]) -> None:
        """Verify messages and hand them to the machine, in order."""
        blocks: list[io.BlockCame] = []
        refused: dict[str, bool] = {}
        for message in batch:
            index = self._next_index
            self._next_index = index + 1
            self._arrived.append((index, message))
            agent, kind = self._parse(message.topic)
            if kind is TopicKind.BLOCK:
                payload = message.payload
                self._blocks[index] = payload
                if agent not in refused:
                    refused[agent] = self._is_refused(agent)
                if refused[agent]:
                    self._fates["refused"].add(index)
                facts, fault = examine(payload, agent)
                token = io.Token(message.generation, message.packet_id, index)
                blocks.append(io.BlockCame(token, agent, len(payload), facts, fault))
            elif kind is TopicKind.SYNC:
                # What came before it must be known when it is answered.
                self._admit(blocks)
                blocks = []
                self._sync(index, agent, message)
            else:
                self._done.add(index)
                self._state(agent, message) if kind is TopicKind.STATE else self._stray(message, "no topic of ours")
        self._admit(blocks)
        self._acknowledge()
        if self._machine.waiting:
            self._work.set()

    def _admit(self, blocks: list[io.BlockCame]) -> None:
        if blocks:
            self.counters.received += len(blocks)
            self.counters.waiting += len(blocks)
            self._carry_out(self._machine.admit(blocks))

    def _sync(self, index: int, agent: str, message: Message) -> None:
        try:
            sync = parse_sync(message.payload)
        except MessageRejected as exc:
            self._done.add(index)
            self._stray(message, str(exc))
            return
        self.counters.syncs += 1
        came = io.SyncCame(io.Token(message.generation, message.packet_id, index), agent, sync)
        self._sink.sync(agent, came)
        self._carry_out(self._machine.handle(came))

    def _state(self, agent: str, message: Message) -> None:
        if not message.payload:
            return  # An operator cleared the retained message.
        try:
            state = parse_state(message.payload)
        except MessageRejected as exc:
            self._stray(message, str(exc))
            return
        self.counters.states += 1
        self._sink.state(agent, state)

    def _stray(self, message: Message, why: str) -> None:
        self.counters.strays += 1
        self.alarms.note(message.topic, "stray", why)

    def _parse(self, text: str) -> tuple[str, TopicKind | None]:
        known = self._topics.get(text)
        if known is not None:
            return known
        try:
            parsed = parse_topic(text)
        except TopicRejected:
            return "", None
        if len(self._topics) >= TOPICS_KEPT_MAX:
            self._topics.clear()
        self._topics[text] = (parsed.agent, parsed.kind)
        return parsed.agent, parsed.kind

    # The journal's side

    async def _commit_as_they_come(self) -> None:
        while True:
            await self._work.wait()
            self._work.clear()
            if not self._closing and self._machine.uncommitted_bytes < EAGER_BYTES:
                await asyncio.sleep(self._group_commit_s)
            try:
                await self._commit_once()
            except Abandoned:
                LOG.exception("stopped with blocks that the disk does not take; the agents keep them")
                return
            if self._machine.waiting:
                self._work.set()
            elif self._closing:
                return

    async def _commit_once(self) -> None:
        for action in self._machine.flush():
            if not isinstance(action, io.Commit):
                self._carry_out((action,))
                continue
            blocks = action.blocks
            self._fates["committed"].update([block.token.slot for block in blocks])
            self._fates["quarantined"].update([kept.token.slot for kept in action.aside])
            data = [self._payload(block) for block in blocks]
            positions = await self._committer.commit(action, self._payload, time.time_ns())
            self.counters.commits += 1
            for kept in action.aside:
                self.counters.quarantined_by[kept.kind] = self.counters.quarantined_by.get(kept.kind, 0) + 1
            self._sink.committed(blocks, positions, data)
            self._carry_out(self._machine.handle(io.Committed(action.batch)))
        self._acknowledge()

    def _payload(self, item: io.StoreBlock | io.KeepAside) -> bytes:
        return self._blocks[item.token.slot]

    # What the machine says

    def _carry_out(self, actions: Iterable[io.CollectorAction]) -> None:
        for action in actions:
            if isinstance(action, io.SendReceipt):
                self.counters.receipts += 1
                self._source.publish(topic(action.agent, TopicKind.RECEIPT), action.receipt.encode())
            elif isinstance(action, io.Ack):
                self._settle(action.tokens, otherwise="duplicate")
            elif isinstance(action, io.Release):
                self._settle(action.tokens, otherwise="stale")
            elif isinstance(action, io.SendSynced):
                self.counters.receipts += 1
                synced = replace(action.synced, utc_ns=time.time_ns())
                self._source.publish(topic(action.agent, TopicKind.SYNCED), synced.encode())
            elif isinstance(action, io.Alarm):
                self.alarms.note(action.agent, action.kind, action.detail)
            elif isinstance(action, io.Reconnect):
                LOG.warning("leaving the broker: %s", action.reason)
                self._closers.add(closer := asyncio.ensure_future(self._source.close()))
                closer.add_done_callback(self._closers.discard)
            # Pausing and resuming: the source counts the same bytes against the same cap and pauses by itself.

    def _settle(self, tokens: Sequence[io.Token], *, otherwise: str) -> None:
        """The machine is done with these; what was acknowledged comes here again as released, which changes nothing.

        Args:
            tokens: Messages, not all of them blocks.
            otherwise: What became of those of which nothing else is known.
        """
        if not self._arrived:
            return
        oldest = self._arrived[0][0]
        slots = {token.slot for token in tokens if token.slot >= oldest}
        self._done |= slots
        blocks = slots & self._blocks.keys()
        for slot in blocks:
            del self._blocks[slot]
        counters = self.counters
        counters.waiting -= len(blocks)
        for fate, known in self._fates.items():
            hit = blocks & known
            known.difference_update(hit)
            blocks -= hit
            setattr(counters, fate, getattr(counters, fate) + len(hit))
        setattr(counters, otherwise, getattr(counters, otherwise) + len(blocks))

    def _acknowledge(self) -> None:
        arrived, done = self._arrived, self._done
        ready: list[Message] = []
        while arrived and arrived[0][0] in done:
            index, message = arrived.popleft()
            done.discard(index)
            ready.append(message)
        if ready:
            self._source.acknowledge(ready)
