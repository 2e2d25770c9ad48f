"""Slaves of a Modbus line or gateway, and probes of an SDI-12 line: who answers, and what the catalogue calls it."""

from __future__ import annotations

import re
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Final, NamedTuple, TypeVar

from device_profiles.checksums import crc16_modbus
from device_profiles.engine.identity import requests_to_ask
from device_profiles.engine.profile import Profile
from device_profiles.rejects import FrameRejected
from edge_agent.clock import SystemClock
from edge_agent.drivers.modbus import question
from edge_agent.drivers.modbus_frames import Envelope, Question, Refused, Registers
from edge_agent.drivers.ports import ByteLine
from edge_agent.drivers.sdi12 import BREAK_S, MARKING_S
from edge_agent.drivers.sdi12_lines import line_of
from edge_agent.drivers.serial_port import LineFormat
from edge_agent.drivers.shared_line import NoAnswer, SharedLine
from edge_agent.finding.candidates import Fit, Found, best, fit_of, profiles

USUAL_ADDRESSES: Final = tuple(range(1, 17))
PROBE: Final = Question(3, 0, 1)
"""Any slave answers it, if only with an exception."""
ANSWER_S: Final = 0.3
"""Slaves take up to 0.2 s for an answer; each silent address costs this. [s]"""
PATIENCE_S: Final = 1.0
"""How long a slave that is known to be there may take. [s]"""
SDI12_ANSWER_S: Final = 0.9
SDI12_ADDRESSES: Final = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_IDENTIFICATION: Final = re.compile(r"(\d)(\d)(.{8})(.{6})(.{3})(.*)")


Answer = Registers | Refused | None
Heard = TypeVar("Heard")


class Slave(NamedTuple):
    """A Modbus slave that answered.

    Attributes:
        unit: Its address.
        says: The answer to the first question, in words.
    """

    unit: int
    says: str


@asynccontextmanager
async def shared(line: ByteLine, *, gap_s: float) -> AsyncIterator[SharedLine]:
    """A line for questions and answers; raises ``LinkDown``."""
    bus = SharedLine(line, SystemClock(), gap_s=gap_s)
    await bus.open()
    try:
        yield bus
    finally:
        await bus.close()


def modbus_formats() -> list[LineFormat]:
    """Speeds and characters of the catalogue's Modbus slaves, the most usual first."""
    found: dict[LineFormat, int] = {}
    for profile in profiles("modbus-rtu"):
        transport = profile.document["transport"]
        bauds = transport.get("baud") or 9600
        for rank, baud in enumerate(bauds if isinstance(bauds, list) else [bauds]):
            form = LineFormat(int(baud), parity=str(transport.get("parity") or "none"))
            found[form] = found.get(form, 0) + (1 if rank else 4)
    return sorted(found, key=lambda form: -found[form])


def modbus_addresses() -> tuple[int, ...]:
    """The usual addresses, and the factory's of the catalogue."""
    own = {int(profile.document["transport"].get("unit_id") or 1) for profile in profiles("modbus-rtu")}
    return (*USUAL_ADDRESSES, *sorted(own - set(USUAL_ADDRESSES) - {0}))


async def slaves(
    bus: SharedLine, envelope: Envelope, units: Iterable[int], progress: Callable[[int], None]
) -> list[Slave]:
    """Ask every address once; raises ``LinkDown``."""
    found = []
    for unit in units:
        progress(unit)
        try:
            data, answer_in = envelope.wrap(unit, PROBE)
            answer = await bus.ask(data, answer_in, ANSWER_S)
        except NoAnswer as exc:
            if exc.heard:
                found.append(
                    Slave(unit, f"{len(exc.heard)} bytes that are no answer: two at one address, wrong speed?")
                )
            continue
        found.append(Slave(unit, answer.words if isinstance(answer, Refused) else f"register 0 is {answer[0]}"))
    return found


async def fits(bus: SharedLine, envelope: Envelope, unit: int) -> tuple[Fit, ...]:
    """Ask a slave what each profile of the catalogue asks, every question once; raises ``LinkDown``."""
    known: dict[Question, Answer] = {}

    async def answer(asked: Question) -> Answer:
        if asked not in known:
            data, answer_in = envelope.wrap(unit, asked)
            try:
                known[asked] = await bus.ask(data, answer_in, PATIENCE_S)
            except NoAnswer:
                known[asked] = None
        return known[asked]

    found = []
    for profile in profiles("modbus-rtu", "modbus-tcp"):
        fit = await _fit(profile, unit, answer)
        if fit is not None:
            found.append(fit)
    return best(found)


async def _fit(profile: Profile, unit: int, answer: Callable[[Question], Awaitable[Answer]]) -> Fit | None:
    tables = {str(table["name"]): table for table in profile.document.get("requests") or () if table.get("function")}
    told = False
    for name in requests_to_ask(profile.probes):
        asked = question(profile.document, tables[name])
        registers = await answer(asked)
        if registers is None or isinstance(registers, Refused):
            return None
        if isinstance(profile.identify(name, rtu_answer(unit, asked, registers)), FrameRejected):
            return None
        told = True
    decoded = []
    wanted = {frame.request for frame in profile.frames}
    for name, table in tables.items():
        if table.get("writes") or name not in wanted:
            continue
        registers = await answer(question(profile.document, table))
        if registers is None or isinstance(registers, Refused):
            return None
        decoded.append(profile.decode_registers(name, registers))
    return fit_of(profile, decoded, told=told) if decoded else None


async def probes(bus: SharedLine, *, breaks: bool, progress: Callable[[str], None]) -> list[Found]:
    """SDI-12 probes: one that is alone says its address by itself, of several each address is asked.

    Raises:
        LinkDown: The line is gone.
    """
    try:
        alone = await _sdi12(bus, "?!", _alone, SDI12_ANSWER_S, breaks=breaks)
    except NoAnswer as exc:
        if not exc.heard:
            return []
        alone = ""
    found = []
    for address in alone or SDI12_ADDRESSES:
        progress(address)
        try:
            if not alone:
                # A probe that is there begins within 15 ms: the others need not be waited for as long as for a line.
                await _sdi12(bus, f"{address}!", line_of(address), ANSWER_S, breaks=breaks)
            said = await _sdi12(bus, f"{address}I!", line_of(address), SDI12_ANSWER_S, breaks=breaks)
        except NoAnswer:
            continue
        words = said.decode("ascii", "replace")
        found.append(Found("sdi-12", {"address": address}, words.strip(), named(words)))
    return found


async def _sdi12(
    bus: SharedLine, command: str, answer_in: Callable[[bytes], Heard | None], timeout_s: float, *, breaks: bool
) -> Heard:
    break_s = BREAK_S if breaks else 0.0
    async with bus.turn() as turn:
        return await turn.ask(command.encode(), answer_in, timeout_s, break_s=break_s, marking_s=MARKING_S)


def _alone(heard: bytes) -> str | None:
    """The address that one probe gave; of several at once, what comes is mostly none."""
    said = heard.rpartition(b"!")[2].lstrip(b"\x00\xff")
    if not said.endswith(b"\r\n"):
        return None
    address = said[:-2].decode("ascii", "replace")
    return address if len(address) == 1 and address in SDI12_ADDRESSES else ""


def named(identification: str) -> tuple[Fit, ...]:
    """Profiles of what ``aI!`` said: vendor of 8 characters, model of 6, both mostly cut short (4.4.2)."""
    match = _IDENTIFICATION.fullmatch(identification)
    if match is None:
        return ()
    vendor, model = match[3].strip().lower(), match[4].strip().lower()
    fits = []
    for profile in profiles("sdi-12"):
        theirs = str(profile.document["vendor"]).lower()
        own = re.sub(r"\(.*?\)", "", str(profile.document["model"])).lower()
        same_number = re.findall(r"\d+", model) == re.findall(r"\d+", own)[:1] or not re.search(r"\d", model)
        if vendor and theirs.startswith(vendor.split()[0]) and same_number and _in_order(model, own):
            fits.append(Fit(profile.id, told=True, share=0.0))
    return best(fits)


def _in_order(short: str, long: str) -> bool:
    """Whether the letters of an abbreviation come in this order in the whole name."""
    letters = iter(long)
    return all(letter in letters for letter in short if letter.isalnum())


def rtu_answer(unit: int, asked: Question, registers: Registers) -> bytes:
    """The frame in which a slave sent these registers, as a profile's probe looks at it."""
    body = struct.pack(f">BBB{len(registers)}H", unit, asked.function, 2 * len(registers), *registers)
    return body + crc16_modbus(body).to_bytes(2, "little")
