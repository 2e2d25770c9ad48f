"""The agent's durable outbox: one SQLite file, every commit fsynced."""

from edge_agent.outbox.outbox import Outbox
from edge_agent.outbox.rows import decode_rows, decode_texts, encode_rows
from edge_agent.outbox.types import (
    Accept,
    BlockUnreadable,
    Committed,
    Identity,
    Mark,
    OpenChunk,
    OutboxStats,
    Remember,
    Seal,
    Sealed,
)

__all__ = [
    "Accept",
    "BlockUnreadable",
    "Committed",
    "Identity",
    "Mark",
    "OpenChunk",
    "Outbox",
    "OutboxStats",
    "Remember",
    "Seal",
    "Sealed",
    "decode_rows",
    "decode_texts",
    "encode_rows",
]
