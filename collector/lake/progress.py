"""When the projector commits, and how far it has come."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ProjectorOptions:
    """When the projector does what.

    Attributes:
        flush_after_s: Longest time rows wait for a commit. [s]
        rows_max: Rows at which a commit comes at once; bounds what a crash makes it do again.
        large_rows: Rows that make a file large enough to be left alone for ever.
        large_after_s: How long so many wait, so that a steady stream does not commit all the time. [s]
        round_readings: Readings decoded in one go; bounds memory (about 60 bytes each).
        behind_bytes: So many bytes of blocks waiting in memory ask the intake to give way.
        poll_s: How often the journal is looked at when nobody wakes it. [s]
        mark_every_s: How often the durable mark moves, and with it what the journal may trim. [s]
    """

    flush_after_s: float = 10.0
    rows_max: int = 16_000_000
    large_rows: int = 2_000_000
    large_after_s: float = 5.0
    round_readings: int = 125_000
    behind_bytes: int = 4 << 20
    poll_s: float = 1.0
    mark_every_s: float = 5.0


@dataclass(frozen=True, slots=True)
class ProjectorStats:
    """What the projector has done since it was made.

    Attributes:
        position: Committed in the lake.
        durable: Known to survive a power cut; the journal may be trimmed to here.
        blocks: Blocks committed.
        readings: Readings committed.
        poisoned: Blocks set aside.
        repeated: Blocks skipped because the lake had them from another journal.
        commits: Commits.
    """

    position: int = 0
    durable: int = 0
    blocks: int = 0
    readings: int = 0
    poisoned: int = 0
    repeated: int = 0
    commits: int = 0
