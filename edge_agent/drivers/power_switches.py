"""What turns a supply: a GPIO line, a relay's coil on a Modbus bus, or two commands."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from edge_agent.drivers.gpio_line import OutputLine
from edge_agent.drivers.modbus_frames import Envelope, Setting
from edge_agent.drivers.modbus_settings import COIL_ON, NotTaken, write
from edge_agent.drivers.ports import LinkDown
from edge_agent.drivers.shared_line import SharedLine

COMMAND_S_MAX: Final = 15.0
"""A command that takes longer hangs. [s]"""
KILLED_S_MAX: Final = 2.0
"""What hangs in the kernel does not even end when it is killed. [s]"""
WORDS_BYTES: Final = 200


class GpioSwitch:
    """A line that drives a relay or transistor."""

    def __init__(self, line: OutputLine) -> None:
        self._line = line
        self._is_open = False

    async def set(self, *, on: bool) -> None:
        """Drive the line, taken at first use; raises ``LinkDown``."""
        if not self._is_open:
            self._line.open()
            self._is_open = True
        self._line.set(active=on)

    async def close(self) -> None:
        """Let the line go."""
        self._is_open = False
        self._line.close()


class RelaySwitch:
    """A coil of a relay board, on a bus that members may share with it."""

    def __init__(self, find: Callable[[], SharedLine], envelope: Envelope, unit: int, coil: int) -> None:
        """Prepare; ``find`` gives the bus when it is first needed."""
        self._find, self._envelope, self._unit, self._coil = find, envelope, unit, coil
        self._line: SharedLine | None = None

    async def set(self, *, on: bool) -> None:
        """Write the coil and read it again; raises ``LinkDown``."""
        if self._line is None:
            line = self._find()
            await line.open()
            self._line = line
        try:
            await write(self._line, self._envelope, self._unit, Setting(5, self._coil, COIL_ON if on else 0))
        except NotTaken as exc:
            raise LinkDown(f"coil {self._coil}: {exc}") from exc
        except LinkDown:
            await self.close()
            raise

    async def close(self) -> None:
        """Leave the bus."""
        line, self._line = self._line, None
        if line is not None:
            await line.close()


class CommandSwitch:
    """Two programs: whatever a site has to turn a supply with."""

    def __init__(self, on: Sequence[str], off: Sequence[str]) -> None:
        self._commands = {True: tuple(on), False: tuple(off)}

    async def set(self, *, on: bool) -> None:
        """Run the command to its end; raises ``LinkDown`` when it fails."""
        command = self._commands[on]
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as exc:
            raise LinkDown(f"{command[0]} cannot be run: {exc.strerror}") from exc
        try:
            async with asyncio.timeout(COMMAND_S_MAX):
                _, said = await process.communicate()
        except TimeoutError:
            raise LinkDown(f"{command[0]} did not end within {COMMAND_S_MAX:g} s") from None
        finally:
            if process.returncode is None:
                await _end(process)
        if process.returncode:
            words = said.decode("utf-8", "replace").strip()[-WORDS_BYTES:]
            raise LinkDown(f"{command[0]} ended with {process.returncode}: {words or 'it says nothing'}")

    async def close(self) -> None:
        """Nothing stays open."""


async def _end(process: asyncio.subprocess.Process) -> None:
    """Kill it with all that it has started, and wait until its pipe is closed."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    with suppress(TimeoutError):
        async with asyncio.timeout(KILLED_S_MAX):
            await process.communicate()
