"""NMEA 0183 sentences out of a byte stream: noise, half sentences and wrong checksums come out as rejects.

A sentence (IEC 61162-1, section 7)::

    $ GNRMC ,171926.00,A,4404.14063,N  *  76  CR LF
    |   |          |                   |   |
    |   |          fields              |   checksum: XOR of all bytes between $ and *
    |   talker (GN) + formatter (RMC)  end of fields
    start ($, or ! for encapsulated data)
"""

from __future__ import annotations

import re
from typing import Final

from device_profiles.rejects import FrameRejected, RejectReason, reject

SENTENCE_BYTES_MAX: Final = 256
"""The standard allows 82; receivers with long decimals print 100 and more. Longer than this is no sentence. [bytes]"""
NOISE_BYTES_MAX: Final = 256
"""Noise is reported in runs of at most this many bytes. [bytes]"""

_SHAPE: Final = re.compile(rb"[$!][\x20-\x29\x2b-\x7e]*\*[0-9A-Fa-f]{2}")
_STARTS: Final = re.compile(rb"[$!]")
_STOPS: Final = re.compile(rb"[^\x20-\x23\x25-\x7e]")
"""What ends a sentence: line end, the start of the next one, or a byte no sentence holds."""


class NmeaFramer:
    """Incremental framer. Any cutting of the same bytes into pieces gives the same frames and rejects.

    Attributes:
        require_checksum: Reject sentences that carry none. Old instruments leave it out; then noise can pass as data.
    """

    def __init__(self, *, require_checksum: bool = True) -> None:
        self.require_checksum = require_checksum
        self._held = bytearray()
        self._in_sentence = False

    def feed(self, data: bytes) -> list[bytes | FrameRejected]:
        """Take the next bytes.

        Returns:
            In order of the stream: sentences from ``$`` to the checksum, without line end, and rejects.
        """
        out: list[bytes | FrameRejected] = []
        at = 0
        while at < len(data):
            at = self._sentence(data, at, out) if self._in_sentence else self._noise(data, at, out)
        return out

    def flush(self) -> list[bytes | FrameRejected]:
        """End of the stream: what is still held is half a sentence or noise."""
        out: list[bytes | FrameRejected] = []
        if self._in_sentence:
            self._finish(out, cut=True)
        else:
            self._end_noise(out)
        return out

    def _noise(self, data: bytes, at: int, out: list[bytes | FrameRejected]) -> int:
        start = _STARTS.search(data, at)
        end = len(data) if start is None else start.start()
        while at < end:
            room = NOISE_BYTES_MAX - len(self._held)
            line_end = data.find(b"\n", at, min(end, at + room))
            stop = min(end, at + room) if line_end < 0 else line_end + 1
            self._held += data[at:stop]
            at = stop
            if line_end >= 0 or len(self._held) >= NOISE_BYTES_MAX:
                self._end_noise(out)
        if start is not None:
            self._end_noise(out)
            self._in_sentence = True
            self._held += data[end : end + 1]
            return end + 1
        return end

    def _sentence(self, data: bytes, at: int, out: list[bytes | FrameRejected]) -> int:
        stop = _STOPS.search(data, at)
        end = len(data) if stop is None else stop.start()
        room = SENTENCE_BYTES_MAX - len(self._held)
        if end - at > room:
            self._held += data[at : at + room]
            self._give_up(RejectReason.TOO_LONG, f"no line end within {SENTENCE_BYTES_MAX} bytes", out)
            return at + room
        self._held += data[at:end]
        if stop is None:
            return end
        char = data[end]
        if char in b"\r\n":
            self._finish(out, cut=False)
            return end + 1
        if char == ord("$"):
            # The line end was lost: the sentence may still be whole.
            self._finish(out, cut=True)
            return end
        self._give_up(RejectReason.SHAPE, f"byte 0x{char:02x} within a sentence", out)
        return end

    def _finish(self, out: list[bytes | FrameRejected], *, cut: bool) -> None:
        frame = bytes(self._held)
        self._held.clear()
        self._in_sentence = False
        out.append(self._checked(frame, cut=cut))

    def _checked(self, frame: bytes, *, cut: bool) -> bytes | FrameRejected:
        if _SHAPE.fullmatch(frame) is None:
            if cut:
                return reject(RejectReason.TRUNCATED, "the sentence breaks off", frame)
            if b"*" in frame:
                return reject(RejectReason.SHAPE, "no two hexadecimal digits end the sentence", frame)
            if self.require_checksum or len(frame) == 1:
                return reject(RejectReason.CHECKSUM, "no checksum", frame)
            return frame
        given = int(frame[-2:], 16)
        found = checksum(frame[1:-3])
        if given != found:
            return reject(RejectReason.CHECKSUM, f"checksum {given:02X}, computed {found:02X}", frame)
        return frame

    def _give_up(self, reason: RejectReason, detail: str, out: list[bytes | FrameRejected]) -> None:
        out.append(reject(reason, detail, bytes(self._held)))
        self._held.clear()
        self._in_sentence = False

    def _end_noise(self, out: list[bytes | FrameRejected]) -> None:
        noise = bytes(self._held)
        self._held.clear()
        if noise.strip(b"\r\n\0 "):
            out.append(reject(RejectReason.NOISE, f"{len(noise)} bytes outside sentences", noise))


def checksum(body: bytes) -> int:
    """XOR of all bytes between ``$`` and ``*``."""
    value = 0
    for byte in body:
        value ^= byte
    return value
