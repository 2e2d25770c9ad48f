"""What every framer is: bytes in, whole frames and rejects out, whatever the pieces the bytes come in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from device_profiles.rejects import FrameRejected, RejectReason, reject

NOISE_BYTES_MAX: Final = 256
"""Noise is reported in runs of at most this many bytes. [bytes]"""

Verify = Callable[[bytes], FrameRejected | None]
"""Whether a candidate is a frame: None, or why not."""


class Framer(Protocol):
    """Cuts a byte stream into frames and finds its way back after noise."""

    def feed(self, data: bytes) -> list[bytes | FrameRejected]:
        """Take the next bytes; frames and rejects that are complete by them, in order."""

    def flush(self) -> list[bytes | FrameRejected]:
        """The line fell silent or ended: what is held is a frame, half a frame or noise."""


class ScanFramer:
    """Frames that start with fixed bytes, or none, and whose length can be told from their beginning.

    A candidate that fails its check costs one byte: the search goes on behind its first byte, so that a frame inside it
    is found. Bytes of a failed candidate are reported once.
    """

    def __init__(
        self,
        *,
        starts: tuple[bytes, ...],
        length_of: Callable[[bytes | bytearray, int], int],
        verify: Verify | None = None,
        max_bytes: int = 1024,
    ) -> None:
        """Make a framer.

        Args:
            starts: What frames begin with; an empty tuple where nothing marks it.
            length_of: Length of the frame at an offset of a buffer; 0: more bytes are needed, -1: none starts there.
            verify: Checks a candidate.
            max_bytes: A longer frame is none. [bytes]
        """
        self.starts = starts
        self.length_of = length_of
        self.verify = verify
        self.max_bytes = max_bytes
        self._held = bytearray()
        self._noise = bytearray()
        self._told = 0

    def feed(self, data: bytes) -> list[bytes | FrameRejected]:
        """Take the next bytes."""
        self._held += data
        out: list[bytes | FrameRejected] = []
        self._work(out, ended=False)
        return out

    def flush(self) -> list[bytes | FrameRejected]:
        """End of the stream, or a silence no frame contains."""
        out: list[bytes | FrameRejected] = []
        self._work(out, ended=True)
        self._end_noise(out)
        return out

    def _work(self, out: list[bytes | FrameRejected], *, ended: bool) -> None:
        held = self._held
        at = 0
        while at < len(held):
            start = self._next_start(at, ended=ended)
            if start > at:
                self._skip(at, start, out)
                at = start
                continue
            if start < 0:
                break
            length = self.length_of(held, at)
            if length > self.max_bytes:
                length = -1
            if length == 0 or at + length > len(held):
                if not ended:
                    break
                if self._told == 0:
                    self._end_noise(out)
                    out.append(reject(RejectReason.TRUNCATED, "the frame breaks off", bytes(held[at:])))
                    self._told = len(held) - at
                length = -1
            if length > 0 and self._take(bytes(held[at : at + length]), out):
                at += length
                self._told = max(self._told - length, 0)
            else:
                self._skip(at, at + 1, out)
                at += 1
        del held[:at]

    def _take(self, frame: bytes, out: list[bytes | FrameRejected]) -> bool:
        fault = None if self.verify is None else self.verify(frame)
        if fault is None:
            self._end_noise(out)
            out.append(frame)
            return True
        if self.starts and self._told == 0:
            self._end_noise(out)
            out.append(fault)
            self._told = len(frame)
        return False

    def _next_start(self, at: int, *, ended: bool) -> int:
        """Where the next frame may start: ``at``, a later offset (all before is noise), or -1 to wait for bytes."""
        if not self.starts:
            return at
        found = [self._held.find(start, at) for start in self.starts]
        nearest = min((index for index in found if index >= 0), default=-1)
        if nearest >= 0:
            return nearest
        if ended:
            return len(self._held)
        # The beginning of a start may stand at the very end.
        for keep in range(min(max(len(start) for start in self.starts) - 1, len(self._held) - at), 0, -1):
            if any(start.startswith(self._held[-keep:]) for start in self.starts):
                rest = len(self._held) - keep
                return rest if rest > at else -1
        return len(self._held)

    def _skip(self, start: int, end: int, out: list[bytes | FrameRejected]) -> None:
        told = min(self._told, end - start)
        self._told -= told
        position = start + told
        while position < end:
            piece = self._held[position : min(end, position + NOISE_BYTES_MAX - len(self._noise))]
            self._noise += piece
            position += len(piece)
            if len(self._noise) >= NOISE_BYTES_MAX:
                self._end_noise(out)

    def _end_noise(self, out: list[bytes | FrameRejected]) -> None:
        noise = bytes(self._noise)
        self._noise.clear()
        if noise.strip(b"\r\n\0 "):
            out.append(reject(RejectReason.NOISE, f"{len(noise)} bytes outside frames", noise))
