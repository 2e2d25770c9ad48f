"""Starts processes, each in a group of its own, and never leaves one behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType, TracebackType
from typing import Final, Self

_STOP_S: Final = 12.0
_POLL_S: Final = 0.02

INTERRUPTIONS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class DemoError(Exception):
    """Something the demonstration needs did not work; the message says what and where to look."""

    exit_status = 1


@contextlib.contextmanager
def interrupted_later() -> Iterator[None]:
    """Keep signals that would interrupt until the end of the block.

    A process is known only after its start: an interruption between the two would leave it running for good.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # Signals interrupt the main thread alone.
        return
    came: list[tuple[int, FrameType | None]] = []
    usual = {number: signal.signal(number, lambda *call: came.append(call)) for number in INTERRUPTIONS}
    try:
        yield
    finally:
        for number, handler in usual.items():
            signal.signal(number, handler)
    for late, frame in came:
        handler = usual[signal.Signals(late)]
        if callable(handler):
            handler(late, frame)
        elif handler == signal.SIG_DFL:
            signal.raise_signal(late)


@dataclass(slots=True)
class Process:
    """One started process.

    Attributes:
        name: Word for messages and the log's file name.
        command: What was started.
        log: Where its output goes, appended over restarts.
        stop_s: How long it may take to end when asked. [s]
        environ: Beside this process's own.
        popen: The running (or ended) process.
    """

    name: str
    command: tuple[str, ...]
    log: Path
    stop_s: float = _STOP_S
    environ: Mapping[str, str] = field(default_factory=dict)
    popen: subprocess.Popen[bytes] = field(init=False)

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        """Start it (again), in a group of its own, so that a Ctrl-C reaches only the demonstration."""
        with interrupted_later(), self.log.open("ab") as log:
            self.popen = subprocess.Popen(  # noqa: S603 - our own commands
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={**os.environ, **self.environ},
            )

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.popen.poll() is None

    def signal_group(self, number: signal.Signals) -> None:
        """Signal it and whatever it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.popen.pid, number)

    def kill(self) -> None:
        """SIGKILL: it cannot clean up; gone on return."""
        self.signal_group(signal.SIGKILL)
        self.popen.wait()

    def last_words(self, lines: int = 3) -> str:
        """The end of its log, for a message."""
        text = self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""
        return " | ".join(text.strip().splitlines()[-lines:]) or "it said nothing"

    def resident_mb(self) -> float:
        """Resident memory now, in MB of 10^6 bytes; 0 when it has ended."""
        with contextlib.suppress(OSError, StopIteration):
            status = Path(f"/proc/{self.popen.pid}/status").read_text(encoding="ascii")
            line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
            return int(line.split()[1]) * 1024 / 1e6
        return 0.0


class Stage:
    """All processes of one demonstration. Leaving it stops every one of them, whatever happened.

    Attributes:
        logs: Folder of their logs.
        processes: In the order of their start.
    """

    def __init__(self, logs: Path) -> None:
        self.logs = logs
        self.processes: list[Process] = []

    def __enter__(self) -> Self:
        self.logs.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.stop(*reversed(self.processes))
        finally:
            # Also when a second Ctrl-C cut the polite way short, and for what they may have started themselves.
            for process in self.processes:
                process.signal_group(signal.SIGKILL)
                process.popen.wait()

    def start(self, name: str, command: Sequence[str], *, environ: Mapping[str, str] | None = None) -> Process:
        """Start a process that this stage will stop; ``environ`` comes on top of this process's own."""
        with interrupted_later():
            process = Process(name, tuple(command), self.logs / f"{name}.log", environ=environ or {})
            self.processes.append(process)
        return process

    def harkara(self, name: str, *words: str, environ: Mapping[str, str] | None = None) -> Process:
        """Start ``harkara WORDS`` with this interpreter."""
        return self.start(name, [*harkara_command(), *words], environ=environ)

    def stop(self, *processes: Process) -> None:
        """Ask with SIGTERM, one after the other in the order given, and wait; SIGKILL for what does not listen."""
        for process in processes:
            if not process.running:
                continue
            process.signal_group(signal.SIGTERM)
            try:
                process.popen.wait(process.stop_s)
            except subprocess.TimeoutExpired:
                process.kill()


def harkara_command() -> tuple[str, ...]:
    """The one command, run by this interpreter: also where its script is not on the PATH."""
    return (sys.executable, "-c", "import harkara,sys; sys.exit(harkara.main())")


def run_harkara(*words: str, timeout_s: float = 120.0) -> str:
    """Run ``harkara WORDS`` to its end and give what it printed.

    Raises:
        DemoError: It failed; with its last line.
    """
    done = subprocess.run(  # noqa: S603 - our own command
        [*harkara_command(), *words], capture_output=True, timeout=timeout_s, check=False, text=True
    )
    if done.returncode != 0:
        last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
        raise DemoError(f"harkara {' '.join(words[:2])} ended with {done.returncode}: {' '.join(last)}")
    return done.stdout


def wait_for(condition: Callable[[], object], what: str, *, timeout_s: float, process: Process | None = None) -> None:
    """Wait until a condition holds.

    Raises:
        DemoError: It does not within the time, or ``process`` ended meanwhile.
    """
    deadline = time.monotonic() + timeout_s
    while not condition():
        if process is not None and not process.running:
            raise DemoError(f"{process.name} ended while waiting for {what}: {process.last_words()}")
        if time.monotonic() > deadline:
            hint = f": {process.last_words()}" if process is not None else ""
            raise DemoError(f"waited {timeout_s:g} s in vain for {what}{hint}")
        time.sleep(_POLL_S)
