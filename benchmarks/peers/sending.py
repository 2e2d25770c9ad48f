"""The load: prepared messages of many stations out of one process, line protocol and blocks by the same loop.

What is sent counts as passed on when the peer's chain says so: a broker's acknowledgement for a plain publisher, since
it has no other; the collector's receipt for an agent of Harkara.
"""

from __future__ import annotations

import select
import time
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Final

from benchmarks.load import NoReceipts, Sender
from benchmarks.peers.names import LINE_TOPIC
from benchmarks.raw_publisher import RawPublisher, publish_packets
from device_profiles.wire.topics import TopicKind, topic

_RUN_MAX: Final = 16
"""Messages of one write: few enough that stations take turns."""
_QUIET_S: Final = 120.0
_NO_RECEIPT_S: Final = 10.0
"""After which a block without a receipt is sent again. [s]"""
_AGAIN_S: Final = 0.25
"""Between two attempts of a station to reach the broker again. [s]"""


@dataclass(slots=True)
class BlockSender(Sender):
    """An agent of Harkara; what has no receipt for long it sends again, as agents do."""

    heard_at_s: float = field(default_factory=time.monotonic)
    sent_again: int = 0

    def receive(self) -> int:
        """Read what has come; how many blocks more are stored by it."""
        self.heard_at_s = time.monotonic()
        # Named: a dataclass with slots is made anew, and a bare super() would look into the old one.
        return Sender.receive(self)

    def repeat(self) -> None:
        """Go back to the first block without a receipt when nothing was heard for long."""
        now_s = time.monotonic()
        if self.sent == self.stored:
            self.heard_at_s = now_s
        elif now_s - self.heard_at_s > _NO_RECEIPT_S:
            self.heard_at_s = now_s
            self.sent_again += self.sent - self.stored
            self.sent = self.stored


@dataclass(slots=True)
class LineSender(Sender):
    """A station that publishes with QoS 1 and comes back when it lost the broker: what had no PUBACK goes again."""

    port: int = 0
    sent_again: int = 0
    again_at_s: float | None = None
    _before: int = 0

    @property
    def connected(self) -> bool:
        """Whether it has a broker."""
        return self.again_at_s is None

    def receive(self) -> int:
        """Read what has come; how many messages more the broker has by its word."""
        try:
            self.publisher.read()
        except OSError:
            self._lost()
            return 0
        self.publisher.take()
        before, self.stored = self.stored, self._before + self.publisher.acknowledged
        return self.stored - before

    def send(self, limit: int) -> int:
        """Send what the window allows; none while there is no broker."""
        if self.again_at_s is not None and not self._back():
            return 0
        try:
            return Sender.send(self, limit)
        except OSError:
            self._lost()
            return 0

    def _lost(self) -> None:
        self.publisher.close()
        self.again_at_s = time.monotonic() + _AGAIN_S

    def _back(self) -> bool:
        if self.again_at_s is None or time.monotonic() < self.again_at_s:
            return False
        try:
            self.publisher = RawPublisher("127.0.0.1", self.port, self.agent)
        except OSError:
            self.again_at_s = time.monotonic() + _AGAIN_S
            return False
        self.again_at_s = None
        self.sent_again += self.sent - self.stored
        self.sent = self._before = self.stored
        return True


def line_senders(messages: Mapping[str, Sequence[bytes]], port: int) -> list[LineSender]:
    """Connect a plain publisher for each station."""
    return [
        LineSender(
            name,
            RawPublisher("127.0.0.1", port, name),
            publish_packets(f"{LINE_TOPIC}/{name}", payloads),
            array("Q", accumulate(map(len, payloads))),
            port=port,
        )
        for name, payloads in messages.items()
    ]


def block_senders(messages: Mapping[str, Sequence[bytes]], port: int) -> list[BlockSender]:
    """Connect an agent of Harkara for each station."""
    return [
        BlockSender(
            name,
            RawPublisher("127.0.0.1", port, name, filters=[topic(name, TopicKind.RECEIPT)]),
            publish_packets(topic(name, TopicKind.BLOCK), payloads),
            array("Q", accumulate(map(len, payloads))),
        )
        for name, payloads in messages.items()
    ]


def send(
    senders: Sequence[BlockSender] | Sequence[LineSender],
    upto: int,
    *,
    messages_per_s: float | None = None,
    idle: Callable[[], None] = lambda: None,
) -> None:
    """Send the messages of every station up to a number, and wait until each is passed on.

    Args:
        senders: Stations.
        upto: Message that each stops before.
        messages_per_s: Of all stations together; None for as fast as the windows allow. [1/s]
        idle: Called some times a second.

    Raises:
        NoReceipts: For two minutes nothing more was passed on.
    """
    began_s = heard_s = idled_s = time.monotonic()
    ears = _Ears(senders)
    while any(sender.stored < upto for sender in senders):
        now_s = time.monotonic()
        turns = None if messages_per_s is None else (now_s - began_s) * messages_per_s
        went = 0
        for place, sender in enumerate(senders):
            # Stations of a paced load send one after the other; who had no broker then sends all that is due by now.
            due = upto if turns is None else min(upto, int((turns - place) // len(senders)) + 1)
            sender.repeat()
            if sender.sent < due:
                went += sender.send(min(_RUN_MAX, due - sender.sent))
        if ears.listen(0 if went else 2):
            heard_s = now_s
        if now_s - heard_s > _QUIET_S:
            waiting = [sender for sender in senders if sender.stored < upto]
            raise NoReceipts(f"nothing was passed on for {_QUIET_S:g} s; {len(waiting)} stations wait")
        if now_s - idled_s > _AGAIN_S:
            idled_s = now_s
            idle()


class _Ears:
    """Listens to all stations that have a broker."""

    def __init__(self, senders: Sequence[Sender]) -> None:
        self._senders = senders
        self._poll = select.poll()
        self._by_file: dict[int, Sender] = {}

    def listen(self, wait_ms: int) -> int:
        """Read what has come; how many messages more were passed on by it."""
        there = {sender.publisher.fileno(): sender for sender in self._senders if sender.connected}
        for number in self._by_file.keys() - there.keys():
            self._poll.unregister(number)
        for number in there.keys() - self._by_file.keys():
            self._poll.register(number, select.POLLIN)
        self._by_file = there
        return sum(there[number].receive() for number, _ in self._poll.poll(wait_ms))
