"""What a frame carries, once what surrounds it is verified."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from device_profiles.rejects import FrameRejected


class Payload(NamedTuple):
    """What a frame carries.

    Attributes:
        data: Bytes that hold the payload.
        start: First byte of it.
        end: After its last byte.
        id: Message number where the protocol has one, else None.
    """

    data: bytes
    start: int
    end: int
    id: int | None = None


Unwrap = Callable[[bytes], Payload | FrameRejected]
"""Verifies a frame and finds its payload."""
