"""Lines with the place where each ends, and the fields of a line."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from typing import Final

from device_profiles.framing.text_lines import LINE_BYTES_MAX

END: Final = 0x0A


class LineCutter:
    """Cuts bytes into lines and knows where in the file each one ends; a blank at the edge of a line is part of it.

    Attributes:
        offset: Where the next line begins. [bytes]
    """

    def __init__(self, offset: int = 0) -> None:
        self.offset = offset
        self._held = bytearray()
        self._skipped_bytes = 0

    @property
    def is_skipping(self) -> bool:
        """Whether it is within a line that is too long."""
        return self._skipped_bytes > 0

    def feed(self, data: bytes) -> list[tuple[bytes | None, int]]:
        """Lines that these bytes complete, each with the offset of the next one; None is a line that is too long."""
        out: list[tuple[bytes | None, int]] = []
        at = 0
        while (end := data.find(b"\n", at)) >= 0:
            out.append(self._line(data[at:end], 1))
            at = end + 1
        self._hold(data[at:])
        return out

    def flush(self) -> list[tuple[bytes | None, int]]:
        """The end of the file ends its last line, too."""
        return [self._line(b"", 0)] if self._held or self._skipped_bytes else []

    def _hold(self, data: bytes) -> None:
        self._held += data
        if len(self._held) > LINE_BYTES_MAX:
            self._skipped_bytes += len(self._held)
            self._held.clear()

    def _line(self, data: bytes, end_bytes: int) -> tuple[bytes | None, int]:
        self._hold(data)
        self.offset += len(self._held) + self._skipped_bytes + end_bytes
        line = None if self._skipped_bytes else bytes(self._held).rstrip(b"\r\0")
        self._held.clear()
        self._skipped_bytes = 0
        return line, self.offset


def text_of(line: bytes) -> str:
    """UTF-8, or what old Windows programs write."""
    try:
        return line.decode("utf-8").lstrip("\ufeff")
    except UnicodeDecodeError:
        return line.decode("latin-1")


def fields(text: str, separator: str, widths: Sequence[int] | None = None) -> list[str]:
    """The fields of a line, without quotes and blanks around them.

    Raises:
        ValueError: A quote is not closed.
    """
    if widths is not None:
        found, at = [], 0
        for width in widths:
            found.append(text[at : at + width].strip())
            at += width
        return found
    if separator == " ":
        return text.split()
    try:
        row = next(csv.reader([text], delimiter=separator, strict=True), [])
    except csv.Error as exc:
        raise ValueError(f"damaged quotes: {exc}") from None
    return [cell.strip() for cell in row]
