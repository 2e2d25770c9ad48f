"""Identity and digest of a block, without inflating anything."""

from __future__ import annotations

from google.protobuf.message import DecodeError

from device_profiles.wire import block_pb2 as pb
from device_profiles.wire import limits
from device_profiles.wire.checks import at_least, at_most, name
from device_profiles.wire.digest import CHAIN_BYTES, COVERED_FROM, PREFIX, computed_digest
from device_profiles.wire.model import BlockHeader, Encoding
from device_profiles.wire.rejected import BlockRejected, RejectReason
from device_profiles.wire.topics import check_agent_id

_parse_block = pb.Block.FromString


def parse(data: bytes) -> pb.Block:
    """The outer message, within limits of size; fields unchecked.

    Raises:
        BlockRejected: Too large, or no block.
    """
    if len(data) > limits.MAX_BLOCK_BYTES:
        raise BlockRejected(RejectReason.TOO_LARGE, f"{len(data)} bytes, at most {limits.MAX_BLOCK_BYTES}")
    if data[:2] != PREFIX or len(data) < COVERED_FROM:
        raise BlockRejected(RejectReason.NOT_A_BLOCK, "does not start with a digest")
    try:
        message = _parse_block(data)
    except DecodeError as exc:
        raise BlockRejected(RejectReason.NOT_A_BLOCK, "not a protobuf message") from exc
    if message.digest != data[2:COVERED_FROM]:
        raise BlockRejected(RejectReason.NOT_A_BLOCK, "two digests")
    return message


def checked_header(message: pb.Block) -> BlockHeader:
    """The header of a parsed block.

    Raises:
        BlockRejected: A field is out of its range.
    """
    try:
        check_agent_id(message.agent)
        name(message.device, "device")
        at_least(message.segment, 1, "segment")
        at_least(message.seq, 1, "seq")
        at_most(message.rows, limits.MAX_READINGS, "rows")
        at_most(message.readings, 2 * limits.MAX_READINGS, "readings")
        at_most(len(message.signature), limits.MAX_SIGNATURE_BYTES, "bytes of signature")
    except ValueError as exc:
        raise BlockRejected(RejectReason.BAD_HEADER, str(exc)) from exc
    return header_of(message)


def header_of(message: pb.Block) -> BlockHeader:
    """The header of a block whose fields have been checked before."""
    return BlockHeader(
        version=message.revision + 1,
        agent=message.agent,
        segment=message.segment,
        ordinal=message.ordinal,
        seq=message.seq,
        device=message.device,
        rows=message.rows,
        readings=message.readings,
        readings_total=message.readings_total,
        digest=message.digest,
        previous=message.previous.to_bytes(CHAIN_BYTES, "little"),
        records=message.records,
        known=message.values_encoding <= Encoding.ZLIB and message.body_encoding <= Encoding.ZLIB,
        signature=message.signature,
    )


def read_header(data: bytes) -> BlockHeader:
    """What a block says uncompressed. The digest is not checked.

    Raises:
        BlockRejected: Too large, no block, or a field out of its range.
    """
    return checked_header(parse(data))


def verify(data: bytes, agent: str | None = None) -> BlockHeader:
    """The header of a block that is what it was when it was sealed.

    A block of an unknown version or encoding passes; ``header.supported`` tells.

    Args:
        data: The block.
        agent: Id that the block must carry, from its topic; ``None`` asks for none.

    Raises:
        BlockRejected: As `read_header`, and for another digest or identity. Never with a header: it is not known
            to be the agent's word.
    """
    return verified(parse(data), data, agent)


def verified(message: pb.Block, data: bytes, agent: str | None) -> BlockHeader:
    """As `verify`, for a block already parsed."""
    header = checked_header(message)
    if computed_digest(data) != header.digest:
        raise BlockRejected(RejectReason.BAD_DIGEST, "digest differs from content")
    if agent is not None and header.agent != agent:
        raise BlockRejected(RejectReason.WRONG_IDENTITY, f"block of {header.agent} under the topic of {agent}")
    return header
