"""Names in what stores take: escaped where a format can hold them, told apart where line protocol cannot."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Final

_LOOKS_LIKE: Final = str.maketrans(
    {"\\": "\N{FULLWIDTH REVERSE SOLIDUS}", "\n": "\N{SYMBOL FOR NEWLINE}", "\r": "\N{SYMBOL FOR CARRIAGE RETURN}"}
)
"""What a name cannot hold, or its readers read differently: each is written as a sign that looks like it."""

_COMMA_SPACE: Final = str.maketrans({",": r"\,", " ": r"\ "})
_COMMA_SPACE_EQUALS: Final = str.maketrans({",": r"\,", " ": r"\ ", "=": r"\="})
_TEXT: Final = str.maketrans({'"': r"\"", "\\": r"\\", "\n": "\N{SYMBOL FOR NEWLINE}"})
_RESERVED: Final = re.compile(r"_|time\Z|db\Z")
"""Names that stores keep for themselves: ``_field``, ``__name__``, ``time``, ``db``."""


def measurement(name: str) -> str:
    """A measurement as it is written; a line that begins with a number sign would be a comment."""
    return _held_measurement(name).translate(_COMMA_SPACE)


def key(name: str) -> str:
    """The name of a tag or of a field as it is written."""
    return _held(name).translate(_COMMA_SPACE_EQUALS)


def tag_value(text: str) -> str:
    """The value of a tag as it is written."""
    return _same_signs(text).translate(_COMMA_SPACE_EQUALS)


def head(measurement_name: str, tags: Mapping[str, str]) -> str:
    """What each line of a device begins with, up to the space before its fields.

    Tags are sorted, which stores take fastest; one without a value is left out, as the format wants it.
    """
    pairs = "".join(f",{key(name)}={tag_value(tags[name])}" for name in sorted(tags) if tags[name])
    return measurement(measurement_name) + pairs


def metric(measurement_name: str, field: str, tags: Mapping[str, str]) -> str:
    """A series in VictoriaMetrics' import format: its labels as JSON.

    They are what that server makes of the same names in line protocol, so that one series has one name either way.
    """
    labels = {"__name__": f"{_held_measurement(measurement_name)}_{_held(field)}"}
    labels |= {_held(name): _same_signs(tags[name]) for name in sorted(tags) if tags[name]}
    return json.dumps(labels, ensure_ascii=False, separators=(",", ":"))


def text_value(text: str) -> str:
    """A text as the value of a field; the end of a line in it becomes a sign, since it would end the line."""
    return f'"{text.translate(_TEXT)}"'


def digest(text: str) -> str:
    """Eight digits that tell a name from those that look like it, the same on every machine."""
    return hashlib.blake2s(text.encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()


def _held_measurement(name: str) -> str:
    return _held(name, comment=name.startswith("#"))


def _held(name: str, *, comment: bool = False) -> str:
    return _same_signs(f"x{name}~{digest(name)}" if comment or _RESERVED.match(name) else name)


def _same_signs(text: str) -> str:
    written = text.translate(_LOOKS_LIKE)
    # Another name may have that very sign: the digest tells the two apart whichever comes first.
    return text if written == text else f"{written}~{digest(text)}"
