"""The public message definitions as a table, one line a message, of which only the lines asked for are read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from typing import Any, Final

from device_profiles.errors import profile_error
from device_profiles.mavlink.definitions import Dialect, Member, Message

TABLE_FILE: Final = "messages.jsonl"
SETS: Final = ("minimal", "standard", "common", "ardupilotmega")
"""Definition files the table is made from, with those they include; each holds the ones before it."""
_REST: Final[tuple[Any, ...]] = (0, "", "", "", 0, 0)
"""What stands for the end of a row that was left out."""
_SEED: Final = re.compile(r'^\[(\d+),"[A-Z0-9_]+",(\d+)', re.MULTILINE)
_NAME: Final = re.compile(r'^\[(\d+),"([A-Z0-9_]+)"', re.MULTILINE)


def lines(dialect: Dialect) -> Iterator[str]:
    """The table of a dialect: messages by number, then the enumerations they use."""
    for number in sorted(dialect.messages):
        yield _dump(_row(dialect.messages[number]))
    used = {member.enum for message in dialect.messages.values() for member in message.members if member.enum}
    for name in sorted(used):
        entries = dialect.enums.get(name)
        if entries:
            yield _dump({name: _short(name, entries)})


def _dump(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=True)


def _row(message: Message) -> list[Any]:
    members = []
    for member in message.members:
        row: list[Any] = [
            member.name,
            member.type,
            member.count,
            member.unit,
            member.invalid,
            member.enum,
            int(member.extension),
            int(member.instance),
        ]
        while not row[-1] and len(row) > 2:
            row.pop()
        members.append(row)
    return [message.id, message.name, message.crc_extra, members]


def _short(name: str, entries: dict[int, str]) -> dict[int, str]:
    """Entries without what all begin with, in lower case."""
    words = list(entries.values())
    common = 0
    while len(words) > 1 and all(len(word) > common + 1 and word[common] == words[0][common] for word in words):
        common += 1
    common = words[0][:common].rfind("_") + 1
    if len(words) == 1 and words[0].startswith(f"{name}_"):
        common = len(name) + 1
    return {number: word[common:].lower().replace("_", " ") for number, word in sorted(entries.items())}


@cache
def _text() -> str:
    return (files("device_profiles.mavlink") / TABLE_FILE).read_text(encoding="ascii")


def known(wanted: str | int) -> Message:
    """A message of the table by name or number.

    Raises:
        ProfileError: There is none; names the nearest.
    """
    pattern = rf"^\[{wanted}," if isinstance(wanted, int) else rf'^\[\d+,"{re.escape(wanted)}",'
    match = re.search(pattern, _text(), re.MULTILINE)
    if match is None:
        close = get_close_matches(str(wanted), names(), 3, 0.5)
        raise profile_error(
            f"no MAVLink message {wanted!r} in the table",
            hint=f"nearest: {', '.join(close)}" if close else "a message of your own needs transport.dialect",
        )
    return _message(_text()[match.start() : _text().find("\n", match.start())])


def _message(line: str) -> Message:
    number, name, crc, rows = json.loads(line)
    members = []
    for row in rows:
        whole: list[Any] = row + list(_REST[len(row) - 2 :])
        word, kind, count, unit, invalid, enum_name, extension, instance = whole
        members.append(Member(word, kind, count, unit, invalid, enum_name, bool(extension), bool(instance)))
    return Message(number, name, crc, tuple(members))


@cache
def crc_extras() -> dict[int, int]:
    """Seed of the checksum of every message of the table, by number."""
    return {int(number): int(extra) for number, extra in _SEED.findall(_text())}


def names() -> list[str]:
    """Every message of the table."""
    return [match[2] for match in _NAME.finditer(_text())]


def enum(name: str) -> dict[int, str]:
    """Numbers of an enumeration and their words; empty when the table has none of that name."""
    match = re.search(rf'^{{"{re.escape(name)}":.*$', _text(), re.MULTILINE)
    return {} if match is None else {int(number): word for number, word in json.loads(match[0])[name].items()}


def public() -> Dialect:
    """The whole table."""
    rows = [_message(line) for line in _text().splitlines() if line.startswith("[")]
    enums = [json.loads(line) for line in _text().splitlines() if line.startswith('{"')]
    return Dialect(
        SETS[-1],
        {row.id: row for row in rows},
        {name: {int(key): word for key, word in table.items()} for item in enums for name, table in item.items()},
    )
