"""A frame that could not be read: a value, not an exception, so that noise on a cable is ordinary data."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

DATA_KEPT_BYTES: Final = 64
"""How much of a rejected frame is kept for people to look at. [bytes]"""


class RejectReason(StrEnum):
    """Why a frame was not read, in words for counters and people."""

    CHECKSUM = "checksum"
    EXCEPTION = "exception"
    """The device answered with an error of its own."""
    IDENTITY = "identity"
    """A constant of this model's map has another value: it is another model or revision."""
    LENGTH = "length"
    NOISE = "noise"
    """Bytes that belong to no frame."""
    NO_FRAME = "no_frame"
    """No frame of the profile fits."""
    SHAPE = "shape"
    """Header, terminator or structure is not that of this protocol."""
    TAG = "tag"
    TIME = "time"
    """What it says of its time is no single instant."""
    TOO_LONG = "too_long"
    TRUNCATED = "truncated"


@dataclass(frozen=True, slots=True)
class FrameRejected:
    """What is known of bytes that gave no reading.

    Attributes:
        reason: For counters.
        detail: For people; says what was expected and what came.
        data: The first 64 bytes.
    """

    reason: RejectReason
    detail: str
    data: bytes = b""

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail} [{self.data.hex()}]"


def reject(reason: RejectReason, detail: str, data: bytes) -> FrameRejected:
    """A reject that keeps only the beginning of the bytes."""
    return FrameRejected(reason, detail, bytes(data[:DATA_KEPT_BYTES]))
