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


@pytest.mark.parametrize("transport", ["lorawan", "modbus-rtu", "sdi-12", "ascii"])
def test_new_writes_a_profile_that_lints_and_passes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], transport: str
) -> None:
    answers = tmp_path / "answers"
    answers.write_text(
        f'Acme "x"\nTH-1\n\n\n\n\n{transport}\n2\nair_temperature\n\n\n\nlatitude\n\n-90\n90\n', encoding="utf-8"
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
    assert "NO = 12.5" in text
    assert "when = { port = 2, length = 3 }" in text
    assert 'reject = "no_frame"' in text
