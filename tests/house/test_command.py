"""The one command: each part's help has an example, nothing is imported before its word, errors are one line."""

from __future__ import annotations

import subprocess
import sys

import pytest

import harkara

HEAVY = ("numpy", "pyarrow", "duckdb", "fastapi", "sqlalchemy", "pydantic", "aiomqtt")


def command(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "harkara", *words], capture_output=True, text=True, check=False, timeout=120
    )


@pytest.mark.parametrize("part", list(harkara.PARTS))
def test_every_part_explains_itself_with_an_example(part: str) -> None:
    done = command(part, "--help")
    assert done.returncode == 0, done.stderr
    assert "example" in done.stdout.lower(), f"harkara {part} --help has no example"
    assert f"harkara {part}" in done.stdout


def test_help_names_every_part_and_imports_nothing_heavy() -> None:
    script = (
        "import sys, harkara\n"
        "try:\n    harkara.main(['--help'])\nexcept SystemExit:\n    pass\n"
        f"print([m for m in {HEAVY!r} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    for part in harkara.PARTS:
        assert part in done.stdout
    assert done.stdout.rstrip().endswith("[]")


def test_an_unknown_part_is_one_clear_error() -> None:
    done = command("colector")
    assert done.returncode == 2
    assert "colector" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_missing_extra_is_named_with_its_mend(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def absent(name: str) -> object:
        raise ModuleNotFoundError("No module named 'duckdb'", name="duckdb")

    monkeypatch.setattr(harkara.importlib, "import_module", absent)  # type: ignore[attr-defined]
    assert harkara.main(["query", "x"]) == 2
    assert "pip install 'harkara[collector]'" in capsys.readouterr().err
