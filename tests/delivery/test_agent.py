"""The agent's machine: every transition of its table, and what no message may make it do."""

from __future__ import annotations

from itertools import count
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_profiles.wire.delivery.agent import AgentMachine, AgentPolicy, Phase
from device_profiles.wire.delivery.agent_io import (
    OF_SYNC,
    OUTBOX_FAILS,
    AgentAction,
    BlockUnreadable,
    Connected,
    Disconnected,
    DropStored,
    ForgetSegment,
    GiveUp,
    PinLineage,
    Pressure,
    Puback,
    Publish,
    ReceiptCame,
    Reconnect,
    Sealed,
    SendSync,
    SyncedCame,
    Tick,
    Trim,
    Undone,
    Unshelve,
)
from device_profiles.wire.delivery.agent_io import Alarm as AgentAlarm
from device_profiles.wire.delivery.ports import SegmentSpan, StoreIdentity
from device_profiles.wire.intervals import EMPTY, IntervalSet
from device_profiles.wire.messages import Receipt, Refusal, Rejection, SegmentReceipt, Synced
from device_profiles.wire.model import LossReason
from tests.delivery.fakes import LINEAGE, STORE, MemoryOutbox, digest

ActionT = TypeVar("ActionT")
OTHER = StoreIdentity(LINEAGE, b"T" * 16, 2)
FOREIGN = StoreIdentity(b"X" * 16, b"Y" * 16, 1)


def run(*pairs: tuple[int, int]) -> IntervalSet:
    return IntervalSet.of(*pairs)


def receipt(
    *segments: SegmentReceipt, store: StoreIdentity = STORE, window: int = 0, refused: Refusal | None = None
) -> Receipt:
    return Receipt(store.lineage, store.store_id, store.generation, segments, window, refused)


class Agent:
    """The machine with an outbox in memory, a clock in hand and a broker that acknowledges syncs unless ``deaf``."""

    def __init__(
        self, outbox: MemoryOutbox | None = None, *, policy: AgentPolicy | None = None, deaf: bool = False
    ) -> None:
        self.deaf = deaf
        self.outbox = outbox or MemoryOutbox()
        numbers = count(1)
        self.lineage: bytes | None = LINEAGE
        self.policy = policy or AgentPolicy()
        self.machine = AgentMachine(
            self.outbox, pinned_lineage=LINEAGE, random=lambda: 0.5, nonce=lambda: next(numbers), policy=self.policy
        )
        self.now_s = 100.0
        self.sync: SendSync | None = None

    def feed(self, event: object) -> tuple[AgentAction, ...]:
        actions = self.machine.handle(event, self.now_s)  # type: ignore[arg-type]
        for action in actions:
            if isinstance(action, SendSync):
                self.sync = action
                if not self.deaf:
                    assert not self.machine.handle(Puback(action.connection, OF_SYNC, 0), self.now_s)
        return actions

    def answer(self, *segments: SegmentReceipt, **kwargs: object) -> tuple[AgentAction, ...]:
        assert self.sync is not None
        message = receipt(*segments, **kwargs)  # type: ignore[arg-type]
        return self.feed(SyncedCame(self.sync.connection, Synced(self.sync.sync.nonce, 0, message)))

    def connect(self, *segments: SegmentReceipt, connection: int = 1) -> tuple[AgentAction, ...]:
        self.feed(Connected(connection))
        return self.answer(*segments)


def of(kind: type[ActionT], actions: tuple[AgentAction, ...]) -> list[ActionT]:
    return [action for action in actions if isinstance(action, kind)]


def seqs(actions: tuple[AgentAction, ...]) -> list[int]:
    return [action.ref.seq for action in of(Publish, actions)]


def filled(blocks: int = 5, **kwargs: int) -> MemoryOutbox:
    outbox = MemoryOutbox()
    outbox.fill(1, blocks, **kwargs)
    return outbox


def test_a_connection_syncs_first_and_sends_only_when_the_answer_came() -> None:
    agent = Agent(filled())
    first = agent.feed(Connected(1))
    assert [type(action) for action in first] == [SendSync]
    assert agent.sync is not None
    assert (agent.sync.sync.segments[0].first_kept, agent.sync.sync.segments[0].tail) == (1, 5)
    assert seqs(agent.feed(Sealed())) == []
    assert seqs(agent.answer()) == [1, 2, 3, 4, 5]
    assert agent.machine.phase is Phase.SENDING


def test_what_the_answer_calls_stored_is_not_sent_and_what_it_calls_safe_is_trimmed() -> None:
    agent = Agent(filled())
    actions = agent.connect(SegmentReceipt(1001, run((1, 3)), run((1, 2))))
    assert [action.seqs for action in of(Trim, actions)] == [run((1, 2))]
    assert seqs(actions) == [4, 5]


def test_held_is_neither_sent_nor_deleted() -> None:
    actions = Agent(filled()).connect(SegmentReceipt(1001, held=run((2, 3))))
    assert seqs(actions) == [1, 4, 5]
    assert not of(Trim, actions)


def test_a_puback_frees_a_slot_and_nothing_else() -> None:
    agent = Agent(filled(5), policy=AgentPolicy(socket_slots=2))
    assert seqs(agent.connect()) == [1, 2]
    actions = agent.feed(Puback(1, 1001, 1))
    assert seqs(actions) == [3]
    assert not of(Trim, actions)
    assert agent.machine.in_flight_bytes == 300


def test_a_live_block_alone_needs_no_puback_and_all_others_do() -> None:
    agent = Agent(filled(2))
    backlog = agent.connect()
    assert [action.acknowledged for action in of(Publish, backlog)] == [True, True]
    agent.outbox.fill(1, 3)
    assert [action.acknowledged for action in of(Publish, agent.feed(Sealed()))] == [True], "others are on their way"
    for seq in (1, 2, 3):
        agent.feed(Puback(1, 1001, seq))
    agent.feed(ReceiptCame(1, receipt(SegmentReceipt(1001, run((1, 3)), run((1, 3))))))
    agent.outbox.fill(1, 5)
    assert [action.acknowledged for action in of(Publish, agent.feed(Sealed()))] == [False, True]
    assert agent.machine.slots == 1


def test_a_live_block_that_got_no_receipt_goes_with_a_puback_the_second_time() -> None:
    agent = Agent(filled(1))
    agent.connect(SegmentReceipt(1001, run((1, 1)), run((1, 1))))
    agent.outbox.fill(1, 2)
    (first,) = of(Publish, agent.feed(Sealed()))
    assert not first.acknowledged
    assert agent.machine.next_wake_s is not None
    agent.now_s = agent.machine.next_wake_s
    assert of(SendSync, agent.feed(Tick())), "the receipt is overdue"
    (again,) = of(Publish, agent.answer(SegmentReceipt(1001, run((1, 1)), run((1, 1)))))
    assert (again.ref, again.acknowledged) == (first.ref, True)


def test_an_unreadable_live_block_gives_back_no_slot_it_never_had() -> None:
    agent = Agent(filled(1))
    agent.connect(SegmentReceipt(1001, run((1, 1)), run((1, 1))))
    agent.outbox.fill(1, 3)
    assert [action.acknowledged for action in of(Publish, agent.feed(Sealed()))] == [False, True]
    agent.feed(BlockUnreadable(1001, 2))
    assert agent.machine.slots == 1


def test_a_link_on_which_even_a_sync_gets_no_puback_is_dead() -> None:
    agent = Agent(filled(1), deaf=True)
    agent.feed(Connected(1))
    began_s = agent.now_s
    for _ in range(20):
        assert agent.machine.next_wake_s is not None
        agent.now_s = agent.machine.next_wake_s
        if of(Reconnect, agent.feed(Tick())):
            break
    assert agent.now_s == began_s + agent.policy.puback_timeout_s
    assert agent.machine.phase is Phase.OFFLINE


def test_what_could_not_be_given_up_is_not_taken_for_gone() -> None:
    agent = Agent(filled(5))
    agent.connect(SegmentReceipt(1001, run((1, 1)), run((1, 1))))
    agent.feed(Disconnected(1))
    assert [action.seqs for action in of(GiveUp, agent.feed(Pressure(300)))] == [run((2, 4))]
    assert agent.feed(Undone()) == ()
    assert [action.seqs for action in of(GiveUp, agent.feed(Pressure(300)))] == [run((1, 3))], "it knows nothing now"


def test_whose_agent_it_is_is_written_again_when_that_may_not_have_reached_the_disk() -> None:
    machine = AgentMachine(filled(1), pinned_lineage=None, random=lambda: 0.5, nonce=lambda: 1)

    def meet(connection: int, store: StoreIdentity) -> list[PinLineage]:
        machine.handle(Connected(connection), 1.0)
        return of(PinLineage, machine.handle(SyncedCame(connection, Synced(1, 0, receipt(store=store))), 1.0))

    assert meet(1, STORE) == [PinLineage(LINEAGE)]
    assert meet(2, STORE) == []
    machine.handle(Undone(), 1.0)
    assert meet(3, FOREIGN) == [], "it is another's no less"
    assert meet(4, STORE) == [PinLineage(LINEAGE)]
    assert meet(5, STORE) == []


def test_a_decision_that_did_not_reach_the_disk_ends_the_connection_and_is_made_again() -> None:
    agent = Agent(filled(3))
    safe = SegmentReceipt(1001, run((1, 2)), run((1, 2)))
    assert of(Trim, agent.connect(safe))
    assert agent.feed(Undone()) == (Reconnect(1, OUTBOX_FAILS),)
    assert agent.machine.phase is Phase.OFFLINE
    assert (agent.machine.slots, agent.machine.in_flight_bytes) == (0, 0)
    assert agent.feed(ReceiptCame(1, receipt(safe))) == ()
    again = agent.connect(safe, connection=2)
    assert [action.seqs for action in of(Trim, again)] == [run((1, 2))]
    assert seqs(again) == [3]


def test_no_matching_subscribers_counts_as_not_sent_and_asks_after_a_while() -> None:
    agent = Agent(filled(2))
    agent.connect()
    assert not of(SendSync, agent.feed(Puback(1, 1001, 1, delivered=False)))
    assert agent.machine.phase is Phase.SYNCING
    due_s = agent.machine.next_wake_s
    assert due_s is not None
    assert 5 <= due_s - agent.now_s <= 300
    agent.now_s = due_s
    assert of(SendSync, agent.feed(Tick()))


@pytest.mark.parametrize("store", [OTHER, FOREIGN, StoreIdentity(STORE.lineage, STORE.store_id, 2)])
def test_a_receipt_of_another_identity_is_void_and_an_alarm(store: StoreIdentity) -> None:
    agent = Agent(filled())
    agent.connect()
    actions = agent.feed(ReceiptCame(1, receipt(SegmentReceipt(1001, run((1, 5)), run((1, 5))), store=store)))
    assert not of(Trim, actions)
    assert [alarm.kind for alarm in of(AgentAlarm, actions)] == ["void_receipt"]
    assert agent.machine.in_flight_bytes == 500


def test_an_answer_to_another_question_is_ignored() -> None:
    agent = Agent(filled())
    agent.feed(Connected(1))
    stale = Synced(999, 0, receipt(SegmentReceipt(1001, run((1, 5)), run((1, 5)))))
    assert agent.feed(SyncedCame(1, stale)) == ()
    assert agent.machine.phase is Phase.SYNCING


def test_events_of_an_earlier_connection_are_ignored() -> None:
    agent = Agent(filled())
    agent.connect()
    agent.feed(Disconnected(1))
    agent.connect(connection=2)
    safe = receipt(SegmentReceipt(1001, run((1, 5)), run((1, 5))))
    assert agent.feed(ReceiptCame(1, safe)) == ()
    assert agent.feed(Disconnected(1)) == ()
    assert agent.machine.phase is Phase.SENDING


def test_a_late_receipt_leads_to_a_sync_before_any_block() -> None:
    agent = Agent(filled())
    agent.connect()
    agent.now_s += 6
    actions = agent.feed(Tick())
    assert of(SendSync, actions)
    assert seqs(actions) == []
    assert seqs(agent.answer(SegmentReceipt(1001, run((1, 2)), run((1, 2))))) == [3, 4, 5]


def test_waits_double_up_to_five_minutes_and_never_go_below_five_seconds() -> None:
    agent = Agent(filled())
    agent.feed(Connected(1))
    waits = []
    for _ in range(12):
        due_s = agent.machine.next_wake_s
        assert due_s is not None
        waits.append(due_s - agent.now_s)
        agent.now_s = due_s
        assert of(SendSync, agent.feed(Tick()))
    assert min(waits) >= 5
    assert max(waits) <= 300
    assert waits[-1] > 150


def test_a_sync_every_ten_minutes_does_not_stop_the_sending() -> None:
    agent = Agent(filled(1))
    agent.connect(SegmentReceipt(1001, run((1, 1)), run((1, 1))))
    agent.now_s += 601
    assert of(SendSync, agent.feed(Tick()))
    agent.outbox.fill(1, 2)
    assert seqs(agent.feed(Sealed())) == [2]


def test_a_restored_store_gets_everything_again_that_is_not_safe() -> None:
    agent = Agent(filled())
    agent.connect(SegmentReceipt(1001, run((1, 5)), run((1, 1))))
    agent.feed(Disconnected(1))
    agent.feed(Connected(2))
    actions = agent.answer(SegmentReceipt(1001, run((1, 2)), run((1, 1))), store=OTHER)
    assert seqs(actions) == [3, 4, 5]
    assert "store_changed" in [alarm.kind for alarm in of(AgentAlarm, actions)]


def test_another_lineage_stops_the_agent_and_it_asks_rarely() -> None:
    agent = Agent(filled())
    agent.feed(Connected(1))
    actions = agent.answer(SegmentReceipt(1001, run((1, 5)), run((1, 5))), store=FOREIGN)
    assert [alarm.kind for alarm in of(AgentAlarm, actions)] == ["lineage"]
    assert not of(Trim, actions)
    assert seqs(actions) == []
    assert agent.machine.phase is Phase.HALTED
    due_s = agent.machine.next_wake_s
    assert due_s is not None
    assert due_s - agent.now_s >= 150


def test_the_first_contact_pins_the_lineage() -> None:
    machine = AgentMachine(MemoryOutbox(), pinned_lineage=None, random=lambda: 0.0, nonce=lambda: 7)
    machine.handle(Connected(1), 0.0)
    assert of(PinLineage, machine.handle(SyncedCame(1, Synced(7, 0, receipt())), 0.1)) == [PinLineage(LINEAGE)]


def test_refused_waits_and_a_welcome_shortens_the_wait() -> None:
    agent = Agent(filled())
    agent.feed(Connected(1))
    agent.answer(refused=Refusal("not registered", 600))
    assert agent.machine.phase is Phase.REFUSED
    due_s = agent.machine.next_wake_s
    assert due_s is not None
    assert due_s >= agent.now_s + 600
    agent.feed(ReceiptCame(1, receipt()))
    due_s = agent.machine.next_wake_s
    assert due_s is not None
    assert due_s <= agent.now_s + 1


def test_a_rejection_of_our_bytes_is_shelved_with_a_loss_record_and_of_others_is_a_fork() -> None:
    ours = Rejection(2, digest(1001, 2), "bad body")
    others = Rejection(3, digest(1001, 3, "twin"), "fork")
    actions = Agent(filled()).connect(SegmentReceipt(1001, rejected=(ours, others)))
    given = of(GiveUp, actions)
    assert [(g.seqs, g.reason, g.readings, g.shelve) for g in given] == [(run((2, 2)), LossReason.REJECTED, 10, True)]
    assert {alarm.kind for alarm in of(AgentAlarm, actions)} == {"rejected", "fork"}
    assert seqs(actions) == [1, 3, 4, 5]


def test_a_rejected_block_is_never_trimmed_though_its_number_is_safe() -> None:
    ours = Rejection(2, digest(1001, 2), "fork")
    actions = Agent(filled()).connect(SegmentReceipt(1001, run((1, 3)), run((1, 3)), rejected=(ours,)))
    assert [action.seqs for action in of(Trim, actions)] == [run((1, 1), (3, 3))]


def test_a_rejection_taken_back_offers_the_block_again() -> None:
    outbox = filled()
    outbox.spans[1] = SegmentSpan(1001, 1, 1, 5, EMPTY, run((2, 2)))
    actions = Agent(outbox).connect(SegmentReceipt(1001))
    assert of(Unshelve, actions) == [Unshelve(1001, run((2, 2)))]


def test_a_rotten_block_becomes_a_loss_record_and_frees_its_slot() -> None:
    agent = Agent(filled(3), policy=AgentPolicy(socket_slots=1))
    assert seqs(agent.connect()) == [1]
    actions = agent.feed(BlockUnreadable(1001, 1))
    assert [(g.seqs, g.reason) for g in of(GiveUp, actions)] == [(run((1, 1)), LossReason.CORRUPT)]
    assert seqs(actions) == [2]


def test_pressure_takes_stored_blocks_first_and_records_the_loss_of_others() -> None:
    agent = Agent(filled(6))
    agent.connect(SegmentReceipt(1001, run((3, 4)), EMPTY))
    actions = agent.feed(Pressure(350))
    assert of(DropStored, actions) == [DropStored(1001, run((3, 4)))]
    assert of(GiveUp, actions) == [GiveUp(1001, run((1, 2)), 20, LossReason.SHED, shelve=False)]


def test_live_blocks_go_before_the_backlog_and_the_backlog_leaves_room_for_them() -> None:
    agent = Agent(filled(20), policy=AgentPolicy(window_bytes=1000, live_share=0.3))
    assert seqs(agent.connect()) == [1, 2, 3, 4, 5, 6, 7]
    agent.outbox.fill(1, 22)
    live = of(Publish, agent.feed(Sealed()))
    assert [(action.ref.seq, action.lane) for action in live] == [(21, "live"), (22, "live")]


def test_a_window_smaller_than_a_block_still_lets_one_block_go() -> None:
    agent = Agent(filled(3, size_bytes=9000), policy=AgentPolicy(window_bytes=100))
    assert seqs(agent.connect()) == [1]


def test_a_grant_is_bounded() -> None:
    agent = Agent(filled())
    agent.feed(Connected(1))
    agent.answer(window=1 << 60)
    assert agent.machine.window_bytes == agent.policy.window_bytes_max


def test_a_broker_that_acknowledges_nothing_is_left() -> None:
    agent = Agent(filled())
    agent.connect()
    agent.now_s += 121
    assert of(Reconnect, agent.feed(Tick()))
    assert agent.machine.phase is Phase.OFFLINE


def test_a_settled_segment_is_forgotten_but_never_the_newest_one() -> None:
    outbox = MemoryOutbox()
    outbox.spans[1] = SegmentSpan(1001, 1, 4, 3, run((1, 3)))
    outbox.fill(2, 1)
    lost = SegmentReceipt(1001, run((1, 2)), run((1, 2)), lost=run((3, 3)))
    assert of(ForgetSegment, Agent(outbox).connect(lost)) == [ForgetSegment(1001)]
    unsettled = SegmentReceipt(1001, run((1, 2)), run((1, 2)))
    assert not of(ForgetSegment, Agent(outbox).connect(unsettled))


def test_more_segments_than_a_sync_names_are_all_sent_in_the_end() -> None:
    outbox = MemoryOutbox()
    for ordinal in range(1, 12):
        outbox.fill(ordinal, 1)
    agent = Agent(outbox, policy=AgentPolicy(sync_segments=4))
    sent: set[int] = set()
    actions = agent.connect()
    for _ in range(20):
        published = of(Publish, actions)
        sent |= {action.ref.ordinal for action in published}
        for action in published:
            agent.feed(Puback(1, action.ref.segment, action.ref.seq))
        actions = ()
        for action in published:
            one = run((1, 1))
            actions += agent.feed(ReceiptCame(1, receipt(SegmentReceipt(action.ref.segment, one, one))))
        if of(SendSync, actions):
            assert agent.sync is not None
            known = [SegmentReceipt(n.segment, run((1, 1)), run((1, 1))) for n in agent.sync.sync.segments]
            actions += agent.answer(*[k for k in known if k.segment - 1000 in sent])
    assert sent == set(range(1, 12))


def test_memory_does_not_grow_with_the_backlog() -> None:
    outbox = filled(3000)
    agent = Agent(outbox, policy=AgentPolicy(window_blocks=16, page=32))
    agent.connect()
    for seq in range(1, 2001):
        agent.feed(Puback(1, 1001, seq))
        agent.feed(ReceiptCame(1, receipt(SegmentReceipt(1001, run((1, seq)), run((1, seq))))))
    assert outbox.biggest_page <= 32
    assert len(agent.machine._flights) <= 16
    assert len(agent.machine._views) == 1
    assert len(agent.machine._views[1001].stored) == 1


intervals = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 4)), max_size=3).map(
    lambda pairs: IntervalSet.from_pairs((lo, lo + length) for lo, length in pairs)
)
answers = st.builds(
    SegmentReceipt,
    st.sampled_from([1001, 1002, 77]),
    intervals,
    intervals,
    intervals,
    st.lists(st.builds(Rejection, st.integers(0, 9), st.sampled_from([digest(1001, 2), b"?" * 16]), st.just("r"))).map(
        tuple
    ),
    intervals,
)
stores = st.sampled_from([STORE, OTHER, FOREIGN])
messages = st.builds(
    lambda store, segments, window: receipt(*segments, store=store, window=window),
    stores,
    st.lists(answers, max_size=3),
    st.integers(0, 1 << 40),
)
events = st.one_of(
    st.builds(Connected, st.integers(1, 3)),
    st.builds(Disconnected, st.integers(1, 3)),
    st.just(Sealed()),
    st.just(Tick()),
    st.builds(Puback, st.integers(1, 3), st.sampled_from([1001, OF_SYNC]), st.integers(0, 9), st.booleans()),
    st.builds(ReceiptCame, st.integers(1, 3), messages),
    st.builds(SyncedCame, st.integers(1, 3), st.builds(Synced, st.integers(1, 4), st.just(0), messages)),
    st.builds(BlockUnreadable, st.just(1001), st.integers(0, 9)),
    st.builds(Pressure, st.integers(0, 500)),
    st.just(Undone()),
)


@given(st.lists(st.tuples(events, st.floats(0, 400)), max_size=40))
def test_no_sequence_of_events_raises_or_trims_on_a_foreign_word(script: list[tuple[object, float]]) -> None:
    agent = Agent(filled(8))
    told: IntervalSet = EMPTY
    for event, wait_s in script:
        agent.now_s += wait_s
        if isinstance(event, ReceiptCame | SyncedCame):
            message = event.receipt if isinstance(event, ReceiptCame) else event.synced.receipt
            if message.lineage == LINEAGE:
                for answer in message.segments:
                    if answer.segment == 1001:
                        told = told.union(answer.safe)
        for action in agent.feed(event):
            if isinstance(action, Trim):
                assert not action.seqs.subtract(told), "trimmed what nobody of ours called safe"
            if isinstance(action, Publish):
                assert agent.machine._store is not None
                assert agent.machine._store.lineage == LINEAGE
    assert agent.machine.slots <= agent.policy.socket_slots
