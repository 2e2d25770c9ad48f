"""The closed table of units on the agent's path: UCUM code, dimension, exact way to the dimension's base unit.

The collector and the checks know all of UCUM (`units_full`); a test holds this table against it. Anything not in this
table is refused by the profile checks, so the agent never meets a unit it cannot name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final


class UnitError(ValueError):
    """A unit is not in the table, or two units do not measure the same."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit of measure.

    Attributes:
        code: Case-sensitive UCUM code.
        dimension: Units of one dimension convert into each other.
        factor: Base units in one of it.
        offset: Added after the factor: temperature scales only.
        symbol: For people.
        cefact: UN/CEFACT Recommendation 20 code, or empty.
        qudt: Local name of the QUDT unit IRI, or empty.
    """

    code: str
    dimension: str
    factor: float
    offset: float
    symbol: str
    cefact: str = ""
    qudt: str = ""


_ROWS: Final[tuple[tuple[str, str, float, float, str, str, str], ...]] = (
    ("1", "number", 1, 0, "", "C62", "UNITLESS"),
    ("%", "number", 0.01, 0, "%", "P1", "PERCENT"),
    ("[ppth]", "number", 0.001, 0, "‰", "NX", "PPTH"),
    ("[ppm]", "number", 1e-6, 0, "ppm", "59", "PPM"),
    ("[ppb]", "number", 1e-9, 0, "ppb", "61", "PPB"),
    ("m3/m3", "number", 1, 0, "m³/m³", "H60", "M3-PER-M3"),
    ("m/m", "number", 1, 0, "m/m", "", ""),
    ("um/m", "number", 1e-6, 0, "µm/m", "", ""),
    ("[pH]", "acidity", 1, 0, "pH", "Q30", "PH"),
    ("Cel", "temperature", 1, 273.15, "°C", "CEL", "DEG_C"),
    ("K", "temperature", 1, 0, "K", "KEL", "K"),
    ("[degF]", "temperature", 5 / 9, 459.67 * 5 / 9, "°F", "FAH", "DEG_F"),
    ("m", "length", 1, 0, "m", "MTR", "M"),
    ("km", "length", 1000, 0, "km", "KMT", "KiloM"),
    ("cm", "length", 0.01, 0, "cm", "CMT", "CentiM"),
    ("mm", "length", 0.001, 0, "mm", "MMT", "MilliM"),
    ("um", "length", 1e-6, 0, "µm", "4H", "MicroM"),
    ("[in_i]", "length", 0.0254, 0, "in", "INH", "IN"),
    ("[ft_i]", "length", 0.3048, 0, "ft", "FOT", "FT"),
    ("m/s", "speed", 1, 0, "m/s", "MTS", "M-PER-SEC"),
    ("km/h", "speed", 1 / 3.6, 0, "km/h", "KMH", "KiloM-PER-HR"),
    ("[kn_i]", "speed", 1852 / 3600, 0, "kn", "KNT", "KN"),
    ("[mi_i]/h", "speed", 0.44704, 0, "mph", "HM", "MI-PER-HR"),
    ("cm/s", "speed", 0.01, 0, "cm/s", "2M", "CentiM-PER-SEC"),
    ("mm/h", "speed", 0.001 / 3600, 0, "mm/h", "H67", "MilliM-PER-HR"),
    ("mm/s", "speed", 0.001, 0, "mm/s", "C16", "MilliM-PER-SEC"),
    ("mm/min", "speed", 0.001 / 60, 0, "mm/min", "H81", "MilliM-PER-MIN"),
    ("[ft_i]/min", "speed", 0.3048 / 60, 0, "ft/min", "FR", "FT-PER-MIN"),
    ("[in_i]/h", "speed", 0.0254 / 3600, 0, "in/h", "M61", "IN-PER-HR"),
    ("m/s2", "acceleration", 1, 0, "m/s²", "MSK", "M-PER-SEC2"),
    ("[g]", "acceleration", 9.80665, 0, "g", "K40", "G"),
    ("m[g]", "acceleration", 0.00980665, 0, "mg", "", "MilliG"),
    ("Pa", "pressure", 1, 0, "Pa", "PAL", "PA"),
    ("hPa", "pressure", 100, 0, "hPa", "A97", "HectoPA"),
    ("kPa", "pressure", 1000, 0, "kPa", "KPA", "KiloPA"),
    ("MPa", "pressure", 1e6, 0, "MPa", "MPA", "MegaPA"),
    ("bar", "pressure", 1e5, 0, "bar", "BAR", "BAR"),
    ("mbar", "pressure", 100, 0, "mbar", "MBR", "MilliBAR"),
    ("[psi]", "pressure", 6894.757293168361, 0, "psi", "PS", "PSI"),
    ("m[Hg]", "pressure", 133322.387415, 0, "mHg", "", ""),
    ("mm[Hg]", "pressure", 133.322387415, 0, "mmHg", "HN", "MilliM_HG"),
    ("[in_i'Hg]", "pressure", 3386.388640341, 0, "inHg", "F79", "IN_HG"),
    ("m[H2O]", "pressure", 9806.65, 0, "mH₂O", "", "M_H2O"),
    ("deg", "angle", 0.017453292519943295, 0, "°", "DD", "DEG"),
    ("'", "angle", 0.0002908882086657216, 0, "arcmin", "D61", "ARCMIN"),
    ("rad", "angle", 1, 0, "rad", "C81", "RAD"),
    ("deg/s", "angular speed", 0.017453292519943295, 0, "°/s", "E96", "DEG-PER-SEC"),
    ("rad/s", "angular speed", 1, 0, "rad/s", "2A", "RAD-PER-SEC"),
    ("s", "time", 1, 0, "s", "SEC", "SEC"),
    ("ms", "time", 0.001, 0, "ms", "C26", "MilliSEC"),
    ("us", "time", 1e-6, 0, "µs", "B98", "MicroSEC"),
    ("min", "time", 60, 0, "min", "MIN", "MIN"),
    ("h", "time", 3600, 0, "h", "HUR", "HR"),
    ("d", "time", 86400, 0, "d", "DAY", "DAY"),
    ("Hz", "frequency", 1, 0, "Hz", "HTZ", "HZ"),
    ("Hz2", "frequency squared", 1, 0, "Hz²", "", ""),
    ("g/Hz2", "mass by frequency squared", 0.001, 0, "g/Hz²", "", ""),
    ("um/g", "length by mass", 0.001, 0, "µm/g", "", ""),
    ("kHz", "frequency", 1000, 0, "kHz", "KHZ", "KiloHZ"),
    ("{rev}/min", "frequency", 1 / 60, 0, "rpm", "RPM", "REV-PER-MIN"),
    ("/min", "frequency", 1 / 60, 0, "1/min", "C94", "PER-MIN"),
    ("V", "voltage", 1, 0, "V", "VLT", "V"),
    ("mV", "voltage", 0.001, 0, "mV", "2Z", "MilliV"),
    ("uV", "voltage", 1e-6, 0, "µV", "D82", "MicroV"),
    ("V/m", "electric field", 1, 0, "V/m", "D50", "V-PER-M"),
    ("Ohm.cm", "resistivity", 0.01, 0, "Ω·cm", "C60", "OHM-CentiM"),
    ("A", "current", 1, 0, "A", "AMP", "A"),
    ("mA", "current", 0.001, 0, "mA", "4K", "MilliA"),
    ("uA", "current", 1e-6, 0, "µA", "B84", "MicroA"),
    ("Ohm", "resistance", 1, 0, "Ω", "OHM", "OHM"),
    ("kOhm", "resistance", 1000, 0, "kΩ", "B49", "KiloOHM"),
    ("W", "power", 1, 0, "W", "WTT", "W"),
    ("kW", "power", 1000, 0, "kW", "KWT", "KiloW"),
    ("V.A", "apparent power", 1, 0, "VA", "D46", "V-A"),
    ("V.A{reactive}", "reactive power", 1, 0, "var", "D44", "V-A_Reactive"),
    ("W.h", "energy", 3600, 0, "Wh", "WHR", "W-HR"),
    ("kW.h", "energy", 3.6e6, 0, "kWh", "KWH", "KiloW-HR"),
    ("J", "energy", 1, 0, "J", "JOU", "J"),
    ("mA.h", "charge", 3.6, 0, "mAh", "E09", "MilliA-HR"),
    ("A.h", "charge", 3600, 0, "Ah", "AMH", "A-HR"),
    ("W/m2", "irradiance", 1, 0, "W/m²", "D54", "W-PER-M2"),
    ("umol/m2/s", "photon flux", 1e-6, 0, "µmol/m²/s", "", "MicroMOL-PER-M2-SEC"),
    ("lx", "illuminance", 1, 0, "lx", "LUX", "LUX"),
    ("{UVI}", "uv index", 1, 0, "UV index", "", ""),
    ("S/m", "conductivity", 1, 0, "S/m", "D10", "S-PER-M"),
    ("dS/m", "conductivity", 0.1, 0, "dS/m", "", "DeciS-PER-M"),
    ("mS/cm", "conductivity", 0.1, 0, "mS/cm", "H61", "MilliS-PER-CentiM"),
    ("mS/m", "conductivity", 0.001, 0, "mS/m", "D22", "MilliS-PER-M"),
    ("uS/cm", "conductivity", 1e-4, 0, "µS/cm", "G43", "MicroS-PER-CentiM"),
    ("ug/m3", "density", 1e-9, 0, "µg/m³", "GQ", "MicroGM-PER-M3"),
    ("mg/m3", "density", 1e-6, 0, "mg/m³", "GP", "MilliGM-PER-M3"),
    ("g/m3", "density", 0.001, 0, "g/m³", "A93", "GM-PER-M3"),
    ("mg/L", "density", 0.001, 0, "mg/L", "M1", "MilliGM-PER-L"),
    ("ug/L", "density", 1e-6, 0, "µg/L", "H29", "MicroGM-PER-L"),
    ("g/L", "density", 1, 0, "g/L", "GL", "GM-PER-L"),
    ("mg/kg", "mass fraction", 1e-6, 0, "mg/kg", "NA", "MilliGM-PER-KiloGM"),
    ("g/kg", "mass fraction", 0.001, 0, "g/kg", "GK", "GM-PER-KiloGM"),
    ("kg/m3", "density", 1, 0, "kg/m³", "KMQ", "KiloGM-PER-M3"),
    ("kJ/kg", "specific energy", 1000, 0, "kJ/kg", "B42", "KiloJ-PER-KiloGM"),
    ("/cm3", "number density", 1e6, 0, "1/cm³", "H50", "PER-CentiM3"),
    ("/cm2", "areal density", 1e4, 0, "1/cm²", "", ""),
    ("/[in_i]2", "areal density", 1 / 0.0254**2, 0, "1/in²", "", ""),
    ("/cm2/h", "areal rate", 1e4 / 3600, 0, "1/cm²/h", "", ""),
    ("/[in_i]2/h", "areal rate", 1 / 0.0254**2 / 3600, 0, "1/in²/h", "", ""),
    ("/L", "number density", 1000, 0, "1/L", "", "NUM-PER-L"),
    ("/(100.mL)", "number density", 10000, 0, "1/0.1 L", "", ""),
    ("[NTU]", "turbidity", 1, 0, "NTU", "", "NTU"),
    ("{FNU}", "turbidity FNU", 1, 0, "FNU", "", ""),
    ("dB", "level", 1, 0, "dB", "2N", "DeciB"),
    ("dB{A}", "sound level", 1, 0, "dB(A)", "", "DeciB_A"),
    ("dB{mW}", "signal level", 1, 0, "dBm", "DBM", "DeciB_M"),
    ("L", "volume", 0.001, 0, "L", "LTR", "L"),
    ("mL", "volume", 1e-6, 0, "mL", "MLT", "MilliL"),
    ("m3", "volume", 1, 0, "m³", "MTQ", "M3"),
    ("L/min", "flow", 0.001 / 60, 0, "L/min", "L2", "L-PER-MIN"),
    ("L/h", "flow", 0.001 / 3600, 0, "L/h", "E32", "L-PER-HR"),
    ("m3/h", "flow", 1 / 3600, 0, "m³/h", "MQH", "M3-PER-HR"),
    ("m3/s", "flow", 1, 0, "m³/s", "MQS", "M3-PER-SEC"),
    ("cm3/min", "flow", 1e-6 / 60, 0, "cm³/min", "G48", "CentiM3-PER-MIN"),
    ("g", "mass", 0.001, 0, "g", "GRM", "GM"),
    ("kg", "mass", 1, 0, "kg", "KGM", "KiloGM"),
    ("[lb_av]", "mass", 0.45359237, 0, "lb", "LBR", "LB"),
    ("N", "force", 1, 0, "N", "NEW", "N"),
    ("uT", "magnetic field", 1e-6, 0, "µT", "D81", "MicroT"),
    ("mT", "magnetic field", 0.001, 0, "mT", "C29", "MilliT"),
    ("uSv/h", "dose rate", 1e-6 / 3600, 0, "µSv/h", "P72", "MicroSV-PER-HR"),
    ("By", "data", 1, 0, "B", "AD", "BYTE"),
    ("bit", "data bits", 1, 0, "bit", "A99", "BIT"),
)

UNITS: Final[dict[str, Unit]] = {row[0]: Unit(*row) for row in _ROWS}
"""Every unit a profile may name."""


def unit(code: str) -> Unit:
    """The unit of a UCUM code.

    Raises:
        UnitError: It is not in the table.
    """
    found = UNITS.get(code)
    if found is None:
        raise UnitError(f"no unit {code!r} in the table of UCUM codes")
    return found


def converter(source: str, target: str) -> Callable[[float], float]:
    """A function from numbers in one unit to numbers in another.

    Raises:
        UnitError: A unit is unknown or they measure different things.
    """
    a, b = unit(source), unit(target)
    if a.dimension != b.dimension:
        raise UnitError(f"{source} measures {a.dimension}, {target} measures {b.dimension}")
    if a.code == b.code:
        return lambda x: x
    if not a.offset and not b.offset:
        ratio = a.factor / b.factor
        # A division by a whole number is correctly rounded where the product with its reciprocal is not.
        inverse = b.factor / a.factor
        whole = round(inverse)
        if whole > 1 and abs(inverse - whole) < 1e-9 * whole:
            return lambda x: x / whole
        return lambda x: x * (round(ratio) if abs(ratio - round(ratio)) < 1e-9 * ratio else ratio)
    return lambda x: (x * a.factor + a.offset - b.offset) / b.factor
