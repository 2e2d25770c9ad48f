from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_profiles.wire import block_pb2 as pb
from device_profiles.wire.intervals import IntervalSet
from device_profiles.wire.limits import MAX_INTERVALS, MAX_MESSAGE_BYTES, MAX_REJECTIONS, MAX_SEGMENTS
from device_profiles.wire.messages import (
    DeviceState,
    MessageRejected,
    Receipt,
    Refusal,
    Rejection,
    SegmentExtent,
    SegmentReceipt,
    State,
    Sync,
    Synced,
    parse_receipt,
    parse_state,
    parse_sync,
    parse_synced,
)
from device_profiles.wire.model import ClockState, ProfileRef
from tests.wire.strategies import INT64, INTERVALS, NAMES, UINT64

IDS = st.binary(min_size=16, max_size=16)
UINT32 = st.integers(0, (1 << 32) - 1)
REJECTIONS = st.builds(Rejection, UINT64, IDS, st.text(max_size=20))
SEGMENTS = st.builds(
    SegmentReceipt, UINT64, INTERVALS, INTERVALS, INTERVALS, st.lists(REJECTIONS, max_size=3).map(tuple), INTERVALS
)
REFUSALS = st.one_of(st.none(), st.builds(Refusal, st.text(min_size=1, max_size=20), UINT32))
RECEIPTS = st.builds(Receipt, IDS, IDS, UINT64, st.lists(SEGMENTS, max_size=3).map(tuple), UINT32, REFUSALS)
EXTENTS = st.builds(
    lambda segment, ordinal, first, more, total, absent: SegmentExtent(
        segment, ordinal, first, first + more - 1 if first + more else 0, total, absent
    ),
    UINT64,
    UINT32,
    st.integers(1, 1 << 40),
    st.integers(0, 1 << 20),
    UINT64,
    INTERVALS,
)
SYNCS = st.builds(Sync, UINT64, IDS, st.lists(EXTENTS, max_size=4).map(tuple))
PROFILES = st.builds(ProfileRef, NAMES, UINT32, st.binary(min_size=8, max_size=8))
STATES = st.builds(
    State,
    st.booleans(),
    UINT64,
    st.one_of(st.just(""), NAMES),
    st.one_of(st.just(b""), IDS),
    st.lists(st.builds(DeviceState, NAMES, PROFILES), max_size=3).map(tuple),
    st.sampled_from(ClockState),
    UINT64,
    UINT64,
    UINT64,
    INT64,
)
ID = bytes(range(16))
PARSERS = (parse_receipt, parse_sync, parse_synced, parse_state)


def parse_all(data: bytes) -> None:
    """Whatever else is raised fails the test."""
    for parse in PARSERS:
        with contextlib.suppress(MessageRejected):
            parse(data)


@given(RECEIPTS)
def test_receipts_come_back(receipt: Receipt) -> None:
    assert parse_receipt(receipt.encode()) == receipt


@given(SYNCS)
def test_syncs_come_back(sync: Sync) -> None:
    assert parse_sync(sync.encode()) == sync


@given(st.builds(Synced, UINT64, INT64, RECEIPTS))
def test_answers_come_back(synced: Synced) -> None:
    assert parse_synced(synced.encode()) == synced


@given(STATES)
def test_states_come_back(state: State) -> None:
    assert parse_state(state.encode()) == state


@given(st.binary(max_size=200))
def test_any_bytes_give_a_message_or_a_rejection(data: bytes) -> None:
    parse_all(data)


@given(RECEIPTS, st.data())
def test_garbled_receipts_give_a_receipt_or_a_rejection(receipt: Receipt, data: st.DataObject) -> None:
    raw = bytearray(receipt.encode())
    raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    parse_all(bytes(raw))


def test_a_will_is_small() -> None:
    will = State(alive=False, connection=7)
    assert parse_state(will.encode()) == will
    assert len(will.encode()) == 2


def test_a_receipt_for_a_year_of_minutes_is_small() -> None:
    stored = IntervalSet.of((1, 525_600))
    receipt = Receipt(ID, ID, 3, (SegmentReceipt(1 << 63, stored, stored),), 262_144)
    assert len(receipt.encode()) < 70


def invalid(parse: object, data: bytes) -> str:
    assert callable(parse)
    with pytest.raises(MessageRejected) as caught:
        parse(data)
    return caught.value.reason


def test_limits() -> None:
    assert invalid(parse_receipt, bytes(MAX_MESSAGE_BYTES + 1)) == "too_large"
    assert invalid(parse_receipt, b"") == "invalid"
    assert invalid(parse_receipt, pb.Receipt(lineage=ID, store_id=ID[:15]).SerializeToString()) == "invalid"
    many = pb.Receipt(lineage=ID, store_id=ID, segments=[pb.SegmentReceipt()] * (MAX_SEGMENTS + 1))
    assert invalid(parse_receipt, many.SerializeToString()) == "invalid"
    rejected = [pb.Rejection(digest=ID)] * (MAX_REJECTIONS + 1)
    assert invalid(
        parse_receipt,
        pb.Receipt(lineage=ID, store_id=ID, segments=[pb.SegmentReceipt(rejected=rejected)]).SerializeToString(),
    )
    holes = IntervalSet.from_numbers(range(0, 2 * MAX_INTERVALS + 2, 2)).to_bytes()
    receipt = pb.Receipt(lineage=ID, store_id=ID, segments=[pb.SegmentReceipt(stored=holes)])
    assert invalid(parse_receipt, receipt.SerializeToString()) == "invalid"
    behind = pb.Sync(outbox_id=ID, segments=[pb.SegmentExtent(first_kept=9, tail=7)])
    assert invalid(parse_sync, behind.SerializeToString()) == "invalid"
    assert invalid(
        parse_state, pb.State(devices=[pb.Device(device="x" * 200, profile_digest=bytes(8))]).SerializeToString()
    )
    assert invalid(parse_state, pb.State(clock_state=4).SerializeToString()) == "invalid"


def test_a_message_beyond_the_limit_is_not_published() -> None:
    holes = IntervalSet.from_numbers(range(0, 300_000, 2))
    with pytest.raises(ValueError, match="at most"):
        Receipt(ID, ID, 1, (SegmentReceipt(1, holes, holes),), 0).encode()
