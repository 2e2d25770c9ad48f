"""A ledger row as a sealed record: interval sets as bytes, the rest as fields a person can read."""

from __future__ import annotations

from typing import Any

from device_profiles.wire.delivery.ports import SegmentRow, StoreIdentity
from device_profiles.wire.intervals import IntervalSet
from device_profiles.wire.messages import Rejection
from device_profiles.wire.model import OpenRecord
from harkara_io.checked import seal_json, unseal_json
from harkara_io.log_errors import LogCorrupt

_INTERVALS_MAX = 1 << 20
_SETS = ("stored", "held", "lost", "claimed")


def pack_row(row: SegmentRow) -> bytes:
    """A ledger row's record. Empty parts are left out: most rows are a few dozen bytes."""
    fields: dict[str, Any] = {}
    for name in _SETS:
        intervals: IntervalSet = getattr(row, name)
        if intervals:
            fields[name] = intervals.to_bytes()
    if row.rejected:
        fields["rejected"] = [[entry.seq, entry.digest.hex(), entry.reason] for entry in row.rejected]
    if row.outbox_id:
        fields["outbox_id"] = row.outbox_id
    if row.epoch:
        fields["epoch"] = row.epoch
    if row.ordinal:
        fields["ordinal"] = row.ordinal
    if row.suspect:
        fields["suspect"] = row.suspect
    if row.opened is not None:
        opened = row.opened
        fields["opened"] = [
            opened.parent_segment,
            opened.parent_tail,
            opened.outbox_id.hex(),
            opened.fingerprint.hex(),
            opened.reason,
        ]
    return seal_json(fields)


def unpack_row(record: object) -> SegmentRow:
    """The inverse of `pack_row`. Raises `LogCorrupt`."""
    fields = unseal_json(record)
    try:
        sets = {
            name: IntervalSet.from_bytes(bytes.fromhex(fields[name]), max_intervals=_INTERVALS_MAX)
            for name in _SETS
            if name in fields
        }
        opened = fields.get("opened")
        return SegmentRow(
            **sets,
            rejected=tuple(
                Rejection(seq, bytes.fromhex(digest), why) for seq, digest, why in fields.get("rejected", ())
            ),
            outbox_id=bytes.fromhex(fields.get("outbox_id", "")),
            epoch=int(fields.get("epoch", 0)),
            ordinal=int(fields.get("ordinal", 0)),
            suspect=str(fields.get("suspect", "")),
            opened=None
            if opened is None
            else OpenRecord(opened[0], opened[1], bytes.fromhex(opened[2]), bytes.fromhex(opened[3]), opened[4]),
        )
    except (ValueError, TypeError, IndexError) as exc:
        raise LogCorrupt(f"a ledger row cannot be read: {exc}") from exc


def pack_identity(identity: StoreIdentity) -> bytes:
    """The identity's record."""
    return seal_json({"lineage": identity.lineage, "store_id": identity.store_id, "generation": identity.generation})


def unpack_identity(record: object) -> StoreIdentity:
    """The inverse of `pack_identity`. Raises `LogCorrupt`."""
    fields = unseal_json(record)
    try:
        return StoreIdentity(
            bytes.fromhex(fields["lineage"]), bytes.fromhex(fields["store_id"]), int(fields["generation"])
        )
    except (KeyError, ValueError) as exc:
        raise LogCorrupt(f"the identity cannot be read: {exc}") from exc
