"""What InfluxDB and VictoriaMetrics say of lines that they refuse, read so that bad lines need not be searched for."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

_FIELD: Final = re.compile(r'input field "((?:[^"\\]|\\.)*)" on measurement "((?:[^"\\]|\\.)*)" is (?:type|invalid)')
_OUTSIDE: Final = re.compile(r"dropped (\d+) points outside retention policy")
_BEYOND: Final = re.compile(r"points beyond retention policy")
_DROPPED: Final = re.compile(r"\bdropped=(\d+)")
_UNREADABLE: Final = re.compile(r"(unable to parse '(.*)': .*)")
_INCORRECT: Final = re.compile(r'incorrect influx line "((?:[^"\\]|\\[^n])*)')
"""The line, up to its end: what follows it in the request is quoted as well, and often cut."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a refusal names.

    Attributes:
        field_of: (measurement, field) that the store holds as another type, or does not take; None when it names none.
        lines: Lines that it cannot read, as far as it quotes them, and why.
        too_old: Lines that are older than what it keeps; it dropped them and stored the others.
        dropped: Lines that it dropped in all while it stored the others.
        of_lines: Whether it is about lines at all; else anything sent may be refused for the same reason.
    """

    field_of: tuple[str, str] | None = None
    lines: Mapping[bytes, str] = field(default_factory=dict)
    too_old: int = 0
    dropped: int = 0
    of_lines: bool = False


def read(words: str) -> Refusal:
    """Read a refusal's words."""
    named = _FIELD.search(words)
    dropped = int(found[1]) if (found := _DROPPED.search(words)) else 0
    outside = _OUTSIDE.search(words)
    too_old = int(outside[1]) if outside else dropped if _BEYOND.search(words) else 0
    lines = {line.encode(): why for why, line in _UNREADABLE.findall(words)}
    if incorrect := _INCORRECT.search(words):
        why = words.rpartition('": ')[2] if '": ' in words else "no more words"
        lines[_unquoted(incorrect[1]).encode()] = f"incorrect influx line: {why}"
    return Refusal(
        field_of=(_unquoted(named[2]), _unquoted(named[1])) if named else None,
        lines=lines,
        too_old=too_old,
        dropped=dropped,
        of_lines=bool(named or dropped or lines or too_old),
    )


def _unquoted(text: str) -> str:
    """What Go's ``%q`` wrote, as far as JSON writes the same."""
    try:
        plain = str(json.loads(f'"{text}"'))
    except ValueError:
        return text
    return plain.encode("utf-8", "replace").decode()
