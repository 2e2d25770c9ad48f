"""Device profiles: frames decoded per second, and what loading costs an agent."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import Any, Final

from device_profiles import catalogue
from device_profiles.checksums import crc16_modbus
from device_profiles.engine.compile import compile_profile
from device_profiles.engine.decode_bulk import decode_frames
from device_profiles.engine.profile import Profile
from device_profiles.engine.rows import Decoded

NAME: Final = "profiles"
SUMMARY: Final = "frames decoded per second, time and memory of loading profiles"
FRAMES: Final = 20_000
ROUNDS: Final = 7
KINDS: Final = ("u16", "i16", "u16", "u32", "i32", "u16", "u8", "u8", "i16", "u16")
SCALES: Final = ("0.1", "0.01", "0.001", "0.001", "0.01", "0.1", "1", "0.5", "0.1", "0.01")

_LOAD: Final = """
import json, sys, time, tracemalloc
start = time.process_time()
from device_profiles import catalogue
imported = time.process_time() - start
names = catalogue.ids()
start = time.process_time()
for name in names:
    catalogue.load(name)
whole = time.process_time() - start
slowest = {}
for name in names:
    taken = []
    for _ in range(3):
        start = time.process_time()
        catalogue.load(name)
        taken.append(time.process_time() - start)
    slowest[name] = min(taken)
print(json.dumps({"models": len(names), "import": imported, "whole": whole, "slowest": slowest}))
"""
_ONE: Final = """
import json, sys, time, tracemalloc
from device_profiles import catalogue
tracemalloc.start()
before = tracemalloc.get_traced_memory()[0]
profile = catalogue.load(sys.argv[1])
kept, peak = tracemalloc.get_traced_memory()
print(json.dumps({"kept": kept - before, "peak": peak - before}))
"""
_COLD: Final = """
import json, sys, time
from device_profiles import catalogue
start = time.process_time()
catalogue.load(sys.argv[1])
print(json.dumps({"cold": time.process_time() - start}))
"""


def run() -> dict[str, object]:
    """Measure in processor time: decoding here, loading in a fresh process each."""
    profile = ten_channels()
    frames = [_frame(number) for number in range(FRAMES)]
    loaded = _python(_LOAD)
    slowest = max(loaded["slowest"], key=lambda name: float(loaded["slowest"][name]))
    memory = max((_python(_ONE, name) | {"name": name} for name in _candidates(loaded)), key=lambda item: item["peak"])
    return {
        "about": (
            "One core, processor time, best of several rounds. The frame is a Modbus reply with ten numbers in five "
            "types, its CRC verified; decoding gives rows as the agent sends them, applying gives readings in their "
            "units as the collector needs them; in bulk, all frames become columns at once. Loading reads and compiles "
            "the TOML file; the import of the package is left out."
        ),
        "decode_frames_per_s": round(FRAMES / _best(lambda: _decode(profile, frames))),
        "decode_and_apply_frames_per_s": round(FRAMES / _best(lambda: _decode_and_apply(profile, frames))),
        "bulk_decode_frames_per_s": round(FRAMES / _best(lambda: decode_frames(profile, frames))),
        "models": loaded["models"],
        "load_all_ms": round(loaded["whole"] * 1e3, 1),
        "load_slowest_ms": round(loaded["slowest"][slowest] * 1e3, 2),
        "load_slowest_in_a_new_process_ms": round(_cold_s(slowest, "mavlink/power") * 1e3, 2),
        "slowest": slowest,
        "one_profile_kept_mb": round(memory["kept"] / 2**20, 3),
        "one_profile_peak_mb": round(memory["peak"] / 2**20, 3),
        "largest": memory["name"],
        "targets": {
            "decode_frames_per_s": ">= 50000",
            "load_all_ms": "<= 1500",
            "load_slowest_ms": "<= 30",
            "load_slowest_in_a_new_process_ms": "<= 30",
            "one_profile_peak_mb": "<= 4",
        },
    }


def ten_channels() -> Profile:
    """A profile of one Modbus reply with ten numbers."""
    at = 0
    fields, channels = [], []
    for number, (kind, scale) in enumerate(zip(KINDS, SCALES, strict=True)):
        missing = ", missing = [0x7FFF]" if kind == "i16" else ""
        fields.append(f'{{ name = "value_{number}", at = {at}, type = "{kind}", scale = {scale}{missing} }},')
        channels.append(f'value_{number} = {{ quantity = "voltage", range = [-1e9, 1e9] }}')
        at += int(kind[1:]) // 8
    text = f"""
language = 1
vendor = "Bench"
model = "Ten"
version = 1
title = {{ en = "Ten channels" }}
[[documents]]
title = "none"
[transport]
kind = "modbus-rtu"
[[requests]]
name = "all"
function = 3
address = 0
count = {at // 2}
[channels]
{chr(10).join(channels)}
[[frames]]
name = "all"
request = "all"
fields = [
{chr(10).join(fields)}
]
"""
    return compile_profile(catalogue.parse(text.encode()), profile_id="bench/ten", digest=bytes(8))


def _frame(number: int) -> bytes:
    payload = b"".join(
        ((number * 7 + index) % 120).to_bytes(int(kind[1:]) // 8, "big") for index, kind in enumerate(KINDS)
    )
    body = bytes([1, 3, len(payload)]) + payload
    return body + crc16_modbus(body).to_bytes(2, "little")


def _decode(profile: Profile, frames: list[bytes]) -> None:
    for frame in frames:
        result = profile.decode(frame)
        if not isinstance(result, Decoded):
            raise TypeError(str(result))


def _decode_and_apply(profile: Profile, frames: list[bytes]) -> None:
    for frame in frames:
        result = profile.decode(frame)
        if isinstance(result, Decoded):
            profile.apply(result.rows[0], {})


def _best(work: Any) -> float:  # noqa: ANN401 - any function without arguments
    best_s = float("inf")
    for _ in range(ROUNDS):
        start_s = time.process_time()
        work()
        best_s = min(best_s, time.process_time() - start_s)
    return best_s


def _candidates(loaded: dict[str, Any]) -> list[str]:
    """The five that take longest to load, and one that brings the table of MAVLink messages."""
    longest = sorted(loaded["slowest"], key=lambda name: -float(loaded["slowest"][name]))
    return [*longest[:5], "mavlink/power"]


def _cold_s(*names: str) -> float:
    """The slowest of some first loads of a process, each the best of three."""
    return max(min(float(_python(_COLD, name)["cold"]) for _ in range(3)) for name in names)


def _python(program: str, *words: str) -> dict[str, Any]:
    done = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found
