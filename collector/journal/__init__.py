"""The collector's durable log: every block it gave a receipt for, the ledger of what it has, and what it put aside."""

from collector.journal.figures import JournalStats
from collector.journal.journal import Journal
from collector.journal.ledger import JournalLedger
from collector.journal.packing import JournalEntry
from collector.journal.quarantine import QuarantineEntry

__all__ = ["Journal", "JournalEntry", "JournalLedger", "JournalStats", "QuarantineEntry"]
