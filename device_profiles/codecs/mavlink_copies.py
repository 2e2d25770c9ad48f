"""One frame that came over two links, or was sent twice, counts once.

MAVLink numbers frames with eight bits that each link counts anew and routers leave as they are: a number tells nothing.
A message that carries the vehicle's time is the same when sender, kind and whole content are; nothing is measured twice
in one instant. A message without a time may well say the same again (a stick that does not move): it is a copy only
when the whole frame, number included, comes again within a few frames.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Final

from device_profiles.codecs.mavlink_scan import SIGNATURE_BYTES, Frame

TIMED_KEPT: Final = 512
"""Contents kept of each sender and kind; at 50 a second that is ten seconds, longer than any link is behind another."""
PLAIN_KEPT: Final = 64
"""Frames without a time kept of each sender; the real log with two links has copies up to 11 frames apart, and a number
comes round after 256."""


class Copies:
    """Tells copies.

    Attributes:
        dropped: Copies, by number of kind.
    """

    def __init__(self, timed: Mapping[int, object]) -> None:
        """Make one.

        Args:
            timed: Kinds of messages that carry a time since boot.
        """
        self.dropped: dict[int, int] = {}
        self._timed = timed
        self._seen: dict[tuple[int, int, int], OrderedDict[bytes, None]] = {}

    def is_copy(self, frame: Frame) -> bool:
        """Whether it was here before; remembers it."""
        if frame.message in self._timed:
            key = (frame.system, frame.component, frame.message)
            content, kept = frame.payload.rstrip(b"\0"), TIMED_KEPT
        else:
            # A router signs anew what it passes on: the signature is no part of what was said.
            key, kept = (frame.system, frame.component, -1), PLAIN_KEPT
            content = frame.data[:-SIGNATURE_BYTES] if frame.is_signed else frame.data
        seen = self._seen.setdefault(key, OrderedDict())
        if content in seen:
            self.dropped[frame.message] = self.dropped.get(frame.message, 0) + 1
            return True
        seen[content] = None
        if len(seen) > kept:
            seen.popitem(last=False)
        return False
