"""A wrong profile says where, what, the nearest right word and an example."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from device_profiles import catalogue
from device_profiles.errors import ProfileError
from device_profiles.language.check import check

GOOD = """\
language = 1
vendor = "Acme"
model = "TH-1"
version = 1
title = { en = "Air temperature", hi = "वायु तापमान" }

[[documents]]
title = "TH-1 manual"

[transport]
kind = "lorawan"

[channels]
air_temperature = { range = [-40, 80], resolution = 0.1 }

[[frames]]
name = "uplink"
when = { port = 2, length = 4 }
fields = [
  { name = "_head", type = "u16" },
  { name = "air_temperature", type = "i16", scale = 0.1, missing = [0x7FFF] },
]

[[tests]]
port = 2
hex = "000000F1"
expect = { air_temperature = 24.1 }
source = "manual"
[[tests]]
port = 3
hex = "00"
reject = "no_frame"
source = "manual"
"""


def _problems(text: str) -> list[tuple[int, str, str, str]]:
    found = check(text.encode(), path="acme/th-1.toml", profile_id="acme/th-1")
    return [(item.line, item.what, item.hint, item.example) for item in found if item.severity == "error"]


def test_a_right_profile_has_no_errors() -> None:
    assert _problems(GOOD) == []


@pytest.mark.parametrize(
    ("right", "wrong", "line", "what", "hint"),
    [
        ('type = "i16", scale', 'type = "i16", scal', 21, "unknown key 'scal'", "nearest: scale"),
        ('kind = "lorawan"', 'kind = "lorawann"', 11, "none of its words", "nearest: lorawan"),
        ("version = 1\n", "", 1, "lacks 'version'", ""),
        ('type = "i16"', 'type = "s16"', 21, "no field type 's16'", "types:"),
        ('name = "air_temperature", type', 'name = "air_temp", type', 21, "feeds no channel", ""),
        ("air_temperature = {", "air_temprature = {", 21, "feeds no channel", ""),
        ("range = [-40, 80]", 'range = [-40, 80], unit = "%"', 14, "which is temperature", ""),
        ("range = [-40, 80]", 'range = [-40, 80], unit = "degC"', 14, "no UCUM code", "nearest"),
        (
            "missing = [0x7FFF]",
            'missing = [{ value = 1, reason = "no_senser" }]',
            21,
            "no reason 'no_senser'",
            "nearest: no_sensor",
        ),
        ('{ name = "air_temperature", type', '{ name = "air_temperature", at = 1, type', 21, "overlaps _head", "bits"),
        ("length = 4", "length = 3", 16, "needs 4 bytes", ""),
        ('reject = "no_frame"', "expect = {}", 0, "no test vector is of a failure", ""),
        ("resolution = 0.1", 'resolution = 0.1, privacy = "P2"', 14, "has no purpose", "purpose"),
        ('type = "i16"', 'type = "i16', 21, "not TOML", ""),
        ("port = 2, length", 'length = 4, match = [{ hex = "0" }], port = 2, lengt', 18, "hex", ""),
    ],
)
def test_error(right: str, wrong: str, line: int, what: str, hint: str) -> None:
    assert right in GOOD
    found = _problems(GOOD.replace(right, wrong, 1))
    assert any(what in text and hint in told for _, text, told, _ in found), found
    if line:
        assert any(number == line for number, text, _, _ in found if what in text), found


def test_an_unreachable_frame_is_found() -> None:
    second = '[[frames]]\nname = "late"\nwhen = { port = 2, length = 4 }\n'
    second += 'fields = [{ name = "_x", type = "u16" }]\n\n[[tests]]'
    found = _problems(GOOD.replace("[[tests]]", second, 1))
    assert any("never reached" in what for _, what, _, _ in found)


def test_schema_errors_show_an_example() -> None:
    found = _problems(GOOD.replace("length = 4", "lenght = 4"))
    assert found[0][3].startswith("when = {")


def test_an_unknown_profile_names_the_nearest() -> None:
    with pytest.raises(ProfileError, match=r"decentlab/dl-trs12"):
        catalogue.load("decentlab/dl-trs13")
    with pytest.raises(ProfileError):
        catalogue.load("../../etc/passwd")


def test_a_broken_profile_does_not_load(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text(
        GOOD.replace('kind = "lorawan"', "kind = 3").replace("fields = [", "fields = 7\nother = ["), encoding="utf-8"
    )
    with pytest.raises(ProfileError):
        catalogue.load(path)


def test_repetitions_of_repetitions_end() -> None:
    part = '[[frames.parts]]\nrepeat = 256\nfields = [{ name = "_a{i}", type = "u8" }]\n'
    nested = '[[frames.parts.parts]]\nrepeat = 256\nfields = [{ name = "_b{i}", type = "u8" }]\n\n[[tests]]'
    found = _problems(GOOD.replace("[[tests]]", part + nested, 1))
    assert any("more than 4096 fields" in what for _, what, _, _ in found), found


@pytest.mark.parametrize("name", ["dragino/lse01", "sensirion/scd30-modbus", "victron/mppt", "mavlink/power"])
def test_a_mangled_profile_gives_findings_and_no_exception(name: str) -> None:
    chance = random.Random(name)
    _, data = catalogue.read(name)
    words = [
        "0",
        "-1",
        '""',
        "[]",
        "{}",
        '"x"',
        "true",
        "nan",
        "99999999999999999999",
        '"u8"',
        '["a"]',
        '"1 / 0"',
        "2.5",
    ]
    for _ in range(250):
        lines = data.decode("utf-8").splitlines()
        for _ in range(chance.randrange(1, 4)):
            at = chance.randrange(len(lines))
            if chance.random() < 0.3:
                del lines[at]
            elif "=" in lines[at]:
                head, _, tail = lines[at].partition("=")
                end = min([tail.find(mark) for mark in ",}]" if mark in tail] or [len(tail)])
                lines[at] = f"{head}= {chance.choice(words)}{tail[end:]}"
        for problem in check("\n".join(lines).encode(), path=f"{name}.toml", profile_id=name):
            assert problem.what
            assert 0 <= problem.line <= len(lines) + 1


def test_an_empty_span_is_a_finding() -> None:
    assert _problems(GOOD.replace("length = 4", "length = []"))
