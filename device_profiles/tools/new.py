"""Asks questions and writes a profile that lints: the skeleton of the transport with one channel and its vectors."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Final

from device_profiles.errors import profile_error
from device_profiles.language.check import check
from device_profiles.quantities import QUANTITIES
from device_profiles.tools.asking import Ask, a_count, a_number, a_text, from_file, from_person, one_of
from device_profiles.tools.new_bodies import BODIES, Channel

TRANSPORTS: Final = tuple(BODIES)
_PERSONAL: Final = ("P2", "P3", "P4")


def ask_and_write(output: Path | None, answers: Path | None) -> int:
    """Ask, write, check.

    Returns:
        0 when the written profile lints.

    Raises:
        ProfileError: The file exists already, or an answer of the file cannot be.
    """
    if output is not None and output.exists():
        raise profile_error(f"{output} exists already", hint="another --output; this command overwrites nothing")
    ask = from_file(answers) if answers is not None else from_person
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
    vendor = ask("Vendor", "Acme", a_text)
    model = ask("Model, as printed on it", "TH-1", a_text)
    title = ask("What it is, in English", "Air temperature sensor", a_text)
    title_hi = ask("The same in Hindi", "वायु तापमान संवेदक", a_text)
    document = ask("Title of the vendor's document", "TH-1 user manual", a_text)
    page = ask("Page or section of the payload", "section 4", a_text)
    transport = ask(f"How it is reached ({', '.join(TRANSPORTS)})", "lorawan", one_of(TRANSPORTS))
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
    return "\n".join([*head, *BODIES[transport](channels)]) + "\n"


def _channels(ask: Ask) -> Iterator[Channel]:
    count = int(ask("How many channels", "1", a_count(64)))
    names: list[str] = []
    for number in range(1, count + 1):
        quantity = ask(
            f"Channel {number}: quantity (a word of device_profiles/quantities.py)",
            "air_temperature",
            one_of(QUANTITIES),
        )
        names.append(_name(quantity, names))
        row = QUANTITIES[quantity]
        yield Channel(
            names[-1],
            quantity,
            ask(f"  value of one count [{row.unit}]", "0.1", _a_step),
            low := ask(f"  least the sensor can measure [{row.unit}]", _limit(row.low, "-40"), a_number),
            ask(f"  greatest [{row.unit}]", _limit(row.high, "80"), lambda text: _above(text, low)),
            ask("  why it is collected (it may tell of persons)", "", _said) if row.privacy in _PERSONAL else "",
        )


def _name(quantity: str, taken: list[str]) -> str:
    """The quantity's word; with a number where it is measured more than once."""
    number = 2
    name = quantity
    while name in taken:
        name = f"{quantity}_{number}"
        number += 1
    return name


def _limit(value: float | None, otherwise: str) -> str:
    return otherwise if value is None else f"{value:g}"


def _a_step(text: str) -> str:
    return a_number(text) or ("" if Decimal(text) > 0 else "a step is more than 0")


def _above(text: str, low: str) -> str:
    return a_number(text) or ("" if Decimal(text) > Decimal(low) else f"must be more than {low}")


def _said(text: str) -> str:
    return a_text(text) if text else "a personal quantity needs a purpose"


def _channel_line(channel: Channel) -> str:
    words = [f"range = [{_toml(channel.low)}, {_toml(channel.high)}]", f"resolution = {_toml(channel.scale)}"]
    if channel.name != channel.quantity:
        words.insert(0, f"quantity = {_quoted(channel.quantity)}")
    if channel.purpose:
        words.append(f"purpose = {_quoted(channel.purpose)}")
    return f"{channel.name} = {{ {', '.join(words)} }}"


def _toml(number: str) -> str:
    """A number as TOML writes it: ``.5`` and ``007`` are none there."""
    return f"{Decimal(number):f}"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
