"""Decodes recordings: raw bytes of a serial line, hexdumps, NMEA logs, Modbus TCP in a packet capture."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from device_profiles.codecs import nmea
from device_profiles.codecs.nmea_epochs import NmeaEpochs, NmeaRow
from device_profiles.engine.codec_rows import row_of_numbers
from device_profiles.engine.profile import Profile
from device_profiles.engine.rows import Decoded
from device_profiles.errors import profile_error
from device_profiles.framing.factory import framer
from device_profiles.rejects import FrameRejected, RejectReason
from device_profiles.tools.explain import jsonl

MAX_RECORDING_BYTES: Final = 256 << 20
FIRST_YEAR: Final = 1980
"""A recording may be old: unlike a receiver on the line, its years are believed."""
_CHUNK_BYTES: Final = 4096
_HEXDUMP: Final = re.compile(rb"^[0-9a-fA-F]{6,16}:? +((?:[0-9a-fA-F]{2,4} +)+)")
_PCAP_MAGIC: Final = (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1")
_PCAP_SWAPPED: Final = (b"\xa1\xb2\xc3\xd4", b"\xa1\xb2\x3c\x4d")
_ETHERNET_HEADER: Final = 14
_MAVLINK_STARTS: Final = (b"\xfd", b"\xfe")
_STAMP_FIRST_US: Final = 1_000_000_000_000_000
_STAMP_LAST_US: Final = 4_000_000_000_000_000
"""What an arrival time of a telemetry log may be: between 2001 and 2096. [us]"""


def decode_recording(
    profile: Profile,
    path: Path,
    parameters: Mapping[str, float | str],
    *,
    port: int | None,
    write: Callable[[str], object],
) -> int:
    """Write one JSON line a reading or reject.

    Returns:
        0 when at least one frame was read, else 1.
    """
    if path.stat().st_size > MAX_RECORDING_BYTES:
        raise profile_error(f"{path} is larger than {MAX_RECORDING_BYTES} bytes")
    decoded = 0
    for index, result in enumerate(results(profile, path.read_bytes(), port=port)):
        decoded += isinstance(result, Decoded)
        for line in jsonl(profile, result, index=index, parameters=parameters):
            write(line)
    return 0 if decoded else 1


def results(profile: Profile, data: bytes, *, port: int | None = None) -> Iterator[Decoded | FrameRejected]:
    """Every frame of a recording, decoded or rejected, in order."""
    if profile.codec == "nmea":
        yield from _nmea(profile, data)
        return
    for frame in frames(profile, data):
        result = frame if isinstance(frame, FrameRejected) else profile.decode(frame, port=port)
        if profile.transport == "mavlink" and isinstance(result, FrameRejected) and _is_other_message(frame, result):
            continue
        yield result


def _is_other_message(frame: bytes | FrameRejected, result: FrameRejected) -> bool:
    """A whole message that this profile does not read: a link carries fifty kinds."""
    return isinstance(frame, bytes) and result.reason is RejectReason.NO_FRAME


def frames(profile: Profile, data: bytes) -> Iterator[bytes | FrameRejected]:
    """Frames of a recording as the profile's framer finds them."""
    captured = data[:4] in (*_PCAP_MAGIC, *_PCAP_SWAPPED)
    data = b"".join(tcp_payloads(data, source_port=502)) if captured else undump(data)
    if profile.framing == "mavlink":
        data = without_stamps(data)
    stream = framer(profile)
    for at in range(0, len(data), _CHUNK_BYTES):
        yield from stream.feed(data[at : at + _CHUNK_BYTES])
    yield from stream.flush()


def undump(data: bytes) -> bytes:
    """The bytes a hexdump shows; anything else as it is."""
    lines = data.splitlines()
    matches = [_HEXDUMP.match(line) for line in lines]
    if not lines or not all(match or not line.strip() for match, line in zip(matches, lines, strict=True)):
        return data
    return b"".join(bytes.fromhex(match[1].decode("ascii")) for match in matches if match)


def without_stamps(data: bytes) -> bytes:
    """A telemetry log (``.tlog``) without the arrival time before each message; raw streams as they are."""
    if data[:1] in _MAVLINK_STARTS or data[8:9] not in _MAVLINK_STARTS or not _is_stamp(data[:8]):
        return data
    out = bytearray()
    at = 0
    while at + 11 <= len(data):
        if not (_is_stamp(data[at : at + 8]) and data[at + 8 : at + 9] in _MAVLINK_STARTS):
            out.append(data[at])
            at += 1
            continue
        start = at + 8
        second = data[start] == 0xFD
        at = start + data[start + 1] + (8 if not second else 25 if data[start + 2] & 1 else 12)
        out += data[start:at]
    return bytes(out)


def _is_stamp(stamp: bytes) -> bool:
    return _STAMP_FIRST_US < int.from_bytes(stamp, "big") < _STAMP_LAST_US


def tcp_payloads(data: bytes, *, source_port: int) -> Iterator[bytes]:
    """Payloads of TCP over IPv4 over Ethernet from one port, in the order recorded; repeated segments once."""
    order = "little" if data[:4] in _PCAP_MAGIC else "big"
    seen: dict[tuple[bytes, int], int] = {}
    at = 24
    while at + 16 <= len(data):
        size = int.from_bytes(data[at + 8 : at + 12], order)  # type: ignore[arg-type]
        packet = data[at + 16 : at + 16 + size]
        at += 16 + size
        if len(packet) < _ETHERNET_HEADER + 40 or packet[12:14] != b"\x08\x00":
            continue
        ip = packet[_ETHERNET_HEADER:]
        header = (ip[0] & 15) * 4
        tcp = ip[header : int.from_bytes(ip[2:4], "big")]
        if ip[9] != 6 or len(tcp) < 20 or int.from_bytes(tcp[:2], "big") != source_port:
            continue
        payload = tcp[(tcp[12] >> 4) * 4 :]
        sequence = int.from_bytes(tcp[4:8], "big")
        key = (ip[12:20], int.from_bytes(tcp[2:4], "big"))
        if payload and (key not in seen or (sequence - seen[key]) & 0xFFFFFFFF < 1 << 31):
            seen[key] = (sequence + len(payload)) & 0xFFFFFFFF
            yield payload


def _nmea(profile: Profile, data: bytes) -> Iterator[Decoded | FrameRejected]:
    stream = framer(profile)
    epochs = NmeaEpochs(year_min=FIRST_YEAR)
    for frame in [*stream.feed(data), *stream.flush()]:
        sentence = frame if isinstance(frame, FrameRejected) else nmea.decode(frame)
        if isinstance(sentence, FrameRejected):
            yield sentence
        else:
            yield from map(_epoch, epochs.push(sentence, 0))
    yield from map(_epoch, epochs.flush())


def _epoch(row: NmeaRow) -> Decoded:
    return Decoded("epoch", (row_of_numbers(row.numbers, row.observed_at_ns),))
