"""Latest values, charts and the accounting."""

from __future__ import annotations

import threading

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from collector.journal.packing import JournalEntry
from collector.lake.accounting import Accounts
from collector.lake.chart import POINTS_MAX, SPAN_NS_MAX, ChartMemory
from collector.lake.dictionary import SeriesDictionary, SeriesKey
from collector.lake.feed import ENTRY_BYTES, PIECE_BLOCKS, Feed, up_to
from collector.lake.latest import AHEAD_NS_MAX, ChannelKey, LatestValues, Readings

NOW_NS = 1_795_471_200 * 10**9


def readings(rows: list[tuple[int, int, float]]) -> Readings:
    series, moments, values = zip(*rows, strict=True)
    return Readings(
        series=np.array(series, np.int32),
        observed_at_ns=np.array(moments, np.int64),
        value=np.array(values, np.float64),
        flag=np.full(len(rows), 2, np.uint8),
        clock_state=[3],
        block=np.zeros(len(rows), np.int32),
    )


def three_series() -> tuple[LatestValues, list[ChannelKey]]:
    dictionary = SeriesDictionary()
    keys = [SeriesKey("a", "d", channel, "V", None) for channel in "xyz"]
    assert [dictionary.id_of(key) for key in keys] == [1, 2, 3]
    return LatestValues(dictionary), [ChannelKey(*key[:3]) for key in keys]


@given(
    st.lists(
        st.lists(st.tuples(st.integers(1, 3), st.integers(0, 50), st.floats(-9, 9)), min_size=1, max_size=30),
        min_size=1,
        max_size=5,
    )
)
def test_the_newest_wins_in_whatever_order_it_comes(calls: list[list[tuple[int, int, float]]]) -> None:
    latest, keys = three_series()
    newest: dict[ChannelKey, int] = {}
    valid: dict[ChannelKey, set[float]] = {}
    for rows in calls:
        latest.observe(readings(rows), NOW_NS)
        for series, moment, value in rows:
            key = keys[series - 1]
            if moment > newest.get(key, -1):
                newest[key], valid[key] = moment, set()
            if moment == newest[key]:
                valid[key].add(value)
    shown = {value.key: value for value in latest.page(0, 10)}
    assert {key: value.observed_at_ns for key, value in shown.items()} == newest
    for key, held in shown.items():
        assert held.value in valid[key]
        moments = [moment for moment, _ in held.chart]
        assert moments == sorted(set(moments))


def test_a_clock_that_runs_ahead_does_not_become_the_newest() -> None:
    latest, _ = three_series()
    latest.observe(readings([(1, NOW_NS, 1.0)]), NOW_NS)
    latest.observe(readings([(1, NOW_NS + AHEAD_NS_MAX + 1, 2.0)]), NOW_NS)
    assert [value.value for value in latest.page(0, 10)] == [1.0]
    assert latest.ahead == 1


def test_a_text_event_stands_among_the_values() -> None:
    latest, keys = three_series()
    latest.observe_text(keys[0], NOW_NS, "gate open", 3, NOW_NS)
    latest.observe_text(keys[0], NOW_NS - 5, "gate shut", 3, NOW_NS)
    (value,) = latest.page(0, 10)
    assert (value.text, value.value) == ("gate open", None)


@given(st.lists(st.integers(1, 10**13), max_size=400))
def test_a_chart_stays_small_and_spans_a_day_at_most(steps: list[int]) -> None:
    memory = ChartMemory()
    moment = 0
    for step in steps:
        moment += step
        memory.add(moment, float(moment))
        assert len(memory.points) <= POINTS_MAX
    if len(memory.points) == POINTS_MAX:
        assert memory.points[-1][0] - memory.points[0][0] <= SPAN_NS_MAX + 10**13


SEGMENTS = st.tuples(st.sampled_from("ab"), st.integers(1, 3))


@given(
    stored=st.lists(st.tuples(SEGMENTS, st.integers(0, 50)), max_size=20),
    heard=st.lists(st.tuples(SEGMENTS, st.integers(0, 2_000)), max_size=10),
    lost=st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 3), st.integers(0, 60)), max_size=6),
)
def test_the_identity_always_holds(
    stored: list[tuple[tuple[str, int], int]],
    heard: list[tuple[tuple[str, int], int]],
    lost: list[tuple[str, int, int]],
) -> None:
    accounts = Accounts()
    totals: dict[tuple[str, int], int] = {}
    for key, count in stored:
        totals[key] = totals.get(key, 0) + count
        accounts.stored([(*key, totals[key], count)])
    for key, total in heard:
        accounts.heard(*key, total)
    accounts.lost(lost)
    found = accounts.totals()
    assert found.accepted == found.stored + found.recorded_loss + found.pending
    assert found.stored == sum(count for _, count in stored)
    assert min(found.accepted, found.recorded_loss, found.pending) >= 0
    assert found.unexplained == 0
    parts = [accounts.of(agent) for agent in accounts.agents()]
    assert sum(part.accepted for part in parts) == found.accepted


def test_more_stored_than_accepted_is_said_aloud() -> None:
    accounts = Accounts()
    accounts.stored([("a", 1, 10, 12)])
    assert accounts.totals().unexplained == 2
    assert "look into this" in accounts.totals().sentence()


def entry(position: int, size: int = 10) -> JournalEntry:
    return JournalEntry(position, "a", 1, 1, position, 5, 0, b"", bytes(size))


@given(st.lists(st.tuples(st.integers(1, 50), st.booleans()), max_size=40), st.integers(2, 200))
def test_the_feed_gives_everything_in_order_or_leaves_a_gap_to_the_journal(
    steps: list[tuple[int, bool]], blocks_max: int
) -> None:
    feed = Feed(blocks_max * (ENTRY_BYTES + 10))
    journal: list[JournalEntry] = []
    seen: list[int] = []
    for count, take in steps:
        fresh = [entry(len(journal) + 1 + number) for number in range(count)]
        journal += fresh
        feed.offer(fresh)
        if take:
            after = seen[-1] if seen else 0
            got = feed.take(after, readings_max=17) or up_to(journal[after:], 17)
            assert got
            seen += [one.position for one in got]
    assert seen == list(range(1, len(seen) + 1))
    while len(seen) < len(journal):
        got = feed.take(len(seen), readings_max=17) or up_to(journal[len(seen) :], 17)
        seen += [one.position for one in got]
    assert feed.take(len(seen), readings_max=17) == []
    assert feed.waiting_bytes == 0


def test_a_large_commit_is_taken_out_in_pieces() -> None:
    feed = Feed()
    feed.offer([entry(number) for number in range(1, 201)])
    first = feed.take(0, readings_max=5)
    assert [one.position for one in first] == list(range(1, PIECE_BLOCKS + 1))
    assert feed.waiting_bytes == (200 - PIECE_BLOCKS) * 10


def test_a_commit_that_nobody_offered_is_left_to_the_journal() -> None:
    feed = Feed()
    feed.offer([entry(1)])
    feed.offer([entry(3)])
    assert [one.position for one in feed.take(0, readings_max=10**6)] == [1]
    assert feed.take(1, readings_max=10**6) == [], "2 is in the journal"
    assert [one.position for one in feed.take(2, readings_max=10**6)] == [3]


def test_a_feed_counts_what_goes_with_small_blocks_and_can_let_go() -> None:
    feed = Feed(10 * ENTRY_BYTES)
    for number in range(1, 101):
        feed.offer([entry(number, size=1)])
    assert (feed.waiting_bytes, feed.dropped) == (9, 91)
    feed.let_go()
    assert feed.waiting_bytes == 0
    assert feed.take(0, readings_max=10**6) == []
    feed.offer([entry(101)])
    assert feed.take(0, readings_max=10**6) == [], "behind a gap"
    assert [one.position for one in feed.take(100, readings_max=10**6)] == [101]


def test_readers_and_the_writer_do_not_disturb_each_other() -> None:
    latest, _ = three_series()
    stop = threading.Event()
    faults: list[Exception] = []

    def read() -> None:
        while not stop.is_set():
            try:
                for value in latest.page(0, 10):
                    assert all(a[0] < b[0] for a, b in zip(value.chart, value.chart[1:], strict=False))
            except Exception as exc:  # noqa: BLE001 - collected for the assertion below
                faults.append(exc)

    thread = threading.Thread(target=read)
    thread.start()
    for moment in range(2_000):
        latest.observe(readings([(1 + moment % 3, moment, 1.0)]), NOW_NS)
    stop.set()
    thread.join()
    assert faults == []
