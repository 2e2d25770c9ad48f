"""Many blocks into flat columns in one go, for the collector. Numpy.

Per block only what protobuf, the digest and a look into a cache cost; all bit work is done for thousands of readings
together. A block that is anything but right goes through `decode`, whose word is final: it gives the block, or says
what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, overload

import numpy as np
import numpy.typing as npt
from google.protobuf.message import DecodeError

from device_profiles.wire import block_pb2 as pb
from device_profiles.wire.batch_bulk import DOUBLE, Gathered, Irregular, Piece, Plan, Plans, piece_of, pieces_of
from device_profiles.wire.body import (
    anchors_of,
    check_cells,
    check_records,
    clock_of,
    losses_of,
    opened_of,
    texts_of,
    unpack_body,
)
from device_profiles.wire.compression import Unpackable, decompress
from device_profiles.wire.decode import decode
from device_profiles.wire.digest import COVERED_FROM, PREFIX, computed_digest
from device_profiles.wire.header import checked_header, header_of
from device_profiles.wire.limits import MAX_BLOCK_BYTES, MAX_READINGS, MAX_SIGNATURE_BYTES
from device_profiles.wire.model import (
    VERSION,
    Anchor,
    BlockHeader,
    ClockSection,
    Encoding,
    LossRecord,
    OpenRecord,
    ProfileRef,
    TextEvent,
)
from device_profiles.wire.rejected import BlockRejected
from device_profiles.wire.schema import decode_schema

__all__ = ["DOUBLE", "Batch", "BlockInfo", "BlockInfos", "Series", "decode_many"]

_GROUP_READINGS: Final = 1 << 17
"""Readings decoded together: enough to forget the cost per call, few enough to keep the memory flat."""

_KEPT_BYTES: Final = 31 << 20

# glibc gives freed arrays of this size back to the system at once, and a page fault for each new page then costs as
# much again as the decoding. One untouched 31 MiB allocation, freed, raises both of its thresholds for good
# (mallopt(3), M_MMAP_THRESHOLD: "dynamic"). Other allocators just see it come and go.
_ = np.empty(_KEPT_BYTES, np.uint8)
del _

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

    def with_body(self) -> Iterator[BlockInfo]:
        """Only those that may hold texts or records: hardly ever many."""
        for message in self._messages:
            if message is not None and message.body:
                info = _info(message)
                if info is not None:
                    yield info


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
    header, clock = header_of(message), clock_of(message)
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
        pieces = self.pieces or [Piece.empty()]
        joined = pieces[0] if len(pieces) == 1 else Piece(*map(np.concatenate, zip(*pieces, strict=True)))
        return Batch(
            blocks=BlockInfos(self.messages),
            rejected=dict(sorted(self.rejected.items())),
            series_table=tuple(Series(*key) for key in self.plans.series),
            block=joined.block,
            series=joined.series,
            observed_at_ns=joined.observed_at_ns,
            value=joined.value,
            mantissa=joined.mantissa,
            flag=joined.flag,
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
        digest = data[2:COVERED_FROM]
        if len(data) > MAX_BLOCK_BYTES or data[:2] != PREFIX or (self.check_digest and computed_digest(data) != digest):
            return False
        try:
            message = _parse(data)
            plan = self.plans.known.get((message.agent, message.device, message.schema)) or self._plan(message)
            run = message.values
            cells = message.rows * plan.columns
            irregular = None
            if (
                message.values_encoding
                or message.body
                or message.body_encoding
                or plan.doubles
                or message.readings != cells
                or message.records
            ):
                run, irregular = _look_into(message, plan, cells)
        except (BlockRejected, DecodeError, Unpackable, ValueError):
            return False
        if (
            not 0 < cells <= MAX_READINGS
            or message.digest != digest
            or message.revision >= VERSION
            or not message.segment
            or not message.seq
            or len(message.signature) > MAX_SIGNATURE_BYTES
        ):
            return False
        gathered = self.gathered
        if irregular is not None:
            gathered.irregular[len(gathered.index)] = irregular
        self.messages[index] = message
        gathered.readings += cells
        gathered.index.append(index)
        gathered.plan.append(plan.number)
        gathered.message.append(message)
        gathered.run.append(run)
        return True

    def _plan(self, message: pb.Block) -> Plan:
        """Check what blocks of one device share, once per batch. Raises as `decode` would."""
        checked_header(message)
        plan = self.plans.of(message.agent, message.device, decode_schema(message.schema))
        self.plans.known[message.agent, message.device, message.schema] = plan
        return plan


def _look_into(message: pb.Block, plan: Plan, cells: int) -> tuple[bytes, Irregular | None]:
    """The run, and what else a block with a body, with doubles or with a packed run has. Raises as `decode` would."""
    if message.values_encoding > Encoding.ZLIB or message.body_encoding > Encoding.ZLIB:
        raise ValueError("unknown encoding")
    check_cells(message.rows, plan.columns)
    run = decompress(message.values, message.values_encoding)
    body = unpack_body(message)
    missing = cells - message.readings + check_records(body, clock_of(message).wall_ns, announced=message.records)
    if not missing and not plan.doubles and not message.body:
        return run, None
    return run, Irregular.of(body, missing, message.rows, plan)
