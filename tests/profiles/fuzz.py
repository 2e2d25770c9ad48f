"""Throws bytes at the whole catalogue: ``python -m tests.profiles.fuzz --inputs 1000000 --seed 1 --json``.

A third of the inputs are frames of the catalogue's vectors with damage, a third are noise of any length up to 4 KiB, a
third are patterns that make frames long in their own terms (tags, pairs, numbers, counts). Every other input passes by
the envelope, as if a checksum had been right by chance, because a checksum would keep nearly all damage out.

Ends with status 1 at any exception, or when a frame takes more than a millisecond of the processor.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

from device_profiles import catalogue
from device_profiles.engine.envelopes import Payload
from device_profiles.engine.profile import Profile
from device_profiles.engine.rows import Decoded
from device_profiles.engine.state import MAX_FRAME_BYTES
from device_profiles.rejects import FrameRejected

LIMIT_S: Final = 0.001
_AGAIN_S: Final = 0.0004
"""Slower than this is measured again: the machine, not the frame, may have been slow. [s]"""
_PATTERNS: Final = (
    b"\x00",
    b"\xff",
    b"\x01",
    b"+1",
    b"-1.5",
    b"a=1,",
    b"1,",
    b"12 ",
    b":\n",
    b"\x01\x75\x64",
    b"\r\n",
    b"7D",
)


@dataclass(slots=True)
class Seed:
    """A profile and a frame it knows.

    Attributes:
        profile: To decode with.
        frame: A vector's bytes.
        port: Its port.
        requests: Names of the requests the profile has, and none.
        numbers: Message numbers the profile reads, or none.
    """

    profile: Profile
    frame: bytes
    port: int | None
    requests: tuple[str | None, ...] = (None,)
    numbers: tuple[int | None, ...] = (None,)


@dataclass(slots=True)
class Figures:
    """What came out."""

    decoded: int = 0
    rows: int = 0
    rejects: Counter[str] = field(default_factory=Counter)
    exceptions: list[str] = field(default_factory=list)
    worst_s: float = 0.0
    worst: str = ""


def seeds() -> list[Seed]:
    """Every vector of the catalogue, in every variant."""
    found: list[Seed] = []
    for name in catalogue.ids():
        whole = catalogue.load(name)
        variants = [str(item["name"]) for item in whole.document.get("variants") or []]
        for profile in [whole, *(catalogue.load(name, variant=variant) for variant in variants[1:])]:
            requests = (None, *(str(item["name"]) for item in profile.document.get("requests") or []))
            numbers = tuple(sorted({number for frame in profile.frames for number in frame.ids})) or (None,)
            found.extend(
                Seed(profile, _bytes(test), test.get("port"), requests, numbers)
                for test in profile.document.get("tests") or []
            )
    return found


def _bytes(test: dict[str, Any]) -> bytes:
    if test.get("hex"):
        return bytes.fromhex(test["hex"])
    if test.get("registers"):
        return b"".join(int(item).to_bytes(2, "big") for item in test["registers"])
    return str(test.get("text") or "").encode("latin-1", "replace")


def make(frame: bytes, chance: random.Random) -> bytes:
    """The next input."""
    kind = chance.randrange(3)
    if kind == 0:
        return damaged(frame, chance)
    if kind == 1:
        size = chance.choice((chance.randrange(64), chance.randrange(300), chance.randrange(MAX_FRAME_BYTES + 1)))
        return frame[: chance.randrange(9)] + chance.randbytes(size)[: MAX_FRAME_BYTES - 8]
    pattern = chance.choice((*_PATTERNS, frame or b"\x00", frame[: chance.randrange(1, 9)] or b"\x00"))
    whole = frame[: chance.randrange(len(frame) + 1)] + pattern * (MAX_FRAME_BYTES // len(pattern) + 1)
    return whole[: chance.choice((MAX_FRAME_BYTES, chance.randrange(MAX_FRAME_BYTES)))]


def damaged(frame: bytes, chance: random.Random) -> bytes:
    """A few bytes changed, sometimes a tail of noise or a cut."""
    out = bytearray(frame)
    for _ in range(chance.randrange(4)):
        if out:
            out[chance.randrange(len(out))] = chance.randrange(256)
    if chance.random() < 0.1:
        out += chance.randbytes(chance.randrange(MAX_FRAME_BYTES))
    elif chance.random() < 0.1:
        del out[chance.randrange(len(out) + 1) :]
    return bytes(out[:MAX_FRAME_BYTES])


def decode(seed: Seed, data: bytes, *, whole: bool, chance: random.Random) -> Decoded | FrameRejected:
    """Decode an input as a transport would hand it over, or past its envelope."""
    request = chance.choice(seed.requests)
    port = seed.port if chance.random() < 0.9 else chance.randrange(256)
    if whole or seed.profile.codec:
        return seed.profile.decode(data, port=port, request=request)
    payload = Payload(data, 0, len(data), chance.choice(seed.numbers))
    return seed.profile.decode_payload(payload, port=port, request=request)


def run(inputs: int, number: int) -> Figures:
    """Decode ``inputs`` inputs of the seed ``number``."""
    chance = random.Random(number)
    known = seeds()
    figures = Figures()
    for index in range(inputs):
        seed = known[index % len(known)]
        data = make(seed.frame, chance)
        whole = bool(index & 1)
        choice = chance.getrandbits(32)
        try:
            taken_s, result = _timed(seed, data, whole, choice)
            if taken_s > _AGAIN_S:
                taken_s = min(taken_s, *(_timed(seed, data, whole, choice)[0] for _ in range(4)))
        except Exception:  # noqa: BLE001 - every exception is a finding
            figures.exceptions.append(f"{seed.profile.id} {data[:200].hex()}\n{traceback.format_exc()}")
            continue
        if taken_s > figures.worst_s:
            figures.worst_s = taken_s
            figures.worst = f"{seed.profile.id} {len(data)} bytes, past the envelope: {not whole}: {data[:40].hex()}"
        if isinstance(result, Decoded):
            figures.decoded += 1
            figures.rows += len(result.rows)
        else:
            figures.rejects[str(result.reason)] += 1
    return figures


def _timed(seed: Seed, data: bytes, whole: bool, choice: int) -> tuple[float, Decoded | FrameRejected]:  # noqa: FBT001
    chance = random.Random(choice)
    start_s = time.thread_time()
    result = decode(seed, data, whole=whole, chance=chance)
    taken_s = time.thread_time() - start_s
    if isinstance(result, Decoded):
        for row in result.rows[:4]:
            seed.profile.apply(row)
    return taken_s, result


def main(words: list[str] | None = None) -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.profiles.fuzz", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args(words)
    found = run(args.inputs, args.seed)
    figures = {
        "inputs": args.inputs,
        "seed": args.seed,
        "profiles": len(catalogue.ids()),
        "decoded": found.decoded,
        "rows": found.rows,
        "rejects": dict(sorted(found.rejects.items())),
        "exceptions": len(found.exceptions),
        "worst_ms": round(found.worst_s * 1e3, 3),
        "worst": found.worst,
    }
    print(json.dumps(figures) if args.json else json.dumps(figures, indent=2))
    for text in found.exceptions[:5]:
        print(text, file=sys.stderr)
    return int(bool(found.exceptions) or found.worst_s > LIMIT_S)


if __name__ == "__main__":
    sys.exit(main())
