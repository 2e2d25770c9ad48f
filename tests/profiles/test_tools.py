"""The commands: what people type, what comes out, and the status they leave."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import harkara
from device_profiles import catalogue
from device_profiles.tools.import_ttn import import_codec


def _run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    status = harkara.main(["profile", *words])
    return status, capsys.readouterr().out


def test_test_and_lint_of_the_catalogue(capsys: pytest.CaptureFixture[str]) -> None:
    status, out = _run(capsys, "test", "--json")
    result = json.loads(out)
    assert status == 0
    assert result["models"] == len(catalogue.ids())
    assert result["failed"] == 0
    assert result["vectors"] >= 2 * result["models"]
    status, out = _run(capsys, "lint", "--json")
    assert status == 0
    assert json.loads(out)["errors"] == 0


def test_decode_explains_every_byte(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("decode", "decentlab/dl-trs12", "--port", "1", "--hex", "0210d3000346be813d00000c80")
    status, out = _run(capsys, *words, "--json")
    result = json.loads(out)
    assert status == 0
    covered = sum(field["bytes"] for field in result["fields"] if field["offset"] is not None)
    assert covered == 13
    readings = {reading["channel"]: reading for reading in result["rows"][0]["readings"]}
    assert readings["soil_temperature"] == {"channel": "soil_temperature", "value": 31.7, "unit": "Cel", "flag": 2}
    status, out = _run(capsys, *words)
    assert status == 0
    assert "soil_temperature" in out


def test_a_parameter_changes_the_value(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("decode", "meter/teros-12-sdi12", "--text", "0+2493.4+27.8+22\\r\\n", "--json")
    values = []
    for soil in ("mineral", "soilless"):
        _, out = _run(capsys, *words, "--parameter", f"soil_type={soil}")
        values.append(
            next(item["value"] for item in json.loads(out)["rows"][0]["readings"] if item["channel"] == "soil_moisture")
        )
    assert values == pytest.approx([0.27159, 0.37418], abs=1e-5)


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (("decode", "decentlab/dl-trs12", "--port", "1", "--hex", "ff"), 1),
        (("decode", "decentlab/dl-trs12", "--port", "1", "--hex", "xyz"), 2),
        (("decode", "nobody/nothing", "--hex", "00"), 2),
        (("decode", "meter/teros-12-sdi12", "--text", "0+1", "--parameter", "soil_type=moon"), 2),
        (("show", "decentlab/dl-trs12"), 0),
        (("list", "--transport", "sdi-12"), 0),
        (("lint", "--schema"), 0),
    ],
)
def test_status(capsys: pytest.CaptureFixture[str], words: tuple[str, ...], status: int) -> None:
    assert _run(capsys, *words)[0] == status


def test_a_field_is_told_with_its_value_unit_and_flag(capsys: pytest.CaptureFixture[str]) -> None:
    _, out = _run(
        capsys, "decode", "decentlab/dl-trs12", "--port", "1", "--hex", "0210d3000346be813d00000c80", "--json"
    )
    fields = {field["field"]: field for field in json.loads(out)["fields"]}
    assert fields["soil_temperature"] == {
        "offset": 7,
        "bytes": 2,
        "field": "soil_temperature",
        "raw": 33085,
        "value": 31.7,
        "unit": "Cel",
        "flag": 2,
    }
    assert "value" not in fields["_flags"]


def test_lines_of_a_recording_have_their_time(captures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = captures / "serial/gpsd_neo-m8n.log"
    status, out = _run(capsys, "decode", "nmea/gnss", "--file", str(file), "--json")
    assert status == 0
    lines = [json.loads(line) for line in out.splitlines()]
    latitudes = [line for line in lines if line.get("channel") == "latitude"]
    assert len(latitudes) == 24
    assert latitudes[1]["observed_at"] == "2015-03-18T17:19:26Z"
    assert latitudes[1]["observed_at_ns"] == 1_426_699_166 * 10**9


@pytest.mark.parametrize("transport", ["lorawan", "modbus-rtu", "sdi-12", "ascii"])
def test_new_writes_a_profile_that_lints_and_passes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], transport: str
) -> None:
    answers = tmp_path / "answers"
    answers.write_text(
        f'Acme "x"\nTH-1\n\n\n\n\n{transport}\n2\nair_temperature\n\n\n\nlatitude\n\n-90\n90\nwhere it stands\n',
        encoding="utf-8",
    )
    path = tmp_path / "acme" / "th-1.toml"
    assert _run(capsys, "new", "--answers", str(answers), "--output", str(path))[0] == 0
    assert _run(capsys, "lint", str(path))[0] == 0
    assert _run(capsys, "test", str(path))[0] == 0


def test_doc_writes_a_page_per_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(capsys, "doc", "--output", str(tmp_path))[0] == 0
    pages = list(tmp_path.glob("*/*.md"))
    assert len(pages) == len(catalogue.ids())
    text = (tmp_path / "dragino/lse01.md").read_text(encoding="utf-8")
    assert "soil_conductivity" in text
    assert "bits 13..0" in text
    assert "| _battery  |probe_temp…|soil_moist…|" in text
    assert "| `probe_temperature` | 32767 | missing: no sensor is connected |" in text
    assert "| ports | 2 |" in text
    modbus = (tmp_path / "sensirion/scd30-modbus.md").read_text(encoding="utf-8")
    assert "| data | function 3, 6 registers from 40; every 2 s |" in modbus
    assert "| supply [V] | 3.3 to 5.5 |" in modbus
    index = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert f"{len(pages)} models." in index


def test_import_takes_bytes_and_words_but_never_booleans_for_gases(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    codec = tmp_path / "air-codec.yaml"
    codec.write_text(
        "uplinkDecoder:\n  fileName: air.js\n  examples:\n"
        "    - description: Nitric oxide\n      input:\n        fPort: 2\n"
        "        bytes: [0x01, 2, 0xFF]\n      output:\n        data:\n          NO: 12.5\n          temperature: 21\n"
        "    - description: Unknown FPort\n      input:\n        fPort: 42\n        bytes: [1]\n      output:\n"
        "        errors:\n          - unknown FPort\ndownlinkEncoder:\n  examples: []\n",
        encoding="utf-8",
    )
    assert import_codec(codec, None, None) == 0
    text = capsys.readouterr().out
    assert 'hex = "0102ff"' in text
    assert 'no = { quantity = "nitric_oxide"' in text
    assert "expect = { no = 12.5, temperature = 21 }" in text
    assert "when = { port = 2, length = 3 }" in text
    assert 'reject = "no_frame"' in text


def _by_hand(words: list[str], lines: list[str], folder: Path) -> tuple[int, str]:
    """Run the command on a terminal and type answers as its questions come."""
    import os
    import pty
    import subprocess
    import sys

    root = Path(__file__).parents[2]
    master, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, str(root / "harkara.py"), "profile", *words],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    os.close(terminal)
    seen = ""
    waiting = list(lines)
    while True:
        try:
            part = os.read(master, 4096).decode("utf-8", "replace")
        except OSError:
            break
        if not part:
            break
        seen += part
        if seen.endswith("]: ") and waiting:
            os.write(master, waiting.pop(0).encode() + b"\n")
            seen += " "
    os.close(master)
    return process.wait(30), seen


def test_new_by_hand_asks_again_where_an_answer_cannot_be(tmp_path: Path) -> None:
    lines = ["Acme", "TH-2", "", "", "", "", "lorawann", "lorawan", "two", "2"]
    lines += ["air_temprature", "air_temperature", "0", "0.01", "-40", "-50", "85", "air_temperature", "", "", ""]
    status, seen = _by_hand(["new", "--output", "acme/th-2.toml"], lines, tmp_path)
    assert status == 0, seen
    for wrong in (
        "nearest: lorawan",
        "'two' is no whole number",
        "nearest: air_temperature",
        "more than 0",
        "more than -40",
    ):
        assert wrong in seen
    text = (tmp_path / "acme/th-2.toml").read_text(encoding="utf-8")
    assert "air_temperature = { range = [-40, 85], resolution = 0.01 }" in text
    assert 'air_temperature_2 = { quantity = "air_temperature"' in text
    status, seen = _by_hand(["new", "--output", "acme/th-2.toml"], [], tmp_path)
    assert status == 2
    assert "exists already" in seen
    assert _by_hand(["test", "acme/th-2.toml"], [], tmp_path)[0] == 0


def test_a_wrong_answer_in_a_file_is_told_with_its_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answers = tmp_path / "answers"
    answers.write_text("Acme\nTH-1\n\n\n\n\nlorawann\n", encoding="utf-8")
    assert _run(capsys, "new", "--answers", str(answers))[0] == 2


NESTED = """\
uplinkDecoder:
  fileName: x.js
  examples:
    - description: Example 1
      input:
        fPort: 1
        bytes:
          [
            0x02, 0x03,
            0x5a,
          ]
      output:
        data:
          air_temperature:
            displayName: Air temperature
            unit: "\\xB0C"
            value: 26.4
          atmospheric_pressure:
            unit: kPa
            value: 95.96
          device_colour: 3
    - description: Example 2
      input:
        fPort: 1
        bytes: [0x02]
      output:
        data: { BatV: 3.061, "air_temperature": -1 }
downlinkEncoder:
  examples:
    - description: not an uplink
      input: { fPort: 1, bytes: [1] }
"""


def test_import_makes_vectors_that_fail_until_the_fields_are_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    codec = tmp_path / "acme-codec.yaml"
    codec.write_text(NESTED, encoding="utf-8")
    path = tmp_path / "acme" / "th.toml"
    assert _run(capsys, "import-ttn", str(codec), "--output", str(path))[0] == 0
    text = path.read_text(encoding="utf-8")
    assert "air_temperature = { range = [-80, 60], resolution = 0.1 }  # air_temperature, 26.4 °C" in text
    assert 'atmospheric_pressure = { quantity = "air_pressure", unit = "kPa"' in text
    assert 'bat_v = { quantity = "battery_voltage"' in text
    assert "when = { port = 1, length = [1, 3] }" in text
    status, out = _run(capsys, "test", str(path), "--json")
    assert (status, json.loads(out)["vectors"], json.loads(out)["failed"]) == (1, 2, 2)
    assert _run(capsys, "lint", str(path))[0] == 1
    whole = text.replace(
        'fields = [{ name = "_all", type = "hex:rest" }]',
        "fields = [\n"
        '  { name = "_a", type = "u8" },\n'
        '  { name = "air_temperature", value = "if(length == 3, 264, -10)", scale = 0.1 },\n]\n'
        '[[frames.parts]]\nif = "length == 3"\n'
        'fields = [{ name = "atmospheric_pressure", value = "9596", scale = 0.01 }]\n'
        '[[frames.parts]]\nif = "length == 1"\nfields = [{ name = "bat_v", value = "3061", scale = 0.001 }]',
    )
    path.write_text(whole, encoding="utf-8")
    assert _run(capsys, "test", str(path))[0] == 0
    assert _run(capsys, "import-ttn", str(codec), "--output", str(path))[0] == 2


def test_import_of_what_is_no_codec(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, text in (
        ("a.yaml", "uplinkDecoder:\n  fileName: a.js\n"),
        ("b.jsonl", "{"),
        ("c.jsonl", '{"port": 1}\n'),
    ):
        (tmp_path / name).write_text(text, encoding="utf-8")
        assert _run(capsys, "import-ttn", str(tmp_path / name))[0] == 2
    assert _run(capsys, "import-ttn", str(tmp_path / "absent.yaml"))[0] == 2
