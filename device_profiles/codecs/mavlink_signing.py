"""Signatures of MAVLink 2: who holds the key said it, and nobody says it again later (mavlink.io, message signing).

A signature is 13 bytes behind the checksum: link id, time in units of 10 microseconds since 2015, and six bytes of a
SHA-256 over the key and the whole frame. On each stream, which is a (system, component, link), times only rise; a
stream that is new here may be at most a minute behind the newest time heard, whatever this machine's own clock says.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

from device_profiles.codecs.mavlink_scan import SIGNATURE_BYTES, Frame

KEY_BYTES: Final = 32
LATE_MAX: Final = 6_000_000
"""A minute. [10 us]"""
EPOCH_NS: Final = 1_420_070_400_000_000_000
"""2015-01-01, from which signatures count. [ns]"""
STREAMS_MAX: Final = 256
"""Streams remembered; there are few, unless somebody makes them up, and a made-up one has no good signature."""
_TIME_AT: Final = 1
_HASH_AT: Final = 7

Label = Literal["signed", "unsigned", "bad"]


class Stream(NamedTuple):
    """Who signs."""

    system: int
    component: int
    link: int


class Verdict(NamedTuple):
    """What is to be thought of a frame.

    Attributes:
        label: In a word.
        reason: Why it is bad: ``forged`` (another key, or altered), ``replayed`` or ``stale``; else empty.
    """

    label: Label
    reason: str = ""


def key_of(text: str) -> bytes:
    """The key in the first line of a key file: 64 hexadecimal digits, or a passphrase as ground stations take it.

    Raises:
        ValueError: There is nothing.
    """
    word = text.split("\n", 1)[0].rstrip("\r")
    if not word.strip():
        raise ValueError("there is no key in its first line: a passphrase, or 64 hexadecimal digits")
    if len(word) == 2 * KEY_BYTES:
        try:
            return bytes.fromhex(word)
        except ValueError:
            pass
    return hashlib.sha256(word.encode()).digest()


def signature(key: bytes, frame: bytes, link: int, stamp: int) -> bytes:
    """The 13 bytes behind a frame, which is whole but for them."""
    tail = bytes((link,)) + stamp.to_bytes(6, "little")
    return tail + hashlib.sha256(key + frame + tail).digest()[:6]


class Signatures:
    """Verifies the frames of one line.

    Attributes:
        newest: Newest time of each stream. [10 us]
    """

    def __init__(self, key: bytes, newest: Mapping[Stream, int] | None = None) -> None:
        """Make one.

        Args:
            key: 32 bytes.
            newest: What an earlier life of this process knew; so that nothing is taken twice over a restart.
        """
        self.newest = dict(newest or {})
        self._key = key
        self._latest = max(self.newest.values(), default=0)

    @property
    def latest(self) -> int:
        """Newest time of all streams. [10 us]."""
        return self._latest

    def check(self, frame: Frame) -> Verdict:
        """What is to be thought of a frame; a good one moves its stream's time on."""
        if not frame.is_signed:
            return Verdict("unsigned")
        signed, tail = frame.data[:-SIGNATURE_BYTES], frame.data[-SIGNATURE_BYTES:]
        stamp = int.from_bytes(tail[_TIME_AT:_HASH_AT], "little")
        good = signature(self._key, signed, tail[0], stamp)
        if not hmac.compare_digest(good, tail):
            return Verdict("bad", "forged")
        stream = Stream(frame.system, frame.component, tail[0])
        before = self.newest.get(stream)
        if before is not None and stamp <= before:
            return Verdict("bad", "replayed")
        if before is None and stamp + LATE_MAX < self._latest:
            return Verdict("bad", "stale")
        if before is None and len(self.newest) >= STREAMS_MAX:
            self.newest.pop(min(self.newest, key=lambda each: self.newest[each]))
        self.newest[stream] = stamp
        self._latest = max(self._latest, stamp)
        return Verdict("signed")
