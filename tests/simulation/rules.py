"""The rules a world runs under: the full set, or one of them changed."""

from __future__ import annotations

from dataclasses import dataclass

from device_profiles.wire.delivery.agent import AgentMachine
from device_profiles.wire.delivery.collector import CollectorMachine


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Which machines run, and what the processes around them do.

    Attributes:
        agent_machine: Class of the agent's machine.
        collector_machine: Class of the collector's machine.
        outbox_full_sync: Every commit of the outbox is fsynced.
        journal_full_sync: Every commit of the journal is fsynced.
        segment_after_crash: A start that follows no clean stop opens a new segment.
        segment_at_every_start: So does any other start: a clean stop does not let a segment go on.
        fingerprint_checked: A start on other hardware opens a new segment.
        digest_checked: A block's digest is checked before it is published.
        verified_at_intake: Identity and digest are checked when a block arrives.
        dedupe_window_s: None: the ledger never expires.
        trimmed_to_durable: The journal is trimmed to the durable offset, not to the offset.
        offset_with_data: The lake's offset is committed with the data.
        anti_join: After a restore, blocks the lake has are left out.
        records_travel_again: A loss record goes out again when the block that carried it was dropped.
    """

    agent_machine: type[AgentMachine] = AgentMachine
    collector_machine: type[CollectorMachine] = CollectorMachine
    outbox_full_sync: bool = True
    journal_full_sync: bool = True
    segment_after_crash: bool = True
    segment_at_every_start: bool = True
    fingerprint_checked: bool = True
    digest_checked: bool = True
    verified_at_intake: bool = True
    dedupe_window_s: float | None = None
    trimmed_to_durable: bool = True
    offset_with_data: bool = True
    anti_join: bool = True
    records_travel_again: bool = True


FULL = Rules()
