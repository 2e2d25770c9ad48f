"""Listen to a serial port for a moment and tell what speaks there: NMEA, JSON lines, CSV lines, or nothing known."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from device_profiles.codecs import nmea
from device_profiles.framing.nmea import NmeaFramer
from device_profiles.framing.text_lines import LineFramer
from device_profiles.rejects import FrameRejected
from edge_agent.counters import as_text
from edge_agent.drivers.line_parser import LineParser
from edge_agent.drivers.ports import LinkDown, Sample
from edge_agent.drivers.serial_port import SerialPort

BAUDS: Final = (9600, 4800, 38400, 115200, 57600, 19200)
"""Usual speeds of instruments and receivers, the most usual first. [1/s]"""
HITS_MIN: Final = 2
"""Sentences or readings that must be heard before a speed counts as right."""
SEPARATORS: Final = (",", ";", "\t", "|", " ")

Kind = Literal["nmea", "json", "csv", "unknown", "silent", "closed"]


@dataclass(slots=True)
class Finding:
    """What was heard on a port.

    Attributes:
        port: The port.
        kind: ``unknown`` when bytes came that nothing here reads; ``closed`` when the port cannot be opened.
        baud: Speed at which it was heard. [1/s]
        detail: Why it is closed, or how much was heard.
        sentences: NMEA formatters heard, with their number.
        channels: Keys or columns with a number, and the number last seen.
        columns: CSV columns in order.
        separator: Of CSV fields.
        has_header: Whether the device names its columns itself.
    """

    port: Path
    kind: Kind
    baud: int = BAUDS[0]
    detail: str = ""
    sentences: Counter[str] = field(default_factory=Counter)
    channels: dict[str, str] = field(default_factory=dict)
    columns: list[str] = field(default_factory=list)
    separator: str = ","
    has_header: bool = False


async def listen(port: Path, *, seconds: float, bauds: tuple[int, ...] = BAUDS) -> Finding:
    """Try the usual speeds one after another; a port that is silent at one is silent at all.

    Args:
        port: Serial device or pty.
        seconds: How long to listen at each speed. [s]
        bauds: Speeds to try. [1/s]
    """
    heard = 0
    for baud in bauds:
        try:
            data = await _hear(port, baud, seconds)
        except LinkDown as exc:
            return Finding(port, "closed", baud, str(exc))
        heard += len(data)
        finding = recognise(port, baud, data)
        if finding is not None:
            return finding
        if not data:
            return Finding(port, "silent", baud, f"no byte within {seconds:g} s")
    return Finding(port, "unknown", bauds[0], f"{heard} bytes, none that reads as NMEA, JSON or CSV")


async def _hear(port: Path, baud: int, seconds: float) -> bytes:
    """Bytes of the port; ends early once there is enough to recognise."""
    source = SerialPort(port, baud)
    await source.open()
    heard = bytearray()
    try:
        deadline_s = time.monotonic() + seconds
        while (left_s := deadline_s - time.monotonic()) > 0 and len(heard) < 65_536:
            heard += await source.read(left_s) or b""
            finding = recognise(port, baud, bytes(heard))
            if finding is not None and finding.kind != "csv" and heard.count(b"\n") > 4 * HITS_MIN:
                break
    finally:
        await source.close()
    return bytes(heard)


def recognise(port: Path, baud: int, data: bytes) -> Finding | None:
    """What these bytes are; None when nothing known is heard often enough. Pure."""
    return _as_nmea(port, baud, data) or _as_json(port, baud, data) or _as_csv(port, baud, data)


def _as_nmea(port: Path, baud: int, data: bytes) -> Finding | None:
    finding = Finding(port, "nmea", baud)
    for frame in NmeaFramer().feed(data):
        sentence = frame if isinstance(frame, FrameRejected) else nmea.decode(frame)
        if isinstance(sentence, FrameRejected):
            continue
        finding.sentences[sentence.kind] += 1
        for number in sentence.numbers:
            if number.value is not None:
                finding.channels[number.channel] = f"{as_text(number.value)} {number.unit}"
    return finding if sum(finding.sentences.values()) >= HITS_MIN else None


def _as_json(port: Path, baud: int, data: bytes) -> Finding | None:
    finding = Finding(port, "json", baud)
    hits = _read_lines(LineParser(format="json"), data, finding)
    return finding if hits >= HITS_MIN else None


def _as_csv(port: Path, baud: int, data: bytes) -> Finding | None:
    lines = [line for line in LineFramer().feed(data)[1:] if isinstance(line, bytes)]
    for separator in SEPARATORS:
        parser = LineParser(format="csv", separator=separator)
        finding = Finding(port, "csv", baud, separator=separator)
        width = _common_width(lines, separator)
        if width < 2:
            continue
        header = next((line for line in lines if parser.parse(line, 0) is None and parser.columns), None)
        finding.has_header = header is not None
        if header is None:
            parser = LineParser(format="csv", separator=separator, columns=[f"c{n}" for n in range(1, width + 1)])
        finding.columns = list(parser.columns)
        if _read_lines(parser, b"\n".join(lines) + b"\n", finding) >= HITS_MIN:
            return finding
    return None


def _common_width(lines: list[bytes], separator: str) -> int:
    widths = Counter(len(line.split(separator.encode()) if separator != " " else line.split()) for line in lines)
    return widths.most_common(1)[0][0] if widths else 0


def _read_lines(parser: LineParser, data: bytes, finding: Finding) -> int:
    hits = 0
    for line in LineFramer().feed(data):
        sample = None if isinstance(line, FrameRejected) else parser.parse(line, 0)
        if isinstance(sample, Sample):
            hits += 1
            for number in sample.numbers:
                if number.value is not None:
                    finding.channels[number.channel] = as_text(number.value)
    return hits
