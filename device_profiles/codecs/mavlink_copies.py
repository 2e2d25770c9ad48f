"""One frame that came over two links, or was sent twice, counts once.

MAVLink numbers frames with eight bits that each link counts anew and routers leave as they are: a number tells nothing.
A message that carries the vehicle's time is the same when sender, kind and whole content are; nothing is measured twice
in one instant. A message without a time may well say the same again (a stick that does not move, a camera that never
counts its frames): it is a copy only when the whole frame, number included, comes again within a few frames.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Final

from device_profiles.codecs.mavlink_scan import SIGNATURE_BYTES, Frame
from device_profiles.codecs.mavlink_time import Timed

TIMED_KEPT: Final = 512
"""Contents kept of each sender and kind; at 50 a second that is ten seconds, longer than any link is behind another."""
NEAR_FRAMES: Final = 16
"""Frames of the stream between a frame without a time and its copy, at most; 11 in the real log with two links."""


class Copies:
    """Tells copies.

    Attributes:
        dropped: Copies, by number of kind.
    """

    def __init__(self, timed: Mapping[int, Timed]) -> None:
        """Make one.

        Args:
            timed: Kinds of messages that carry a time, and where.
        """
        self.dropped: dict[int, int] = {}
        self._timed = timed
        self._seen: dict[tuple[int, int, int], OrderedDict[bytes, None]] = {}
        self._plain: OrderedDict[bytes, int] = OrderedDict()
        self._frames = 0

    def is_copy(self, frame: Frame) -> bool:
        """Whether it was here before; remembers it."""
        self._frames += 1
        where = self._timed.get(frame.message)
        # A time of nought is none: a receiver that does not know it sends the same for hours.
        if where is not None and any(frame.payload[where.at : where.at + where.size]):
            is_copy = self._is_timed_copy(frame)
        else:
            is_copy = self._is_plain_copy(frame)
        if is_copy:
            self.dropped[frame.message] = self.dropped.get(frame.message, 0) + 1
        return is_copy

    def _is_timed_copy(self, frame: Frame) -> bool:
        seen = self._seen.setdefault((frame.system, frame.component, frame.message), OrderedDict())
        content = frame.payload.rstrip(b"\0")
        if content in seen:
            return True
        seen[content] = None
        if len(seen) > TIMED_KEPT:
            seen.popitem(last=False)
        return False

    def _is_plain_copy(self, frame: Frame) -> bool:
        # A router signs anew what it passes on: the signature is no part of what was said.
        content = frame.data[:-SIGNATURE_BYTES] if frame.is_signed else frame.data
        while self._plain and self._frames - next(iter(self._plain.values())) > NEAR_FRAMES:
            self._plain.popitem(last=False)
        if content in self._plain:
            return True
        self._plain[content] = self._frames
        return False
