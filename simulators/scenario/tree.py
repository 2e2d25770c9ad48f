"""A kernel's tree of small files that knows who reads it: the kernel of this machine tells of every opened file."""

from __future__ import annotations

import ctypes
import errno
import os
import select
import struct
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from simulators.carriers import CarrierError
from simulators.directory_carrier import DirectoryCarrier
from simulators.frames import Frame
from simulators.scenario.teller import Teller

# inotify(7)
_OPENED: Final = 0x20
_CLOSED_UNWRITTEN: Final = 0x10
_MOVED_HERE: Final = 0x80
_HEAD: Final = struct.Struct("iIII")
_LOOK_S: Final = 0.05


@dataclass(slots=True)
class Tree:
    """The files of one device below a folder; used within ``with``.

    Attributes:
        root: What is ``/sys`` elsewhere.
        teller: The device.
    """

    root: Path
    teller: Teller
    _carrier: DirectoryCarrier = field(init=False)
    _folder: Path = field(init=False)
    _coming: dict[str, deque[bytes]] = field(default_factory=dict)
    _shown: dict[str, bytes] = field(default_factory=dict)
    _inotify: int = -1
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread = field(init=False)

    @property
    def folder(self) -> Path:
        """The sensor's own folder."""
        return self._folder

    def __enter__(self) -> Self:
        """Write the files as they are when the sensor is switched on, and watch them.

        Raises:
            CarrierError: The kernel does not tell who reads files here.
        """
        frames = self.teller.usual()
        self._folder = self.root / Path(frames[0].channel).parent
        self._folder.mkdir(parents=True, exist_ok=True)
        self._inotify = _watch(self._folder)
        self._carrier = DirectoryCarrier(self.root)
        self._carrier.__enter__()
        self._thread = threading.Thread(target=self._attend, name=f"readers of {self.root.name}", daemon=True)
        self._thread.start()
        self.show(frames)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.hush()
        self._stop.set()
        self._thread.join()
        os.close(self._inotify)

    def show(self, frames: Sequence[Frame]) -> None:
        """Replace files."""
        for frame in frames:
            # Before the file is there: whoever opens it then finds what it holds noted.
            self._coming.setdefault(Path(frame.channel).name, deque()).append(frame.data)
            self._carrier.send(frame.data, frame.channel)

    def hush(self) -> None:
        """Take the files away."""
        self._carrier.__exit__(None, None, None)

    def _attend(self) -> None:
        while not self._stop.is_set():
            if select.select([self._inotify], [], [], _LOOK_S)[0]:
                self._take(os.read(self._inotify, 1 << 16))

    def _take(self, events: bytes) -> None:
        """What happened, in order: the file that was moved here last is the one that is opened next."""
        at = 0
        while at < len(events):
            _, mask, _, size = _HEAD.unpack_from(events, at)
            name = events[at + _HEAD.size : at + _HEAD.size + size].rstrip(b"\0").decode()
            at += _HEAD.size + size
            if mask & _MOVED_HERE:
                self._shown[name] = self._coming[name].popleft()
            elif mask & _OPENED and name in self._shown:
                self.teller.went(self._shown[name], heard=True)


def _watch(folder: Path) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    found: int = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    # Every opening is followed by a closing, so that the kernel never takes two openings for one event.
    mask = _OPENED | _CLOSED_UNWRITTEN | _MOVED_HERE
    if found < 0 or libc.inotify_add_watch(found, os.fsencode(folder), mask) < 0:
        number = ctypes.get_errno()
        raise CarrierError(f"{folder}: cannot be watched: {os.strerror(number or errno.ENOSYS)}")
    return found
