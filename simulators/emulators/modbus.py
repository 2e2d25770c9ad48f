"""A Modbus slave over a serial line: one machine for all models, which bring a map of registers."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from simulators.checksums import crc_modbus
from simulators.emulators.port import Measurement
from simulators.frames import Frame

_ILLEGAL_FUNCTION: Final = 1
_ILLEGAL_ADDRESS: Final = 2
_ILLEGAL_VALUE: Final = 3
_DEVICE_FAILURE: Final = 4
_READ_MAX: Final = 125
_WRITE_REGISTER: Final = 6
_UNIT_MAX: Final = 247
_TURNAROUND_NS: Final = 5_000_000

Registers = Mapping[int, int | None]
"""By their zero-based number; None where nothing was sensed and the model has no word for it."""
Sense = Callable[[Mapping[str, float | None]], Registers]


class ModbusSlave:
    """A slave; silent to another's address, to broadcasts and to damaged requests (Modbus over serial line V1.02, 2.4).

    A model whose document has no word for a value that was not sensed answers with exception 4, device failure.

    Args:
        unit: Its address.
        sense: True values to registers by their zero-based number.
        functions: The reading functions it knows: 3 (holding registers), 4 (input registers).
        address_register: Where its address is kept and can be written (function 6); None where it cannot.
    """

    def __init__(
        self, unit: int, sense: Sense, *, functions: Sequence[int] = (3,), address_register: int | None = None
    ) -> None:
        self.unit = unit
        self._address_register = address_register
        self._sense, self._functions = sense, frozenset(functions)
        self._registers: dict[int, int | None] = dict(sense({}))
        if address_register is not None:
            self._registers[address_register] = unit

    def measure(self, measurement: Measurement) -> Sequence[Frame]:
        """Renew the registers; it never speaks by itself."""
        self._registers.update(self._sense(measurement.values))
        return ()

    def answer(self, request: bytes, at_ns: int) -> Sequence[Frame]:  # noqa: ARG002 - it has no clock
        """Answer one whole RTU frame."""
        if len(request) < 4 or request[0] != self.unit:
            return ()
        if crc_modbus(request[:-2]).to_bytes(2, "little") != request[-2:]:
            return ()
        # A slave whose address is written still answers under the old one.
        reply = request[:1] + self.respond(request[1:-2])
        return (Frame(reply + crc_modbus(reply).to_bytes(2, "little"), delay_ns=_TURNAROUND_NS),)

    def respond(self, pdu: bytes) -> bytes:
        """The answer to a request without its envelope, as Modbus TCP carries it too."""
        function = pdu[0]
        if function == _WRITE_REGISTER and self._address_register is not None:
            return self._set_address(pdu)
        if function not in self._functions:
            return _exception(function, _ILLEGAL_FUNCTION)
        first, count = struct.unpack(">HH", pdu[1:]) if len(pdu) == 5 else (0, 0)
        if not 1 <= count <= _READ_MAX:
            return _exception(function, _ILLEGAL_VALUE)
        wanted = range(first, first + count)
        if any(number not in self._registers for number in wanted):
            return _exception(function, _ILLEGAL_ADDRESS)
        words = [word & 0xFFFF for number in wanted if (word := self._registers[number]) is not None]
        if len(words) < count:
            return _exception(function, _DEVICE_FAILURE)
        return struct.pack(f">BB{count}H", function, 2 * count, *words)

    def _set_address(self, pdu: bytes) -> bytes:
        if len(pdu) != 5:
            return _exception(pdu[0], _ILLEGAL_VALUE)
        register, unit = struct.unpack(">HH", pdu[1:])
        if register != self._address_register:
            return _exception(pdu[0], _ILLEGAL_ADDRESS)
        if not 1 <= unit <= _UNIT_MAX:
            return _exception(pdu[0], _ILLEGAL_VALUE)
        self.unit = unit
        self._registers[register] = unit
        return pdu


def _exception(function: int, code: int) -> bytes:
    return bytes((function & 0x7F | 0x80, code))


class ModbusTcpServer:
    """Slaves behind one Modbus TCP address, as a gateway has them."""

    def __init__(self, *slaves: ModbusSlave) -> None:
        self._slaves = {slave.unit: slave for slave in slaves}

    def answer(self, request: bytes) -> bytes:
        """Answer the whole requests in ``request``, in order; one of another protocol or unit gets nothing."""
        return self.take(request)[0]

    def take(self, request: bytes) -> tuple[bytes, bytes]:
        """Answers to the whole requests, and what begins another; nothing can follow what is no Modbus."""
        said = b""
        while len(request) >= 8:
            number, protocol, length, unit = struct.unpack(">HHHB", request[:7])
            if protocol or not 2 <= length <= 254:
                return said, b""
            if len(request) < 6 + length:
                break
            slave = self._slaves.get(unit)
            if slave is not None:
                reply = slave.respond(request[7 : 6 + length])
                said += struct.pack(">HHHB", number, 0, len(reply) + 1, unit) + reply
            request = request[6 + length :]
        return said, request
