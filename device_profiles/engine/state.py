"""What is known while one frame is read: position, slots of values, rows gathered so far, and the budget of work."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from device_profiles.engine.rows import Row
from device_profiles.rejects import FrameRejected, RejectReason, reject

MAX_FRAME_BYTES: Final = 4096
MAX_READS: Final = 900
"""Operations a frame may cost; bounds the time any bytes can take."""
MAX_ROWS: Final = 256

SLOT_LENGTH: Final = 0
SLOT_PORT: Final = 1
SLOT_INDEX: Final = 2
SLOT_REMAINING: Final = 3
FIRST_SLOT: Final = 4
SPECIAL_NAMES: Final = {"length": SLOT_LENGTH, "port": SLOT_PORT, "index": SLOT_INDEX, "remaining": SLOT_REMAINING}


class Span(NamedTuple):
    """Where a field stood, for explaining a frame."""

    offset: int
    size: int
    name: str
    raw: Any


class State:
    """Mutable working memory of one frame.

    Attributes:
        data: Frame bytes.
        base: What ``at`` counts from.
        position: Next byte, or next token of a text frame.
        end: End of the payload.
        slots: Values by slot, None where nothing was read.
        exact: Slot to mantissa and exponent, of numbers read from text.
        bad: Slot to reason, of texts that are no number.
        units: Slot to the unit that came in the frame.
        rows: Finished rows.
        row: Row being gathered, or None.
        spans: Fields seen, when asked for.
        note: Why the rest was not read.
    """

    __slots__ = (
        "age_ns",
        "bad",
        "base",
        "data",
        "end",
        "exact",
        "note",
        "offsets",
        "pairs",
        "position",
        "reads",
        "row",
        "rows",
        "slots",
        "spans",
        "time_ns",
        "tokens",
        "units",
    )

    def __init__(self, data: bytes, start: int, end: int, slots: list[Any]) -> None:
        self.data = data
        self.base = start
        self.position = start
        self.end = end
        self.slots = slots
        self.exact: dict[int, tuple[int, int]] = {}
        self.bad: dict[int, str] = {}
        self.units: dict[int, str] = {}
        self.rows: list[Row] = []
        self.row: Any = None
        self.reads = 0
        self.time_ns: int | None = None
        self.age_ns: int | None = None
        self.note = ""
        self.spans: list[Span] | None = None
        self.tokens: list[str] | None = None
        self.offsets: list[int] = []
        self.pairs: dict[str, tuple[str, int]] = {}

    def truncated(self, needed: int) -> FrameRejected:
        """The reject of a frame that ends inside a field."""
        return reject(
            RejectReason.TRUNCATED, f"needs {needed} bytes at {self.position}, frame ends at {self.end}", self.data
        )
