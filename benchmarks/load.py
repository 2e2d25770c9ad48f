"""Agents by the dozen in one process: each sends prepared blocks within the window its receipts grant."""

from __future__ import annotations

import select
import time
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from benchmarks.blocks import Shape, chained
from benchmarks.raw_publisher import PACKET_IDS, RawPublisher, publish_packets
from device_profiles.wire.intervals import IntervalSet
from device_profiles.wire.messages import parse_receipt
from device_profiles.wire.topics import TopicKind, topic

_RUN_MAX: Final = 128
"""Packets of one write: enough to save system calls, few enough to take turns."""
_QUIET_S: Final = 30.0
_PACED_MS_MAX: Final = 50
_SAMPLE_EVERY_S: Final = 1.0
WINDOW_BYTES: Final = 256 * 1024
"""What the protocol lets an agent send before its first receipt."""


class NoReceipts(Exception):
    """Nothing more is acknowledged."""


@dataclass(slots=True)
class Sender:
    """One agent of the load.

    Attributes:
        agent: Its id.
        packets: Its PUBLISH packets, in order.
        ends: Bytes of payload up to and with each block.
        sent: How many went out.
        stored: How many a receipt named; they are named in order, since they are sent in order.
        sent_at_s: When each went out; only kept for a paced load.
        latency_s: From there to its receipt.
    """

    agent: str
    publisher: RawPublisher
    packets: list[bytes]
    ends: array[int]
    window_bytes: int = WINDOW_BYTES
    sent: int = 0
    stored: int = 0
    sent_at_s: array[float] = field(default_factory=lambda: array("d"))
    latency_s: array[float] = field(default_factory=lambda: array("d"))
    _named: IntervalSet = field(default_factory=IntervalSet)

    @property
    def connected(self) -> bool:
        """Whether it has a broker; one that loses it ends the load with an error."""
        return True

    def repeat(self) -> None:
        """Send again what has no answer for long; this load has a broker and a collector that stay."""

    def send(self, limit: int) -> int:
        """Send what the window allows, ``limit`` blocks at most; how many went."""
        first = self.sent
        base = self.ends[self.stored - 1] if self.stored else 0
        last = first
        stop = min(len(self.packets), first + limit)
        while last < stop and self.ends[last] - base <= self.window_bytes:
            last += 1
        if last > first:
            self.publisher.write(b"".join(self.packets[first:last]), last - first)
            self.sent_at_s.extend([time.monotonic()] * (last - first))
            self.sent = last
        return last - first

    def receive(self) -> int:
        """Read what has come; how many blocks more are stored by it."""
        self.publisher.read()
        before = self.stored
        for _, payload in self.publisher.take():
            receipt = parse_receipt(payload)
            if receipt.refused is not None:
                raise NoReceipts(f"{self.agent} is refused: {receipt.refused.reason}")
            self.window_bytes = receipt.window_bytes or self.window_bytes
            for segment in receipt.segments:
                self._named |= segment.stored
        self.stored = max(before, self._named.end_of(1) or 0)
        if self.stored > before:
            now_s = time.monotonic()
            self.latency_s.extend(now_s - sent_s for sent_s in self.sent_at_s[before : self.stored])
        return self.stored - before


def prepare(agents: list[str], shape: Shape, blocks: int, port: int) -> list[Sender]:
    """Make ``blocks`` blocks for each agent and connect it."""
    senders = []
    for number, agent in enumerate(agents, 1):
        payloads = list(islice(chained(agent, shape, number), blocks))
        ends = array("Q")
        total = 0
        for payload in payloads:
            total += len(payload)
            ends.append(total)
        assert PACKET_IDS < 2**16
        packets = publish_packets(topic(agent, TopicKind.BLOCK), payloads)
        publisher = RawPublisher("127.0.0.1", port, agent, filters=[topic(agent, TopicKind.RECEIPT)])
        senders.append(Sender(agent, publisher, packets, ends))
    return senders


@dataclass(frozen=True, slots=True)
class Course:
    """How a load went.

    Attributes:
        seconds: From the first block to the last receipt. [s]
        blocks: Blocks stored by the word of receipts.
        bytes: Their MQTT payload. [B]
        exhausted: The prepared blocks ran out before the time did.
    """

    seconds: float
    blocks: int
    bytes: int
    exhausted: bool


def drive(
    senders: list[Sender], seconds: float, sample: Callable[[], None], *, blocks_per_s: float | None = None
) -> Course:
    """Send for a time, then wait for the last receipt.

    Args:
        senders: From ``prepare``.
        seconds: How long to send. [s]
        sample: Called once a second.
        blocks_per_s: All agents together; None for as fast as windows allow. [1/s]

    Raises:
        NoReceipts: For half a minute nothing more was stored.
    """
    run = _Drive(senders, seconds, blocks_per_s)
    course = run.course(sample)
    for sender in senders:
        sender.publisher.close()
    return course


class _Drive:
    """One load under way."""

    def __init__(self, senders: list[Sender], seconds: float, blocks_per_s: float | None) -> None:
        self._senders = senders
        self._seconds = seconds
        self._blocks_per_s = blocks_per_s
        self._by_file = {sender.publisher.fileno(): sender for sender in senders}
        self._poll = select.poll()
        for number in self._by_file:
            self._poll.register(number, select.POLLIN)
        self._began_s = self._heard_s = time.monotonic()
        self._turn = 0

    def course(self, sample: Callable[[], None]) -> Course:
        """Send, then wait for the last receipt."""
        exhausted = False
        sampled_s = self._began_s
        while True:
            now_s = time.monotonic()
            sending = not exhausted and now_s - self._began_s < self._seconds
            went = self._send(now_s) if sending else 0
            exhausted = exhausted or any(sender.sent == len(sender.packets) for sender in self._senders)
            self._receive(0 if went and self._blocks_per_s is None else self._wait_ms(now_s))
            if now_s - sampled_s >= _SAMPLE_EVERY_S:
                sampled_s = now_s
                sample()
            if not sending and all(sender.stored == sender.sent for sender in self._senders):
                return self._result(exhausted=exhausted)

    def _wait_ms(self, now_s: float) -> int:
        """Until the next block of a paced load is due; an answer ends the wait."""
        if self._blocks_per_s is None:
            return 1
        due_s = self._turn / self._blocks_per_s + self._began_s - now_s
        return max(1, min(_PACED_MS_MAX, int(due_s * 1000)))

    def _send(self, now_s: float) -> int:
        if self._blocks_per_s is None:
            return sum(sender.send(_RUN_MAX) for sender in self._senders)
        went = 0
        # One block of each agent in turn: blocks of a paced load come one by one, as in the field.
        while self._turn < (now_s - self._began_s) * self._blocks_per_s:
            went += self._senders[self._turn % len(self._senders)].send(1)
            self._turn += 1
        return went

    def _receive(self, wait_ms: int) -> None:
        for number, _ in self._poll.poll(wait_ms):
            if self._by_file[number].receive():
                self._heard_s = time.monotonic()
        if time.monotonic() - self._heard_s > _QUIET_S:
            waiting = sum(sender.sent - sender.stored for sender in self._senders)
            raise NoReceipts(f"{waiting} blocks without a receipt, none in {_QUIET_S:g} s")

    def _result(self, *, exhausted: bool) -> Course:
        return Course(
            seconds=self._heard_s - self._began_s,
            blocks=sum(sender.stored for sender in self._senders),
            bytes=sum(sender.ends[sender.stored - 1] for sender in self._senders if sender.stored),
            exhausted=exhausted,
        )
