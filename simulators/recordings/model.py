"""What a recording is, whoever wrote it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

SECOND_NS: Final = 1_000_000_000


class RecordingError(Exception):
    """A file is no recording of the kind it should be; the message says where and how to mend it."""

    exit_status = 2


@dataclass(frozen=True, slots=True)
class Piece:
    """What was on the wire at once.

    Attributes:
        at_ns: Since the recording's begin. [ns]
        data: The bytes.
        asked: A reader asked it of the device; otherwise the device said it.
        channel: What tells several senders in one recording apart; empty for one.
    """

    at_ns: int
    data: bytes
    asked: bool = False
    channel: str = ""


Rebase = Callable[[bytes, int], bytes]
"""Moves the times inside some bytes by so many nanoseconds, checksums included; all else stays."""


def unmoved(data: bytes, shift_ns: int) -> bytes:  # noqa: ARG001 - the shape of a Rebase
    """For bytes that tell no time."""
    return data


@dataclass(frozen=True, slots=True)
class Recording:
    """A whole recording.

    Attributes:
        kind: What wrote it, a word of ``KINDS``.
        pieces: In order of time.
        length_ns: How long one pass takes, the pause before the next included. [ns]
        began_ns: When it was recorded, by its own words, UTC Unix time; None when it does not tell. [ns]
        rebase: Moves its times.
    """

    kind: str
    pieces: tuple[Piece, ...]
    length_ns: int
    began_ns: int | None = None
    rebase: Rebase = field(default=unmoved)

    @property
    def is_dialogue(self) -> bool:
        """Whether a reader asks in it."""
        return any(piece.asked for piece in self.pieces)


def evenly(chunks: list[bytes], interval_ns: int) -> tuple[Piece, ...]:
    """Pieces at one pace, for a recording that tells no times."""
    return tuple(Piece(number * interval_ns, data) for number, data in enumerate(chunks))


def at_baud(chunks: list[bytes], baud: int) -> tuple[tuple[Piece, ...], int]:
    """Pieces as a serial line of 8N1 would carry them, and how long that takes [ns]."""
    pieces: list[Piece] = []
    at_ns = 0
    for data in chunks:
        pieces.append(Piece(at_ns, data))
        at_ns += len(data) * 10 * SECOND_NS // baud
    return tuple(pieces), max(at_ns, 1)
