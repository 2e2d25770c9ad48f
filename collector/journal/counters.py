"""What the journal counts, kept in one sealed record that every transaction rewrites: no start ever scans the file."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields

from harkara_io.checked import seal_json, unseal_json
from harkara_io.log_errors import LogCorrupt


@dataclass(frozen=True, slots=True)
class Counters:
    """Totals since the journal was made, and what lies in it now.

    Attributes:
        head: Newest position.
        blocks: Blocks ever stored.
        readings: Readings ever stored.
        block_bytes: Bytes of the blocks ever stored. [bytes]
        lost: Readings covered by loss records, net of what came after all.
        lost_unknown: Blocks lost whose readings nobody can tell.
        kept_bytes: Bytes of blocks in the journal now. [bytes]
        aside: Messages ever put aside.
        aside_bytes: Bytes in the quarantine now. [bytes]
        aside_evicted: Messages that left the quarantine because of its cap.
    """

    head: int = 0
    blocks: int = 0
    readings: int = 0
    block_bytes: int = 0
    lost: int = 0
    lost_unknown: int = 0
    kept_bytes: int = 0
    aside: int = 0
    aside_bytes: int = 0
    aside_evicted: int = 0

    def pack(self) -> bytes:
        """The record."""
        return seal_json(asdict(self))

    @classmethod
    def unpack(cls, record: object) -> Counters:
        """The inverse of `pack`. Raises `LogCorrupt`."""
        found = unseal_json(record)
        try:
            return cls(**{field.name: int(found.get(field.name, 0)) for field in fields(cls)})
        except (TypeError, ValueError) as exc:
            raise LogCorrupt(f"the counters cannot be read: {exc}") from exc
