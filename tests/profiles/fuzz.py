"""Damages the catalogue's own frames and decodes them: ``python -m tests.profiles.fuzz --inputs 1000000 --json``.

Half of the inputs pass by the envelope, as if a checksum had been right by chance. Ends at any error but a reject.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time

from device_profiles import catalogue
from device_profiles.engine.envelopes import Payload
from device_profiles.engine.profile import Profile
from device_profiles.engine.rows import Decoded
from device_profiles.engine.state import MAX_FRAME_BYTES

Seed = tuple[Profile, bytes, int | None]


def seeds() -> list[Seed]:
    """Every vector of the catalogue."""
    found: list[Seed] = []
    for profile in catalogue.load_all().values():
        for test in profile.document.get("tests") or []:
            frame = (
                bytes.fromhex(test["hex"])
                if test.get("hex")
                else str(test.get("text") or "").encode("latin-1", "replace")
            )
            found.append((profile, frame, test.get("port")))
    return found


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


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.profiles.fuzz")
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    chance = random.Random(args.seed)
    frames = seeds()
    decoded, worst_s = 0, 0.0
    for index in range(args.inputs):
        profile, frame, port = frames[index % len(frames)]
        data = damaged(frame, chance)
        start_s = time.thread_time()
        try:
            if index & 1:
                result = profile.decode(data, port=port)
            else:
                number = next((item for plan in profile.frames for item in plan.ids), None)
                result = profile.decode_payload(Payload(data, 0, len(data), number), port=port)
        except Exception:
            print(f"{profile.id} port {port}: {data.hex()}", file=sys.stderr)
            raise
        worst_s = max(worst_s, time.thread_time() - start_s)
        decoded += isinstance(result, Decoded)
    figures = {
        "inputs": args.inputs,
        "decoded": decoded,
        "errors": 0,
        "worst_ms": round(worst_s * 1e3, 3),
        "seed": args.seed,
    }
    print(json.dumps(figures) if args.json else figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
