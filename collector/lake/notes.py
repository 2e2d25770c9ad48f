"""What a commit of the lake says about itself: how far the journal is in it, and which ids are taken.

The note travels in the DuckLake snapshot that makes the rows visible, so rows and offset come together or not at all.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace

from collector.lake.ports import StoreKey


@dataclass(frozen=True, slots=True)
class CommitNote:
    """State of the projection as of one snapshot.

    Attributes:
        identity: Journal that ``position`` belongs to; None before the first projection.
        position: Every journal entry up to here is in the lake, or set aside as not decodable.
        next_block: First block id not yet given.
        next_series: First series id not yet given.
        skipped: Blocks set aside since the lake began.
    """

    identity: StoreKey | None = None
    position: int = 0
    next_block: int = 1
    next_series: int = 1
    skipped: int = 0

    def at(self, identity: StoreKey, position: int) -> CommitNote:
        """The same ids at another place of a journal."""
        return replace(self, identity=identity, position=position)

    def encode(self) -> str:
        """One line of JSON."""
        fields = asdict(self)
        fields["identity"] = None if self.identity is None else [self.identity.store_id.hex(), self.identity.generation]
        return json.dumps(fields, separators=(",", ":"))

    @staticmethod
    def decode(text: str) -> CommitNote:
        """Read what ``encode`` wrote.

        Raises:
            ValueError: It is something else.
        """
        try:
            fields = json.loads(text)
            store = fields.pop("identity")
            identity = None if store is None else StoreKey(bytes.fromhex(store[0]), int(store[1]))
            return CommitNote(identity, **{name: int(value) for name, value in fields.items()})
        except (KeyError, TypeError, IndexError) as exc:
            raise ValueError(f"no note of a commit: {text[:80]}") from exc
