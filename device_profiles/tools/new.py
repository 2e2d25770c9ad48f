"""Asks questions and writes a profile that lints: the skeleton of the transport with one channel and its vectors."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from device_profiles.errors import profile_error
from device_profiles.language.check import check
from device_profiles.quantities import QUANTITIES

Ask = Callable[[str, str], str]
TRANSPORTS: Final = ("lorawan", "modbus-rtu", "sdi-12", "ascii")


@dataclass(frozen=True, slots=True)
class Channel:
    """One answer to "what does it measure"."""

    name: str
    scale: str
    low: str
    high: str


def ask_and_write(output: Path | None, answers: Path | None) -> int:
    """Ask, write, check.

    Returns:
        0 when the written profile lints.
    """
    ask = _from_file(answers) if answers is not None else _from_person
    text = write(ask)
    problems = [
        problem
        for problem in check(text.encode(), path=str(output or "new profile"), profile_id="new/profile")
        if problem.severity == "error"
    ]
    if output is None:
        print(text, end="")
    else:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(text, encoding="utf-8")
        print(
            f"written: {output}; next: put the real frame and vectors in, "
            f"then `harkara profile lint {output}` and `harkara profile test {output}`"
        )
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


def write(ask: Ask) -> str:
    """The text of a profile from answers."""
    vendor = ask("Vendor", "Acme")
    model = ask("Model, as printed on it", "TH-1")
    title = ask("What it is, in English", "Air temperature sensor")
    title_hi = ask("The same in Hindi", "वायु तापमान संवेदक")
    document = ask("Title of the vendor's document", "TH-1 user manual")
    page = ask("Page or section of the payload", "section 4")
    transport = _one_of(ask("How it is reached (lorawan, modbus-rtu, sdi-12, ascii)", "lorawan"), TRANSPORTS)
    channels = list(_channels(ask))
    head = [
        "language = 1",
        f"vendor = {_quoted(vendor)}",
        f"model = {_quoted(model)}",
        "version = 1",
        f"title = {{ en = {_quoted(title)}, hi = {_quoted(title_hi)} }}",
        "",
        "[[documents]]",
        f"title = {_quoted(document)}",
        f"page = {_quoted(page)}",
        "",
        "[transport]",
        f"kind = {_quoted(transport)}",
        "",
        "[channels]",
        *(_channel_line(channel) for channel in channels),
        "",
    ]
    return "\n".join([*head, *_BODIES[transport](channels)]) + "\n"


def _channels(ask: Ask) -> Iterator[Channel]:
    count = int(ask("How many channels", "1"))
    for number in range(1, max(1, min(count, 64)) + 1):
        name = _one_of(
            ask(f"Quantity {number} (see device_profiles/quantities.py)", "air_temperature"), tuple(QUANTITIES)
        )
        yield Channel(
            name,
            ask("Scale: value of one count", "0.1"),
            ask("Least the sensor can measure", "-40"),
            ask("Greatest", "80"),
        )


def _channel_line(channel: Channel) -> str:
    purpose = ', purpose = "say why it is collected"' if QUANTITIES[channel.name].privacy in ("P2", "P3", "P4") else ""
    return f"{channel.name} = {{ range = [{channel.low}, {channel.high}], resolution = {channel.scale}{purpose} }}"


def _binary_fields(channels: list[Channel], *, registers: bool) -> list[str]:
    def place(index: int) -> str:
        return f"reg = {index}, " if registers else ""

    return [
        f'  {{ name = "{item.name}", {place(index)}type = "i16", scale = {item.scale}, missing = [0x7FFF] }},'
        for index, item in enumerate(channels)
    ]


def _vectors(good: str, bad: str, channels: list[Channel], expect: str) -> list[str]:
    missing = ", ".join(f"{channel.name} = {expect}" for channel in channels)
    return [
        "[[tests]]",
        good,
        f"expect = {{ {missing} }}",
        'source = "replace by a frame the document prints"',
        "[[tests]]",
        *bad.split("\n"),
        'source = "derived: no frame of this device"',
    ]


def _lorawan(channels: list[Channel]) -> list[str]:
    size = 2 * len(channels)
    frame = [
        "[[frames]]",
        'name = "uplink"',
        f"when = {{ port = 2, length = {size} }}",
        "fields = [",
        *_binary_fields(channels, registers=False),
        "]",
        "",
    ]
    return [
        *frame,
        *_vectors(
            f'port = 2\nhex = "{"7FFF" * len(channels)}"',
            'port = 99\nhex = "00"\nreject = "no_frame"',
            channels,
            "{ flag = 9 }",
        ),
    ]


def _modbus(channels: list[Channel]) -> list[str]:
    count = len(channels)
    request = ["[[requests]]", 'name = "data"', "function = 3", "address = 0", f"count = {count}", "every_s = 60", ""]
    frame = [
        "[[frames]]",
        'name = "data"',
        'request = "data"',
        "fields = [",
        *_binary_fields(channels, registers=True),
        "]",
        "",
    ]
    good = f'request = "data"\nregisters = [{", ".join(["0x7FFF"] * count)}]'
    return [*request, *frame, *_vectors(good, 'hex = "0103"\nreject = "truncated"', channels, "{ flag = 9 }")]


def _text_fields(channels: list[Channel]) -> list[str]:
    return [f'  {{ name = "{channel.name}", missing = [-9999] }},' for channel in channels]


def _sdi12(channels: list[Channel]) -> list[str]:
    request = ["[[requests]]", 'name = "measure"', 'command = "MC"', f"count = {len(channels)}", "every_s = 900", ""]
    frame = [
        "[[frames]]",
        'name = "data"',
        f"when = {{ columns = {len(channels)} }}",
        'text = { kind = "numbers" }',
        "fields = [",
        *_text_fields(channels),
        "]",
        "",
    ]
    return [
        *request,
        *frame,
        *_vectors(
            f'text = "0{"-9999" * len(channels)}"', 'text = "0+1.2.3"\nreject = "shape"', channels, "{ flag = 9 }"
        ),
    ]


def _ascii(channels: list[Channel]) -> list[str]:
    framing = ["[framing]", 'kind = "delimiter"', 'end = "0A"', ""]
    frame = [
        "[[frames]]",
        'name = "line"',
        f"when = {{ columns = {len(channels)} }}",
        'text = { kind = "columns", separator = "," }',
        "fields = [",
        *_text_fields(channels),
        "]",
        "",
    ]
    good = f'text = "{",".join(["-9999"] * len(channels))}"'
    return [
        *framing,
        *frame,
        *_vectors(good, f'text = "{"1," * (len(channels) + 1)}1"\nreject = "shape"', channels, "{ flag = 9 }"),
    ]


_BODIES: Final = {"lorawan": _lorawan, "modbus-rtu": _modbus, "sdi-12": _sdi12, "ascii": _ascii}


def _one_of(answer: str, allowed: tuple[str, ...]) -> str:
    if answer not in allowed:
        close = get_close_matches(answer, allowed, 3, 0.4)
        raise profile_error(
            f"{answer!r} is none of the words",
            hint=f"nearest: {', '.join(close)}" if close else f"words: {', '.join(allowed[:20])}",
        )
    return answer


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _from_person(question: str, default: str) -> str:
    try:
        return input(f"{question} [{default}]: ").strip() or default
    except EOFError:
        return default


def _from_file(path: Path) -> Ask:
    lines = iter(path.read_text(encoding="utf-8").splitlines())
    return lambda _question, default: next(lines, "").strip() or default
