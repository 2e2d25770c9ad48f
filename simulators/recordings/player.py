"""Says a recording again: byte for byte, at its own or another pace, once or for ever, now or as it was."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from simulators.carriers import Carrier
from simulators.frames import Frame
from simulators.pace import Pace
from simulators.recordings.model import SECOND_NS, Piece, Recording

_POLL_S: Final = 0.05
_DRAIN_S: Final = 5.0
_MBAP_ID: Final = 2
_ANSWERS_MAX: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How to say it.

    Attributes:
        speed: 2.0 is twice as fast; 0 is as fast as the reader takes it.
        loop: Begin again at the end, for ever.
        rebase: Move the times in it so that its begin is now.
        wait_for_reader: Say nothing before somebody listens.
        spoil: Spoils it on the way; of a dialogue nothing is spoilt.
    """

    speed: float = 1.0
    loop: bool = False
    rebase: bool = False
    wait_for_reader: bool = False
    spoil: Spoil | None = None


@dataclass(slots=True)
class Said:
    """What came of it.

    Attributes:
        pieces: Said, heard or not.
        bytes: Of them.
        heard: Pieces somebody took, as far as it can be known.
        answered: Requests answered, of a dialogue.
        unanswered: Requests nobody made in the recording.
        passes: Times the end was reached.
    """

    pieces: int = 0
    bytes: int = 0
    heard: int = 0
    answered: int = 0
    unanswered: int = 0
    passes: int = 0


Spoil = Callable[[int, bytes, str], Sequence[Frame]]
"""What arrives instead of a piece: takes its time since the begin [ns], bytes and channel."""

Log = Callable[[bytes, bool], None]
"""Takes what is about to be said, and whether anybody listens."""


def play(recording: Recording, carrier: Carrier, manner: Manner, pace: Pace, log: Log | None = None) -> Said:
    """Say it until its end, SIGTERM or SIGINT. In a dialogue the device answers what it is asked.

    Args:
        recording: What.
        carrier: Set up.
        manner: How.
        pace: Tells when to stop.
        log: The device's own log.
    """
    said = Said()
    while manner.wait_for_reader and not carrier.has_reader():
        if not pace.sleep(_POLL_S):
            return said
    if recording.is_dialogue:
        _answer(recording, carrier, pace, said)
    else:
        _Monologue(recording, carrier, manner, pace, log).say(said)
        carrier.drain(_DRAIN_S)
    return said


@dataclass(frozen=True, slots=True)
class _Monologue:
    recording: Recording
    carrier: Carrier
    manner: Manner
    pace: Pace
    log: Log | None

    def say(self, said: Said) -> None:
        """All of it, as often as asked."""
        begin_ns = time.time_ns()
        offset_ns = 0
        while self._pass(begin_ns, offset_ns, said):
            said.passes += 1
            offset_ns += self.recording.length_ns
            if not self.manner.loop:
                return

    def _pass(self, begin_ns: int, offset_ns: int, said: Said) -> bool:
        """Once; False when told to stop."""
        recording, speed, shift_ns = self.recording, self.manner.speed, 0
        if self.manner.rebase and recording.began_ns is not None:
            # Whole seconds: the recorded digits after the point stay as they are.
            shift_ns = (begin_ns + offset_ns - recording.began_ns) // SECOND_NS * SECOND_NS
        for piece in recording.pieces:
            if speed and not self.pace.until(begin_ns + int((offset_ns + piece.at_ns) / speed)):
                return False
            if self.pace.stopping:
                return False
            data = recording.rebase(piece.data, shift_ns) if shift_ns else piece.data
            if self.log is not None:
                self.log(data, self.carrier.has_reader())
            said.pieces += 1
            said.bytes += len(data)
            if self.manner.spoil is None:
                said.heard += self.carrier.send(data, piece.channel)
                continue
            # After the times are moved: a checksum written anew would mend what is broken.
            frames = self.manner.spoil(offset_ns + piece.at_ns, data, piece.channel)
            sent = [self.carrier.send(frame.data, frame.channel) for frame in frames]
            said.heard += all(sent)
        return True


@dataclass(slots=True)
class Answers:
    """The device's side of a dialogue: what it said to each request, in the order recorded, then again from the first.

    Attributes:
        transactions: The first two bytes are a transaction's number, which an answer repeats (Modbus/TCP).
    """

    transactions: bool
    _known: dict[bytes, deque[tuple[Piece, ...]]] = field(default_factory=dict)

    def learn(self, recording: Recording) -> None:
        """Take in who answered what, each conversation by itself."""
        waiting: dict[str, tuple[Piece, list[Piece]]] = {}
        for piece in recording.pieces:
            if piece.asked:
                self._keep(waiting.pop(piece.channel, None))
                waiting[piece.channel] = (piece, [])
            elif piece.channel in waiting:
                waiting[piece.channel][1].append(piece)
        for last in waiting.values():
            self._keep(last)

    def to(self, request: bytes) -> tuple[float, bytes] | None:
        """Pause [s] and answer; None for a request nobody made, an empty answer for one nobody answered."""
        known = self._known.get(self._key(request))
        if known is None:
            return None
        pieces = known[0]
        known.rotate(-1)
        data = b"".join(piece.data for piece in pieces)
        if self.transactions and data:
            data = request[:_MBAP_ID] + data[_MBAP_ID:]
        return (pieces[0].at_ns / 1e9 if pieces else 0.0), data

    def _keep(self, exchange: tuple[Piece, list[Piece]] | None) -> None:
        if exchange is None:
            return
        request, answers = exchange
        known = self._known.setdefault(self._key(request.data), deque(maxlen=_ANSWERS_MAX))
        known.append(tuple(Piece(each.at_ns - request.at_ns, each.data) for each in answers))

    def _key(self, request: bytes) -> bytes:
        return request[_MBAP_ID:] if self.transactions else request


def _answer(recording: Recording, carrier: Carrier, pace: Pace, said: Said) -> None:
    answers = Answers(transactions=all(piece.channel.startswith("502/") for piece in recording.pieces[:1]))
    answers.learn(recording)
    while not pace.stopping:
        request = carrier.receive(_POLL_S)
        if not request:
            continue
        found = answers.to(request)
        if found is None:
            said.unanswered += 1
            continue
        pause_s, data = found
        if not pace.sleep(pause_s):
            return
        if data:
            said.answered += 1
            said.pieces += 1
            said.bytes += len(data)
            said.heard += carrier.send(data)
