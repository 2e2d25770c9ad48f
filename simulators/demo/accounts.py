"""Counts read again and again, from growing files and from the control sockets, while the demonstration runs."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from harkara_io.control_socket import ControlError, call
from simulators.demo.layout import WEATHER, Layout
from simulators.demo.snapshot import Latest
from simulators.weather import CHANNELS

_UNDER_WAY_S: Final = 2.0
"""A line younger than this may still be on its way and does not count as lost yet."""


@dataclass(slots=True)
class Tail:
    """Complete new lines of a file that somebody else appends to."""

    path: Path
    _at: int = 0

    def lines(self) -> Iterator[Any]:
        """Each JSON object that came since the last call."""
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            file.seek(self._at)
            for line in file:
                if not line.endswith(b"\n"):
                    return
                self._at += len(line)
                yield json.loads(line)


@dataclass(slots=True)
class PlainAccount:
    """What became of the same station's lines on the usual way: read by the publisher, received by the subscriber.

    Attributes:
        layout: Where the files are.
    """

    layout: Layout
    _said: Tail = field(init=False)
    _received: Tail = field(init=False)
    _read: dict[int, int] = field(default_factory=dict)
    _unheard: int = 0
    _got: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._said = Tail(self.layout.truth(WEATHER))
        self._received = Tail(self.layout.plain_received)

    def update(self) -> None:
        """Read what is new."""
        for emission in self._said.lines():
            if emission["heard_beside"]:
                number = json.loads(emission["text"])["sample_number"]
                self._read[number] = emission["emitted_at_ns"]
            else:
                self._unheard += 1
        self._got.update(message["sample_number"] for message in self._received.lines())

    @property
    def read(self) -> int:
        """Readings the publisher had its port open for."""
        return len(self._read) * len(CHANNELS)

    @property
    def unheard(self) -> int:
        """Readings said while the publisher was dead."""
        return self._unheard * len(CHANNELS)

    def lost(self, *, settled: bool = False) -> int:
        """Readings that were read and never received.

        Args:
            settled: Count the newest too: nothing is under way any more.
        """
        newest_ns = time.time_ns() - (0 if settled else int(_UNDER_WAY_S * 1e9))
        missing = (at_ns for number, at_ns in self._read.items() if number not in self._got)
        return sum(at_ns <= newest_ns for at_ns in missing) * len(CHANNELS)


def ask(socket: Path, command: str, **fields: object) -> dict[str, Any] | None:
    """Ask a running process; None while it is dead or dying."""
    with contextlib.suppress(ControlError, OSError):
        return dict(call(socket, command, timeout_s=5.0, **fields))
    return None


def latest_values(answer: dict[str, Any] | None) -> tuple[Latest, ...]:
    """The collector's newest values, in its order."""
    if answer is None:
        return ()
    return tuple(
        Latest(each["device"], each["channel"], str(each["value"]), each["unit"], float(each["age_s"]))
        for each in answer["values"]
    )
