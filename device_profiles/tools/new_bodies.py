"""What a new profile begins with, by transport: a frame that holds its channels, and two vectors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Channel:
    """One answer to "what does it measure".

    Attributes:
        name: Of the channel.
        quantity: Word of the list.
        scale: Value of one count.
        low: Least the sensor can measure.
        high: Greatest.
        purpose: Why a personal quantity is collected; empty for all others.
    """

    name: str
    quantity: str
    scale: str
    low: str
    high: str
    purpose: str = ""


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


BODIES: Final = {"lorawan": _lorawan, "modbus-rtu": _modbus, "sdi-12": _sdi12, "ascii": _ascii}
"""Transport to what makes the body of its profile."""
