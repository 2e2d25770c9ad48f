"""Logs of serial lines: NMEA 0183 text, UBX and other bytes, hexadecimal dumps."""

from __future__ import annotations

import binascii
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from simulators.checksums import ubx_checksum
from simulators.nmea_log import read_nmea_log, shifted
from simulators.recordings.model import SECOND_NS, Piece, Recording, RecordingError, at_baud, evenly

UBX_SYNC: Final = b"\xb5\x62"
_UBX_FRAME_BYTES: Final = 8
"""Sync 2, class, id, length 2, checksum 2: u-blox M8 Receiver Description, UBX-13003221, 32.2."""
_NAV_PVT: Final = b"\x01\x07"
_NAV_PVT_BYTES: Final = 92
_WEEK_MS: Final = 604_800_000
_CHUNK_BYTES: Final = 64
_HEX_LINE: Final = re.compile(rb"^([0-9A-Fa-f]{6,8}):? +((?:[0-9A-Fa-f]{2} ?)+)")
_DELAY_COOKIE: Final = re.compile(rb"^# Delay-Cookie: (\S)", re.MULTILINE)


def read_nmea(path: Path) -> Recording:
    """An NMEA 0183 log in its own rhythm, an epoch a piece."""
    cookie = _DELAY_COOKIE.search(path.read_bytes()[:4096])
    try:
        log = read_nmea_log(path)
    except ValueError as exc:
        raise RecordingError(str(exc)) from exc
    first = next((epoch.at for epoch in log.epochs if epoch.at is not None), None)
    pieces = []
    for number, epoch in enumerate(log.epochs):
        offset = epoch.at - first if epoch.at is not None and first is not None else log.step * number
        data = b"".join(epoch.lines)
        if cookie is not None:
            # The keeper marked where writes ended; the receiver never said the mark.
            data = data.replace(cookie[1], b"")
        pieces.append(Piece(_ns(offset), data))
    began_ns = None if first is None else _ns(first - datetime(1970, 1, 1, tzinfo=UTC))
    return Recording("nmea", tuple(pieces), max(_ns(log.length), 1), began_ns, _Clock(first).rebase)


def read_bytes(path: Path, baud: int) -> Recording:
    """Any bytes of a serial line at its pace, cut at UBX frames and line ends where there are such."""
    pieces, length_ns = at_baud(split(path.read_bytes()), baud)
    began_ns = _first_time_ns(pieces)
    began = None if began_ns is None else datetime.fromtimestamp(began_ns // SECOND_NS, UTC)
    return Recording("bytes", pieces, length_ns, began_ns, _Clock(began).rebase)


def read_hexdump(path: Path, interval_s: float) -> Recording:
    """A hexadecimal dump, a frame a line; a line that goes on where a full one of sixteen bytes ended belongs to it.

    Raises:
        RecordingError: A line is no dump.
    """
    frames: list[bytes] = []
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        if not line.strip():
            continue
        match = _HEX_LINE.match(line)
        if match is None:
            raise RecordingError(f"{path}, line {number}: no offset and bytes in hexadecimal; xxd writes such lines")
        data = binascii.unhexlify(match[2].replace(b" ", b""))
        if len(data) > 0:
            frames.append(data)
    interval_ns = int(interval_s * SECOND_NS)
    return Recording("hexdump", evenly(frames, interval_ns), interval_ns * max(len(frames), 1))


def split(data: bytes) -> list[bytes]:
    """Cut bytes so that each UBX frame and each line is one piece; nothing is left out or changed."""
    found: list[bytes] = []
    at = 0
    while at < len(data):
        end = _ubx_end(data, at) if data.startswith(UBX_SYNC, at) else 0
        if not end:
            line = data.find(b"\n", at, at + _CHUNK_BYTES * 4)
            sync = data.find(UBX_SYNC, at + 1, at + _CHUNK_BYTES * 4)
            ends = [stop for stop in (line + 1, sync) if stop > at]
            end = min(ends, default=min(at + _CHUNK_BYTES, len(data)))
        found.append(data[at:end])
        at = end
    return found


def _ubx_end(data: bytes, at: int) -> int:
    """Where the frame that begins here ends; 0 when it is none."""
    if at + _UBX_FRAME_BYTES > len(data):
        return 0
    end = at + _UBX_FRAME_BYTES + int.from_bytes(data[at + 4 : at + 6], "little")
    return end if end <= len(data) and data[end - 2 : end] == ubx_checksum(data[at + 2 : end - 2]) else 0


class _Clock:
    """Moves the times of messages; keeps the recorded day for sentences that tell the time of day only."""

    def __init__(self, at: datetime | None) -> None:
        self._at = at

    def rebase(self, data: bytes, shift_ns: int) -> bytes:
        shift = timedelta(microseconds=shift_ns // 1000)
        return b"".join(self._message(part, shift) for part in split(data))

    def _message(self, part: bytes, shift: timedelta) -> bytes:
        if part.startswith(UBX_SYNC + _NAV_PVT) and len(part) == _NAV_PVT_BYTES + _UBX_FRAME_BYTES:
            return _shift_pvt(part, shift)
        if part.startswith(b"$"):
            self._at = sentence_instant(part) or self._at
            return shifted(part, shift, self._at)
        return part


def sentence_instant(line: bytes) -> datetime | None:
    """When an RMC or ZDA sentence says it is, to the day at least."""
    fields = line.split(b"*")[0].split(b",")
    try:
        if fields[0][-3:] == b"RMC":
            return datetime.strptime(fields[9].decode("ascii"), "%d%m%y").replace(tzinfo=UTC)
        if fields[0][-3:] == b"ZDA":
            return datetime(int(fields[4]), int(fields[3]), int(fields[2]), tzinfo=UTC)
    except (ValueError, IndexError):
        pass
    return None


def _shift_pvt(frame: bytes, shift: timedelta) -> bytes:
    """UBX-NAV-PVT (UBX-13003221, 32.17.15): iTOW, and year to second where they are valid."""
    payload = bytearray(frame[6:-2])
    moved_ms = round(shift / timedelta(milliseconds=1))
    tow_ms = (int.from_bytes(payload[0:4], "little") + moved_ms) % _WEEK_MS
    payload[0:4] = tow_ms.to_bytes(4, "little")
    if (at := _pvt_instant(frame)) is not None:
        moved = at + shift
        payload[4:6] = moved.year.to_bytes(2, "little")
        payload[6:11] = bytes((moved.month, moved.day, moved.hour, moved.minute, moved.second))
    body = frame[2:6] + bytes(payload)
    return UBX_SYNC + body + ubx_checksum(body)


def _pvt_instant(frame: bytes) -> datetime | None:
    payload = frame[6:-2]
    if payload[11] & 3 != 3:
        return None
    try:
        month, day, hour, minute, second = payload[6:11]
        return datetime(int.from_bytes(payload[4:6], "little"), month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None


def _first_time_ns(pieces: tuple[Piece, ...]) -> int | None:
    for piece in pieces:
        if piece.data.startswith(UBX_SYNC + _NAV_PVT) and len(piece.data) == _NAV_PVT_BYTES + _UBX_FRAME_BYTES:
            at = _pvt_instant(piece.data)
        else:
            at = _rmc_instant(piece.data)
        if at is not None:
            return _ns(at - datetime(1970, 1, 1, tzinfo=UTC)) - piece.at_ns
    return None


def _rmc_instant(line: bytes) -> datetime | None:
    fields = line.split(b",")
    day = sentence_instant(line)
    if day is None or fields[0][-3:] != b"RMC":
        return None
    try:
        clock = datetime.strptime(fields[1][:6].decode("ascii"), "%H%M%S")  # noqa: DTZ007 - the day is added
    except ValueError:
        return None
    return day + timedelta(hours=clock.hour, minutes=clock.minute, seconds=clock.second)


def _ns(span: timedelta) -> int:
    return span // timedelta(microseconds=1) * 1000
