"""Definitions of the user's own: read safely, decoded like the public ones."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from device_profiles import catalogue
from device_profiles.checksums import crc16_mcrf4xx
from device_profiles.engine.rows import Decoded
from device_profiles.errors import ProfileError
from device_profiles.language.check import check_file
from device_profiles.mavlink.profiles import load_dialect, message_profile
from device_profiles.mavlink.xml_reader import MAX_XML_BYTES, read_dialect
from device_profiles.rejects import FrameRejected

PROBES = """\
<?xml version="1.0"?>
<mavlink>
  <include>common.xml</include>
  <enums>
    <enum name="PROBE_KIND"><entry value="0" name="PROBE_KIND_RH"/><entry value="1" name="PROBE_KIND_T"/></enum>
  </enums>
  <messages>
    <message id="20227" name="PROBE_RAW">
      <description>Three temperatures of a profiler, and how many are right.</description>
      <field type="uint8_t" name="kind" enum="PROBE_KIND">What</field>
      <field type="uint32_t" name="time_boot_ms" units="ms">When</field>
      <field type="int16_t[3]" name="temperature" units="cdegC" invalid="[INT16_MAX]">Values</field>
      <field type="char[6]" name="tag">Name</field>
      <extensions/>
      <field type="uint16_t" name="humidity" units="c%" invalid="UINT16_MAX">Later</field>
    </message>
  </messages>
</mavlink>
"""
PROFILE = """\
language = 1
vendor = "Own"
model = "Profiler"
version = 1
title = { en = "Temperatures of a profiler", hi = "तापमान" }

[[documents]]
title = "Our own definitions"

[transport]
kind = "mavlink"
dialect = "probes.xml"

[channels]
uptime = { range = [0, 4294968], resolution = 0.001 }
air_temperature = { range = [-80, 60], resolution = 0.01 }
second_temperature = { quantity = "air_temperature", range = [-80, 60], resolution = 0.01 }
relative_humidity = { range = [0, 100], resolution = 0.01 }
sensor = { kind = "code", label = { en = "Kind", hi = "प्रकार" } }

[[frames]]
name = "probe"
mavlink = { message = "PROBE_RAW" }
fields = [
  { name = "uptime", member = "time_boot_ms" },
  { name = "air_temperature", member = "temperature[0]" },
  { name = "second_temperature", member = "temperature[2]" },
  { name = "sensor", member = "kind" },
  { name = "relative_humidity", member = "humidity" },
]

[[tests]]
HEX
expect = { air_temperature = 21.5, second_temperature = { flag = 9 }, relative_humidity = 45.67, sensor = 1 }
source = "packed by hand from the definition"
[[tests]]
hex = "fd00"
reject = "shape"
source = "no frame"
"""


GUIDE = next(
    block
    for block in (Path(__file__).parents[2] / "docs" / "profiles.md").read_text(encoding="utf-8").split("```")
    if "NAMED_VALUE_FLOAT" in block
).removeprefix("toml\n")


def _frame(message: int, payload: bytes, seed: int) -> bytes:
    body = bytes([len(payload), 0, 0, 7, 1, 1]) + message.to_bytes(3, "little") + payload
    return b"\xfd" + body + crc16_mcrf4xx(body + bytes([seed])).to_bytes(2, "little")


def _seed() -> int:
    # Worked out from the rule in the protocol's description: names and types in wire order, array sizes as bytes.
    text = b"PROBE_RAW uint32_t time_boot_ms int16_t temperature \x03uint8_t kind char tag \x06"
    crc = crc16_mcrf4xx(text)
    return (crc & 0xFF) ^ (crc >> 8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "probes.xml").write_text(PROBES, encoding="utf-8")
    payload = struct.pack("<I3hB6sH", 5000, 2150, -7, 32767, 1, b"BOOM-A", 4567)
    frame = _frame(20227, payload, _seed())
    (tmp_path / "profiler.toml").write_text(PROFILE.replace("HEX", f'hex = "{frame.hex()}"'), encoding="utf-8")
    return tmp_path


def test_a_message_of_ones_own_decodes_by_its_definition(folder: Path) -> None:
    dialect = load_dialect(folder / "probes.xml")
    assert len(dialect.messages) == 302  # with all the public ones it includes
    message = dialect.by_name["PROBE_RAW"]
    assert (message.crc_extra, message.size) == (_seed(), 19)
    profile = message_profile([message], dialect)
    payload = struct.pack("<I3hB6sH", 5000, 2150, -7, 32767, 1, b"BOOM-A", 4567)
    result = profile.decode(_frame(20227, payload, message.crc_extra))
    assert isinstance(result, Decoded)
    readings = {reading.channel: reading for reading in profile.apply(result.rows[0])}
    assert readings["probe_raw_temperature_1"].value == 21.5
    assert readings["probe_raw_temperature_2"].value == -0.07
    assert readings["probe_raw_temperature_3"].reason == "unknown"
    assert readings["probe_raw_humidity"].value == 45.67
    assert readings["probe_raw_tag"].text == "BOOM-A"
    assert profile.channels["probe_raw_kind"].table["codes"] == {"0": "PROBE_KIND_RH", "1": "PROBE_KIND_T"}


def test_a_sender_without_the_extension_is_read_too(folder: Path) -> None:
    profile = catalogue.load(folder / "profiler.toml")
    result = profile.decode(_frame(20227, struct.pack("<I3hB6s", 5000, 1, 2, 3, 1, b"B"), _seed()))
    assert isinstance(result, Decoded)
    humidity = next(item for item in profile.apply(result.rows[0]) if item.channel == "relative_humidity")
    assert humidity.value == 0  # MAVLink 2 does not tell a nought from a field that was not sent


def test_a_profile_over_own_definitions_lints_and_passes(folder: Path) -> None:
    from device_profiles.tools.vectors import run_profile

    assert [problem for problem in check_file(folder / "profiler.toml") if problem.severity == "error"] == []
    assert [result.faults for result in run_profile(folder / "profiler.toml")] == [(), ()]


@pytest.mark.parametrize(
    ("right", "wrong", "what"),
    [
        ('"PROBE_RAW"', '"PROBE_ROW"', "no MAVLink message 'PROBE_ROW'"),
        ('"humidity"', '"humidty"', "nearest: humidity"),
        ('"temperature[2]"', '"temperature[3]"', "3 elements"),
        ('{ message = "PROBE_RAW" }', '{ message = "PROBE_RAW", crc_extra = 1 }', "crc_extra of PROBE_RAW is"),
        (
            'mavlink = { message = "PROBE_RAW" }',
            'when = { id = 5 }\nmavlink = { message = "PROBE_RAW" }',
            "number 20227",
        ),
        ('"probes.xml"', '"absent.xml"', "absent.xml"),
    ],
)
def test_what_contradicts_the_definition_is_told(folder: Path, right: str, wrong: str, what: str) -> None:
    path = folder / "profiler.toml"
    path.write_text(path.read_text(encoding="utf-8").replace(right, wrong), encoding="utf-8")
    problems = check_file(path)
    assert any(what in str(problem) for problem in problems), [str(problem) for problem in problems]


BOMB = '<!DOCTYPE m [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]><mavlink>&b;</mavlink>'
FETCH = '<!DOCTYPE m [<!ENTITY x SYSTEM "file:///etc/hostname">]><mavlink>&x;</mavlink>'


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (BOMB, "document type"),
        (FETCH, "document type"),
        ('<!DOCTYPE mavlink SYSTEM "http://example.invalid/m.dtd"><mavlink/>', "document type"),
        ("<mavlink><include>../secret.xml</include></mavlink>", "only a file name"),
        ("<mavlink><include>/etc/passwd</include></mavlink>", "only a file name"),
        ("<mavlink>" + "<a>" * 50 + "</a>" * 50 + "</mavlink>", "deeper"),
        ("<mavlink><messages>", "well-formed"),
        ("<html/>", "begins with <html>"),
        ('<mavlink><message id="x" name="A"/></mavlink>', "id"),
        ('<mavlink><message id="99999999" name="A"/></mavlink>', "16777215"),
        ('<mavlink><message id="1" name="A"><field type="int128_t" name="a"/></message></mavlink>', "int128_t"),
        ('<mavlink><message id="1" name="A"><field type="uint64_t[99]" name="a"/></message></mavlink>', "792 bytes"),
    ],
)
def test_an_unsafe_or_wrong_definition_is_refused(text: str, what: str) -> None:
    with pytest.raises(ProfileError, match=what):
        read_dialect(text.encode(), "mine.xml", lambda _name: b"<mavlink/>")


def test_files_that_include_each_other_end(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text("<mavlink><include>b.xml</include></mavlink>", encoding="utf-8")
    (tmp_path / "b.xml").write_text("<mavlink><include>a.xml</include></mavlink>", encoding="utf-8")
    assert load_dialect(tmp_path / "a.xml").messages == {}


def test_too_large_a_definition_is_refused() -> None:
    with pytest.raises(ProfileError, match="larger than"):
        read_dialect(b" " * (MAX_XML_BYTES + 1), "big.xml")


def test_a_message_of_another_seed_is_a_checksum_reject(folder: Path) -> None:
    profile = catalogue.load(folder / "profiler.toml")
    result = profile.decode(_frame(20227, bytes(19), _seed() ^ 1))
    assert isinstance(result, FrameRejected)
    assert result.reason == "checksum"


def test_named_values_become_channels_by_their_names() -> None:
    from device_profiles.engine.compile import compile_profile

    text = PROFILE[: PROFILE.index("[[frames]]")].replace('dialect = "probes.xml"', "") + GUIDE
    document = catalogue.complete(catalogue.parse(text.encode()), Path())
    profile = compile_profile(document, profile_id="own/named", digest=bytes(8))
    seed = 170  # of NAMED_VALUE_FLOAT, printed in every implementation
    found = {}
    for name, value in ((b"RH_1", 41.5), (b"RH_2", 99.0)):
        result = profile.decode(_frame(251, struct.pack("<If10s", 1000, value, name), seed))
        assert isinstance(result, Decoded)
        found[name] = [reading.value for row in result.rows for reading in profile.apply(row)]
    assert found == {b"RH_1": [41.5], b"RH_2": []}
