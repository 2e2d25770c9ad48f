from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Encoding(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STORED: _ClassVar[Encoding]
    ZSTD_1: _ClassVar[Encoding]
    ZLIB_1: _ClassVar[Encoding]
STORED: Encoding
ZSTD_1: Encoding
ZLIB_1: Encoding

class Block(_message.Message):
    __slots__ = ("digest", "agent", "segment", "ordinal", "seq", "device", "rows", "readings", "readings_total", "previous", "boot_id", "boottime", "wall", "clock", "schema", "values", "time_offset_ns", "revision", "values_encoding", "body", "body_encoding", "records", "signature")
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    AGENT_FIELD_NUMBER: _ClassVar[int]
    SEGMENT_FIELD_NUMBER: _ClassVar[int]
    ORDINAL_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    READINGS_FIELD_NUMBER: _ClassVar[int]
    READINGS_TOTAL_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_FIELD_NUMBER: _ClassVar[int]
    BOOT_ID_FIELD_NUMBER: _ClassVar[int]
    BOOTTIME_FIELD_NUMBER: _ClassVar[int]
    WALL_FIELD_NUMBER: _ClassVar[int]
    CLOCK_FIELD_NUMBER: _ClassVar[int]
    SCHEMA_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    TIME_OFFSET_NS_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    VALUES_ENCODING_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    BODY_ENCODING_FIELD_NUMBER: _ClassVar[int]
    RECORDS_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    digest: bytes
    agent: str
    segment: int
    ordinal: int
    seq: int
    device: str
    rows: int
    readings: int
    readings_total: int
    previous: int
    boot_id: int
    boottime: int
    wall: int
    clock: int
    schema: bytes
    values: bytes
    time_offset_ns: int
    revision: int
    values_encoding: Encoding
    body: bytes
    body_encoding: Encoding
    records: bool
    signature: bytes
    def __init__(self, digest: _Optional[bytes] = ..., agent: _Optional[str] = ..., segment: _Optional[int] = ..., ordinal: _Optional[int] = ..., seq: _Optional[int] = ..., device: _Optional[str] = ..., rows: _Optional[int] = ..., readings: _Optional[int] = ..., readings_total: _Optional[int] = ..., previous: _Optional[int] = ..., boot_id: _Optional[int] = ..., boottime: _Optional[int] = ..., wall: _Optional[int] = ..., clock: _Optional[int] = ..., schema: _Optional[bytes] = ..., values: _Optional[bytes] = ..., time_offset_ns: _Optional[int] = ..., revision: _Optional[int] = ..., values_encoding: _Optional[_Union[Encoding, str]] = ..., body: _Optional[bytes] = ..., body_encoding: _Optional[_Union[Encoding, str]] = ..., records: _Optional[bool] = ..., signature: _Optional[bytes] = ...) -> None: ...

class Body(_message.Message):
    __slots__ = ("presence", "flags", "doubles", "texts", "losses", "anchors", "opened")
    PRESENCE_FIELD_NUMBER: _ClassVar[int]
    FLAGS_FIELD_NUMBER: _ClassVar[int]
    DOUBLES_FIELD_NUMBER: _ClassVar[int]
    TEXTS_FIELD_NUMBER: _ClassVar[int]
    LOSSES_FIELD_NUMBER: _ClassVar[int]
    ANCHORS_FIELD_NUMBER: _ClassVar[int]
    OPENED_FIELD_NUMBER: _ClassVar[int]
    presence: bytes
    flags: _containers.RepeatedScalarFieldContainer[int]
    doubles: bytes
    texts: _containers.RepeatedCompositeFieldContainer[Text]
    losses: _containers.RepeatedCompositeFieldContainer[Loss]
    anchors: _containers.RepeatedCompositeFieldContainer[Anchor]
    opened: Open
    def __init__(self, presence: _Optional[bytes] = ..., flags: _Optional[_Iterable[int]] = ..., doubles: _Optional[bytes] = ..., texts: _Optional[_Iterable[_Union[Text, _Mapping[str, object]]]] = ..., losses: _Optional[_Iterable[_Union[Loss, _Mapping[str, object]]]] = ..., anchors: _Optional[_Iterable[_Union[Anchor, _Mapping[str, object]]]] = ..., opened: _Optional[_Union[Open, _Mapping[str, object]]] = ...) -> None: ...

class Text(_message.Message):
    __slots__ = ("channel", "offset_ns", "text")
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    OFFSET_NS_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    channel: str
    offset_ns: int
    text: str
    def __init__(self, channel: _Optional[str] = ..., offset_ns: _Optional[int] = ..., text: _Optional[str] = ...) -> None: ...

class Loss(_message.Message):
    __slots__ = ("reason", "segment", "intervals", "readings", "device", "first_ns", "last_ns")
    REASON_FIELD_NUMBER: _ClassVar[int]
    SEGMENT_FIELD_NUMBER: _ClassVar[int]
    INTERVALS_FIELD_NUMBER: _ClassVar[int]
    READINGS_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    FIRST_NS_FIELD_NUMBER: _ClassVar[int]
    LAST_NS_FIELD_NUMBER: _ClassVar[int]
    reason: str
    segment: int
    intervals: bytes
    readings: int
    device: str
    first_ns: int
    last_ns: int
    def __init__(self, reason: _Optional[str] = ..., segment: _Optional[int] = ..., intervals: _Optional[bytes] = ..., readings: _Optional[int] = ..., device: _Optional[str] = ..., first_ns: _Optional[int] = ..., last_ns: _Optional[int] = ...) -> None: ...

class Anchor(_message.Message):
    __slots__ = ("boot_id", "boottime_ns", "utc_ns", "error_ns", "source")
    BOOT_ID_FIELD_NUMBER: _ClassVar[int]
    BOOTTIME_NS_FIELD_NUMBER: _ClassVar[int]
    UTC_NS_FIELD_NUMBER: _ClassVar[int]
    ERROR_NS_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    boot_id: bytes
    boottime_ns: int
    utc_ns: int
    error_ns: int
    source: int
    def __init__(self, boot_id: _Optional[bytes] = ..., boottime_ns: _Optional[int] = ..., utc_ns: _Optional[int] = ..., error_ns: _Optional[int] = ..., source: _Optional[int] = ...) -> None: ...

class Open(_message.Message):
    __slots__ = ("parent_segment", "parent_tail", "outbox_id", "fingerprint", "reason")
    PARENT_SEGMENT_FIELD_NUMBER: _ClassVar[int]
    PARENT_TAIL_FIELD_NUMBER: _ClassVar[int]
    OUTBOX_ID_FIELD_NUMBER: _ClassVar[int]
    FINGERPRINT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    parent_segment: int
    parent_tail: int
    outbox_id: bytes
    fingerprint: bytes
    reason: str
    def __init__(self, parent_segment: _Optional[int] = ..., parent_tail: _Optional[int] = ..., outbox_id: _Optional[bytes] = ..., fingerprint: _Optional[bytes] = ..., reason: _Optional[str] = ...) -> None: ...

class Receipt(_message.Message):
    __slots__ = ("lineage", "store_id", "generation", "segments", "window_bytes", "refused", "retry_after_s")
    LINEAGE_FIELD_NUMBER: _ClassVar[int]
    STORE_ID_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    SEGMENTS_FIELD_NUMBER: _ClassVar[int]
    WINDOW_BYTES_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    RETRY_AFTER_S_FIELD_NUMBER: _ClassVar[int]
    lineage: bytes
    store_id: bytes
    generation: int
    segments: _containers.RepeatedCompositeFieldContainer[SegmentReceipt]
    window_bytes: int
    refused: str
    retry_after_s: int
    def __init__(self, lineage: _Optional[bytes] = ..., store_id: _Optional[bytes] = ..., generation: _Optional[int] = ..., segments: _Optional[_Iterable[_Union[SegmentReceipt, _Mapping[str, object]]]] = ..., window_bytes: _Optional[int] = ..., refused: _Optional[str] = ..., retry_after_s: _Optional[int] = ...) -> None: ...

class SegmentReceipt(_message.Message):
    __slots__ = ("segment", "stored", "safe", "held", "lost", "rejected")
    SEGMENT_FIELD_NUMBER: _ClassVar[int]
    STORED_FIELD_NUMBER: _ClassVar[int]
    SAFE_FIELD_NUMBER: _ClassVar[int]
    HELD_FIELD_NUMBER: _ClassVar[int]
    LOST_FIELD_NUMBER: _ClassVar[int]
    REJECTED_FIELD_NUMBER: _ClassVar[int]
    segment: int
    stored: bytes
    safe: bytes
    held: bytes
    lost: bytes
    rejected: _containers.RepeatedCompositeFieldContainer[Rejection]
    def __init__(self, segment: _Optional[int] = ..., stored: _Optional[bytes] = ..., safe: _Optional[bytes] = ..., held: _Optional[bytes] = ..., lost: _Optional[bytes] = ..., rejected: _Optional[_Iterable[_Union[Rejection, _Mapping[str, object]]]] = ...) -> None: ...

class Rejection(_message.Message):
    __slots__ = ("seq", "digest", "reason")
    SEQ_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    seq: int
    digest: bytes
    reason: str
    def __init__(self, seq: _Optional[int] = ..., digest: _Optional[bytes] = ..., reason: _Optional[str] = ...) -> None: ...

class Sync(_message.Message):
    __slots__ = ("nonce", "outbox_id", "segments")
    NONCE_FIELD_NUMBER: _ClassVar[int]
    OUTBOX_ID_FIELD_NUMBER: _ClassVar[int]
    SEGMENTS_FIELD_NUMBER: _ClassVar[int]
    nonce: int
    outbox_id: bytes
    segments: _containers.RepeatedCompositeFieldContainer[SegmentExtent]
    def __init__(self, nonce: _Optional[int] = ..., outbox_id: _Optional[bytes] = ..., segments: _Optional[_Iterable[_Union[SegmentExtent, _Mapping[str, object]]]] = ...) -> None: ...

class SegmentExtent(_message.Message):
    __slots__ = ("segment", "ordinal", "first_kept", "tail", "readings_total", "absent")
    SEGMENT_FIELD_NUMBER: _ClassVar[int]
    ORDINAL_FIELD_NUMBER: _ClassVar[int]
    FIRST_KEPT_FIELD_NUMBER: _ClassVar[int]
    TAIL_FIELD_NUMBER: _ClassVar[int]
    READINGS_TOTAL_FIELD_NUMBER: _ClassVar[int]
    ABSENT_FIELD_NUMBER: _ClassVar[int]
    segment: int
    ordinal: int
    first_kept: int
    tail: int
    readings_total: int
    absent: bytes
    def __init__(self, segment: _Optional[int] = ..., ordinal: _Optional[int] = ..., first_kept: _Optional[int] = ..., tail: _Optional[int] = ..., readings_total: _Optional[int] = ..., absent: _Optional[bytes] = ...) -> None: ...

class Synced(_message.Message):
    __slots__ = ("nonce", "utc_ns", "receipt")
    NONCE_FIELD_NUMBER: _ClassVar[int]
    UTC_NS_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    nonce: int
    utc_ns: int
    receipt: Receipt
    def __init__(self, nonce: _Optional[int] = ..., utc_ns: _Optional[int] = ..., receipt: _Optional[_Union[Receipt, _Mapping[str, object]]] = ...) -> None: ...

class State(_message.Message):
    __slots__ = ("alive", "connection", "agent_version", "outbox_id", "devices", "clock_state", "accepted", "pending", "recorded_loss", "sent_at_ns", "trouble")
    ALIVE_FIELD_NUMBER: _ClassVar[int]
    CONNECTION_FIELD_NUMBER: _ClassVar[int]
    AGENT_VERSION_FIELD_NUMBER: _ClassVar[int]
    OUTBOX_ID_FIELD_NUMBER: _ClassVar[int]
    DEVICES_FIELD_NUMBER: _ClassVar[int]
    CLOCK_STATE_FIELD_NUMBER: _ClassVar[int]
    ACCEPTED_FIELD_NUMBER: _ClassVar[int]
    PENDING_FIELD_NUMBER: _ClassVar[int]
    RECORDED_LOSS_FIELD_NUMBER: _ClassVar[int]
    SENT_AT_NS_FIELD_NUMBER: _ClassVar[int]
    TROUBLE_FIELD_NUMBER: _ClassVar[int]
    alive: bool
    connection: int
    agent_version: str
    outbox_id: bytes
    devices: _containers.RepeatedCompositeFieldContainer[Device]
    clock_state: int
    accepted: int
    pending: int
    recorded_loss: int
    sent_at_ns: int
    trouble: str
    def __init__(self, alive: _Optional[bool] = ..., connection: _Optional[int] = ..., agent_version: _Optional[str] = ..., outbox_id: _Optional[bytes] = ..., devices: _Optional[_Iterable[_Union[Device, _Mapping[str, object]]]] = ..., clock_state: _Optional[int] = ..., accepted: _Optional[int] = ..., pending: _Optional[int] = ..., recorded_loss: _Optional[int] = ..., sent_at_ns: _Optional[int] = ..., trouble: _Optional[str] = ...) -> None: ...

class Device(_message.Message):
    __slots__ = ("device", "profile", "profile_version", "profile_digest")
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    PROFILE_FIELD_NUMBER: _ClassVar[int]
    PROFILE_VERSION_FIELD_NUMBER: _ClassVar[int]
    PROFILE_DIGEST_FIELD_NUMBER: _ClassVar[int]
    device: str
    profile: str
    profile_version: int
    profile_digest: bytes
    def __init__(self, device: _Optional[str] = ..., profile: _Optional[str] = ..., profile_version: _Optional[int] = ..., profile_digest: _Optional[bytes] = ...) -> None: ...
