"""Channels and parameters: quantities, units, limits, privacy, and what formulas measure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from device_profiles.errors import nearest
from device_profiles.expressions import ExpressionError, parse
from device_profiles.language.dimensions import ANYTHING, Measure, infer, of_unit, same, same_size
from device_profiles.language.findings import Document, Finding, all_fields
from device_profiles.language.lines import Path
from device_profiles.quantities import QUANTITIES
from device_profiles.units import UNITS

PERSONAL: Final = ("P2", "P3", "P4")
_MEASURED: Final = ("number", "counter")


def findings(document: Document) -> Iterator[Finding]:
    """Findings about ``[channels]`` and ``[parameters]``."""
    for name, table in document["channels"].items():
        yield from _channel(name, table)
        yield from _formulas(name, table, document)
    yield from _feeding(document)
    yield from _parameters(document)


def unit_of(name: str, table: dict[str, Any]) -> str:
    """UCUM code of a channel's value."""
    quantity = QUANTITIES.get(str(table.get("quantity") or name))
    measured = table.get("kind", "number") in _MEASURED
    return str(table.get("unit") or (quantity.unit if quantity and measured else "1"))


def _channel(name: str, table: dict[str, Any]) -> Iterator[Finding]:  # noqa: C901 - a list of independent findings
    path: Path = ("channels", name)
    word = str(table.get("quantity") or name)
    quantity = QUANTITIES.get(word)
    kind = table.get("kind", "number")
    if quantity is None and kind in _MEASURED:
        hint = nearest(word, QUANTITIES, count=3, cutoff=0.5, otherwise="say quantity = … or unit and label")
        if table.get("quantity") or not table.get("unit") or not table.get("label"):
            yield (
                path,
                "error",
                f"channel {name} is no quantity of the list and does not say its own unit and label",
                hint,
            )
    code = unit_of(name, table)
    for key, value in (("unit", code), ("raw_unit", table.get("raw_unit"))):
        if value is not None and value not in UNITS:
            yield (
                path,
                "error",
                f"channel {name}: {key} {value!r} is no UCUM code of the table",
                nearest(str(value), UNITS, count=3, cutoff=0.3),
            )
    if quantity and code in UNITS and kind in _MEASURED and UNITS[code].dimension != UNITS[quantity.unit].dimension:
        yield (
            path,
            "error",
            (
                f"channel {name} is {quantity.name}, which is {UNITS[quantity.unit].dimension}, "
                f"but its unit {code!r} measures {UNITS[code].dimension}"
            ),
            "",
        )
    if (
        kind in _MEASURED
        and table.get("range") is None
        and (quantity is None or (quantity.low is None and quantity.high is None))
    ):
        yield path, "error", f"channel {name} has no limits", "say range = [least, greatest] the sensor can measure"
    elif kind == "number" and table.get("range") is None:
        yield path, "warning", f"channel {name} does not say the sensor's range", ""
    limits = table.get("range")
    if limits is not None and limits[0] >= limits[1]:
        yield path, "error", f"channel {name}: range must rise", ""
    privacy = table.get("privacy") or (quantity.privacy if quantity else "P0")
    if privacy in PERSONAL and not table.get("purpose"):
        yield (
            path,
            "error",
            f"channel {name} is of privacy class {privacy} and has no purpose",
            'say purpose = "why it is collected"',
        )
    label = table.get("label")
    if label is not None and "hi" not in label:
        yield path, "warning", f"channel {name} has no Hindi label", ""


def _formulas(name: str, table: dict[str, Any], document: Document) -> Iterator[Finding]:
    own = of_unit(unit_of(name, table))
    told: list[str] = []
    if table.get("derived"):
        measured = _measure(str(table["derived"]), _names(document), told)
        if not same(measured, own):
            told.append(f"gives {measured.words}, but its unit {unit_of(name, table)!r} does not measure that")
        elif not same_size(measured, own):
            told.append(f"gives {measured.words} where its unit is {unit_of(name, table)!r}, without converting")
    for step in _steps(table.get("transform") or []):
        told.extend(_step(name, step, table, document, own))
    for what in told:
        yield (
            ("channels", name),
            "error",
            f"channel {name}: its formula {what}",
            "multiply by what converts, or mend the unit",
        )


def _step(name: str, step: dict[str, Any], table: dict[str, Any], document: Document, own: Measure) -> Iterator[str]:
    names = _parameter_measures(document)
    told: list[str] = []
    if step.get("formula"):
        raw = str(table.get("raw_unit") or "")
        source = table.get("from")
        x = of_unit(unit_of(str(source), document["channels"].get(str(source), {}))) if source else of_unit(raw)
        measured = _measure(str(step["formula"]), {**names, "x": x if raw or source else ANYTHING}, told)
        if not same(measured, own):
            told.append(f"gives {measured.words}, but its unit {unit_of(name, table)!r} does not measure that")
    ends = [*(step.get("loop") or {}).values(), *(step.get("affine") or [])[1:], *(step.get("polynomial") or [])[:1]]
    for text in ends:
        if isinstance(text, str):
            measured = _measure(text, names, told)
            if not same(measured, own) or not same_size(measured, own):
                told.append(f"takes {text}, which is {measured.words}, for {unit_of(name, table)}")
    yield from told


def _steps(steps: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for step in steps[-1:]:
        # Only the last step must give the channel's unit; those before may give anything.
        for inner in ((step.get("choose") or {}).get("cases") or {}).values():
            yield from _steps(inner)
        yield step


def _measure(text: str, names: dict[str, Measure], told: list[str]) -> Measure:
    try:
        return infer(parse(text), names, told.append)
    except ExpressionError as exc:
        told.append(str(exc))
        return ANYTHING


def _names(document: Document) -> dict[str, Measure]:
    channels: dict[str, dict[str, Any]] = document["channels"]
    measured = {name: of_unit(unit_of(name, table)) for name, table in channels.items()}
    plain = {name for name, table in channels.items() if table.get("kind", "number") in ("code", "flags", "text")}
    return {name: ANYTHING if name in plain else item for name, item in measured.items()} | _parameter_measures(
        document
    )


def _parameter_measures(document: Document) -> dict[str, Measure]:
    tables: dict[str, dict[str, Any]] = document.get("parameters") or {}
    return {
        f"param.{name}": of_unit(str(table["unit"])) if table.get("unit") else ANYTHING
        for name, table in tables.items()
    }


def _feeding(document: Document) -> Iterator[Finding]:
    if document.get("codec"):
        return
    fed = {str(table["name"]) for _, table in all_fields(document, unrolled=True)}
    for name, table in document["channels"].items():
        if not table.get("derived") and not table.get("from") and name not in fed:
            yield (
                ("channels", name),
                "error",
                f"channel {name} is fed by no field",
                "a field of that name, from = … or derived = …",
            )


def _parameters(document: Document) -> Iterator[Finding]:
    declared = document.get("parameters") or {}
    used: set[str] = set()
    for name, table in document["channels"].items():
        for item in _parameter_names(table):
            used.add(item)
            if item not in declared:
                yield (
                    ("channels", name),
                    "error",
                    f"channel {name} uses parameter {item!r}, which is not declared",
                    nearest(item, declared),
                )
    for name, table in declared.items():
        if name not in used:
            yield ("parameters", name), "warning", f"parameter {name} is used by no channel", ""
        if table.get("unit") is not None and table["unit"] not in UNITS:
            yield (
                ("parameters", name),
                "error",
                f"parameter {name}: unit {table['unit']!r} is no UCUM code of the table",
                "",
            )
        if table.get("choices") and table.get("default") is not None and table["default"] not in table["choices"]:
            yield ("parameters", name), "error", f"parameter {name}: default is none of its choices", ""


def _parameter_names(value: Any, key: str = "") -> Iterator[str]:  # noqa: ANN401
    if isinstance(value, dict):
        for inner_key, inner in value.items():
            if inner_key == "parameter" and isinstance(inner, str):
                yield inner
            elif inner_key not in ("label", "note", "purpose", "codes"):
                yield from _parameter_names(inner, inner_key)
    elif isinstance(value, list):
        for inner in value:
            yield from _parameter_names(inner, key)
    elif isinstance(value, str) and "param." in value:
        try:
            names = parse(value).names
        except ExpressionError:
            return
        yield from (name.removeprefix("param.") for name in names if name.startswith("param."))
