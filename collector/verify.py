"""From the bytes of a message to what the delivery machine must know of a block. Bad bytes never raise here."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from google.protobuf.message import DecodeError

from device_profiles.wire import block_pb2 as pb
from device_profiles.wire.body import check_cells, rejecting, unpack_body
from device_profiles.wire.compression import Unpackable, decompress
from device_profiles.wire.decode import decode
from device_profiles.wire.delivery.collector_io import BlockFacts
from device_profiles.wire.header import parse, verified
from device_profiles.wire.model import BlockHeader, LossRecord, OpenRecord
from device_profiles.wire.rejected import BlockRejected, RejectReason
from device_profiles.wire.schema import decode_schema

REASON_CHARS_MAX: Final = 60
"""A rejection's words travel in every receipt of the segment: keep them short."""


class Examined(NamedTuple):
    """Outcome of looking at one message on a ``block`` topic.

    Attributes:
        facts: The verified block; None when identity or digest do not hold, so that nobody can be blamed for it.
        fault: Why not, in one line; empty with ``facts``.
    """

    facts: BlockFacts | None
    fault: str = ""


def examine(data: bytes, agent: str) -> Examined:
    """Check limits, shape, identity and digest, and that every part of the block inflates within its limits.

    What only a full decoding finds is left to the projector: it decodes many blocks in one go, and puts aside what does
    not decode.

    Args:
        data: The message.
        agent: Agent id of the topic; the block must name the same one (rule C2).
    """
    try:
        message = parse(data)
        header = verified(message, data, agent)
        if not header.supported:
            return Examined(_facts(header, verdict="hold", reason=str(RejectReason.UNKNOWN_VERSION)))
        try:
            _inflate(message)
        except (Unpackable, DecodeError, ValueError):
            # Again, to have it named: no good block pays for the naming.
            with rejecting(header):
                _inflate(message)
        if header.records:
            # Few blocks carry records; only these are decoded here.
            block = decode(data)
            return Examined(_facts(header, opened=block.opened, losses=block.losses))
    except BlockRejected as exc:
        return _rejected(exc)
    return Examined(_facts(header))


def _inflate(message: pb.Block) -> None:
    check_cells(message.rows, len(decode_schema(message.schema).columns))
    if message.values_encoding:
        decompress(message.values, message.values_encoding)
    if message.body:
        unpack_body(message)


def _facts(
    header: BlockHeader,
    *,
    verdict: Literal["store", "hold", "reject"] = "store",
    reason: str = "",
    opened: OpenRecord | None = None,
    losses: tuple[LossRecord, ...] = (),
) -> BlockFacts:
    return BlockFacts(
        header.agent,
        header.segment,
        header.ordinal,
        header.seq,
        header.readings,
        header.readings_total,
        header.digest,
        header.previous,
        verdict,
        reason,
        opened,
        losses,
    )


def _rejected(exc: BlockRejected) -> Examined:
    """Rejected where the block proves whose it is; else only put aside: the agent's good copy comes again (rule C5)."""
    line = f"{exc.reason}: {exc.detail}"
    if exc.header is None:
        return Examined(None, line)
    return Examined(_facts(exc.header, verdict="reject", reason=line[:REASON_CHARS_MAX]))
