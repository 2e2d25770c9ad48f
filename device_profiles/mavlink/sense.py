"""What the numbers of a message mean: UCUM unit and scale of each unit word, and which numbers are no measurement."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from device_profiles.mavlink.definitions import SIZES, Member

UNITS: Final[dict[str, tuple[str, str]]] = {
    # time
    "ns": ("us", "0.001"),
    "us": ("us", "1"),
    "ms": ("ms", "1"),
    "cs": ("s", "0.01"),
    "ds": ("s", "0.1"),
    "s": ("s", "1"),
    "Hz": ("Hz", "1"),
    "MHz": ("kHz", "1000"),
    # lengths and angles
    "mm": ("mm", "1"),
    "cm": ("cm", "1"),
    "dm": ("m", "0.1"),
    "m": ("m", "1"),
    "dam": ("m", "10"),
    "km": ("km", "1"),
    "rad": ("rad", "1"),
    "deg": ("deg", "1"),
    "ddeg": ("deg", "0.1"),
    "cdeg": ("deg", "0.01"),
    "degE5": ("deg", "0.00001"),
    "degE7": ("deg", "0.0000001"),
    "deg/2": ("deg", "2"),
    # movement
    "m/s": ("m/s", "1"),
    "dm/s": ("m/s", "0.1"),
    "cm/s": ("cm/s", "1"),
    "mm/s": ("mm/s", "1"),
    "m/s*5": ("m/s", "0.2"),
    "m/s/s": ("m/s2", "1"),
    "mG": ("m[g]", "1"),
    "rad/s": ("rad/s", "1"),
    "mrad/s": ("rad/s", "0.001"),
    "deg/s": ("deg/s", "1"),
    "cdeg/s": ("deg/s", "0.01"),
    "ddeg/s": ("deg/s", "0.1"),
    "rpm": ("{rev}/min", "1"),
    # air, water, fields
    "degC": ("Cel", "1"),
    "cdegC": ("Cel", "0.01"),
    "K": ("K", "1"),
    "Pa": ("Pa", "1"),
    "hPa": ("hPa", "1"),
    "kPa": ("kPa", "1"),
    "mbar": ("mbar", "1"),
    "gauss": ("uT", "100"),
    "mgauss": ("uT", "0.1"),
    "mT": ("mT", "1"),
    # electricity
    "V": ("V", "1"),
    "cV": ("V", "0.01"),
    "mV": ("mV", "1"),
    "A": ("A", "1"),
    "cA": ("A", "0.01"),
    "mA": ("mA", "1"),
    "mAh": ("mA.h", "1"),
    "Ah": ("A.h", "1"),
    "W": ("W", "1"),
    "hJ": ("J", "100"),
    "dB": ("dB", "1"),
    "dBm": ("dB{mW}", "1"),
    # the rest
    "%": ("%", "1"),
    "d%": ("%", "0.1"),
    "c%": ("%", "0.01"),
    "g": ("g", "1"),
    "kg": ("kg", "1"),
    "cm^3": ("mL", "1"),
    "cm^3/min": ("cm3/min", "1"),
    "l": ("L", "1"),
    "bytes": ("By", "1"),
    "KiB": ("By", "1024"),
    "MiB": ("By", "1048576"),
}
"""Unit word of the definitions to UCUM code of our table and the factor that brings the number to it."""

_LARGEST: Final = {
    f"{prefix}{bits}_MAX": (1 << (bits - sign)) - 1
    for prefix, sign in (("INT", 1), ("UINT", 0))
    for bits in (8, 16, 32, 64)
}

_SAID_IN_WORDS: Final[dict[str, dict[str, tuple[int, ...]]]] = {
    "RC_CHANNELS": {"rssi": (255,), **{f"chan{number}_raw": (0xFFFF,) for number in range(1, 19)}},
    "RC_CHANNELS_RAW": {"rssi": (255,), **{f"chan{number}_raw": (0xFFFF,) for number in range(1, 9)}},
    "BATTERY_STATUS": {"voltages_ext": (0, 0xFFFF), "time_remaining": (0,)},
    "GENERATOR_STATUS": {
        "generator_speed": (0xFFFF,),
        "rectifier_temperature": (0x7FFF,),
        "generator_temperature": (0x7FFF,),
        "runtime": (0xFFFFFFFF,),
        "time_until_maintenance": (0x7FFFFFFF,),
    },
    "ADSB_VEHICLE": {
        "lat": (0x7FFFFFFF,),
        "lon": (0x7FFFFFFF,),
        "altitude": (0x7FFFFFFF,),
        "heading": (0xFFFF,),
        "hor_velocity": (0xFFFF,),
        "ver_velocity": (0x7FFF,),
    },
    "WINCH_STATUS": {"temperature": (0x7FFF,)},
    "GPS_RAW_INT": {"eph": (9999,), "epv": (9999,)},
    "GPS2_RAW": {"eph": (9999,), "epv": (9999,)},
}
"""Numbers that are no value by the text of a definition or by what autopilots send, not by its ``invalid``."""

Rule = dict[str, Any] | int | Decimal


def unit_of(member: Member) -> tuple[str, Decimal]:
    """UCUM code and scale of a field; ``1`` where the table of units has none for it."""
    code, scale = UNITS.get(member.unit, ("1", "1"))
    return code, Decimal(scale)


def missing(member: Member, element: int = 0, message: str = "") -> list[Rule]:
    """Numbers of a field that are no value, by its definition. NaN is always none and needs no rule.

    Args:
        member: The field.
        element: Of an array.
        message: Whose field it is: of some messages more is known than their definition says.

    ``invalid`` is a number, a name such as ``UINT16_MAX``, or for arrays ``[x]`` (in every element), ``[x:]`` (all from
    the first on) and ``[x,,y]`` (by element).
    """
    spoken: list[Rule] = [
        {"value": number, "reason": "unknown"} for number in _SAID_IN_WORDS.get(message, {}).get(member.name, ())
    ]
    return [*_defined(member, element), *spoken]


def _defined(member: Member, element: int) -> list[Rule]:
    text = member.invalid.strip()
    if text.startswith("["):
        inner = text.strip("[]")
        parts = [part.strip() for part in inner.rstrip(":").split(",")]
        text = parts[0] if len(parts) == 1 else parts[element] if element < len(parts) else ""
        if inner.endswith(":") and element:
            text = ""  # the first element alone tells that there is nothing
    if not text or text.upper() == "NAN":
        return []
    number = _LARGEST.get(text)
    if number is None:
        try:
            number = int(text, 0)
        except ValueError:
            try:
                number = int(Decimal(text))
            except ArithmeticError:
                return []
    if not _can_hold(member, number):
        return []
    return [{"value": number, "reason": "unknown"}]


def _can_hold(member: Member, number: int) -> bool:
    if member.type.startswith("f"):
        return True
    bits = 8 * SIZES[member.type]
    return -(1 << (bits - 1)) <= number < 1 << (bits - 1) if member.type.startswith("i") else 0 <= number < 1 << bits
