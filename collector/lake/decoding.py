"""Decodes blocks together; one that breaks the decoder in a way nobody foresaw takes only itself out."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Sequence
from typing import Final

import numpy as np

from device_profiles.wire.bulk import Batch, decode_many
from device_profiles.wire.rejected import BlockRejected, RejectReason

_log: Final = logging.getLogger(__name__)


def decode_all(blocks: Sequence[bytes]) -> Batch:
    """Decode blocks whose digest the intake has checked already.

    Returns:
        The batch; blocks that cannot be decoded stand in ``rejected`` by their index.

    Raises:
        MemoryError: No block is to blame for it: the same ones decode when there is room again.
    """
    try:
        batch = decode_many(blocks, check_digest=False)
        # Made once here: the decoder makes them anew whenever they are asked for.
        return dataclasses.replace(batch, blocks=list(batch.blocks))
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - logged, and looked into below
        # A fault of the decoder, not of the block. The good blocks must pass all the same.
        _log.exception("the decoder failed on %d blocks; trying them one at a time", len(blocks))
    bad = {index: why for index, block in enumerate(blocks) if (why := _fault(block)) is not None}
    good = [index for index in range(len(blocks)) if index not in bad]
    batch = decode_many([blocks[index] for index in good], check_digest=False)
    infos = list(batch.blocks)
    spread = [infos[good.index(index)] if index not in bad else None for index in range(len(blocks))]
    rejected = bad | {good[index]: why for index, why in batch.rejected.items()}
    place = np.array(good, dtype=np.int32)
    return dataclasses.replace(batch, blocks=spread, rejected=rejected, block=place[batch.block])


def _fault(block: bytes) -> BlockRejected | None:
    try:
        decode_many([block], check_digest=False)
    except MemoryError:
        raise
    except Exception as exc:  # noqa: BLE001 - whatever it is, it must not stop the blocks behind
        return BlockRejected(RejectReason.BAD_BODY, f"{type(exc).__name__}: {exc}")
    return None
