"""Packet captures (pcap): what went through TCP connections, and Modbus/TCP as RTU frames for a serial line.

File format: the libpcap file format, draft-ietf-opsawg-pcap. Modbus: MODBUS Messaging on TCP/IP Implementation Guide
V1.0b, 3.1.3 (MBAP header); MODBUS over Serial Line V1.02, 2.5.1 (RTU frame).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from simulators.checksums import crc_modbus
from simulators.recordings.model import Piece, Recording, RecordingError

MAGICS: Final = {b"\xa1\xb2\xc3\xd4", b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\x3c\x4d", b"\x4d\x3c\xb2\xa1"}
MODBUS_PORT: Final = 502
_PACKET_BYTES_MAX: Final = 262_144
_ETHERNET, _RAW_IP, _LINUX_COOKED = 1, 101, 113
_LINK_BYTES: Final = {_ETHERNET: 14, _RAW_IP: 0, _LINUX_COOKED: 16}
_IPV4, _TCP = 4, 6
_MBAP_BYTES: Final = 7


def read(path: Path) -> Recording:
    """TCP payloads of a capture; what went to the lower port number was asked.

    Raises:
        RecordingError: It is no pcap, or of a link type nobody here reads.
    """
    data = path.read_bytes()
    order = "<" if data[:4] in {b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1"} else ">"
    unit_ns = 1 if data[:4] in {b"\xa1\xb2\x3c\x4d", b"\x4d\x3c\xb2\xa1"} else 1000
    if len(data) < 24:
        raise RecordingError(f"{path}: cut short within the header")
    link = struct.unpack_from(order + "I", data, 20)[0] & 0xFFFF
    if link not in _LINK_BYTES:
        raise RecordingError(f"{path}: link type {link} is not read; Ethernet, raw IP and Linux cooked are")
    pieces: list[Piece] = []
    began_ns: int | None = None
    seen: dict[tuple[bytes, int, int], int] = {}
    for at_ns, packet in _packets(data, order, unit_ns):
        segment = _segment(packet[_LINK_BYTES[link] :])
        if segment is None:
            continue
        began_ns = at_ns if began_ns is None else began_ns
        addresses, source, target, sequence, payload = segment
        way = (addresses, source, target)
        if sequence < seen.get(way, -1):
            continue  # Sent again, and seen already.
        seen[way] = sequence + len(payload)
        name = f"{min(source, target)}/{max(source, target)}"
        pieces.append(Piece(max(at_ns - began_ns, 0), payload, target < source, name))
    length_ns = pieces[-1].at_ns + 1_000_000_000 if pieces else 1
    return Recording("pcap", tuple(pieces), length_ns, began_ns)


def _packets(data: bytes, order: str, unit_ns: int) -> Iterator[tuple[int, bytes]]:
    at = 24
    while at + 16 <= len(data):
        seconds, fraction, kept, _ = struct.unpack_from(order + "4I", data, at)
        at += 16
        if kept > _PACKET_BYTES_MAX or at + kept > len(data):
            return  # The capture broke off here.
        yield seconds * 1_000_000_000 + fraction * unit_ns, data[at : at + kept]
        at += kept


def _segment(packet: bytes) -> tuple[bytes, int, int, int, bytes] | None:
    """Addresses, ports, sequence number and payload of an IPv4 TCP segment that carries something."""
    if len(packet) < 20 or packet[0] >> 4 != _IPV4 or packet[9] != _TCP:
        return None
    header = (packet[0] & 15) * 4
    tcp = packet[header : int.from_bytes(packet[2:4], "big")]
    if len(tcp) < 20:
        return None
    payload = tcp[(tcp[12] >> 4) * 4 :]
    if not payload:
        return None
    source, target, sequence = struct.unpack_from(">HHI", tcp)
    return packet[12:20], source, target, sequence, payload


def modbus_rtu(recording: Recording) -> Recording:
    """The same dialogue on an RS-485 line: each Modbus/TCP message as an RTU frame with its CRC.

    Raises:
        RecordingError: It has no Modbus/TCP in it.
    """
    pieces = tuple(
        Piece(piece.at_ns, rtu, piece.asked, piece.channel)
        for piece in recording.pieces
        if piece.channel.startswith(f"{MODBUS_PORT}/")
        for rtu in _rtu_frames(piece.data)
    )
    if not pieces:
        raise RecordingError("no Modbus/TCP in it, and nothing else of a capture can be said on a serial line")
    return Recording("pcap", pieces, recording.length_ns, recording.began_ns)


def _rtu_frames(data: bytes) -> Iterator[bytes]:
    at = 0
    while at + _MBAP_BYTES < len(data):
        protocol, length = struct.unpack_from(">HH", data, at + 2)
        end = at + 6 + length
        if protocol or end > len(data) or length < 2:
            return
        frame = data[at + 6 : end]
        yield frame + crc_modbus(frame).to_bytes(2, "little")
        at = end
