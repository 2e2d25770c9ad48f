"""A loss record is kept until the block that carries it is safe, not merely stored."""

from __future__ import annotations

from pathlib import Path

import pytest

from device_profiles.wire.decode import decode
from device_profiles.wire.delivery.agent_io import AgentAction, DropStored, GiveUp, Trim
from device_profiles.wire.delivery.ports import BlockRef
from device_profiles.wire.intervals import IntervalSet
from device_profiles.wire.model import LossReason, LossRecord
from device_profiles.wire.values import Scaled
from edge_agent.outbox import Outbox
from tests.agent.test_blocks import builder, sample
from tests.agent.test_clock import SetClock


def seal_one(outbox: Outbox, clock: SetClock, number: int) -> BlockRef:
    made = builder(clock)
    made.add(sample(number, clock, a=Scaled(number, 0)))
    (ref,) = outbox.commit(made.seal()).refs
    return ref


def losses_of(outbox: Outbox, ref: BlockRef) -> tuple[LossRecord, ...]:
    return decode(outbox.read(ref.segment, ref.seq)).losses


@pytest.mark.parametrize("is_safe", [True, False])
def test_a_record_goes_out_again_unless_its_carrier_was_safe(tmp_path: Path, *, is_safe: bool) -> None:
    outbox = Outbox.open(tmp_path / "outbox.db", agent="test-agent", fingerprint=bytes(16), bytes_max=64 << 20)
    try:
        clock = SetClock()
        lost = seal_one(outbox, clock, 1)
        one = IntervalSet().add(lost.seq)
        outbox.apply([GiveUp(lost.segment, one, lost.readings, LossReason.SHED, shelve=False)])
        carrier = seal_one(outbox, clock, 2)
        (record,) = losses_of(outbox, carrier)
        assert (record.reason, record.intervals) == (LossReason.SHED, one)
        two = IntervalSet().add(carrier.seq)
        gone: AgentAction = Trim(lost.segment, two) if is_safe else DropStored(lost.segment, two)
        outbox.apply([gone])
        outbox.flush()
        following = seal_one(outbox, clock, 3)
        assert losses_of(outbox, following) == (() if is_safe else (record,))
    finally:
        outbox.close()
