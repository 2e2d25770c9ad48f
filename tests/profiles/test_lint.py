"""Profiles that fit the schema and are wrong all the same: line, what, and what to do."""

from __future__ import annotations

import pytest

from device_profiles.errors import Problem
from device_profiles.language.check import check

GOOD = """\
language = 1
vendor = "Acme"
model = "Pump"
version = 1
title = { en = "Pump and tank", hi = "पंप और टंकी" }

[[documents]]
title = "Pump manual"

[transport]
kind = "lorawan"

[parameters]
a = { unit = "m", default = 2 }
tip = { unit = "mm", default = 0.2 }

[channels]
battery_voltage = { range = [0, 30], resolution = 0.001 }
current = { range = [0, 5], resolution = 0.001 }
power = { derived = "battery_voltage * current", range = [0, 150], purpose = "cost of pumping" }
precipitation_count = { kind = "counter", counter = { modulus = 65536 } }
precipitation = { derived = "precipitation_count * param.tip", range = [0, 1000] }
water_level = { range = [0, 10], resolution = 0.001 }
loop_current = { range = [3.6, 21] }
flow_rate = { from = "loop_current", range = [0, 100], transform = [{ loop = { low = 0, high = 100 } }] }
tank = { quantity = "water_volume", unit = "m3", derived = "water_level * param.a ^ 2", range = [0, 99], purpose = "-" }
alarm = { kind = "code", codes = { 0 = "none", 1 = "dry" } }

[[frames]]
name = "uplink"
when = { port = 2, length = [9, 20] }
fields = [
  { name = "battery_voltage", type = "u16", scale = 0.001 },
  { name = "current", type = "u16", scale = 0.001 },
  { name = "precipitation_count", type = "u16" },
  { name = "water_level", type = "u16", scale = 0.001 },
  { name = "_status", type = "u8" },
  { name = "alarm", of = "_status", bits = "3..0" },
]
[[frames.parts]]
tag = "u8"
cases = [
  { tag = 1, fields = [{ name = "loop_current", type = "u16", scale = 0.001 }] },
  { tag = 2, fields = [{ name = "_spare", type = "u8" }] },
]

[[tests]]
port = 2
hex = "2EE001F4000A03E800"
expect = { battery_voltage = 12, current = 0.5, power = 6, precipitation = 2, water_level = 1, alarm = 0 }
source = "manual"
[[tests]]
port = 3
hex = "00"
reject = "no_frame"
source = "manual"
"""


def _problems(text: str) -> list[Problem]:
    return check(text.encode(), path="acme/pump.toml", profile_id="acme/pump")


def test_the_right_one_has_nothing_to_find() -> None:
    assert [str(problem) for problem in _problems(GOOD)] == []


@pytest.mark.parametrize(
    ("right", "wrong", "where", "what", "hint"),
    [
        # What formulas measure.
        ("battery_voltage * current", "battery_voltage + current", ("error", "power ="), "adds V and A", "converts"),
        ("battery_voltage * current", "battery_voltage / current", ("error", "power ="), "gives V / A", "unit"),
        (
            'unit = "mm", default',
            'unit = "cm", default',
            ("error", "precipitation ="),
            "without converting",
            "converts",
        ),
        ("battery_voltage * current", "ln(battery_voltage)", ("error", "power ="), "takes ln of V", ""),
        (
            "battery_voltage * current",
            "if(water_level > current, 1, 2)",
            ("error", "power ="),
            "compares m and A",
            "converts",
        ),
        ("low = 0, high = 100", 'low = 0, high = "param.tip"', ("error", "flow_rate ="), "takes param.tip", ""),
        # Steps and resolutions.
        (
            'battery_voltage", type = "u16", scale = 0.001',
            'battery_voltage", type = "u16", scale = 0.01',
            ("warning", '{ name = "battery_voltage"'),
            "steps of 0.01",
            "resolution = 0.01",
        ),
        (
            "range = [0, 10], resolution = 0.001",
            "range = [0, 10], resolution = 1",
            ("warning", '{ name = "water_level"'),
            "steps of 0.001",
            "wrong digits",
        ),
        # Overlaps.
        (
            '"current", type',
            '"current", at = 1, type',
            ("error", '{ name = "current"'),
            "overlaps battery_voltage",
            "of =",
        ),
        (
            'bits = "3..0" },',
            'bits = "3..0" },\n  { name = "precipitation_count", of = "_status", bits = "4..2" },',
            ("error", '{ name = "precipitation_count", of'),
            "overlaps alarm in bits 3..0",
            "",
        ),
        # What is never reached.
        (
            "tag = 2,",
            "tag = 1,",
            ("error", '{ tag = 1, fields = [{ name = "_spare"'),
            "tag 0x01 is never reached",
            "one case",
        ),
        (
            "[[tests]]\nport = 2",
            '[[frames.parts]]\nfields = [{ name = "_x", type = "u8" }]\n[[tests]]\nport = 2',
            ("error", "[[frames.parts]]\nfields"),
            "never reached: the run of tags",
            "",
        ),
        (
            '{ name = "_status", type = "u8" },',
            '{ name = "_status", type = "u8" },\n{ name = "_r", type = "hex:rest" },\n{ name = "_y", type = "u8" },',
            ("error", '{ name = "_y"'),
            "never reached: _r takes the rest",
            "",
        ),
        (
            "[[tests]]\nport = 2",
            '[[frames]]\nname = "second"\nwhen = { port = 2, length = 9 }\n\n[[tests]]\nport = 2',
            ("error", '[[frames]]\nname = "second"'),
            "second is never reached: uplink",
            "narrow",
        ),
        # Limits and privacy.
        (
            "current = { range = [0, 5], resolution",
            "current = { resolution",
            ("error", "current ="),
            "has no limits",
            "range =",
        ),
        ("range = [0, 30]", "range = [30, 0]", ("error", "battery_voltage ="), "range must rise", ""),
        (', purpose = "cost of pumping"', "", ("error", "power ="), "privacy class P2", "purpose ="),
        # Words.
        ('quantity = "water_volume"', 'quantity = "water_volum"', ("error", "tank ="), "no quantity", "water_volume"),
        ("param.tip", "param.tipp", ("error", "precipitation ="), "'tipp', which is not declared", "nearest: tip"),
        ('kind = "code", codes', 'kind = "cod", codes', ("error", "alarm ="), "none of its words", "nearest: code"),
        ('reject = "no_frame"', 'reject = "no_fram"', ("error", "[[tests]]\nport = 3"), "no reject reason", "no_frame"),
        ("alarm = 0 }", "alrm = 0 }", ("error", "[[tests]]\nport = 2"), "expects channel 'alrm'", "nearest: alarm"),
        ('source = "manual"\n[[tests]]', "[[tests]]", ("error", "[[tests]]\nport = 2"), "lacks 'source'", ""),
    ],
)
def test_finding(right: str, wrong: str, where: tuple[str, str], what: str, hint: str) -> None:
    severity, at = where
    assert right in GOOD
    text = GOOD.replace(right, wrong, 1)
    found = _problems(text)
    matching = [problem for problem in found if what in problem.what and problem.severity == severity]
    assert matching, [str(problem) for problem in found]
    assert any(hint in problem.hint for problem in matching), [str(problem) for problem in matching]
    line = text[: text.index(at)].count("\n") + 1
    assert any(problem.line == line for problem in matching), (line, [str(problem) for problem in matching])


def test_a_register_read_twice_is_found() -> None:
    text = GOOD.replace('kind = "lorawan"', 'kind = "modbus-rtu"').replace("port = 2, length = [9, 20]", "")
    text = text.replace(
        "[[frames]]\n",
        '[[requests]]\nname = "all"\nfunction = 3\naddress = 0\ncount = 8\n[[frames]]\nrequest = "all"\n',
        1,
    )
    text = text.replace('"battery_voltage", type', '"battery_voltage", reg = 0, type').replace(
        '"current", type = "u16"', '"current", reg = 0, type = "u16"'
    )
    assert any("overlaps battery_voltage (registers 0 to 0)" in problem.what for problem in _problems(text))
