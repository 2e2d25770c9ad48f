"""The collector's machine: admission, the order of commit, receipt and acknowledgement, sync, losses and descent."""

from __future__ import annotations

from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_profiles.wire.delivery.collector import CollectorMachine, CollectorPolicy
from device_profiles.wire.delivery.collector_io import (
    Ack,
    Alarm,
    BlockCame,
    BlockFacts,
    CollectorAction,
    Commit,
    CommitFailed,
    Committed,
    Connected,
    PauseReading,
    Reconnect,
    ResumeReading,
    SendReceipt,
    SendSynced,
    SyncCame,
    Token,
)
from device_profiles.wire.intervals import EMPTY, IntervalSet
from device_profiles.wire.messages import SegmentExtent, Sync
from device_profiles.wire.model import LossReason, LossRecord, OpenRecord
from tests.delivery.fakes import MemoryLedger, digest

AGENT = "pi-one"
ActionT = TypeVar("ActionT")


def run(*pairs: tuple[int, int]) -> IntervalSet:
    return IntervalSet.of(*pairs)


def facts(seq: int, segment: int = 7, **changes: object) -> BlockFacts:
    plain = BlockFacts(
        agent=AGENT,
        segment=segment,
        ordinal=1,
        seq=seq,
        readings=10,
        readings_total=10 * seq,
        digest=digest(segment, seq),
        previous=digest(segment, seq - 1)[:8] if seq > 1 else bytes(8),
    )
    return plain._replace(**changes)  # type: ignore[arg-type]


def opened(parent: int, tail: int, unit: bytes = b"A") -> OpenRecord:
    return OpenRecord(parent, tail, b"O" * 16, unit * 16, "crash")


class Collector:
    """The machine with a ledger in memory that commits when told."""

    def __init__(self, ledger: MemoryLedger | None = None, **policy: object) -> None:
        self.ledger = ledger or MemoryLedger()
        self.machine = CollectorMachine(
            self.ledger,
            self.ledger,
            policy=CollectorPolicy(**policy),  # type: ignore[arg-type]
        )
        self.machine.handle(Connected(1))
        self.mid = 0
        self.connection = 1

    def token(self) -> Token:
        self.mid += 1
        return Token(self.connection, self.mid, self.mid)

    def came(self, *blocks: BlockFacts | None, size_bytes: int = 100) -> tuple[CollectorAction, ...]:
        actions: tuple[CollectorAction, ...] = ()
        for block in blocks:
            fault = "" if block else "digest"
            actions += self.machine.handle(BlockCame(self.token(), AGENT, size_bytes, block, fault))
        return actions

    def sync(self, *segments: SegmentExtent) -> None:
        self.machine.handle(SyncCame(self.token(), AGENT, Sync(5, b"O" * 16, segments)))

    def settle(self) -> tuple[CollectorAction, ...]:
        actions = self.machine.flush()
        for commit in of(Commit, actions):
            self.ledger.apply(commit)
            actions += self.machine.handle(Committed(commit.batch))
        return actions

    def take(self, *blocks: BlockFacts | None) -> tuple[CollectorAction, ...]:
        return self.came(*blocks) + self.settle()

    @property
    def stored(self) -> IntervalSet:
        row = self.ledger.rows.get((AGENT, 7))
        return EMPTY if row is None else row.stored


def of(kind: type[ActionT], actions: tuple[CollectorAction, ...]) -> list[ActionT]:
    return [action for action in actions if isinstance(action, kind)]


def alarms(actions: tuple[CollectorAction, ...]) -> list[str]:
    return [alarm.kind for alarm in of(Alarm, actions)]


def test_commit_then_receipt_then_acknowledgement() -> None:
    collector = Collector()
    assert collector.came(facts(1), facts(2)) == ()
    flushed = collector.machine.flush()
    assert [type(action) for action in flushed] == [Commit]
    commit = of(Commit, flushed)[0]
    assert [stored.facts.seq for stored in commit.blocks] == [1, 2]
    collector.ledger.apply(commit)
    after = collector.machine.handle(Committed(commit.batch))
    assert [type(action).__name__ for action in after] == ["SendReceipt", "Ack", "Release"]
    assert of(SendReceipt, after)[0].receipt.segments[0].stored == run((1, 2))
    assert [token.mid for token in of(Ack, after)[0].tokens] == [1, 2]


def test_one_commit_at_a_time() -> None:
    collector = Collector()
    collector.came(facts(1))
    assert of(Commit, collector.machine.flush())
    collector.came(facts(2))
    assert collector.machine.flush() == ()


def test_a_duplicate_gets_its_receipt_again_and_is_not_stored_again() -> None:
    collector = Collector()
    collector.take(facts(1))
    again = collector.take(facts(1))
    assert not of(Commit, again)
    assert of(SendReceipt, again)[0].receipt.segments[0].stored == run((1, 1))
    assert of(Ack, again)


def test_a_duplicate_within_one_batch_is_stored_once() -> None:
    collector = Collector()
    actions = collector.take(facts(1), facts(1))
    assert len(of(Commit, actions)[0].blocks) == 1


def test_the_same_number_with_another_content_is_a_fork() -> None:
    collector = Collector()
    collector.take(facts(1))
    twin = facts(1, digest=digest(7, 1, "twin"))
    actions = collector.take(twin)
    assert alarms(actions) == ["fork"]
    assert [aside.kind for aside in of(Commit, actions)[0].aside] == ["fork"]
    answer = of(SendReceipt, actions)[0].receipt.segments[0]
    assert [(r.seq, r.digest) for r in answer.rejected] == [(1, twin.digest)]


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_a_broken_chain_is_a_fork_whichever_block_comes_first(order: tuple[int, int]) -> None:
    blocks = {1: facts(1), 2: facts(2, previous=b"!" * 8)}
    collector = Collector()
    collector.take(blocks[order[0]])
    assert alarms(collector.take(blocks[order[1]])) == ["fork"]
    assert collector.stored.count == 1


def test_what_does_not_verify_is_kept_aside_without_a_receipt() -> None:
    actions = Collector().take(None)
    assert [aside.kind for aside in of(Commit, actions)[0].aside] == ["unverified"]
    assert not of(SendReceipt, actions)
    assert of(Ack, actions)


def test_a_block_under_another_agents_topic_is_not_stored() -> None:
    collector = Collector()
    actions = collector.take(facts(1, agent="somebody-else"))
    assert not of(Commit, actions)[0].blocks
    assert not of(SendReceipt, actions)


def test_an_unknown_agent_is_refused_and_nothing_is_rejected() -> None:
    collector = Collector(MemoryLedger(refused={AGENT}))
    actions = collector.take(facts(1))
    refusal = of(SendReceipt, actions)[0].receipt
    assert refusal.refused is not None
    assert refusal.refused.retry_after_s == 60
    assert refusal.segments == ()
    assert not of(Commit, actions)
    assert of(Ack, actions)


def test_held_is_named_held_and_stored_once_it_can_be_read() -> None:
    collector = Collector()
    held = of(SendReceipt, collector.take(facts(1, verdict="hold", reason="version 9")))[0].receipt.segments[0]
    assert (held.held, held.stored, held.safe) == (run((1, 1)), EMPTY, EMPTY)
    later = of(SendReceipt, collector.take(facts(1)))[0].receipt.segments[0]
    assert (later.held, later.stored) == (EMPTY, run((1, 1)))


def test_a_new_program_lets_held_blocks_be_offered_again() -> None:
    collector = Collector()
    collector.take(facts(1, verdict="hold", reason="version 9"))
    extent = SegmentExtent(7, 1, 1, 1, 10)
    collector.sync(extent)
    assert of(SendSynced, collector.settle())[0].synced.receipt.segments[0].held == run((1, 1))
    successor = Collector(collector.ledger)
    successor.sync(extent)
    assert of(SendSynced, successor.settle())[0].synced.receipt.segments[0].held == EMPTY
    assert not of(Commit, successor.take(facts(1, verdict="hold", reason="version 9")))


def test_a_rejection_names_the_digest_and_is_not_kept_twice() -> None:
    collector = Collector()
    bad = facts(3, verdict="reject", reason="bad body")
    first = collector.take(bad)
    assert of(SendReceipt, first)[0].receipt.segments[0].rejected[0].digest == bad.digest
    assert not of(Commit, collector.take(bad))


def test_acknowledgements_of_an_earlier_connection_are_dropped() -> None:
    collector = Collector()
    collector.came(facts(1))
    commit = of(Commit, collector.machine.flush())[0]
    collector.machine.handle(Connected(2))
    collector.ledger.apply(commit)
    after = collector.machine.handle(Committed(commit.batch))
    assert of(SendReceipt, after)
    assert not of(Ack, after)
    assert collector.machine.counters["stale_acks"] == 1


def test_a_failed_commit_promises_nothing_and_forgets_what_it_assumed() -> None:
    collector = Collector()
    collector.came(facts(1))
    commit = of(Commit, collector.machine.flush())[0]
    collector.came(facts(2))
    after = collector.machine.handle(CommitFailed(commit.batch, "EIO"))
    assert of(Reconnect, after)
    assert not of(SendReceipt, after)
    assert not of(Ack, after)
    assert [stored.facts.seq for stored in of(Commit, collector.take(facts(1), facts(2)))[0].blocks] == [1, 2]


def test_too_many_waiting_bytes_stop_the_reading_until_half_is_written() -> None:
    collector = Collector(uncommitted_bytes_max=250)
    assert not collector.came(facts(1), facts(2))
    assert of(PauseReading, collector.came(facts(3)))
    assert of(ResumeReading, collector.settle())


def test_safe_waits_for_the_backup_where_there_are_backups() -> None:
    ledger = MemoryLedger(backup={(AGENT, 7): run((1, 1))})
    answer = of(SendReceipt, Collector(ledger, backups=True).take(facts(1), facts(2)))[0].receipt.segments[0]
    assert (answer.stored, answer.safe) == (run((1, 2)), run((1, 1)))
    assert of(SendReceipt, Collector().take(facts(1)))[0].receipt.segments[0].safe == run((1, 1))


def test_a_sync_is_answered_behind_the_blocks_that_came_before_it() -> None:
    collector = Collector()
    collector.came(facts(1))
    collector.sync(SegmentExtent(7, 1, 1, 2, 20))
    collector.came(facts(2))
    actions = collector.settle()
    synced = of(SendSynced, actions)[0].synced
    assert synced.nonce == 5
    assert synced.receipt.segments[0].stored == run((1, 2))
    assert [type(a).__name__ for a in actions].index("SendSynced") < [type(a).__name__ for a in actions].index("Ack")


def test_what_an_agent_no_longer_keeps_and_nobody_has_is_recorded_lost() -> None:
    collector = Collector()
    collector.take(facts(1), facts(4))
    collector.sync(SegmentExtent(7, 1, first_kept=4, tail=9, readings_total=90, absent=run((6, 6))))
    actions = collector.settle()
    losses = of(Commit, actions)[0].losses
    assert [(loss.seqs, loss.reason, loss.claimed) for loss in losses] == [
        (run((2, 3), (6, 6)), LossReason.MISSING, False)
    ]
    assert of(SendSynced, actions)[0].synced.receipt.segments[0].lost == run((2, 3), (6, 6))


def test_a_claim_counts_net_and_a_late_block_voids_it() -> None:
    collector = Collector()
    collector.take(facts(1))
    record = LossRecord(LossReason.SHED, 7, run((1, 3)), 30)
    commit = of(Commit, collector.take(facts(1, segment=8, losses=(record,))))[0]
    assert [(loss.seqs, loss.readings) for loss in commit.losses] == [(run((1, 3)), 30)]
    assert [void.seqs for void in commit.voids] == [run((1, 1))]
    assert collector.ledger.rows[AGENT, 7].lost == run((2, 3))
    late = of(Commit, collector.take(facts(2)))[0]
    assert [(void.seqs, void.readings) for void in late.voids] == [(run((2, 2)), 10)]
    assert collector.ledger.rows[AGENT, 7].lost == run((3, 3))


def test_the_same_claim_twice_counts_once() -> None:
    collector = Collector()
    record = LossRecord(LossReason.SHED, 7, run((1, 3)), 30)
    collector.take(facts(1, segment=8, losses=(record,)))
    again = of(Commit, collector.take(facts(2, segment=8, losses=(record,))))[0]
    assert again.losses == ()


def test_outboxes_are_numbered_as_they_are_first_heard_of() -> None:
    collector = Collector()
    collector.sync(SegmentExtent(7, 1, 1, 0, 0))
    collector.settle()
    collector.machine.handle(SyncCame(collector.token(), AGENT, Sync(6, b"P" * 16, (SegmentExtent(9, 1, 1, 0, 0),))))
    collector.settle()
    assert (collector.ledger.rows[AGENT, 7].epoch, collector.ledger.rows[AGENT, 9].epoch) == (1, 2)


@pytest.mark.parametrize(("unit", "verdict"), [(b"A", "rolled_back"), (b"B", "clone")])
def test_a_parent_that_outlived_its_child_is_told_apart_by_the_hardware(unit: bytes, verdict: str) -> None:
    collector = Collector()
    collector.take(facts(1, opened=opened(0, 0)), facts(2), facts(4))
    actions = collector.take(facts(1, segment=8, opened=opened(7, 2, unit)))
    assert alarms(actions) == [verdict]
    assert collector.ledger.rows[AGENT, 8].suspect == verdict
    # Between the declared tail and the last block heard of nothing can come any more, unless another unit has it.
    assert collector.ledger.rows[AGENT, 7].lost == (run((3, 3)) if verdict == "rolled_back" else EMPTY)


def test_two_children_of_one_parent_are_a_clone_and_the_later_one_is_marked() -> None:
    collector = Collector()
    collector.take(facts(1, opened=opened(0, 0)))
    assert alarms(collector.take(facts(1, segment=8, opened=opened(7, 1)))) == []
    assert alarms(collector.take(facts(1, segment=9, opened=opened(7, 1, b"B")))) == ["clone"]
    assert [collector.ledger.rows[AGENT, segment].suspect for segment in (8, 9)] == ["", "clone"]


def test_a_fragmenting_agent_is_bounded_and_heals_when_gaps_close() -> None:
    collector = Collector(intervals_max=2)
    collector.take(facts(1), facts(3))
    refused = collector.take(facts(5))
    assert alarms(refused) == ["fragmented"]
    assert not of(SendReceipt, refused)
    collector.take(facts(2))
    assert of(SendReceipt, collector.take(facts(5)))


def test_rejections_kept_of_one_segment_are_bounded() -> None:
    collector = Collector(rejections_max=3)
    collector.take(*(facts(seq, verdict="reject", reason="r") for seq in range(1, 9)))
    assert len(collector.ledger.rows[AGENT, 7].rejected) == 3


def test_digests_of_what_is_committed_do_not_pile_up() -> None:
    collector = Collector()
    # One block a commit, as agents on slow links send; then several, and the newest not alone.
    for seq in range(1, 200):
        collector.take(facts(seq))
    collector.take(*(facts(seq) for seq in range(200, 220)))
    collector.came(facts(220))
    flushed = of(Commit, collector.machine.flush())
    collector.came(facts(221))
    for commit in flushed:
        collector.ledger.apply(commit)
        collector.machine.handle(Committed(commit.batch))
    entry = collector.machine._entries.get(AGENT, 7)
    assert set(entry.digests) == {221}
    collector.settle()
    assert set(entry.digests) == {221}
    assert collector.stored == run((1, 221))


def test_the_cache_is_bounded_and_forgets_nothing() -> None:
    collector = Collector(entries_max=2)
    for segment in range(20, 40):
        collector.take(facts(1, segment=segment))
    assert len(collector.machine._entries._entries) <= 3
    assert not of(Commit, collector.take(facts(1, segment=20)))


blocks = st.builds(
    lambda seq, segment, life, verdict, losses: facts(
        seq,
        segment,
        digest=digest(segment, seq, life),
        previous=digest(segment, seq - 1, life)[:8] if seq > 1 else bytes(8),
        verdict=verdict,
        losses=losses,
    ),
    st.integers(1, 6),
    st.sampled_from([7, 8]),
    st.sampled_from(["", "twin"]),
    st.sampled_from(["store", "store", "store", "hold", "reject"]),
    st.sampled_from([(), (LossRecord(LossReason.SHED, 7, IntervalSet.of((1, 4)), 40),)]),
)


@given(st.lists(st.one_of(blocks, st.none(), st.sampled_from(["settle", "fail", "reconnect", "sync"])), max_size=40))
def test_whatever_comes_nothing_is_promised_before_it_is_committed(  # noqa: C901
    script: list[BlockFacts | str | None],
) -> None:
    collector = Collector()
    for step in script:
        actions: tuple[CollectorAction, ...] = ()
        if step == "settle":
            actions = collector.settle()
        elif step == "fail":
            for commit in of(Commit, collector.machine.flush()):
                actions = collector.machine.handle(CommitFailed(commit.batch, "EIO"))
        elif step == "reconnect":
            collector.connection += 1
            collector.machine.handle(Connected(collector.connection))
        elif step == "sync":
            collector.sync(SegmentExtent(7, 1, 2, 4, 40))
        elif not isinstance(step, str):
            assert not of(SendReceipt, collector.came(step))
        for sent in of(SendReceipt, actions):
            for answer in sent.receipt.segments:
                for seq in answer.stored.union(answer.safe).numbers():
                    assert (AGENT, answer.segment, seq) in collector.ledger.digests
        for ack in of(Ack, actions):
            assert {token.connection for token in ack.tokens} == {collector.connection}
    for row in collector.ledger.rows.values():
        assert not row.lost.intersection(row.stored)
