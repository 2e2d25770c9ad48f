"""Published uplink examples of codecs: their bytes, and what they are said to mean."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Final, NamedTuple

from device_profiles.errors import profile_error

_EXAMPLE: Final = re.compile(r"^\s*-\s*description:\s*(.*)$")
_PORT: Final = re.compile(r"^\s*fPort:\s*(\d+)")
_BYTES: Final = re.compile(r"bytes:\s*\[([^\]]*)\]", re.DOTALL)
_LINE: Final = re.compile(r"^(\s*)['\"]?([A-Za-z][\w .%-]*?)['\"]?:\s*(.*?)\s*,?$")
_NUMBER: Final = re.compile(r"-?\d+(?:\.\d+)?")
_ERRORS: Final = re.compile(r"^\s*errors:\s*$", re.MULTILINE)
_FRAME_WORDS: Final = ("output", "data", "errors", "warnings", "normalizedOutput")


class Word(NamedTuple):
    """A value as the vendor's example says it.

    Attributes:
        text: The number as printed.
        unit: As printed, or empty.
    """

    text: str
    unit: str = ""


class Example(NamedTuple):
    """One published uplink."""

    what: str
    port: int
    data: bytes
    words: dict[str, Word]
    is_error: bool


def from_jsonl(text: str, codec: str | None) -> Iterator[Example]:
    """Examples, one JSON object a line; of one codec where it is named."""
    for number, line in enumerate(text.splitlines(), 1):
        try:
            entry = json.loads(line) if line.strip() else {}
            if not entry or (codec and entry.get("codec") != codec):
                continue
            data = entry["expect"].get("data") or {}
            words = {
                key: Word(f"{value:.12g}", unit)
                for key, value, unit in _flat(data)
                if isinstance(value, (int, float)) and not isinstance(value, bool)
            }
            yield Example(
                str(entry["what"]),
                int(entry["port"]),
                bytes.fromhex(entry["hex"]),
                words,
                "errors" in entry["expect"] and not data,
            )
        except (ValueError, KeyError, TypeError, AttributeError) as exc:
            raise profile_error(f"line {number} is no example: {type(exc).__name__} {exc}", line=number) from exc


def _flat(data: dict[str, Any]) -> Iterator[tuple[str, Any, str]]:
    for key, value in data.items():
        if isinstance(value, dict) and "value" in value:
            yield key, value["value"], str(value.get("unit") or "")
        elif isinstance(value, dict):
            yield from _flat(value)
        else:
            yield key, value, ""


def from_yaml(text: str) -> Iterator[Example]:
    """The few shapes example lists take, line by line; a YAML reader would turn the gas ``NO`` into false."""
    section = re.split(r"(?m)^downlink", text, maxsplit=1)[0]
    starts = [match.start() for match in re.finditer(r"(?m)^\s*-\s*description:", section)]
    for start, end in pairwise([*starts, len(section)]):
        block = section[start:end]
        description = _EXAMPLE.match(block.splitlines()[0])
        port = next((int(match[1]) for match in map(_PORT.match, block.splitlines()) if match), None)
        listed = _BYTES.search(block)
        if port is None or listed is None:
            continue
        try:
            data = bytes(int(item.strip(), 0) & 0xFF for item in listed[1].split(",") if item.strip())
        except ValueError as exc:
            raise profile_error(f"example {description[1] if description else ''!r}: bytes {exc}") from exc
        words = _words(block[listed.end() :])
        yield Example(description[1].strip() if description else "", port, data, words, bool(_ERRORS.search(block)))


def _words(text: str) -> dict[str, Word]:
    """Names and numbers: ``name: 1``, also in braces; or ``name:`` with ``value:`` and ``unit:`` below it."""
    found: dict[str, Word] = {}
    units: dict[str, str] = {}
    above: list[tuple[int, str]] = []
    for line in re.split(r"[\n{}]|,(?=\s*['\"]?[A-Za-z])", text):
        match = _LINE.match(line)
        if match is None:
            continue
        indent, key, value = len(match[1]), match[2], match[3]
        above = [item for item in above if item[0] < indent]
        owner = above[-1][1] if above else ""
        if key in ("value", "unit") and owner and owner not in _FRAME_WORDS:
            key, is_unit = owner, key == "unit"
        else:
            is_unit = False
        if is_unit:
            units[key] = _printed(value)
        elif _NUMBER.fullmatch(value):
            found[key] = Word(value)
        elif not value:
            above.append((indent, key))
    return {key: word._replace(unit=units.get(key, "")) for key, word in found.items()}


def _printed(text: str) -> str:
    r"""A text of YAML, with ``\xB0`` and ``\u207B`` as letters."""
    if text.startswith('"'):
        return re.sub(
            r"\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4}))", lambda m: chr(int(m[1] or m[2], 16)), text.strip('"')
        )
    return text.strip("'")
