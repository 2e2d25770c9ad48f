"""What devices put on a wire, whoever emulates them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Frame:
    """What a device says at once.

    Attributes:
        data: Bytes.
        channel: Part of a topic, or a path below a tree, where the carrier has them; empty on a wire.
        delay_ns: After the time of the measurement or request. [ns]
        until_asked: Whether it is said only if nothing is asked on the line before its time has come.
    """

    data: bytes
    channel: str = ""
    delay_ns: int = 0
    until_asked: bool = False
