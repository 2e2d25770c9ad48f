"""Where blocks go that were stored and receipted and yet cannot be decoded: a folder, with the reason beside each."""

from __future__ import annotations

import json
from pathlib import Path

from collector.lake.disk import Disk, RealDisk, make_folder, write_durably
from collector.lake.ports import JournalEntry


class PoisonFolder:
    """Keeps the bytes for a person to look at. Survives power cuts; the same block comes once however often it is told.

    Attributes:
        bytes_max: Past it only the reason is kept. [bytes]
        count: Blocks it knows of.
    """

    def __init__(self, folder: Path, *, bytes_max: int = 64 << 20, disk: Disk | None = None) -> None:
        self.bytes_max = bytes_max
        self._folder = folder
        self._disk = disk or RealDisk()
        make_folder(self._disk, folder)
        self._bytes = sum(path.stat().st_size for path in folder.glob("*.block"))
        self.count = sum(1 for _ in folder.glob("*.json"))

    def poisoned(self, entry: JournalEntry, reason: str, detail: str) -> None:
        """Keep the block and why it could not be decoded."""
        stem = f"{entry.agent}-{entry.segment:016x}-{entry.seq}"
        note = self._folder / f"{stem}.json"
        if note.exists():
            return
        block = self._folder / f"{stem}.block"
        if self._bytes + len(entry.data) <= self.bytes_max:
            block.write_bytes(entry.data)
            self._disk.sync_file(block)
            self._bytes += len(entry.data)
        fields = {
            "agent": entry.agent,
            "segment": f"{entry.segment:016x}",
            "seq": entry.seq,
            "position": entry.position,
            "readings": entry.readings,
            "received_at_ns": entry.received_at_ns,
            "bytes": len(entry.data),
            "reason": reason,
            "detail": detail,
        }
        write_durably(self._disk, note, json.dumps(fields, indent=1) + "\n")
        self.count += 1
