"""Framers of protocols whose frames end with a mark: lines, STX/ETX, SHDLC, VE.Direct."""

from __future__ import annotations

from device_profiles.framing.base import NOISE_BYTES_MAX, ScanFramer, Verify
from device_profiles.rejects import FrameRejected, RejectReason, reject

Buffer = bytes | bytearray


class DelimiterFramer:
    """Frames up to and with an end mark. After too long a run without one everything up to the next mark is dropped."""

    def __init__(self, end: bytes, max_bytes: int = 1024) -> None:
        self.end = end
        self.max_bytes = max_bytes
        self._held = bytearray()
        self._searched = 0
        self._skipping = False

    def feed(self, data: bytes) -> list[bytes | FrameRejected]:
        """Take the next bytes."""
        self._held += data
        out: list[bytes | FrameRejected] = []
        while True:
            found = self._held.find(self.end, self._searched)
            if found < 0:
                break
            stop = found + len(self.end)
            frame = bytes(self._held[:stop])
            del self._held[:stop]
            self._searched = 0
            if self._skipping:
                self._skipping = False
            elif len(frame) > self.max_bytes:
                out.append(reject(RejectReason.TOO_LONG, f"no end within {self.max_bytes} bytes", frame))
            elif frame != self.end:
                out.append(frame)
        if len(self._held) >= self.max_bytes + len(self.end):
            if not self._skipping:
                out.append(reject(RejectReason.TOO_LONG, f"no end within {self.max_bytes} bytes", bytes(self._held)))
            self._skipping = True
            del self._held[: len(self._held) - len(self.end) + 1]
        self._searched = max(len(self._held) - len(self.end) + 1, 0)
        return out

    def flush(self) -> list[bytes | FrameRejected]:
        """End of the stream: what is held has no end."""
        rest = bytes(self._held)
        self._held.clear()
        self._searched = 0
        skipping, self._skipping = self._skipping, False
        return [] if skipping or not rest.strip() else [reject(RejectReason.TRUNCATED, "the frame breaks off", rest)]


def stx_etx(start: bytes, end: bytes, verify: Verify | None, max_bytes: int, trailer: int = 0) -> ScanFramer:
    """Frames between a start and an end mark, with ``trailer`` bytes of checksum after the end mark."""

    def length_of(held: Buffer, at: int) -> int:
        again = held.find(start, at + 1)
        stop = held.find(end, at + len(start))
        if stop < 0:
            return -1 if again >= 0 or len(held) - at > max_bytes else 0
        if 0 <= again < stop:
            return -1
        return stop + len(end) + trailer - at

    return ScanFramer(starts=(start,), length_of=length_of, verify=verify, max_bytes=max_bytes)


def shdlc(verify: Verify | None, max_bytes: int = 1024) -> ScanFramer:
    """Sensirion SHDLC: from 7E to 7E. The mark that ends a damaged frame may begin the next."""

    def length_of(held: Buffer, at: int) -> int:
        stop = held.find(b"\x7e", at + 1)
        if stop < 0:
            return -1 if len(held) - at > max_bytes else 0
        return -1 if stop == at + 1 else stop + 1 - at

    return ScanFramer(starts=(b"\x7e",), length_of=length_of, verify=verify, max_bytes=max_bytes)


class VeDirectFramer:
    """VE.Direct text blocks: each ends with ``Checksum``, a tab and one byte of any value."""

    MARK = b"\nChecksum\t"

    def __init__(self, max_bytes: int = 2048) -> None:
        self.max_bytes = max_bytes
        self._held = bytearray()

    def feed(self, data: bytes) -> list[bytes | FrameRejected]:
        """Take the next bytes."""
        self._held += data
        out: list[bytes | FrameRejected] = []
        room = self.max_bytes + len(self.MARK)
        while True:
            found = self._held.find(self.MARK)
            if found < 0 or found > self.max_bytes:
                if len(self._held) < room:
                    break
                # A whole run of noise at a time, so that the cut does not depend on how the bytes came.
                noise = bytes(self._held[:NOISE_BYTES_MAX])
                out.append(reject(RejectReason.NOISE, f"{len(noise)} bytes without a block", noise))
                del self._held[:NOISE_BYTES_MAX]
                continue
            stop = found + len(self.MARK) + 1
            if len(self._held) < stop:
                break
            out.append(bytes(self._held[:stop]))
            del self._held[:stop]
        return out

    def flush(self) -> list[bytes | FrameRejected]:
        """End of the stream: the rest is half a block."""
        rest = bytes(self._held)
        self._held.clear()
        return [reject(RejectReason.TRUNCATED, "the block breaks off", rest)] if rest.strip() else []
