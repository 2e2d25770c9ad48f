"""What speaks by itself on a line, and what the catalogue's framed sensors answer when they are asked."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from device_profiles.engine.profile import Profile
from device_profiles.framing.factory import framer
from device_profiles.rejects import FrameRejected
from edge_agent.discover import BAUDS, recognise
from edge_agent.drivers.make_parts import line_format
from edge_agent.drivers.ports import ByteLine
from edge_agent.drivers.questions import conversation
from edge_agent.drivers.serial_port import LineFormat, SerialPort
from edge_agent.finding.candidates import Fit, Found, best, fit_of, profiles

TRANSPORTS: Final = ("serial", "ascii", "ve.direct", "ubx", "umb", "meter-ddi")
ANSWER_S: Final = 2.5
"""How long a framed sensor may take to answer; a weather station's console sends a packet every 2 s. [s]"""
SETTLE_S: Final = 1.5
"""What a sensor needs after it was told to begin. [s]"""
REST_S: Final = 0.25
"""After a silence like this a whole frame may have come. [s]"""
HEARD_BYTES_MAX: Final = 65_536


def formats() -> list[LineFormat]:
    """Speeds and characters to listen at: the catalogue's and the usual ones, the most usual first."""
    found = {LineFormat(baud): 0 for baud in BAUDS}
    for profile in profiles(*TRANSPORTS):
        form = line_format(profile.document, None)
        found[form] = found.get(form, 0) + 1
    return sorted(found, key=lambda form: (form.baud not in BAUDS, BAUDS.index(form.baud) if form.baud in BAUDS else 0))


def judge(data: bytes, candidates: Iterable[Profile]) -> tuple[Fit, ...]:
    """Profiles whose frames stand in what was heard. Pure."""
    fits = []
    for profile in candidates:
        cutter = framer(profile)
        frames = [each for each in (*cutter.feed(data), *cutter.flush()) if not isinstance(each, FrameRejected)]
        decoded = [each for each in map(profile.decode, frames) if not isinstance(each, FrameRejected)]
        if not decoded:
            continue
        fit = fit_of(profile, decoded)
        # What mostly rejects was cut by chance out of something else.
        if fit is not None and len(decoded) * 2 >= len(frames):
            fits.append(fit)
    return best(fits)


async def listen(port: Path, form: LineFormat, seconds: float) -> tuple[bytes, Found | None]:
    """Hear a port at one speed; ends early once something is recognised.

    Raises:
        LinkDown: It cannot be opened, or vanished.
    """
    line = SerialPort(port, form)
    await line.open()
    try:
        data = b""
        deadline_s = time.monotonic() + seconds
        while (left_s := deadline_s - time.monotonic()) > 0 and len(data) < HEARD_BYTES_MAX:
            part = await line.read(min(left_s, REST_S))
            data += part or b""
            # In a rest whole frames have come. A second one tells a device from a chance.
            if part is None and data and (found := _recognised(port, form, data)) is not None:
                return data, found
    finally:
        await line.close()
    return data, _recognised(port, form, data)


def _recognised(port: Path, form: LineFormat, data: bytes) -> Found | None:
    fits = judge(data, profiles(*TRANSPORTS)) if data else ()
    if fits:
        return Found("serial", settings_of(port, form), f"{len(data)} bytes heard at {form.baud} baud", fits)
    known = recognise(port, form.baud, data)
    if known is None:
        return None
    heard = ", ".join(sorted(known.channels)) or known.detail
    return Found("nmea" if known.kind == "nmea" else "lines", settings_of(port, form), f"{known.kind}: {heard}")


async def ask_framed(port: Path, wanted: Callable[[LineFormat], bool]) -> list[Found]:
    """Send what the catalogue's framed sensors are asked with, a speed at a time, and judge what comes.

    Nothing is sent that a profile calls a writing.

    Raises:
        LinkDown: The port cannot be opened, or vanished.
    """
    for form, asked in _conversations().items():
        if not wanted(form):
            continue
        line = SerialPort(port, form)
        await line.open()
        try:
            for questions in asked:
                fits = await _answer(line, questions, profiles(*TRANSPORTS))
                if fits:
                    words = f"answers {questions[-1]!r} at {form.baud} baud"
                    return [Found("serial", settings_of(port, form), words, fits)]
        finally:
            await line.close()
    return []


async def _answer(line: ByteLine, questions: Sequence[bytes], candidates: Sequence[Profile]) -> tuple[Fit, ...]:
    for question in questions[:-1]:
        await line.write(question)
        await asyncio.sleep(SETTLE_S)
    await line.write(questions[-1])
    data = b""
    deadline_s = time.monotonic() + ANSWER_S
    while (left_s := deadline_s - time.monotonic()) > 0 and len(data) < HEARD_BYTES_MAX:
        part = await line.read(min(left_s, REST_S))
        if part is None and data and (fits := judge(data, candidates)):
            return fits
        data += part or b""
    return judge(data, candidates)


def _conversations() -> Mapping[LineFormat, Sequence[tuple[bytes, ...]]]:
    """By speed what to send. Words first: other bytes may stay with a device that waits for the end of a line."""
    found: dict[LineFormat, set[tuple[bytes, ...]]] = defaultdict(set)
    for profile in profiles(*TRANSPORTS):
        talk = conversation(profile.document)
        if not talk.each:
            continue
        writes = any(step["do"] == "write" for step in profile.document.get("steps") or ())
        first = () if writes else tuple(question.data for question in talk.first)
        found[line_format(profile.document, None)].add((*first, talk.each[0].data))
    return {form: sorted(asked, key=lambda each: (not each[-1].isascii(), each)) for form, asked in found.items()}


def settings_of(port: Path, form: LineFormat) -> dict[str, str | int]:
    """Where a device was found, as its table says it."""
    return {"port": str(port), "baud": form.baud}
