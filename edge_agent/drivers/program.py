"""A program's standard output as a byte stream. It has a process group of its own, so that all of it ends."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Sequence
from typing import Final

from edge_agent.drivers.fd import readable
from edge_agent.drivers.ports import LinkDown

READ_BYTES_MAX: Final = 4096
STDERR_BYTES_MAX: Final = 512
"""How much of the last error output is kept, for the one line that says why it ended. [bytes]"""
TERMINATE_S_MAX: Final = 2.0
"""Time between asking a program to end and ending it. [s]"""


class Program:
    """A child process whose lines are read.

    Attributes:
        command: Program and arguments; no shell.
    """

    starts_clean = True

    def __init__(self, command: Sequence[str]) -> None:
        self.command = list(command)
        self._process: subprocess.Popen[bytes] | None = None
        self._last_words = b""
        self._life = -1

    async def open(self) -> None:
        """Start it.

        Raises:
            LinkDown: It cannot be started.
        """
        self._last_words = b""
        try:
            # fork and exec take a millisecond; the asyncio way would keep a thread per program.
            self._process = subprocess.Popen(  # noqa: ASYNC220, S603 - the command is the operator's own
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
                bufsize=0,
            )
        except OSError as exc:
            raise LinkDown(f"{self.command[0]} cannot be started: {exc.strerror}") from exc
        self._life = os.pidfd_open(self._process.pid)
        for stream in (self._process.stdout, self._process.stderr):
            assert stream is not None, "both are pipes"
            os.set_blocking(stream.fileno(), False)
        assert self._process.stderr is not None
        asyncio.get_running_loop().add_reader(self._process.stderr.fileno(), self._hear_stderr)

    async def read(self, timeout_s: float | None) -> bytes | None:
        """The next bytes, seldom none; None when ``timeout_s`` passed without any.

        Raises:
            LinkDown: It closed its output; says how it ended.
        """
        process = self._process
        assert process is not None, "read follows open"
        assert process.stdout is not None, "a pipe"
        # Its end is watched beside its output: a child it left behind may hold the pipe open for ever.
        if not await readable(process.stdout.fileno(), self._life, timeout_s=timeout_s):
            return None
        try:
            data = os.read(process.stdout.fileno(), READ_BYTES_MAX)
        except BlockingIOError:
            data = b""
            if process.poll() is None:
                return b""
        if data:
            return data
        status = await self._ended()
        raise LinkDown(f"{self.command[0]} {status}")

    async def close(self) -> None:
        """End its whole process group and collect it; never raises."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdout is not None, "a pipe"
        assert process.stderr is not None, "a pipe"
        asyncio.get_running_loop().remove_reader(process.stderr.fileno())
        try:
            _signal_group(process.pid, signal.SIGTERM)
            await self._collected(process, TERMINATE_S_MAX)
        finally:
            # Children of a program that already ended are still in its group.
            _signal_group(process.pid, signal.SIGKILL)
            process.wait()
            process.stdout.close()
            process.stderr.close()
            os.close(self._life)

    async def _ended(self) -> str:
        process = self._process
        assert process is not None
        if not await self._collected(process, TERMINATE_S_MAX):
            return "closed its output"
        self._hear_stderr()
        words = self._last_words.decode("utf-8", "replace").strip().rsplit("\n", 1)[-1].strip()
        code = process.returncode
        how = f"ended with status {code}" if code >= 0 else f"was ended by {signal.Signals(-code).name}"
        return f"{how}: {words}" if words else how

    async def _collected(self, process: subprocess.Popen[bytes], timeout_s: float) -> bool:
        """Wait for its end without a thread; False when it lives on."""
        if process.poll() is None:
            await readable(self._life, timeout_s=timeout_s)
        return process.poll() is not None

    def _hear_stderr(self) -> None:
        process = self._process
        if process is None or process.stderr is None:
            return
        try:
            data = os.read(process.stderr.fileno(), READ_BYTES_MAX)
        except OSError:
            return
        if not data:
            asyncio.get_running_loop().remove_reader(process.stderr.fileno())
        self._last_words = (self._last_words + data)[-STDERR_BYTES_MAX:]


def _signal_group(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)
