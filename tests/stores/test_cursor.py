"""The marks of a store's run: what is safe, and what a new life of the store takes back."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.stores.backoff import CEILING_S, FIRST_S, PERSON_S, RETRY_AFTER_S_MAX, Backoff
from collector.stores.cursor import PULSE_GAP_S_MAX, AliveClock, Cursor, Tally
from collector.stores.ports import Busy, NeedsPerson, Unreachable


def test_an_answer_that_promises_enough_is_safe_at_once() -> None:
    cursor = Cursor(4)
    assert cursor.acknowledged(cursor.epoch, 9, Tally(5, 50), alive_s=0.0)
    assert (cursor.sent, cursor.safe) == (9, 4)
    assert cursor.settle(0.0)
    assert (cursor.sent, cursor.safe, cursor.safe_tally.values) == (9, 9, 50)


def test_another_store_is_safe_only_after_it_was_seen_alive_long_enough() -> None:
    cursor, clock = Cursor(0, durable_after_s=12), AliveClock()
    clock.seen("a", 100.0)
    cursor.acknowledged(cursor.epoch, 7, Tally(7, 70), clock.alive_s)
    for second in range(1, 12):
        clock.seen("a", 100.0 + second)
        assert not cursor.settle(clock.alive_s)
    clock.seen("a", 112.0)
    assert cursor.settle(clock.alive_s)
    assert cursor.safe == 7


def test_a_new_life_sends_the_tail_again_and_late_answers_of_the_old_one_count_for_nothing() -> None:
    cursor, clock = Cursor(3, durable_after_s=12), AliveClock()
    clock.seen("a", 0.0)
    cursor.acknowledged(cursor.epoch, 5, Tally(2, 20, {"text": 1}), clock.alive_s)
    before = cursor.epoch
    assert clock.seen("b", 1.0)
    assert cursor.rewind() == Tally(2, 20, {"text": 1})
    assert (cursor.sent, cursor.safe, cursor.tally) == (3, 3, Tally())
    assert not cursor.acknowledged(before, 9, Tally(4, 40), clock.alive_s)
    assert cursor.sent == 3


def test_a_stopped_store_gains_no_more_than_one_gap() -> None:
    clock = AliveClock()
    clock.seen("a", 0.0)
    clock.seen("a", 3600.0)
    assert clock.alive_s == PULSE_GAP_S_MAX
    clock.missed()
    clock.seen("a", 3700.0)
    assert clock.alive_s == PULSE_GAP_S_MAX


def test_memory_of_what_waits_is_bounded_by_signs_of_life_not_by_requests() -> None:
    cursor = Cursor(0, durable_after_s=12)
    for position in range(1, 10_000):
        cursor.acknowledged(0, position, Tally(1, 1), alive_s=3.0)
    assert len(cursor._waiting) == 1
    assert cursor.tally == Tally(9999, 9999)


_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("ack"), st.integers(1, 5)),
        st.tuples(st.just("pulse"), st.floats(0.1, 30)),
        st.tuples(st.just("missed"), st.just(0)),
        st.tuples(st.just("restart"), st.just(0)),
    ),
    max_size=60,
)


@given(_STEPS)
def test_safe_never_passes_what_the_store_flushed(steps: list[tuple[str, float]]) -> None:
    """The store writes to disk what it has had for 12 s of its own time, and forgets the rest at a restart."""
    cursor, clock = Cursor(0, durable_after_s=12 + 2 * PULSE_GAP_S_MAX), AliveClock()
    now_s, life, on_disk = 0.0, 0, set[int]()
    in_memory: list[tuple[float, range]] = []
    clock.seen("0", now_s)
    for kind, amount in steps:
        if kind == "ack":
            sent = cursor.sent + 1
            in_memory.append((now_s, range(sent, sent + int(amount))))
            cursor.acknowledged(cursor.epoch, sent + int(amount) - 1, Tally(int(amount)), clock.alive_s)
        elif kind == "restart":
            life, in_memory = life + 1, []
        elif kind == "missed":
            clock.missed()
        else:
            now_s += amount
            while in_memory and now_s - in_memory[0][0] > 12:
                on_disk |= set(in_memory.pop(0)[1])
            if clock.seen(str(life), now_s):
                cursor.rewind()
        cursor.settle(clock.alive_s)
        assert on_disk >= set(range(1, cursor.safe + 1))
        assert cursor.safe <= cursor.sent
        assert cursor.tally.blocks == cursor.sent


def test_moving_elsewhere_keeps_what_is_safe_counted() -> None:
    cursor = Cursor(0, Tally(1, 10), durable_after_s=5)
    cursor.acknowledged(0, 8, Tally(8, 80), 0.0)
    cursor.move(3)
    assert (cursor.sent, cursor.safe, cursor.tally.values) == (3, 3, 10)
    assert not cursor.acknowledged(0, 9, Tally(), 0.0)


def test_pauses_grow_to_their_ceiling_and_begin_anew_after_success() -> None:
    backoff = Backoff(Random(1))
    pauses = [backoff.pause_s(Unreachable("down")) for _ in range(20)]
    assert pauses[0] <= FIRST_S
    assert max(pauses) <= CEILING_S
    assert min(pauses[-5:]) >= CEILING_S / 2
    backoff.reset()
    assert backoff.pause_s(Unreachable("down")) <= FIRST_S


@pytest.mark.parametrize(
    ("answer", "pause_s"),
    [
        (Busy("later", 7.0), 7.0),
        (Busy("later", 1e9), RETRY_AFTER_S_MAX),
        (Busy("later", -3.0), FIRST_S),
        (NeedsPerson("401"), PERSON_S),
    ],
)
def test_a_store_may_say_how_long_within_bounds(answer: Busy | NeedsPerson, pause_s: float) -> None:
    assert Backoff(Random(1)).pause_s(answer) == pause_s
