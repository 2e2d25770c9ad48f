"""Faults on top of a recording: its pieces are spoilt on the way to the reader, and every stroke is written down."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self

import numpy as np

from harkara_io.errors import nearest_hint
from simulators.faults.bytes import ByteFault
from simulators.faults.schedule import Schedule
from simulators.frames import Frame
from simulators.recordings.model import RecordingError
from simulators.scenario.model import BYTE_FAULTS
from simulators.world.streams import stream

_KEYS: Final = ("at", "duration", "every", "share", "size")


@dataclass(slots=True)
class Spoiler:
    """Byte faults on one recording; the same words and seed spoil it the same way at any speed.

    Attributes:
        faults: As words, e.g. ``flip,at=10,duration=5,share=0.2``.
        seed: Decides which pieces and bits.
        labels: File of labels, if any: a JSON line for each piece that was struck.
    """

    faults: Sequence[str]
    seed: int = 1
    labels: Path | None = None
    struck: int = 0
    _stages: list[tuple[str, ByteFault, np.random.Generator]] = field(init=False)
    _file: BinaryIO | None = None
    _number: int = 0

    def __post_init__(self) -> None:
        self._stages = []
        for number, words in enumerate(self.faults):
            fault = parse_fault(words)
            self._stages.append((fault.kind, fault, stream(self.seed, "replay", str(number), fault.kind)))

    def __enter__(self) -> Self:
        if self.labels is not None:
            self._file = self.labels.open("wb")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    def spoil(self, at_ns: int, data: bytes, channel: str) -> list[Frame]:
        """What arrives instead of a piece.

        Args:
            at_ns: Its time since the recording's begin, passes before this one included. [ns]
            data: Its bytes.
            channel: Its channel.
        """
        frames = [Frame(data, channel)]
        kinds = []
        for kind, fault, draws in self._stages:
            frames, hit = fault.apply(frames, at_ns, draws)
            if hit:
                kinds.append(kind)
        self._number += 1
        if kinds:
            self.struck += 1
            if self._file is not None:
                line = {
                    "piece": self._number,
                    "at_ns": at_ns,
                    "faults": kinds,
                    "was": hashlib.blake2b(data, digest_size=8).hexdigest(),
                    "became": [hashlib.blake2b(frame.data, digest_size=8).hexdigest() for frame in frames],
                }
                self._file.write(json.dumps(line, separators=(",", ":")).encode("ascii") + b"\n")
        return frames


def parse_fault(words: str) -> ByteFault:
    """A fault from words: ``KIND[,at=S][,duration=S][,every=S][,share=P][,size=X]``.

    Raises:
        RecordingError: They are no such words.
    """
    kind, *rest = words.split(",")
    if kind not in BYTE_FAULTS:
        raise RecordingError(f"--fault {words}: no kind `{kind}`; {nearest_hint(kind, BYTE_FAULTS)}")
    given: dict[str, float] = {}
    for part in rest:
        key, _, text = part.partition("=")
        try:
            number = float(text)
        except ValueError:
            number = -1.0
        if key not in _KEYS or not 0 <= number < float("inf"):
            raise RecordingError(f"--fault {words}: {part!r} is none of {', '.join(f'{key}=NUMBER' for key in _KEYS)}")
        given[key] = number
    duration, every = given.get("duration"), given.get("every")
    if every is not None and (duration is None or duration > every or not every):
        raise RecordingError(f"--fault {words}: begins again before it ends; write a duration shorter than every")
    if not 0 < given.get("share", 1.0) <= 1:
        raise RecordingError(f"--fault {words}: share is more than 0 and at most 1")
    when = Schedule(
        round(given.get("at", 0.0) * 1e9),
        None if duration is None else round(duration * 1e9),
        None if every is None else round(every * 1e9),
    )
    return ByteFault(kind, when, given.get("size"), given.get("share", 1.0))
