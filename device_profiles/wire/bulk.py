"""Many blocks into flat columns in one go, for the collector. Numpy.

Per block only what protobuf, the digest and a look into a cache cost; all bit work is done for thousands of readings
together. A block that is anything but right goes through `decode`, whose word is final: it gives the block, or says
what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final, overload

import numpy as np
import numpy.typing as npt
from google.protobuf.message import DecodeError

from device_profiles.wire import block_pb2 as pb
from device_profiles.wire.batch_bulk import DOUBLE, Gathered, Irregular, Piece, Plan, Plans, piece_of, pieces_of
from device_profiles.wire.body import (
    anchors_of,
    check_cells,
    clock_of,
    flag_runs,
    losses_of,
    opened_of,
    texts_of,
    unpack_body,
)
from device_profiles.wire.compression import Unpackable, decompress
from device_profiles.wire.decode import decode
from device_profiles.wire.digest import COVERED_FROM, DIGEST_BYTES, PREFIX
from device_profiles.wire.header import checked_header
from device_profiles.wire.limits import MAX_BLOCK_BYTES, MAX_READINGS, MAX_SIGNATURE_BYTES
from device_profiles.wire.model import (
    Anchor,
    BlockHeader,
    ClockSection,
    LossRecord,
    OpenRecord,
    ProfileRef,
    TextEvent,
)
from device_profiles.wire.rejected import BlockRejected
from device_profiles.wire.schema import decode_schema

__all__ = ["DOUBLE", "Batch", "BlockInfo", "Series", "decode_many"]

_GROUP_READINGS: Final = 1 << 16
"""Readings decoded together: enough to forget the cost per call, few enough to stay in the processor's cache."""

_parse = pb.Block.FromString


@dataclass(frozen=True, slots=True)
class Series:
    """Where a reading belongs.

    Attributes:
        agent: Agent id.
        device: Device id.
        profile: Which profile made sense of the device.
        channel: Channel id.
        unit: UCUM text.
        exponent: Decimal exponent of the mantissas, ``None`` where values are doubles on the wire.
    """

    agent: str
    device: str
    profile: ProfileRef
    channel: str
    unit: str
    exponent: int | None


@dataclass(frozen=True, slots=True)
class BlockInfo:
    """What a block says beside its readings."""

    header: BlockHeader
    profile: ProfileRef
    clock: ClockSection
    texts: tuple[TextEvent, ...] = ()
    losses: tuple[LossRecord, ...] = ()
    anchors: tuple[Anchor, ...] = ()
    opened: OpenRecord | None = None


class BlockInfos(Sequence["BlockInfo | None"]):
    """The blocks of a batch, made when asked for: many callers look at a few of them only."""

    def __init__(self, messages: list[pb.Block | None]) -> None:
        self._messages = messages

    def __len__(self) -> int:
        return len(self._messages)

    @overload
    def __getitem__(self, index: int) -> BlockInfo | None: ...
    @overload
    def __getitem__(self, index: slice) -> list[BlockInfo | None]: ...
    def __getitem__(self, index: int | slice) -> BlockInfo | list[BlockInfo | None] | None:
        if isinstance(index, slice):
            return [_info(message) for message in self._messages[index]]
        return _info(self._messages[index])

    def __iter__(self) -> Iterator[BlockInfo | None]:
        return map(_info, self._messages)


@dataclass(frozen=True, slots=True)
class Batch:
    """Readings of many blocks, one array entry each, in the order of the blocks, column by column within a block.

    Attributes:
        blocks: Per input what its block says beside readings; ``None`` where it was rejected.
        rejected: Input index to what is wrong with it.
        series_table: What ``series`` counts in.
        block: Input index of each reading. [int32]
        series: Index into ``series_table``. [int32]
        observed_at_ns: Phenomenon time, UTC Unix time. [ns, int64]
        value: The number before calibration: the double nearest to the decimal, or the double itself. [float64]
        mantissa: The decimal's integer, exact at the series' exponent; 0 for doubles. [int64]
        flag: QARTOD flag. [uint8]
    """

    blocks: Sequence[BlockInfo | None]
    rejected: dict[int, BlockRejected]
    series_table: tuple[Series, ...]
    block: npt.NDArray[np.int32]
    series: npt.NDArray[np.int32]
    observed_at_ns: npt.NDArray[np.int64]
    value: npt.NDArray[np.float64]
    mantissa: npt.NDArray[np.int64]
    flag: npt.NDArray[np.uint8]


def decode_many(blocks: Sequence[bytes], *, check_digest: bool = True) -> Batch:
    """Decode blocks together. Never raises for what is in them.

    Args:
        blocks: As published.
        check_digest: False where the caller has verified each of them.
    """
    return _Decoder(blocks, check_digest=check_digest).run()


def _info(message: pb.Block | None) -> BlockInfo | None:
    if message is None:
        return None
    header, clock = checked_header(message), clock_of(message)
    profile = decode_schema(message.schema).profile
    if not message.body:
        return BlockInfo(header, profile, clock)
    body = unpack_body(message)
    return BlockInfo(
        header, profile, clock, texts_of(body, clock.wall_ns), losses_of(body), anchors_of(body), opened_of(body)
    )


class _Decoder:
    def __init__(self, blocks: Sequence[bytes], *, check_digest: bool) -> None:
        self.blocks = blocks
        self.check_digest = check_digest
        self.plans = Plans()
        self.messages: list[pb.Block | None] = [None] * len(blocks)
        self.rejected: dict[int, BlockRejected] = {}
        self.pieces: list[Piece] = []
        self.gathered = Gathered()

    def run(self) -> Batch:
        for index, data in enumerate(self.blocks):
            if not self._take(index, data):
                self._flush()
                self._take_alone(index)
            elif self.gathered.readings >= _GROUP_READINGS:
                self._flush()
        self._flush()
        pieces = self.pieces

        return Batch(
            blocks=BlockInfos(self.messages),
            rejected=dict(sorted(self.rejected.items())),
            series_table=tuple(Series(*key) for key in self.plans.series),
            block=np.concatenate([np.empty(0, np.int32), *(piece.block for piece in pieces)]),
            series=np.concatenate([np.empty(0, np.int32), *(piece.series for piece in pieces)]),
            observed_at_ns=np.concatenate([np.empty(0, np.int64), *(piece.observed_at_ns for piece in pieces)]),
            value=np.concatenate([np.empty(0, np.float64), *(piece.value for piece in pieces)]),
            mantissa=np.concatenate([np.empty(0, np.int64), *(piece.mantissa for piece in pieces)]),
            flag=np.concatenate([np.empty(0, np.uint8), *(piece.flag for piece in pieces)]),
        )

    def _flush(self) -> None:
        """Decode what was gathered; blocks that turn out malformed take the slow way."""
        if not self.gathered.index:
            return
        gathered, self.gathered = self.gathered, Gathered()
        for piece in pieces_of(gathered, self.plans):
            if isinstance(piece, int):
                self._take_alone(piece)
            else:
                self.pieces.append(piece)

    def _take_alone(self, index: int) -> None:
        data = self.blocks[index]
        try:
            block = decode(data)
        except BlockRejected as exc:
            self.rejected[index] = exc
            self.messages[index] = None
            return
        message = _parse(data)
        self.messages[index] = message
        plan = self.plans.of(message.agent, message.device, decode_schema(message.schema))
        self.pieces.append(piece_of(block, index, plan))

    def _take(self, index: int, data: bytes) -> bool:
        """Gather a block; False if it is not wholly ordinary."""
        if len(data) > MAX_BLOCK_BYTES or data[:2] != PREFIX:
            return False
        try:
            message = _parse(data)
        except DecodeError:
            return False
        digest = data[2:COVERED_FROM]
        if message.digest != digest:
            return False
        if self.check_digest and blake2b(memoryview(data)[COVERED_FROM:], digest_size=DIGEST_BYTES).digest() != digest:
            return False
        key = (message.agent, message.device, message.schema)
        plan = self.plans.known.get(key) or self._plan(message)
        if plan is None or message.revision or message.body_encoding > 2 or not (message.segment and message.seq):
            return False
        rows = message.rows
        run = message.values
        irregular = None
        cells = rows * plan.columns
        if message.values_encoding or message.body or plan.doubles or message.readings != cells or message.records:
            try:
                irregular, run = _look_into(message, plan)
            except (Unpackable, DecodeError, ValueError):
                return False
        if cells > MAX_READINGS or not cells or len(message.signature) > MAX_SIGNATURE_BYTES:
            return False
        self.messages[index] = message
        self.gathered.add(index, plan, rows, run, message, irregular)
        return True

    def _plan(self, message: pb.Block) -> Plan | None:
        """Check what blocks of one device share, once per batch."""
        try:
            checked_header(message)
            schema = decode_schema(message.schema)
        except (BlockRejected, Unpackable, ValueError):
            return None
        plan = self.plans.of(message.agent, message.device, schema)
        self.plans.known[message.agent, message.device, message.schema] = plan
        return plan


def _look_into(message: pb.Block, plan: Plan) -> tuple[Irregular | None, bytes]:
    """What a block with a body, with doubles or with a packed run needs; raises as `decode` would."""
    if message.values_encoding > 2:
        raise ValueError("unknown encoding")
    run = decompress(message.values, message.values_encoding)
    cells = check_cells(message.rows, plan.columns)
    if not message.body and not plan.doubles and message.readings == cells and not message.records:
        return None, run
    body = unpack_body(message)
    texts = texts_of(body, clock_of(message).wall_ns)
    if message.records != bool(losses_of(body) or anchors_of(body) or opened_of(body)):
        raise ValueError("records do not match the header")
    missing = cells - message.readings + len(texts)
    flags = flag_runs(body, cells)
    return Irregular.of(body.presence, body.doubles, flags, missing, message.rows, plan), run
