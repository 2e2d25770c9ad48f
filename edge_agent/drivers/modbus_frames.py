"""Modbus questions and answers on a serial line and over TCP. Pure: bytes in, registers or a reason out."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, Protocol

from device_profiles.checksums import crc16_modbus

REGISTERS_MAX: Final = 125
"""Most registers of one question (Modbus application protocol V1.1b3, 6.3)."""
EXCEPTIONS: Final = {
    1: "illegal function",
    2: "illegal data address",
    3: "illegal data value",
    4: "device failure",
    5: "acknowledge: it needs time",
    6: "device busy",
    10: "gateway path unavailable",
    11: "gateway: the device behind it does not answer",
}

Registers = tuple[int, ...]


class Refused(NamedTuple):
    """The device answered that it will not.

    Attributes:
        code: Exception code.
    """

    code: int

    @property
    def words(self) -> str:
        """The code in words."""
        return f"exception {self.code}: {EXCEPTIONS.get(self.code, 'unknown')}"

    @property
    def is_final(self) -> bool:
        """Whether the device does not know what it is asked for, and never will."""
        return self.code in {1, 2, 3}

    @property
    def is_gateway(self) -> bool:
        """Whether a gateway says it, because the device behind it does not answer."""
        return self.code in {10, 11}


class Question(NamedTuple):
    """A run of registers.

    Attributes:
        function: 1 to 4.
        first: First register, from nought.
        size: How many.
    """

    function: int
    first: int
    size: int

    @property
    def pdu(self) -> bytes:
        """Without its envelope."""
        return struct.pack(">BHH", self.function, self.first, self.size)

    @property
    def answer_bytes(self) -> int:
        """Data bytes of the right answer; coils and inputs come eight in a byte."""
        return 2 * self.size if self.function in {3, 4} else (self.size + 7) // 8


class Setting(NamedTuple):
    """One coil or register to be written; the answer repeats the question.

    Attributes:
        function: 5 (coil) or 6 (register).
        place: Its number, from nought.
        value: 0xFF00 and nought turn a coil on and off.
    """

    function: int
    place: int
    value: int

    @property
    def pdu(self) -> bytes:
        """Without its envelope."""
        return struct.pack(">BHH", self.function, self.place, self.value)

    @property
    def reading(self) -> Question:
        """What tells whether it was taken."""
        return Question(1 if self.function == 5 else 3, self.place, 1)


Found = Registers | Refused
AnswerIn = Callable[[bytes], Found | None]


class Envelope(Protocol):
    """How questions travel.

    Attributes:
        names_its_question: Whether an answer says which question it belongs to.
    """

    names_its_question: bool

    def wrap(self, unit: int, question: Question) -> tuple[bytes, AnswerIn]:
        """The bytes to send, and what finds their answer among bytes that come."""
        ...

    def wrap_setting(self, unit: int, setting: Setting) -> tuple[bytes, AnswerIn]:
        """Likewise for what is written; nothing is found in an answer but that it was taken."""
        ...


class Rtu:
    """Over a serial line: unit, PDU, CRC. Another slave's late answer has another unit, function or length."""

    names_its_question = False

    def wrap(self, unit: int, question: Question) -> tuple[bytes, AnswerIn]:
        """A request, and its answer anywhere in what was heard: noise may stand before it."""
        body = bytes((unit,)) + question.pdu

        def answer_in(heard: bytes) -> Found | None:
            for at in range(len(heard)):
                found = _rtu_at(heard[at:], unit, question)
                if found is not None:
                    return found
            return None

        return _with_crc(body), answer_in

    def wrap_setting(self, unit: int, setting: Setting) -> tuple[bytes, AnswerIn]:
        """A request whose answer is the same bytes: an adapter's echo and the answer cannot be told apart."""
        request = _with_crc(bytes((unit,)) + setting.pdu)

        def answer_in(heard: bytes) -> Found | None:
            # Nothing behind the question means that the question was heard, once, as echo or as answer.
            if not heard or request in heard:
                return ()
            at = heard.find(bytes((unit, setting.function | 0x80)))
            frame = heard[at : at + 5] if at >= 0 else b""
            return Refused(frame[2]) if len(frame) == 5 and _with_crc(frame[:3]) == frame else None

        return request, answer_in


class Tcp:
    """Over TCP: a transaction number tells a late answer from the one that is waited for."""

    names_its_question = True

    def __init__(self) -> None:
        self._number = 0

    def wrap(self, unit: int, question: Question) -> tuple[bytes, AnswerIn]:
        """A request with the next transaction number."""
        return self._wrap(unit, question.pdu, lambda pdu: _pdu(pdu, question))

    def wrap_setting(self, unit: int, setting: Setting) -> tuple[bytes, AnswerIn]:
        """Likewise, of what is written."""

        def taken(pdu: bytes) -> Found | None:
            if len(pdu) == 2 and pdu[0] == setting.function | 0x80:
                return Refused(pdu[1])
            return () if pdu == setting.pdu else None

        request, answer_in = self._wrap(unit, setting.pdu, taken)
        # The answer is the question byte for byte, and a question is taken off what was heard as an adapter's echo.
        return request, lambda heard: answer_in(heard) if heard else ()

    def _wrap(self, unit: int, pdu: bytes, found_in: Callable[[bytes], Found | None]) -> tuple[bytes, AnswerIn]:
        self._number = number = (self._number + 1) & 0xFFFF

        def answer_in(heard: bytes) -> Found | None:
            while len(heard) >= 8:
                transaction, protocol, length, of = struct.unpack(">HHHB", heard[:7])
                if len(heard) < 6 + length:
                    return None
                if (transaction, protocol, of) == (number, 0, unit):
                    return found_in(heard[7 : 6 + length])
                heard = heard[6 + max(length, 2) :]
            return None

        return struct.pack(">HHHB", number, 0, len(pdu) + 1, unit) + pdu, answer_in


def _with_crc(body: bytes) -> bytes:
    return body + crc16_modbus(body).to_bytes(2, "little")


def _rtu_at(heard: bytes, unit: int, question: Question) -> Found | None:
    if len(heard) < 5 or heard[0] != unit or heard[1] & 0x7F != question.function:
        return None
    size = 5 if heard[1] & 0x80 else 5 + question.answer_bytes
    frame = heard[:size]
    if len(frame) < size or _with_crc(frame[:-2]) != frame:
        return None
    return _pdu(frame[1:-2], question)


def _pdu(pdu: bytes, question: Question) -> Found | None:
    if len(pdu) == 2 and pdu[0] == question.function | 0x80:
        return Refused(pdu[1])
    data = pdu[2:]
    if pdu[0] != question.function or pdu[1] != len(data) or len(data) != question.answer_bytes:
        return None
    if question.function in {3, 4}:
        return struct.unpack(f">{question.size}H", data)
    return tuple(data[index // 8] >> index % 8 & 1 for index in range(question.size))


def batched(questions: Sequence[Question], gap: int) -> list[tuple[Question, list[int]]]:
    """Neighbouring runs as one question each.

    Args:
        questions: Those that are due.
        gap: Read over holes of at most this many registers.

    Returns:
        Each question to ask, with the places in ``questions`` that it answers.
    """
    found: list[tuple[Question, list[int]]] = []
    for place in sorted(range(len(questions)), key=lambda each: questions[each][:2]):
        each = questions[place]
        if found:
            last, places = found[-1]
            end = max(last.first + last.size, each.first + each.size)
            near = each.first <= last.first + last.size + gap and end - last.first <= REGISTERS_MAX
            if last.function == each.function and near:
                found[-1] = (Question(last.function, last.first, end - last.first), [*places, place])
                continue
        found.append((each, [place]))
    return found
