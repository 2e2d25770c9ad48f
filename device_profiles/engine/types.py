"""Field types: how many bytes, and how they become a number or text."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from device_profiles.errors import profile_error

Reader = Callable[[bytes, int], Any]

_INTEGER: Final = re.compile(r"([ui])(8|16|24|32|40|48|56|64)")
_SIZED: Final = re.compile(r"(text|hex|dotted|digits|hexdigits|bcd|skip):(\d{1,4}|rest)")
_STRUCT: Final = {
    "u8": "B",
    "i8": "b",
    "u16": "H",
    "i16": "h",
    "u32": "I",
    "i32": "i",
    "u64": "Q",
    "i64": "q",
    "f16": "e",
    "f32": "f",
    "f64": "d",
}
_SIGN_MAGNITUDE: Final = {"sm8": 1, "sm16": 2, "sm24": 3, "sm32": 4}
TYPE_WORDS: Final = (
    *_STRUCT,
    *_SIGN_MAGNITUDE,
    "u24",
    "i24",
    "u40",
    "u48",
    "text:N",
    "hex:N",
    "dotted:N",
    "digits:N",
    "hexdigits:N",
    "bcd:N",
    "skip:N",
)
TEXT_TYPES: Final = ("number", "int", "hex", "text", "ddmm")


@dataclass(frozen=True, slots=True)
class FieldType:
    """A type of binary field in a byte order.

    Attributes:
        word: As written.
        size: Bytes; -1 for the rest of the frame.
        code: `struct` code, or empty where `struct` has none.
        little: Byte order for ``code``.
        reader: Reads one.
        is_float: Gives doubles.
        is_text: Gives texts.
        signed_bits: Width of a two's complement number, else 0.
    """

    word: str
    size: int
    code: str
    little: bool
    reader: Reader
    is_float: bool = False
    is_text: bool = False
    signed_bits: int = 0


def field_type(word: str, order: str) -> FieldType:
    """The type of a word such as ``u16`` in a byte order.

    Raises:
        ProfileError: No such type.
    """
    swap = order.endswith("-swap")
    little = order.startswith("little")
    code = _STRUCT.get(word, "")
    integer = _INTEGER.fullmatch(word)
    if code:
        size = struct.calcsize("<" + code)
        signed = size * 8 if word[0] == "i" else 0
        if swap and size >= 4:
            return FieldType(
                word, size, "", little, _swapped(code, size, little=little), word[0] == "f", signed_bits=signed
            )
        # A 16-bit value has one word: exchanging words leaves it as it is, and its bytes are big-endian in CDAB order.
        unpack = struct.Struct(("<" if little else ">") + code).unpack_from
        return FieldType(
            word, size, code, little, lambda data, at: unpack(data, at)[0], word[0] == "f", signed_bits=signed
        )
    if integer:
        size = int(integer[2]) // 8
        return FieldType(
            word,
            size,
            "",
            little,
            _integer(size, little=little, signed=integer[1] == "i"),
            signed_bits=size * 8 if integer[1] == "i" else 0,
        )
    if word in _SIGN_MAGNITUDE:
        return FieldType(word, _SIGN_MAGNITUDE[word], "", little, _sign_magnitude(_SIGN_MAGNITUDE[word], little=little))
    sized = _SIZED.fullmatch(word)
    if sized is None:
        raise profile_error(f"no field type {word!r}", hint=f"types: {', '.join(TYPE_WORDS)}")
    size = -1 if sized[2] == "rest" else int(sized[2])
    if sized[1] == "dotted":
        return FieldType(word, size, "", little, _dotted(size, little=little), is_text=True)
    return FieldType(word, size, "", little, _SIZED_READERS[sized[1]](size), is_text=sized[1] in ("text", "hex"))


def _integer(size: int, *, little: bool, signed: bool) -> Reader:
    order: Any = "little" if little else "big"
    return lambda data, at: int.from_bytes(data[at : at + size], order, signed=signed)


def _swapped(code: str, size: int, *, little: bool) -> Reader:
    unpack = struct.Struct(">" + code).unpack
    if little:  # BADC: words in order, the bytes of each exchanged
        order = tuple(index ^ 1 for index in range(size))
    else:  # CDAB: low word first
        order = tuple(size - 2 - index + 2 * (index & 1) for index in range(size))
    return lambda data, at: unpack(bytes([data[at + index] for index in order]))[0]


def _sign_magnitude(size: int, *, little: bool) -> Reader:
    order: Any = "little" if little else "big"
    sign = 1 << (8 * size - 1)

    def read(data: bytes, at: int) -> int:
        word = int.from_bytes(data[at : at + size], order)
        return -(word ^ sign) if word & sign else word

    return read


def _text(size: int) -> Reader:
    def read(data: bytes, at: int) -> str:
        raw = data[at:] if size < 0 else data[at : at + size]
        return raw.split(b"\0")[0].decode("utf-8", "replace").strip()

    return read


def _hex(size: int) -> Reader:
    return lambda data, at: (data[at:] if size < 0 else data[at : at + size]).hex()


def _dotted(size: int, *, little: bool) -> Reader:
    def read(data: bytes, at: int) -> str:
        raw = data[at:] if size < 0 else data[at : at + size]
        return ".".join(str(byte) for byte in (reversed(raw) if little else raw))

    return read


def _digits(size: int) -> Reader:
    def read(data: bytes, at: int) -> int | None:
        text = data[at : at + size].strip()
        return int(text) if text.lstrip(b"+-").isdigit() and len(text.lstrip(b"+-")) >= len(text) - 1 else None

    return read


def _hexdigits(size: int) -> Reader:
    allowed = frozenset(b"0123456789abcdefABCDEF")

    def read(data: bytes, at: int) -> int | None:
        text = data[at : at + size]
        return int(text, 16) if text and allowed.issuperset(text) else None

    return read


def _bcd(size: int) -> Reader:
    def read(data: bytes, at: int) -> int | None:
        text = data[at : at + size].hex()
        return int(text) if text.isdigit() else None

    return read


def _nothing(_size: int) -> Reader:
    return lambda _data, _at: ""


_SIZED_READERS: Final[dict[str, Callable[[int], Reader]]] = {
    "text": _text,
    "hex": _hex,
    "digits": _digits,
    "hexdigits": _hexdigits,
    "bcd": _bcd,
    "skip": _nothing,
}
