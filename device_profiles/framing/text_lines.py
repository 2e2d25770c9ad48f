"""Lines out of a byte stream: what instruments and programs print, one reading a line."""

from __future__ import annotations

from typing import Final

from device_profiles.rejects import FrameRejected, RejectReason, reject

LINE_BYTES_MAX: Final = 16 * 1024
"""A longer line is no reading. [bytes]"""


class LineFramer:
    """Incremental framer. Any cutting of the same bytes into pieces gives the same lines and rejects."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._skipping = False

    def feed(self, data: bytes) -> list[bytes | FrameRejected]:
        """Take the next bytes.

        Returns:
            In order: lines without their end and surrounding blanks, empty ones left out, and one reject for each line
            that was too long, given where it becomes so.
        """
        out: list[bytes | FrameRejected] = []
        at = 0
        while at < len(data):
            end = data.find(b"\n", at)
            stop = len(data) if end < 0 else end
            if not self._skipping:
                room = LINE_BYTES_MAX - len(self._held)
                self._held += data[at : min(stop, at + room)]
                if stop - at > room:
                    out.append(
                        reject(RejectReason.TOO_LONG, f"a line of more than {LINE_BYTES_MAX} bytes", bytes(self._held))
                    )
                    self._held.clear()
                    self._skipping = True
            if end >= 0:
                line = bytes(self._held).strip(b" \t\r\0")
                self._held.clear()
                if line and not self._skipping:
                    out.append(line)
                self._skipping = False
            at = stop + 1
        return out

    def flush(self) -> list[bytes | FrameRejected]:
        """End of the stream: a line without an end may be half a line, so it counts as none."""
        left = bytes(self._held).strip(b" \t\r\0")
        self._held.clear()
        self._skipping = False
        return [reject(RejectReason.TRUNCATED, "the line breaks off", left)] if left else []
