"""Any cutting of a stream gives the same frames; noise never hides the frame behind it."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_profiles.checksums import crc16_mcrf4xx, crc16_modbus, fletcher8
from device_profiles.engine.envelopes import ENVELOPES
from device_profiles.framing import binary, delimited
from device_profiles.framing.base import Framer
from device_profiles.rejects import FrameRejected, RejectReason

SDS = bytes.fromhex("AAC0D4043A0AA1601DAB")
PMS = bytes.fromhex("424D001C00000008000800000008000800D20046002D001E00000000970002C5")
RTU = bytes.fromhex("61030C43DB8C2E41D9E7FF42433A1B5007")
UMB = bytes.fromhex("011001F001A00A02231000640016C3D8C24103BA2C04")
SHDLC = bytes.fromhex("7e000300047d5d31117d33857e")
VE = b"\r\nPID\t0xA042\r\nV\t12530\r\nChecksum\t"
VE += bytes([-sum(VE) & 0xFF])
UBX_BODY = bytes.fromhex("0107") + (4).to_bytes(2, "little") + b"abcd"
UBX = b"\xb5\x62" + UBX_BODY + fletcher8(UBX_BODY).to_bytes(2, "big")
MAV_BODY = bytes([2, 0, 0, 5, 1, 1, 30, 0, 0]) + b"\x01\x02"
MAV = b"\xfd" + MAV_BODY + crc16_mcrf4xx(MAV_BODY + b"\x27").to_bytes(2, "little")
GILL = b"\x02Q,229,002.74,M,00,\x0316"


def _sds(frame: bytes) -> FrameRejected | None:
    return (
        None
        if sum(frame[2:8]) & 0xFF == frame[8] and frame[9] == 0xAB
        else FrameRejected(RejectReason.CHECKSUM, "", frame)
    )


def _pms(frame: bytes) -> FrameRejected | None:
    return (
        None
        if sum(frame[:-2]) == int.from_bytes(frame[-2:], "big")
        else FrameRejected(RejectReason.CHECKSUM, "", frame)
    )


CASES: dict[str, tuple[Callable[[], Framer], bytes]] = {
    "fixed": (lambda: binary.fixed(b"\xaa\xc0", 10, _sds), SDS),
    "length": (lambda: binary.with_length(b"BM", at=2, kind="u16", add=4, verify=_pms, max_bytes=40), PMS),
    "modbus-rtu": (lambda: binary.modbus_rtu(binary.verify_with(ENVELOPES["modbus-rtu"])), RTU),
    "umb": (lambda: binary.umb(binary.verify_with(ENVELOPES["umb"])), UMB),
    "ubx": (lambda: binary.ubx(binary.verify_with(ENVELOPES["ubx"])), UBX),
    "shdlc": (lambda: delimited.shdlc(None), SHDLC),
    "ve.direct": (delimited.VeDirectFramer, VE),
    "delimiter": (lambda: delimited.DelimiterFramer(b"\r\n"), b"0+1.2-3\r\n"),
    "stx-etx": (lambda: delimited.stx_etx(b"\x02", b"\x03", None, 64, 2), GILL),
    "mavlink": (
        lambda: binary.mavlink(lambda frame: None if frame == MAV else FrameRejected(RejectReason.CHECKSUM, "", frame)),
        MAV,
    ),
}


def _run(framer: Framer, pieces: list[bytes]) -> list[bytes | FrameRejected]:
    out: list[bytes | FrameRejected] = []
    for piece in pieces:
        out.extend(framer.feed(piece))
    return out + framer.flush()


def _cut(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({cut % (len(data) + 1) for cut in cuts} | {0, len(data)})
    return [data[start:end] for start, end in itertools.pairwise(places)]


@pytest.mark.parametrize("name", CASES)
@given(
    parts=st.lists(st.one_of(st.just(b""), st.binary(max_size=40)), min_size=1, max_size=5),
    cuts=st.lists(st.integers(0, 5000), max_size=30),
)
def test_any_cutting_gives_the_same(name: str, parts: list[bytes], cuts: list[int]) -> None:
    make, frame = CASES[name]
    stream = frame.join(parts) + frame[: len(frame) // 2]
    whole = _run(make(), [stream])
    assert _run(make(), _cut(stream, cuts)) == whole
    assert _run(make(), [bytes([byte]) for byte in stream]) == whole


@pytest.mark.parametrize("name", CASES)
def test_clean_frames_all_come_out(name: str) -> None:
    make, frame = CASES[name]
    assert _run(make(), [frame * 20]) == [frame] * 20


@pytest.mark.parametrize("name", [name for name in CASES if name not in ("delimiter", "ve.direct", "shdlc")])
def test_a_frame_behind_noise_and_half_a_frame_comes_out(name: str) -> None:
    make, frame = CASES[name]
    out = _run(make(), [b"\x55\x99noise" + frame[: len(frame) // 2] + frame + b"\x00\xff" + frame])
    assert [item for item in out if isinstance(item, bytes)] == [frame, frame]
    assert any(isinstance(item, FrameRejected) for item in out)


def test_a_flipped_bit_costs_one_frame_and_is_told_once() -> None:
    make, frame = CASES["length"]
    damaged = bytearray(frame)
    damaged[9] ^= 4
    out = _run(make(), [frame + bytes(damaged) + frame])
    assert [item if isinstance(item, bytes) else str(item.reason) for item in out] == [frame, "checksum", frame]


def test_modbus_frames_are_found_without_silence_between_them() -> None:
    make, frame = CASES["modbus-rtu"]
    exception = bytes.fromhex("618302")
    exception += crc16_modbus(exception).to_bytes(2, "little")
    assert _run(make(), [b"\x61\x03" + frame + exception + frame])[-3:] == [frame, exception, frame]


@given(st.binary(max_size=2000))
def test_any_bytes_end_without_an_error(data: bytes) -> None:
    for make, _ in CASES.values():
        out = _run(make(), [data])
        assert sum(len(item) for item in out if isinstance(item, bytes)) <= len(data)


@given(noise=st.binary(max_size=900), cuts=st.lists(st.integers(0, 5000), max_size=30))
def test_long_noise_before_a_block_is_cut_alike(noise: bytes, cuts: list[int]) -> None:
    stream = noise + VE + noise + VE
    whole = _run(delimited.VeDirectFramer(max_bytes=300), [stream])
    assert _run(delimited.VeDirectFramer(max_bytes=300), _cut(stream, cuts)) == whole
    stream = noise.replace(b"\r", b"") + b"\r\n12\r\n" + noise
    whole = _run(delimited.DelimiterFramer(b"\r\n", 100), [stream])
    assert _run(delimited.DelimiterFramer(b"\r\n", 100), _cut(stream, cuts)) == whole
