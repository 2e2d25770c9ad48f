"""Absolute limits of the wire, checked before anything is parsed or inflated.

No limit is a ratio: a day of constant weather compresses eighty-fold and is no bomb.
"""

from __future__ import annotations

from typing import Final

MAX_BLOCK_BYTES: Final = 64 * 1024
"""One block as published. [byte]"""

MAX_BODY_BYTES: Final = 1024 * 1024
"""One inflated body. [byte]"""

MAX_READINGS: Final = 65_536
"""Cells of one block (rows times columns) and, separately, its text events. Bounds what a decoder allocates."""

MAX_COLUMNS: Final = 1_024
"""Columns of one block; the cells' limit holds as well."""

MAX_NAME_BYTES: Final = 128
"""A device, channel, unit or profile name in UTF-8. [byte]"""

MAX_TEXT_BYTES: Final = 4_096
"""One text event in UTF-8. [byte]"""

MAX_RECORDS: Final = 4_096
"""Loss records and anchors of one block, each kind."""

MAX_SIGNATURE_BYTES: Final = 64
"""Ed25519, RFC 8032. [byte]"""

MAX_EXPONENT: Final = 30
"""Largest decimal exponent of a column, either sign."""

MAX_MESSAGE_BYTES: Final = 256 * 1024
"""One receipt, sync, synced or state message. [byte]"""

MAX_SEGMENTS: Final = 1_024
"""Segments named in one message."""

MAX_INTERVALS: Final = 4_096
"""Intervals in one interval set on the wire."""

MAX_REJECTIONS: Final = 1_024
"""Rejections of one segment in one message."""

MAX_DEVICES: Final = 1_024
"""Devices named in one state message."""

MAX_REASON_BYTES: Final = 256
"""A reason given in words. [byte]"""

INT64_MIN: Final = -(1 << 63)
INT64_MAX: Final = (1 << 63) - 1
UINT64_MAX: Final = (1 << 64) - 1

MAX_SCHEMA_BYTES: Final = 64 * 1024
"""One inflated schema. [byte]"""
