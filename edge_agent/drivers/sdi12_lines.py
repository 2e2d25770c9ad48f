"""What probes say on an SDI-12 bus, version 1.4 of the specification. Pure: bytes in, parts out."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, NamedTuple

from device_profiles.checksums import sdi12_letters

_VALUE: Final = re.compile(rb"[+-](?:\d+\.?\d*|\.\d+)")
_PROMISE: Final = re.compile(rb"(\d{3})(\d{1,3})")


class Promise(NamedTuple):
    """The answer to a measurement command (4.4.6).

    Attributes:
        ready_s: When the values are there at the latest. [s]
        values: How many there will be.
    """

    ready_s: int
    values: int


class Damaged(NamedTuple):
    """A line of this probe that is not what was asked for.

    Attributes:
        line: As it came, without its end.
    """

    line: bytes


def line_of(address: str) -> Callable[[bytes], bytes | None]:
    """Finds the probe's line, without address and end, among bytes that were heard; a break may stand before it."""
    wanted = address.encode()

    def answer_in(heard: bytes) -> bytes | None:
        for line in heard.split(b"\r\n")[:-1]:
            # An adapter that echoes puts the command before the answer; a break may be heard as a nought.
            said = line.rpartition(b"!")[2].lstrip(b"\x00\xff")
            if said.startswith(wanted):
                return said[len(wanted) :]
        return None

    return answer_in


def promise(said: bytes) -> Promise | None:
    """Read ``tttn``, ``tttnn`` or ``tttnnn``."""
    match = _PROMISE.fullmatch(said)
    return Promise(int(match[1]), int(match[2])) if match is not None else None


def values(address: str, said: bytes, *, with_crc: bool) -> list[bytes] | Damaged:
    """The values of a data line, each with its sign, as they stand in it."""
    body = said
    if with_crc:
        body, letters = said[:-3], said[-3:]
        if len(letters) < 3 or sdi12_letters(address.encode() + body) != letters:
            return Damaged(said)
    found = _VALUE.findall(body)
    return found if b"".join(found) == body else Damaged(said)


def has_crc(command: str) -> bool:
    """Whether the answer to a command's data carries a checksum: ``MC``, ``CC``, ``RC`` and their numbered forms."""
    return command[1:2] == "C"
