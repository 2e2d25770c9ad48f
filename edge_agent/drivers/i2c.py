"""Chips on an I2C bus, through their profile: write the command, wait, read the answer."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final, Protocol, Self

from device_profiles.engine.profile import Profile
from edge_agent.clock import Clock
from edge_agent.drivers.ports import LinkDown, Read
from edge_agent.drivers.profiled import reads_of
from edge_agent.drivers.questions import Question, conversation
from edge_agent.drivers.watch import carried

ANSWER_S_MAX: Final = 5.0
"""A bus that holds a transfer longer hangs. [s]"""
WAIT_S: Final = 0.003
"""Between a command and its answer where the profile does not say how long the chip needs. [s]"""
TEXT_BYTES: Final = 32
"""Longest answer of a chip that speaks text; it pads with noughts. [bytes]"""


class Bus(Protocol):
    """One I2C bus; blocks, so it is used from a thread."""

    def write(self, address: int, data: bytes) -> None:
        """One write transfer; raises ``OSError``."""
        ...

    def read(self, address: int, size: int) -> bytes:
        """One read transfer; raises ``OSError``."""
        ...


OpenBus = Callable[[Path], AbstractContextManager[Bus]]


class I2cInstrument:
    """One chip. Transfers of several chips on a bus never mix: each is one call of the kernel's."""

    def __init__(self, profile: Profile, clock: Clock, *, bus: Path, address: int | None, open_bus: OpenBus) -> None:
        """Prepare.

        Args:
            profile: Of transport ``i2c``.
            clock: For arrivals.
            bus: Device file, e.g. ``/dev/i2c-1``.
            address: 7 bits; the profile's factory address when None.
            open_bus: Opens the bus.
        """
        document = profile.document
        self._profile, self._clock, self._bus, self._open_bus = profile, clock, bus, open_bus
        self._address = address if address is not None else int(str(document["transport"]["address"]), 16)
        self._talk = conversation(document)
        self._size = _answer_bytes(document)
        self._pads = self._size == TEXT_BYTES

    async def open(self) -> None:
        """Set the chip up; raises ``LinkDown`` when the bus or the chip is not there."""
        await self._run(self._talk.first, 0)

    async def measure(self) -> list[Read]:
        """Measure once; raises ``LinkDown``."""
        data = await self._run(self._talk.each, self._size)
        if self._pads:
            data = data.rstrip(b"\0") + b"\0"
        return reads_of(self._profile.decode(data), self._clock.wall_ns())

    async def close(self) -> None:
        """Nothing stays open between two measurements: another program may use the bus."""

    async def _run(self, questions: Sequence[Question], size: int) -> bytes:
        try:
            for question in questions:
                await self._transfer(question.data)
                await asyncio.sleep(question.wait_s or WAIT_S)
            return await self._transfer(b"", size) if size else b""
        except OSError as exc:
            raise LinkDown(self._why(exc)) from exc

    async def _transfer(self, data: bytes, size: int = 0) -> bytes:
        def work() -> bytes:
            with self._open_bus(self._bus) as bus:
                if data:
                    bus.write(self._address, data)
                return bus.read(self._address, size) if size else b""

        if data:
            carried(data, sent=True)
        async with asyncio.timeout(ANSWER_S_MAX):
            answer = await asyncio.to_thread(work)
        if answer:
            carried(answer, sent=False)
        return answer

    def _why(self, exc: OSError) -> str:
        where = f"{self._bus} address {self._address:#04x}"
        if isinstance(exc, TimeoutError):
            return f"{where}: the bus hangs: is a wire shorted, is its pull-up there?"
        if exc.errno in {errno.ENOENT, errno.ENODEV}:
            return f"{self._bus} is not there: is I2C turned on (dtparam=i2c_arm=on)?"
        if exc.errno in {errno.EACCES, errno.EPERM}:
            return f"no permission for {self._bus}: add this user to the group i2c"
        if exc.errno in {errno.EREMOTEIO, errno.EIO, errno.ENXIO}:
            return f"{where}: no answer: is the chip wired and powered, is this its address (i2cdetect -y 1)?"
        return f"{where}: {exc.strerror or exc}"


def _answer_bytes(document: Mapping[str, Any]) -> int:
    """How much to read: words of two bytes have a checksum each; a text ends by itself. [bytes]."""
    lengths = [(frame.get("when") or {}).get("length") for frame in document.get("frames") or ()]
    known = [length for length in lengths if isinstance(length, int)]
    if not known:
        return TEXT_BYTES
    size = max(known)
    return size // 2 * 3 if (document.get("framing") or {}).get("kind") == "sensirion-words" else size


class SmbusBus:
    """A bus of the kernel's, by ``smbus2``: plain I2C transfers, no SMBus commands."""

    def __init__(self, path: Path) -> None:
        from smbus2 import SMBus  # noqa: PLC0415 - an extra: only who has chips on a bus installs it

        self._bus = SMBus(str(path))

    def __enter__(self) -> Self:
        """Itself, open."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self._bus.close()

    def write(self, address: int, data: bytes) -> None:
        """One write transfer."""
        from smbus2 import i2c_msg  # noqa: PLC0415

        self._bus.i2c_rdwr(i2c_msg.write(address, list(data)))

    def read(self, address: int, size: int) -> bytes:
        """One read transfer."""
        from smbus2 import i2c_msg  # noqa: PLC0415

        message = i2c_msg.read(address, size)
        self._bus.i2c_rdwr(message)
        return bytes(message)
