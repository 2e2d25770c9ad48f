"""Reads message definitions in XML, also those a stranger wrote.

A document type or an entity is refused where it is declared; size, depth, counts and includes are bounded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath
from typing import Final
from xml.parsers import expat

from device_profiles.errors import profile_error
from device_profiles.mavlink.definitions import TYPES, Dialect, Member, Message, message

MAX_XML_BYTES: Final = 8 << 20
MAX_DEPTH: Final = 16
MAX_MESSAGES: Final = 4096
MAX_MEMBERS: Final = 64
MAX_INCLUDES: Final = 32
MAX_ENUM_ENTRIES: Final = 256
MAX_MESSAGE_ID: Final = 0xFFFFFF

_TYPE: Final = re.compile(r"([a-z0-9_]+)(?:\[(\d{1,3})\])?")
_MESSAGE: Final = re.compile(r"[A-Z][A-Z0-9_]{0,63}")
_MEMBER: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_FILE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}\.xml")

Open = Callable[[str], bytes | Dialect]
"""Gives an included file by its bare name: its text, or a set that is known already."""


def read_dialect(data: bytes, name: str, include: Open | None = None) -> Dialect:
    """Messages of a definition file and of those it includes.

    Args:
        data: Text of the file.
        name: Its bare name, for messages.
        include: Opens included files; without it, they are an error.

    Raises:
        ProfileError: It is no definition, is unsafe, or is larger than the limits; says the line.
    """
    dialect = Dialect(PurePosixPath(name).stem, {}, {})
    _read(data, name, include, dialect, seen={name})
    return dialect


def _read(data: bytes, name: str, include: Open | None, into: Dialect, seen: set[str]) -> None:
    reader = _Reader(name)
    reader.read(data)
    for wanted in reader.includes:
        if wanted in seen:
            continue
        if len(seen) >= MAX_INCLUDES:
            raise profile_error(f"more than {MAX_INCLUDES} files include each other", path=name)
        seen.add(wanted)
        if include is None:
            raise profile_error(f"includes {wanted}, which is not at hand", path=name)
        found = include(wanted)
        if isinstance(found, Dialect):
            _add(into, found.messages, found.enums)
        else:
            _read(found, wanted, include, into, seen)
    _add(into, reader.messages, reader.enums)


def _add(into: Dialect, messages: Mapping[int, Message], enums: Mapping[str, Mapping[int, str]]) -> None:
    into.messages.update(messages)
    for name, entries in enums.items():
        into.enums.setdefault(name, {}).update(entries)


class _Reader:
    """One file, event by event."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.includes: list[str] = []
        self.messages: dict[int, Message] = {}
        self.enums: dict[str, dict[int, str]] = {}
        self._depth = 0
        self._text: list[str] | None = None
        self._enum: dict[int, str] | None = None
        self._message: tuple[int, str] | None = None
        self._members: list[Member] = []
        self._extensions = False
        self._parser = expat.ParserCreate()

    def read(self, data: bytes) -> None:
        """Take the whole file."""
        if len(data) > MAX_XML_BYTES:
            raise profile_error(f"larger than {MAX_XML_BYTES} bytes", path=self.name)
        parser = self._parser
        parser.StartDoctypeDeclHandler = self._refuse
        parser.EntityDeclHandler = self._refuse
        parser.ExternalEntityRefHandler = self._refuse
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        try:
            parser.Parse(data, True)  # noqa: FBT003 - the parser takes no keyword
        except expat.ExpatError as exc:
            raise profile_error(f"no well-formed XML: {exc}", path=self.name, line=exc.lineno) from exc

    def _refuse(self, *_args: object) -> int:
        raise self._error("declares a document type or entity; definitions need none", "remove the <!DOCTYPE …>")

    def _error(self, what: str, hint: str = "") -> Exception:
        return profile_error(what, path=self.name, line=self._parser.CurrentLineNumber, hint=hint)

    def _start(self, tag: str, attributes: Mapping[str, str]) -> None:
        self._depth += 1
        if self._depth == 1 and tag != "mavlink":
            raise self._error(f"begins with <{tag}>, a message definition with <mavlink>")
        if self._depth > MAX_DEPTH:
            raise self._error(f"deeper than {MAX_DEPTH} elements")
        if tag == "include":
            self._text = []
        elif tag == "enum":
            self._enum = self.enums.setdefault(attributes.get("name", ""), {})
        elif tag == "entry" and self._enum is not None:
            self._entry(attributes)
        elif tag == "message":
            self._open_message(attributes)
        elif tag == "extensions":
            self._extensions = True
        elif tag == "field" and self._message is not None:
            self._field(attributes)

    def _end(self, tag: str) -> None:
        self._depth -= 1
        if tag == "include" and self._text is not None:
            wanted = "".join(self._text).strip()
            self._text = None
            if not _FILE.fullmatch(wanted):
                raise self._error(f"includes {wanted[:80]!r}: only a file name beside this file is followed")
            self.includes.append(wanted)
        elif tag == "enum":
            self._enum = None
        elif tag == "message" and self._message is not None:
            self._close_message()

    def _characters(self, text: str) -> None:
        if self._text is not None and len(self._text) < 64:
            self._text.append(text)

    def _entry(self, attributes: Mapping[str, str]) -> None:
        if self._enum is None or len(self._enum) >= MAX_ENUM_ENTRIES:
            return
        try:
            number = _number(attributes.get("value", str(len(self._enum))))
        except ValueError as exc:
            raise self._error(f"entry {attributes.get('name')}: value {attributes.get('value')!r}") from exc
        self._enum[number] = attributes.get("name", "")[:80]

    def _open_message(self, attributes: Mapping[str, str]) -> None:
        name, number = attributes.get("name", ""), attributes.get("id", "")
        if not _MESSAGE.fullmatch(name) or not number.isdecimal() or int(number) > MAX_MESSAGE_ID:
            raise self._error(
                f"message {name[:80]!r} with id {number[:20]!r}: a name in capitals and an id up to {MAX_MESSAGE_ID}"
            )
        if len(self.messages) >= MAX_MESSAGES:
            raise self._error(f"more than {MAX_MESSAGES} messages")
        self._message, self._members, self._extensions = (int(number), name), [], False

    def _field(self, attributes: Mapping[str, str]) -> None:
        match = _TYPE.fullmatch(attributes.get("type", ""))
        name = attributes.get("name", "")
        if match is None or match[1] not in TYPES or not _MEMBER.fullmatch(name):
            raise self._error(f"field {name[:80]!r} of type {attributes.get('type', '')[:40]!r}")
        if len(self._members) >= MAX_MEMBERS:
            raise self._error(f"more than {MAX_MEMBERS} fields in a message")
        self._members.append(
            Member(
                name,
                TYPES[match[1]],
                int(match[2] or 0),
                attributes.get("units", "").strip("[]"),
                attributes.get("invalid", ""),
                attributes.get("enum", ""),
                self._extensions,
                attributes.get("instance") == "true",
            )
        )

    def _close_message(self) -> None:
        number, name = self._message or (0, "")
        self._message = None
        try:
            self.messages[number] = message(number, name, self._members)
        except ValueError as exc:
            raise self._error(str(exc)) from exc


def _number(text: str) -> int:
    base, power, exponent = text.partition("**")
    return int(base, 0) ** int(exponent, 0) if power and abs(int(exponent, 0)) < 64 else int(text, 0)
