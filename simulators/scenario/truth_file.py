"""The truth of a scenario, one JSON object a line: what was there, what was sensed, what was said, what struck.

Only what the file and the seed decide stands in it, so that it is byte-equal at every speed and on every machine.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Final, Self

from simulators.scenario.course import Said, schedule_of
from simulators.scenario.load import placed, struck
from simulators.scenario.model import Scenario

VERSION: Final = 1
_DIGEST_BYTES: Final = 8
_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


class Streams:
    """Hashes and sizes of every device's bytes.

    Attributes:
        frames: By device.
        bytes: By device.
        measurements: Of all devices.
    """

    def __init__(self) -> None:
        self.frames: dict[str, int] = {}
        self.bytes: dict[str, int] = {}
        self.measurements = 0
        self._hashes: dict[str, hashlib.blake2b] = {}

    def add(self, said: Said) -> list[str]:
        """Count one measurement; the hash of each of its frames."""
        self.measurements += 1
        name = said.device.name
        whole = self._hashes.get(name)
        if whole is None:
            whole = self._hashes[name] = hashlib.blake2b(digest_size=16)
            self.frames[name] = self.bytes[name] = 0
        found = []
        for frame in said.frames:
            whole.update(frame.data)
            self.frames[name] += 1
            self.bytes[name] += len(frame.data)
            found.append(hashlib.blake2b(frame.data, digest_size=_DIGEST_BYTES).hexdigest())
        return found

    def hashes(self) -> dict[str, str]:
        """Of each device's whole byte stream."""
        return {name: whole.hexdigest() for name, whole in sorted(self._hashes.items())}


@dataclass(slots=True)
class TruthFile:
    """Writes the truth; without a path it only counts.

    Attributes:
        scenario: Whose.
        path: Where; replaced when it is there.
        streams: What was counted.
    """

    scenario: Scenario
    path: Path | None
    streams: Streams = field(default_factory=Streams)
    _file: BinaryIO | None = None

    def __enter__(self) -> Self:
        if self.path is not None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("wb", buffering=1 << 20)
            self._line(header(self.scenario))
            for fault in fault_lines(self.scenario):
                self._line(fault)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            if kind is None:
                self._line({"kind": "end", "measurements": self.streams.measurements, "streams": self.streams.hashes()})
            self._file.close()

    def add(self, said: Said) -> None:
        """Write down one measurement."""
        hashes = self.streams.add(said)
        if self._file is not None:
            self._line(
                {
                    "device": said.device.name,
                    "number": said.number,
                    "at_ns": said.at_ns,
                    "clock_ns": said.clock_ns,
                    "true": said.true,
                    "sensed": said.sensed,
                    "frames": hashes,
                    "faults": said.faults,
                }
            )

    def _line(self, fields: dict[str, Any]) -> None:
        assert self._file is not None
        self._file.write(_encode(fields).encode("ascii") + b"\n")


def header(scenario: Scenario) -> dict[str, Any]:
    """The first line."""
    return {
        "kind": "scenario",
        "version": VERSION,
        "title": scenario.title,
        "seed": scenario.seed,
        "start_ns": scenario.start_ns,
        "duration_ns": scenario.duration_ns,
        "devices": {each.name: {"model": each.device.model, "agent": each.station.agent} for each in placed(scenario)},
    }


def fault_lines(scenario: Scenario) -> Iterator[dict[str, Any]]:
    """A line for each fault: what, where and when."""
    devices = placed(scenario)
    for number, fault in enumerate(scenario.fault):
        yield {
            "kind": "fault",
            "number": number,
            "fault": fault.kind,
            "devices": [each.name for each in struck(fault, devices)] if fault.device else [],
            "channel": fault.channel,
            "link": fault.link,
            "processes": list(fault.processes),
            "size": fault.size,
            "share": fault.share,
            "windows_ns": [
                [scenario.start_ns + begin, scenario.start_ns + end]
                for begin, end in schedule_of(fault).windows(scenario.duration_ns)
            ],
        }


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Every whole line of a truth file.

    Raises:
        ValueError: It is none.
    """
    with path.open("rb") as file:
        first = file.readline()
        try:
            head = json.loads(first)
        except ValueError as exc:
            raise ValueError(f"{path} is no truth file") from exc
        if not isinstance(head, dict) or head.get("kind") != "scenario":
            raise ValueError(f"{path} is no truth file; its first line tells of no scenario")
        yield head
        for line in file:
            if line.endswith(b"\n"):
                yield json.loads(line)
