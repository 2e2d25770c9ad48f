"""All of UCUM, for checks and the collector: any unit, any conversion; proof that the closed table is right.

Imports pint and ucumvert, which an agent does not have; only the collector and checks may import this module.
"""

from __future__ import annotations

import warnings
from functools import cache
from typing import Any, Final

from device_profiles.units import UNITS, UnitError

# Codes of the table that are annotations or arbitrary units: UCUM gives them no size.
_ALIASES: Final = {
    "{UVI}": "1",
    "{FNU}": "1",
    "V.A{reactive}": "V.A",
    "dB{A}": "1",
    "dB{mW}": "1",
    "dB": "1",
    "[pH]": "1",
    "[NTU]": "1",
    "{rev}/min": "/min",
    # Where the library reads another unit than UCUM defines (a minute of time, mercury at 60 degF, metre times g).
    "'": "deg/60",
    "[in_i'Hg]": "[in_i].m[Hg]/m",
    "m[g]": "[g]/1000",
}


@cache
def _registry() -> Any:  # noqa: ANN401 - pint has no types
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from ucumvert import PintUcumRegistry  # noqa: PLC0415 - takes a second; only who converts pays it

        return PintUcumRegistry()


@cache
def _unit(code: str) -> Any:  # noqa: ANN401
    try:
        found = _registry().from_ucum(_ALIASES.get(code, code))
    except Exception as exc:
        # The parser raises classes of three libraries; all mean the same to us.
        raise UnitError(f"{code!r} is no UCUM code: {str(exc).splitlines()[0]}") from exc
    return found if hasattr(found, "to_base_units") else _registry().Quantity(1)


def dimension(code: str) -> str:
    """Dimension of a UCUM code, such as ``[length] / [time]``; empty for pure numbers.

    Raises:
        UnitError: It is no UCUM code.
    """
    text = str(_unit(code).dimensionality)
    return "" if text == "dimensionless" else text


def convert(value: float, source: str, target: str) -> float:
    """A number of one UCUM unit in another.

    Raises:
        UnitError: A code is none, or they do not measure the same.
    """
    if source in UNITS and target in UNITS and UNITS[source].dimension != UNITS[target].dimension:
        raise UnitError(f"{source} measures {UNITS[source].dimension}, {target} measures {UNITS[target].dimension}")
    registry = _registry()
    a, b = _unit(source), _unit(target)
    try:
        quantity = registry.Quantity(value * a.magnitude, a.units)
        return float(quantity.to(b.units).magnitude / b.magnitude)
    except Exception as exc:
        raise UnitError(f"{source} cannot become {target}") from exc


def mapping(code: str) -> dict[str, str]:
    """UN/CEFACT code and QUDT IRI of a unit of the table; keys are left out where there is none.

    Raises:
        UnitError: Not in the table.
    """
    found = UNITS.get(code)
    if found is None:
        raise UnitError(f"no unit {code!r} in the table of UCUM codes")
    named = {
        "ucum": code,
        "cefact": found.cefact,
        "qudt": f"http://qudt.org/vocab/unit/{found.qudt}" if found.qudt else "",
    }
    return {key: value for key, value in named.items() if value}


def ucum_of_cefact(code: str) -> str:
    """UCUM code of a UN/CEFACT code.

    Raises:
        UnitError: The table has none.
    """
    for found in UNITS.values():
        if found.cefact == code:
            return found.code
    raise UnitError(f"no unit with UN/CEFACT code {code!r} in the table")
