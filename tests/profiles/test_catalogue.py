"""Every profile of the catalogue lints, passes its vectors, and takes any bytes without an error and in time."""

from __future__ import annotations

import random
import time
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_profiles import catalogue
from device_profiles.engine.profile import Profile
from device_profiles.engine.rows import Decoded
from device_profiles.language.check import check_file
from device_profiles.quality import REASONS, Flag
from device_profiles.rejects import FrameRejected, RejectReason
from device_profiles.tools.vectors import run_profile

IDS = catalogue.ids()
PROFILES = catalogue.load_all()


def _check(profile: Profile, frame: bytes, port: int | None) -> None:
    result = profile.decode(frame, port=port)
    if isinstance(result, FrameRejected):
        assert result.reason in RejectReason
        assert len(result.data) <= 64
        return
    assert isinstance(result, Decoded)
    for row in result.rows:
        assert len(row.channels) == len(row.units) == len(row.mantissas) == len(row.exponents)
        assert len(set(row.channels)) == len(row.channels)
        assert {channel for channel, _ in row.texts} | set(row.channels) <= set(profile.channels) or profile.codec
        for mantissa, exponent in zip(row.mantissas, row.exponents, strict=True):
            assert mantissa is None or isinstance(mantissa, float if exponent is None else int)
            assert exponent is None or -30 <= exponent <= 30
            assert not isinstance(mantissa, int) or abs(mantissa) < 2**63
        for mark in row.marks:
            assert mark.reason in REASONS
        profile.apply(row)


def _near_frames(profile: Profile) -> list[tuple[bytes, int | None]]:
    """Frames of the vectors: what mutations start from, so that they come past the selectors."""
    frames = []
    for test in profile.document.get("tests") or []:
        data = (
            bytes.fromhex(test["hex"]) if test.get("hex") else str(test.get("text") or "").encode("latin-1", "replace")
        )
        frames.append((data, test.get("port")))
    return frames


@pytest.mark.parametrize("name", IDS)
def test_profile_lints(name: str) -> None:
    assert [str(problem) for problem in check_file(name) if problem.severity == "error"] == []


@pytest.mark.parametrize("name", IDS)
def test_profile_passes_its_vectors(name: str) -> None:
    results = run_profile(name)
    assert results
    assert [result for result in results if result.faults] == []


@pytest.mark.parametrize("name", IDS)
def test_profile_proves_a_right_frame_and_a_failure(name: str) -> None:
    tests = PROFILES[name].document["tests"]
    marked = [
        value
        for test in tests
        for value in test.get("expect", {}).values()
        if isinstance(value, dict) and ("reason" in value or value.get("flag", Flag.UNKNOWN) > Flag.UNKNOWN)
    ]
    assert marked or any("reject" in test for test in tests)
    assert len(tests) >= 2


@pytest.mark.parametrize("name", IDS)
@given(frame=st.binary(max_size=4096), port=st.one_of(st.none(), st.integers(0, 255)))
def test_any_bytes_give_rows_or_a_reject(name: str, frame: bytes, port: int | None) -> None:
    _check(PROFILES[name], frame, port)


@pytest.mark.parametrize("name", IDS)
def test_damaged_frames_give_rows_or_a_reject(name: str) -> None:
    profile = PROFILES[name]
    chance = random.Random(name)
    for frame, port in _near_frames(profile):
        for _ in range(60):
            damaged = bytearray(frame)
            for _ in range(chance.randrange(1, 4)):
                if damaged:
                    damaged[chance.randrange(len(damaged))] = chance.randrange(256)
            cut = bytes(damaged[: chance.randrange(len(damaged) + 1)] if chance.random() < 0.2 else damaged)
            tail = chance.randbytes(chance.randrange(600)) if chance.random() < 0.2 else b""
            _check(profile, cut + tail, port)
            # Past the envelope too: what a right checksum would let through.
            result = profile.decode_payload(_payload(cut + tail, profile), port=port)
            assert isinstance(result, (Decoded, FrameRejected))


def _payload(data: bytes, profile: Profile):  # type: ignore[no-untyped-def]
    from device_profiles.engine.envelopes import Payload

    return Payload(data, 0, len(data), next((number for frame in profile.frames for number in frame.ids), None))


@pytest.mark.parametrize("name", IDS)
def test_the_longest_frames_cost_little(name: str) -> None:
    profile = PROFILES[name]
    ports: list[int | None] = [*sorted({port for frame in profile.frames for port in frame.ports})] or [None]
    worst_s = 0.0
    for fill in (b"\x00", b"\xff", b"\x01\x75\x64", b"+1", b"a=1,", b":\n", b"12,"):
        frame = (fill * 4096)[:4096]
        for start in ("", *{test.get("hex", "").replace(" ", "")[:8] for test in profile.document.get("tests") or []}):
            data = (bytes.fromhex(start) + frame)[:4096]
            for port in ports:
                best_s = min(_timed(profile, data, port) for _ in range(3))
                worst_s = max(worst_s, best_s)
    assert worst_s < 0.002, f"{worst_s * 1e3:.2f} ms"


def _timed(profile: Profile, data: bytes, port: int | None) -> float:
    start = time.thread_time()
    profile.decode(data, port=port)
    return time.thread_time() - start


def test_a_profile_fits_a_small_agent() -> None:
    tracemalloc.start()
    try:
        for name in IDS:
            before = tracemalloc.get_traced_memory()[0]
            profile = catalogue.load(name)
            assert tracemalloc.get_traced_memory()[0] - before < 4 << 20
            assert profile.id == name
    finally:
        tracemalloc.stop()


def test_digest_is_of_the_file() -> None:
    path, data = catalogue.read(IDS[0])
    assert catalogue.load(IDS[0]).digest == catalogue.digest(data)
    assert len(catalogue.digest(data)) == 8
    assert path.name.endswith(".toml")
