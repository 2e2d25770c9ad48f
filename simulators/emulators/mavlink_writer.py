"""MAVLink frames, versions 1 and 2, with signatures: mavlink.io, guides on serialization and message signing."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from simulators.checksums import crc_x25

_SIGNED: Final = 0x01
_SIGNING_EPOCH_S: Final = 1_420_070_400
"""2015-01-01, from which signatures count their 10 microseconds."""
_CODES: Final = {
    "uint8_t": "B",
    "int8_t": "b",
    "uint16_t": "H",
    "int16_t": "h",
    "uint32_t": "I",
    "int32_t": "i",
    "uint64_t": "Q",
    "int64_t": "q",
    "float": "f",
    "double": "d",
    "char": "s",
}
Value = int | float | bytes | tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Definition:
    """A message as its dialect declares it.

    Attributes:
        number: Message id.
        name: As in the dialect.
        fields: Type and name in the order of the wire (largest first); an array has its length in brackets.
        extensions: Fields that only version 2 has, in the order of the dialect.
    """

    number: int
    name: str
    fields: Sequence[tuple[str, str]]
    extensions: Sequence[tuple[str, str]] = ()

    @property
    def crc_extra(self) -> int:
        """The byte that tells apart definitions of one id: a checksum over name and fields."""
        text = bytearray(f"{self.name} ".encode())
        for kind, name in self.fields:
            base, _, length = kind.rstrip("]").partition("[")
            text += f"{base} {name} ".encode()
            if length:
                text.append(int(length))
        check = crc_x25(bytes(text))
        return (check & 0xFF) ^ (check >> 8)

    def payload(self, values: Mapping[str, Value], *, version: int) -> bytes:
        """The fields' bytes; what is not given is nought."""
        fields = (*self.fields, *(self.extensions if version == 2 else ()))
        return b"".join(_field(kind, values.get(name, 0)) for kind, name in fields)


def _field(kind: str, value: Value) -> bytes:
    base, _, length = kind.rstrip("]").partition("[")
    if isinstance(value, bytes):
        return value[: int(length)].ljust(int(length), b"\0")
    if isinstance(value, tuple):
        return struct.pack(f"<{length}{_CODES[base]}", *value)
    if length:
        return struct.pack(f"<{length}{_CODES[base]}", *[value] * int(length)) if base != "char" else bytes(int(length))
    return struct.pack(f"<{_CODES[base]}", value)


class Writer:
    """One component's stream.

    Args:
        version: 1 or 2.
        system: System id.
        component: Component id.
        key: Secret of 32 bytes; with it every frame of version 2 is signed.
    """

    def __init__(self, *, version: int, system: int, component: int, key: bytes = b"") -> None:
        self._version, self._system, self._component, self._key = version, system, component, key
        self._sequence = 0
        self._stamp = 0

    def frame(self, definition: Definition, values: Mapping[str, Value], at_ns: int) -> bytes:
        """The next frame; ``at_ns`` counts for its signature only."""
        payload = definition.payload(values, version=self._version)
        sequence, self._sequence = self._sequence, (self._sequence + 1) & 0xFF
        if self._version == 1:
            head = struct.pack("<5B", len(payload), sequence, self._system, self._component, definition.number)
            return b"\xfe" + self._checked(head + payload, definition)
        # Version 2 leaves out noughts at the end, but never the first byte.
        payload = payload.rstrip(b"\0") or b"\0"
        flags = _SIGNED if self._key else 0
        head = struct.pack("<6B", len(payload), flags, 0, sequence, self._system, self._component)
        body = head + definition.number.to_bytes(3, "little") + payload
        frame = b"\xfd" + self._checked(body, definition)
        return frame + self._signature(frame, at_ns) if self._key else frame

    @staticmethod
    def _checked(body: bytes, definition: Definition) -> bytes:
        return body + crc_x25(body + bytes((definition.crc_extra,))).to_bytes(2, "little")

    def _signature(self, frame: bytes, at_ns: int) -> bytes:
        """Link id, time and six bytes of a hash; the time never stands still."""
        self._stamp = max(self._stamp + 1, (at_ns - _SIGNING_EPOCH_S * 10**9) // 10_000)
        tail = b"\x01" + self._stamp.to_bytes(6, "little")
        return tail + hashlib.sha256(self._key + frame + tail).digest()[:6]
