"""Logs of vehicles: MAVLink with and without times, ULog."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from simulators.checksums import crc_x25
from simulators.recordings.model import Piece, Recording, RecordingError, at_baud

ULOG_MAGIC: Final = b"ULog\x01\x12\x35"
_UNIX_US_MIN: Final = 1_000_000_000_000_000
"""A smaller time in a message counts from the vehicle's boot. [us]"""
_TIMED: Final = {2: 137, 24: 24}
"""Messages that begin with a time in microseconds, and the CRC_EXTRA of each: SYSTEM_TIME, GPS_RAW_INT (common.xml)."""
_SIGNED: Final = 1
_V1_BYTES, _V2_BYTES, _SIGNATURE_BYTES = 8, 12, 13
_TLOG_TIME_BYTES: Final = 8


def frame_end(data: bytes, at: int) -> int:
    """Where the MAVLink frame that begins here ends by its own length; 0 when none begins or it is cut short."""
    if data[at : at + 1] == b"\xfe" and at + 2 <= len(data):
        end = at + _V1_BYTES + data[at + 1]
    elif data[at : at + 1] == b"\xfd" and at + 3 <= len(data):
        end = at + _V2_BYTES + data[at + 1] + (_SIGNATURE_BYTES if data[at + 2] & _SIGNED else 0)
    else:
        return 0
    return end if end <= len(data) else 0


def is_mavlink(head: bytes) -> bool:
    """Whether several frames follow one another from the first byte on."""
    at = 0
    for _ in range(4):
        at = frame_end(head, at)
        if not at:
            return False
    return head[at : at + 1] in {b"\xfd", b"\xfe"}


def read_tlog(path: Path) -> Recording:
    """A ground station's telemetry log: before each frame its time, microseconds since 1970, eight bytes."""
    data = path.read_bytes()
    pieces: list[Piece] = []
    began_us = int.from_bytes(data[:_TLOG_TIME_BYTES], "big")
    at, last_us = 0, began_us
    while at + _TLOG_TIME_BYTES < len(data):
        us = int.from_bytes(data[at : at + _TLOG_TIME_BYTES], "big")
        end = frame_end(data, at + _TLOG_TIME_BYTES)
        if not end:
            at += 1  # Noise between records: look for the next.
            continue
        last_us = max(us, last_us)
        pieces.append(Piece((last_us - began_us) * 1000, data[at + _TLOG_TIME_BYTES : end]))
        at = end
    return Recording("tlog", tuple(pieces), (last_us - began_us) * 1000 + 1_000_000, began_us * 1000, rebase)


def read_raw(path: Path, baud: int) -> Recording:
    """MAVLink frames without times, at the pace of a serial line."""
    data = path.read_bytes()
    chunks: list[bytes] = []
    at = 0
    while at < len(data):
        end = frame_end(data, at)
        if not end:
            starts = [start for mark in (b"\xfd", b"\xfe") if (start := data.find(mark, at + 1)) > 0]
            end = min(starts, default=len(data))
        chunks.append(data[at:end])
        at = end
    pieces, length_ns = at_baud(chunks, baud)
    return Recording("mavlink", pieces, length_ns, None, rebase)


def rebase(data: bytes, shift_ns: int) -> bytes:
    """Move SYSTEM_TIME and GPS_RAW_INT where they tell a date; what is signed cannot be changed and stays."""
    end = frame_end(data, 0)
    if end != len(data) or not end:
        return data
    if data[0] == 0xFE:
        header, number, payload_at, signed = 6, data[5], 6, False
    else:
        header, number = 10, int.from_bytes(data[7:10], "little")
        payload_at, signed = 10, bool(data[2] & _SIGNED)
    extra = _TIMED.get(number)
    if extra is None or signed or data[1] < 8:
        return data
    us = int.from_bytes(data[payload_at : payload_at + 8], "little")
    if us < _UNIX_US_MIN:
        return data
    frame = bytearray(data)
    frame[payload_at : payload_at + 8] = (us + shift_ns // 1000).to_bytes(8, "little")
    frame[-2:] = crc_x25(bytes(frame[1 : header + data[1]]) + bytes((extra,))).to_bytes(2, "little")
    return bytes(frame)


def read_ulog(path: Path) -> Recording:
    """A flight controller's own log as JSON lines, one a sample: its bytes never were on a wire.

    Raises:
        RecordingError: It is damaged beyond reading, or the reader for it is not installed.
    """
    try:
        from pyulog import ULog  # noqa: PLC0415 - an optional extra
        from pyulog.exceptions import ULogException  # noqa: PLC0415
    except ImportError as exc:
        raise RecordingError(f"{path} is a ULog; reading it needs pyulog: pip install 'harkara[simulators]'") from exc
    try:
        with path.open("rb") as file:
            log = ULog(file)
    except (ULogException, TypeError, ValueError, IndexError, KeyError) as exc:
        raise RecordingError(f"{path}: not to be read as ULog: {exc}") from exc
    samples = sorted(_samples(log), key=lambda sample: sample[0])
    began_us = samples[0][0] if samples else 0
    pieces = tuple(Piece((us - began_us) * 1000, line, channel=topic) for us, topic, line in samples)
    return Recording("ulog", pieces, (pieces[-1].at_ns if pieces else 0) + 1_000_000)


def _samples(log: Any) -> Iterator[tuple[int, str, bytes]]:  # noqa: ANN401 - pyulog is not typed
    for data in log.data_list:
        names = [field.field_name for field in data.field_data]
        columns = [data.data[name].tolist() for name in names]
        topic = data.name if not data.multi_id else f"{data.name}_{data.multi_id}"
        for row in zip(*columns, strict=True):
            values = dict(zip(names, row, strict=True))
            us = int(values.pop("timestamp"))
            # JSON has no word for what is not a number: a reading that is none is left out.
            said = {name: value for name, value in values.items() if value == value}  # noqa: PLR0124
            yield us, topic, json.dumps({"topic": topic, "time_boot_us": us, **said}).encode("ascii") + b"\n"
