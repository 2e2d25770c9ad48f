"""The agent's closed table of units against all of UCUM, and the vocabularies it maps to."""

from __future__ import annotations

import subprocess
import sys

import pytest

from device_profiles import units_full
from device_profiles.quantities import QUANTITIES, pressure_limits
from device_profiles.units import UNITS, UnitError, converter

COUNTED = {"[pH]", "[NTU]", "{FNU}", "{UVI}", "dB", "dB{A}", "dB{mW}"}


def _groups() -> list[tuple[str, str]]:
    first: dict[str, str] = {}
    return [
        (first.setdefault(unit.dimension, unit.code), unit.code) for unit in UNITS.values() if unit.code not in COUNTED
    ]


@pytest.mark.parametrize(("base", "code"), _groups())
def test_table_agrees_with_ucum(base: str, code: str) -> None:
    assert units_full.dimension(base) == units_full.dimension(code)
    for value in (0.0, 1.0, 37.5, -12.25):
        assert converter(code, base)(value) == pytest.approx(units_full.convert(value, code, base), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(
    ("value", "source", "target", "expected"),
    [
        (68, "[degF]", "Cel", 20),
        (1, "[in_i]", "mm", 25.4),
        (96412, "Pa", "hPa", 964.12),
        (100, "[kn_i]", "km/h", 185.2),
        (2644.14063, "'", "deg", 44.0690105),
    ],
)
def test_conversions_people_know(value: float, source: str, target: str, expected: float) -> None:
    assert converter(source, target)(value) == pytest.approx(expected, rel=1e-12)


def test_units_of_different_things_are_refused() -> None:
    for convert in (
        lambda: converter("Cel", "%"),
        lambda: converter("Cel", "furlong"),
        lambda: units_full.convert(1, "Cel", "%"),
    ):
        with pytest.raises(UnitError):
            convert()


def test_every_quantity_has_a_unit_of_the_table_and_labels_in_both_languages() -> None:
    for quantity in QUANTITIES.values():
        assert quantity.unit in UNITS, quantity.name
        assert quantity.en
        assert any("\u0900" <= letter <= "\u097f" for letter in quantity.hi), quantity.name
        assert quantity.privacy in {"P0", "P1", "P2", "P3", "P4"}


def test_cefact_and_qudt_round_trip() -> None:
    for code, unit in UNITS.items():
        named = units_full.mapping(code)
        assert named["ucum"] == code
        if unit.cefact:
            back = units_full.ucum_of_cefact(unit.cefact)
            assert UNITS[back].dimension == unit.dimension
            assert UNITS[back].factor == pytest.approx(unit.factor)
    assert units_full.ucum_of_cefact("CEL") == "Cel"
    assert units_full.mapping("hPa") == {"ucum": "hPa", "cefact": "A97", "qudt": "http://qudt.org/vocab/unit/HectoPA"}


@pytest.mark.parametrize(
    ("elevation_m", "pressure_hpa"), [(0, 1013), (216, 985), (2276, 770), (3500, 650), (4500, 580)]
)
def test_pressure_of_mountains_is_plausible(elevation_m: float, pressure_hpa: float) -> None:
    low, high = pressure_limits(elevation_m)
    assert low < pressure_hpa < high
    assert high - low < 160


def test_the_agents_way_imports_neither_pydantic_nor_numpy_nor_pint() -> None:
    code = (
        "import sys; from device_profiles import catalogue; p = catalogue.load('sensirion/scd30-modbus');"
        "d = p.decode(bytes.fromhex('61030C43DB8C2E41D9E7FF42433A1B5007')); assert p.apply(d.rows[0]);"
        "import device_profiles.framing.factory;"
        "print([m for m in ('pydantic', 'numpy', 'pint', 'ucumvert', 'pyarrow') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
