"""Why a block is not taken."""

from __future__ import annotations

from enum import StrEnum

from device_profiles.wire.model import BlockHeader


class RejectReason(StrEnum):
    """One word per way to be wrong. The last four are only given after identity and digest verified."""

    TOO_LARGE = "too_large"
    NOT_A_BLOCK = "not_a_block"
    BAD_HEADER = "bad_header"
    BAD_DIGEST = "bad_digest"
    WRONG_IDENTITY = "wrong_identity"
    UNKNOWN_VERSION = "unknown_version"
    BODY_TOO_LARGE = "body_too_large"
    TOO_MANY_READINGS = "too_many_readings"
    BAD_BODY = "bad_body"


class BlockRejected(Exception):
    """Some bytes are not a block this code can take.

    Attributes:
        reason: One of `RejectReason`.
        detail: What exactly, for people.
        header: The header once identity and digest have verified, else ``None``. Without it the bytes are
            quarantined and no receipt is given; with `RejectReason.UNKNOWN_VERSION` the block is held; with any
            other reason it is rejected.
    """

    def __init__(self, reason: RejectReason, detail: str, header: BlockHeader | None = None) -> None:
        super().__init__(f"{reason.value}: {detail}")
        self.reason = reason
        self.detail = detail
        self.header = header
