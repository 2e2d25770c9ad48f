"""The sensor under chaos: JSON lines at a steady pace on a pseudo-terminal, a log of its own, and moods.

Its mood is one word in a file beside its port, looked at before each line: ``speak``; ``silent``; ``unplugged`` (the
port is gone); ``babble`` (noise between the lines); ``halves`` (each second line breaks off).
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import time
from pathlib import Path
from typing import Final

from simulators.chaos.values import Said, line, pack
from simulators.pace import Pace
from simulators.pty_port import PtyPort

MOODS: Final = ("speak", "silent", "unplugged", "babble", "halves")
_NOISE_BYTES: Final = 60


class Gauge:
    """One sensor until it is told to stop.

    Args:
        args: See ``main``.
    """

    def __init__(self, args: argparse.Namespace) -> None:
        self._args = args
        self._interval_ns = args.interval_ms * 1_000_000
        self._noise = random.Random(args.port_link.name)  # noqa: S311 - noise, not secrets
        self._unfinished = False
        """The last line broke off: a line end comes first, as from an instrument that starts again."""

    def run(self, pace: Pace) -> None:
        """Speak until SIGTERM."""
        args = self._args
        log = os.open(args.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        try:
            while not pace.stopping:
                if mood(args.mood) == "unplugged":
                    pace.sleep(self._interval_ns / 1e9)
                    continue
                with PtyPort(args.port_link) as port:
                    self._plugged(pace, port, log)
                    port.drain(2.0) if pace.stopping else None
        finally:
            os.close(log)

    def _plugged(self, pace: Pace, port: PtyPort, log: int) -> None:
        begin_ns, last = self._args.begin_ns, -1
        while not pace.stopping:
            number = max(last + 1, -(-(time.time_ns() - begin_ns) // self._interval_ns))
            if not pace.until(begin_ns + number * self._interval_ns):
                return
            word = mood(self._args.mood)
            if word == "unplugged":
                return
            last = number
            if word != "silent":
                self._say(word, number, port, log)

    def _say(self, word: str, number: int, port: PtyPort, log: int) -> None:
        data = line(number, self._args.begin_ns, self._interval_ns, self._args.channels)
        if word == "halves" and number % 2:
            # Half a line is no reading: it is not in the log.
            self._unfinished = port.write(self._start() + data[: len(data) // 2]) or self._unfinished
            return
        if word == "babble":
            noise = self._noise.randbytes(_NOISE_BYTES)
            port.write(self._start() + noise.replace(b"\n", b"?") + b"\n")
        at_ns = time.time_ns()
        heard = port.write(self._start() + data)
        self._unfinished = not heard
        os.write(log, pack(Said(number, at_ns, heard)))

    def _start(self) -> bytes:
        return b"\n" if self._unfinished else b""


def mood(path: Path) -> str:
    """The word in the file; ``speak`` where there is none."""
    with contextlib.suppress(OSError):
        word = path.read_text(encoding="ascii").strip()
        if word in MOODS:
            return word
    return "speak"


def main() -> None:
    """Run one gauge."""
    parser = argparse.ArgumentParser(description="A gauge under chaos.")
    parser.add_argument("--port-link", type=Path, required=True)
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--mood", type=Path, required=True, help="file with one of: " + " ".join(MOODS))
    parser.add_argument("--begin-ns", type=int, required=True, help="time of line 0, UTC [ns]")
    parser.add_argument("--interval-ms", type=int, required=True)
    parser.add_argument("--channels", type=int, required=True)
    Gauge(parser.parse_args()).run(Pace())


if __name__ == "__main__":
    main()
