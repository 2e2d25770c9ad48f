"""An SDI-12 sensor, version 1.3 of the specification: one machine for all models, which bring their values.

Version 1.4's commands for metadata and high volumes it does not know, and is silent to them, as to anything unknown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from simulators.checksums import crc_sdi12
from simulators.emulators.port import Measurement
from simulators.frames import Frame

Sense = Callable[[Mapping[str, float | None]], Sequence[str]]
"""True values to values as they stand on the line, sign first."""

_COMMAND: Final = re.compile(rb"([0-9A-Za-z?])(A[0-9A-Za-z]|I|V|[MC]C?[1-9]?|R(?:C)?[0-9]|D[0-9])?!")
_LINE_CHARACTERS: Final = {"M": 35, "C": 75, "R": 75}
"""Longest answer to a data command, after which kind of measurement (4.4.7)."""
_TURNAROUND_NS: Final = 10_000_000
"""An answer begins within 15 ms of the command's end (7.0)."""


class Sdi12Probe:
    """One probe.

    Args:
        address: One character.
        identity: What ``aI!`` says behind the address: version, vendor, model, revision, serial number.
        sense: True values to values on the line.
        ready_s: How long a measurement takes; nought gives no service request. [s]
    """

    def __init__(self, address: str, identity: str, sense: Sense, *, ready_s: int) -> None:
        self.address = address
        self._identity, self._sense, self._ready_s = identity, sense, ready_s
        self._now: tuple[str, ...] = tuple(sense({}))
        self._held: tuple[list[str], bool] | None = None
        self._due_ns = 0
        self._breaks = False
        """Whether a break ends the measurement."""

    def measure(self, measurement: Measurement) -> Sequence[Frame]:
        """Renew what the next measurement finds; a probe never speaks by itself."""
        self._now = tuple(self._sense(measurement.values))
        return ()

    def answer(self, request: bytes, at_ns: int) -> Sequence[Frame]:
        """Answer one command up to its ``!``; silent to another's address and to damage."""
        match = _COMMAND.fullmatch(request.strip(b"\x00"))
        address, command = (match[1].decode(), (match[2] or b"").decode()) if match else ("", "")
        if address != self.address and not (address == "?" and not command):
            # A break came before it: that ends a measurement, unless it was started as a concurrent one.
            if self._breaks and at_ns < self._due_ns:
                self._held = None
            return ()
        return self._do(command, at_ns)

    def _do(self, command: str, at_ns: int) -> Sequence[Frame]:
        kind = command[:1]
        if kind == "A":
            self.address = command[1]
        if kind == "D":
            return self._data(int(command[1]), at_ns)
        # Any other command to a probe that measures ends the measurement (4.4.5).
        self._held = None
        if kind == "I":
            return self._say(self._identity)
        if kind == "V":
            self._hold(["+0"], with_crc=False, kind="M", due_ns=at_ns)
            return self._say("0001")
        if kind == "R":
            self._hold(self._now, with_crc="C" in command, kind="R", due_ns=at_ns)
            return self._data(int(command[-1]), at_ns)
        if kind in {"M", "C"}:
            return self._start(kind, command, at_ns)
        return self._say("")

    def _start(self, kind: str, command: str, at_ns: int) -> Sequence[Frame]:
        width = 1 if kind == "M" else 2
        if command[-1:].isdecimal():
            # Further measurements that this model does not have: nothing to come, at once.
            return self._say("000" + "0" * width)
        due_ns = at_ns + self._ready_s * 10**9
        self._hold(self._now, with_crc="C" in command[1:], kind=kind, due_ns=due_ns)
        told = self._say(f"{self._ready_s:03d}{len(self._now):0{width}d}")
        if kind == "C" or not self._ready_s:
            return told
        # The service request; whoever asks for anything before it has ended the measurement.
        return (*told, Frame(f"{self.address}\r\n".encode(), delay_ns=self._ready_s * 10**9, until_asked=True))

    def _hold(self, values: Sequence[str], *, with_crc: bool, kind: str, due_ns: int) -> None:
        lines = [""]
        for value in values:
            if len(lines[-1]) + len(value) > _LINE_CHARACTERS[kind]:
                lines.append("")
            lines[-1] += value
        self._held, self._due_ns, self._breaks = (lines, with_crc), due_ns, kind == "M"

    def _data(self, index: int, at_ns: int) -> Sequence[Frame]:
        if self._held is None or at_ns < self._due_ns:
            self._held = None
            return self._say("")
        lines, with_crc = self._held
        return self._say(lines[index] if index < len(lines) else "", with_crc=with_crc)

    def _say(self, words: str, *, with_crc: bool = False) -> Sequence[Frame]:
        body = (self.address + words).encode()
        return (Frame(body + (crc_sdi12(body) if with_crc else b"") + b"\r\n", delay_ns=_TURNAROUND_NS),)
