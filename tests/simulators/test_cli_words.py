"""A wrong word gets a line that says what it must be; a folder of somebody else's is left alone."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import pytest

from simulators.cli_words import count, count_or_none, not_negative, positive, run_folder


@pytest.mark.parametrize(
    ("kind", "text", "words"),
    [
        (count, "x", "must be a whole number, not 'x'"),
        (count, "0", "must be 1 or more, not 0"),
        (count_or_none, "-1", "must be 0 or more, not -1"),
        (positive, "x", "must be a number, not 'x'"),
        (positive, "0", "must be more than 0, not 0"),
        (not_negative, "-0.5", "must be 0 or more, not -0.5"),
        (not_negative, "nan", "must be a number, not nan"),
        (positive, "inf", "must be a number, not inf"),
    ],
)
def test_wrong_words_are_told_what_they_must_be(kind: Callable[[str], float], text: str, words: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError) as caught:
        kind(text)
    assert str(caught.value) == words


def test_right_words_are_their_numbers() -> None:
    assert (count("3"), count_or_none("0"), positive("0.5"), not_negative("0")) == (3, 0, 0.5, 0.0)


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine", encoding="ascii")
    with pytest.raises(FileExistsError), run_folder(tmp_path, prefix="x"):
        pass
    assert (tmp_path / "thesis.txt").read_text(encoding="ascii") == "mine"


def test_a_wished_folder_stays_and_a_temporary_one_goes(tmp_path: Path) -> None:
    with run_folder(tmp_path / "new", prefix="x") as wished:
        (wished / "log").touch()
    with run_folder(None, prefix="harkara-test-") as temporary:
        (temporary / "log").touch()
    assert (tmp_path / "new" / "log").exists()
    assert not temporary.exists()
