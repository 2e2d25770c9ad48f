"""Give a bus device another address, and prove it: nobody was there before, it answers there, and no longer here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from edge_agent.drivers.modbus_frames import Envelope, Question, Refused, Setting
from edge_agent.drivers.sdi12 import BREAK_S, MARKING_S
from edge_agent.drivers.sdi12_lines import line_of
from edge_agent.drivers.shared_line import NoAnswer, SharedLine
from edge_agent.finding.bus import ANSWER_S, PATIENCE_S, PROBE, SDI12_ANSWER_S
from harkara_io.errors import HarkaraError

WRITE_REGISTER: Final = 6
"""Write single register (Modbus application protocol V1.1b3, 6.6)."""


class NotMoved(HarkaraError):
    """The device has its old address, or nobody knows; says which and what to do."""


@dataclass(frozen=True, slots=True)
class Moved:
    """A device that was moved.

    Attributes:
        old: Where it was.
        new: Where it answers now.
        says: What it says there.
    """

    old: str
    new: str
    says: str


async def move_probe(bus: SharedLine, old: str, new: str, *, breaks: bool) -> Moved:
    """Move an SDI-12 probe with ``aAb!`` (4.4.4).

    Raises:
        LinkDown: The line is gone.
        NotMoved: It does not answer, the new address is taken, or the probe stayed.
    """

    async def ask(command: str, address: str) -> bytes:
        async with bus.turn() as turn:
            return await turn.ask(
                command.encode(),
                line_of(address),
                SDI12_ANSWER_S,
                break_s=BREAK_S if breaks else 0.0,
                marking_s=MARKING_S,
            )

    async def is_there(address: str) -> bool:
        try:
            await ask(f"{address}!", address)
        except NoAnswer as exc:
            return bool(exc.heard)
        return True

    try:
        before = await ask(f"{old}I!", old)
    except NoAnswer:
        raise NotMoved(f"no probe answers at {old}: is it powered, and alone at this address?") from None
    if await is_there(new):
        raise NotMoved(f"a probe answers at {new} already; choose another address")
    try:
        await ask(f"{old}A{new}!", new)
        after = await ask(f"{new}I!", new)
    except NoAnswer:
        raise NotMoved(
            f"the probe did not take address {new}: some have a switch, or take it by their own tool"
        ) from None
    if after != before:
        raise NotMoved(f"what answers at {new} is another probe: {_words(after)}")
    if await is_there(old):
        raise NotMoved(
            f"a probe still answers at {old}: there were two; the one at {new} is moved, repeat with the other"
        )
    return Moved(old, new, _words(after))


async def move_slave(bus: SharedLine, envelope: Envelope, old: int, new: int, register: int) -> Moved:
    """Move a Modbus slave by writing its address register.

    Args:
        bus: The line.
        envelope: How questions travel on it.
        old: Its address.
        new: The address it shall have.
        register: Which register keeps it, from nought.

    Raises:
        LinkDown: The line is gone.
        NotMoved: As `move_probe`; nothing is written into a register that holds something else than the address.
    """
    kept = await _ask(bus, envelope, old, Question(3, register, 1))
    if kept is None and await _ask(bus, envelope, old, PROBE) is None:
        raise NotMoved(f"no slave answers at {old}: is it powered, and alone at this address?")
    if isinstance(kept, tuple) and not isinstance(kept, Refused) and kept != (old,):
        raise NotMoved(f"register {register} holds {kept[0]}, not the address {old}; nothing was written")
    if await _ask(bus, envelope, new, PROBE) is not None:
        raise NotMoved(f"a slave answers at {new} already; choose another address")
    data, answer_in = envelope.wrap_setting(old, Setting(WRITE_REGISTER, register, new))
    try:
        said = await bus.ask(data, answer_in, PATIENCE_S)
    except NoAnswer:
        said = ()  # some answer from their new address, or not at all: asking there tells
    if isinstance(said, Refused):
        raise NotMoved(f"the slave refuses ({said.words}); some need a switch or their own tool")
    there = await _ask(bus, envelope, new, PROBE)
    if there is None:
        if await _ask(bus, envelope, old, PROBE) is None:
            raise NotMoved(f"it answers neither at {old} nor at {new}: switch its power off and on, then detect")
        raise NotMoved(f"written, but it still answers at {old}: switch its power off and on, then read it at {new}")
    if await _ask(bus, envelope, old, PROBE) is not None:
        raise NotMoved(
            f"a slave still answers at {old}: there were two; the one at {new} is moved, repeat with the other"
        )
    return Moved(str(old), str(new), there.words if isinstance(there, Refused) else f"register 0 is {there[0]}")


async def _ask(bus: SharedLine, envelope: Envelope, unit: int, asked: Question) -> tuple[int, ...] | Refused | None:
    data, answer_in = envelope.wrap(unit, asked)
    try:
        return await bus.ask(data, answer_in, max(ANSWER_S, PATIENCE_S))
    except NoAnswer as exc:
        # Two at one address answer at once: what comes is no answer, but somebody is there.
        return Refused(0) if exc.heard else None


def _words(said: bytes) -> str:
    return said.decode("ascii", "replace").strip()
