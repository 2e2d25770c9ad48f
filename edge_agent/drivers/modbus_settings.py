"""Writing to Modbus devices: a coil or a register, taken only when it reads back as it was written."""

from __future__ import annotations

import asyncio
from typing import Final

from edge_agent.drivers.modbus_frames import Envelope, Refused, Setting
from edge_agent.drivers.shared_line import NoAnswer, SharedLine

TRIES: Final = 3
ANSWERED_S: Final = 0.1
"""So long after a write its answer is over, and the relay has moved. [s]"""
COIL_ON: Final = 0xFF00


class NotTaken(Exception):
    """The device did not take what was written. The text says what it said."""


async def write(line: SharedLine, envelope: Envelope, unit: int, setting: Setting, *, timeout_s: float = 0.5) -> None:
    """Write a coil or register and read it again.

    Raises:
        LinkDown: The line is gone.
        NotTaken: Nobody answers, it is refused, or it reads back otherwise.
    """
    words = ""
    for _ in range(TRIES):
        try:
            words = await _once(line, envelope, unit, setting, timeout_s)
        except NoAnswer as exc:
            words = f"unit {unit} does not answer ({exc})"
        if not words:
            return
    raise NotTaken(words)


async def _once(line: SharedLine, envelope: Envelope, unit: int, setting: Setting, timeout_s: float) -> str:
    request, answer_in = envelope.wrap_setting(unit, setting)
    said = await line.ask(request, answer_in, timeout_s, answer_bytes=len(request))
    if isinstance(said, Refused):
        return f"unit {unit} refuses: {said.words}"
    # What was heard may have been an adapter's echo, with the answer on the line now.
    await asyncio.sleep(ANSWERED_S)
    question, answer_in = envelope.wrap(unit, setting.reading)
    found = await line.ask(question, answer_in, timeout_s, answer_bytes=7)
    if isinstance(found, Refused):
        # A relay that cannot be read was heard to take it, which is all that it can say.
        return "" if found.code == 1 else f"unit {unit} does not let it be read: {found.words}"
    wanted = int(setting.value == COIL_ON) if setting.function == 5 else setting.value
    return "" if found == (wanted,) else f"unit {unit} has {found[0]} where {wanted} was written"
