"""What kind of file it is, by its first bytes; of files that are no readings, in words what they look like."""

from __future__ import annotations

import re
from typing import Final

from edge_agent.imports.gnss_log import is_gnss
from edge_agent.imports.ulog import is_ulog
from edge_agent.imports.vehicle_log import is_raw, is_tlog
from edge_agent.series.text_rows import text_of
from edge_agent.series.toa5 import MARK

HEAD_BYTES: Final = 8192
KINDS: Final = ("mavlink", "ulog", "gnss", "toa5", "csv")

_LOOKS: Final = (
    (b"\xa3\x95", "an ArduPilot DataFlash log; export its telemetry as tlog"),
    (b"PK\x03\x04", "a ZIP archive, or an Excel sheet: unpack it, or save the sheet as CSV"),
    (b"\x1f\x8b", "a gzip file: unpack it first"),
    (b"\xfd7zXZ", "an xz file: unpack it first"),
    (b"BZh", "a bzip2 file: unpack it first"),
    (b"%PDF", "a PDF"),
    (b"PAR1", "a Parquet file"),
    (b"SQLite format 3", "an SQLite database"),
    (b"\xd0\xcf\x11\xe0", "an old Excel sheet: save it as CSV"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"\x89HDF", "an HDF5 or NetCDF-4 file"),
    (b"CDF", "a NetCDF file"),
    (b'"TOB', "a binary Campbell table (TOB): convert it to TOA5"),
    (b'"TOACI1"', "an old Campbell table (TOACI1): convert it to TOA5"),
    (b"\xff\xfe", "UTF-16 text: save it as UTF-8"),
    (b"<", "XML or HTML"),
)


_ROW: Final = re.compile(rb"(?:^|[,;|\s])[\"']?[-+]?[.,]?\d[^,;|\s]*[\"']?[,;|\s]|[,;|\s][\"']?[-+]?\d")


def kind_of(head: bytes) -> str | None:
    """The kind of a file that begins so; None when it is none that is known here."""
    if is_tlog(head):
        return "mavlink"
    if is_ulog(head):
        return "ulog"
    if text_of(head).startswith((f'"{MARK}"', f"{MARK},")):
        return "toa5"
    if is_raw(head):
        return "mavlink"
    if is_gnss(head):
        return "gnss"
    return None if looks_like(head) else "csv"


def is_text(head: bytes) -> bool:
    """Whether all of it can be printed."""
    odd = sum(byte < 0x20 and byte not in b"\t\r\n\f" for byte in head)
    return odd == 0


def is_table(head: bytes) -> bool:
    """Whether most lines of a text have numbers in fields."""
    lines = [line for line in head.splitlines() if line.strip() and not line.startswith(b"#")]
    rows = sum(_ROW.search(line) is not None for line in lines)
    return 2 * rows >= max(len(lines), 1)


def looks_like(head: bytes) -> str:
    """What a file that is none of ours looks like; empty when nobody can tell."""
    for start, words in _LOOKS:
        if head.lstrip(b"\xef\xbb\xbf").startswith(start):
            return words
    if head.lstrip()[:1] in {b"{", b"["}:
        return "JSON"
    if not is_text(head):
        return "binary data"
    return "" if is_table(head) else "text without columns of numbers"
