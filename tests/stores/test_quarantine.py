"""Refused lines are there after a kill at any byte, within their bound, the oldest going first and counted."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pytest

from collector.stores.quarantine import MB, Quarantine, Refused


def kept(quarantine: Quarantine) -> list[str]:
    return [line for entry in quarantine.entries() for line in entry.lines]


def test_lines_come_back_with_words_and_time(tmp_path: Path) -> None:
    path = tmp_path / "refused.jsonl"
    quarantine = Quarantine(path, clock_ns=lambda: 7)
    assert (quarantine.lines, kept(quarantine), quarantine.size_bytes) == (0, [], 0)
    quarantine.keep([b"a b=1.0 1", "मि c=2.0 2".encode(), b"\xff d=1.0 3"], "no\nnever")
    quarantine.keep([], "nothing")
    again = Quarantine(path)
    assert list(again.entries()) == [Refused(7, "no\nnever", ("a b=1.0 1", "मि c=2.0 2", "\udcff d=1.0 3"))]
    assert (again.lines, again.evicted) == (3, 0)
    assert path.read_text().count("\n") == 1


def test_a_kill_at_any_byte_costs_the_torn_record_alone(tmp_path: Path) -> None:
    path = tmp_path / "refused.jsonl"
    quarantine = Quarantine(path)
    sizes = []
    for number in range(3):
        quarantine.keep([f"line {number}".encode()], "words")
        sizes.append(path.stat().st_size)
    whole = path.read_bytes()
    for size in range(len(whole) + 1):
        path.write_bytes(whole[:size])
        found = Quarantine(path)
        there = sum(size >= end for end in sizes)
        assert kept(found) == [f"line {number}" for number in range(there)]
        found.keep([b"after"], "words")
        assert kept(Quarantine(path)) == [*(f"line {number}" for number in range(there)), "after"]


def test_the_oldest_go_first_and_are_counted_over_restarts(tmp_path: Path) -> None:
    path = tmp_path / "refused.jsonl"
    keep_mb = 0.05
    lines = [f"line {number} {'x' * 300}" for number in range(1000)]
    quarantine = Quarantine(path, keep_mb=keep_mb)
    for number, line in enumerate(lines):
        quarantine.keep([line.encode()], "words")
        assert quarantine.size_bytes <= keep_mb * MB
        if number % 100 == 50:
            quarantine = Quarantine(path, keep_mb=keep_mb)
        assert quarantine.lines + quarantine.evicted == number + 1
    found = kept(quarantine)
    assert found == lines[-len(found) :]
    assert len(found) == quarantine.lines > 50
    assert {path.name for path in tmp_path.iterdir()} == {"refused.jsonl", "refused.jsonl.old"}


@pytest.mark.parametrize("killed_at", [1, 2])
def test_a_kill_in_the_middle_of_a_turn_costs_neither_lines_nor_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed_at: int
) -> None:
    path = tmp_path / "refused.jsonl"
    quarantine = Quarantine(path, keep_mb=0.01)
    number = 0
    while not quarantine.evicted:
        quarantine.keep([f"line {number} {'x' * 300}".encode()], "words")
        number += 1
    whole = Path.replace
    turns = []

    def killed(self: Path, target: Path) -> Path:
        turns.append(target)
        if len(turns) == killed_at:
            raise KeyboardInterrupt
        return whole(self, target)

    with monkeypatch.context() as dying:
        dying.setattr(Path, "replace", killed)
        with contextlib.suppress(KeyboardInterrupt):
            while True:
                quarantine.keep([f"line {number} {'x' * 300}".encode()], "words")
                number += 1
    assert len(turns) == killed_at
    again = Quarantine(path, keep_mb=0.01)
    assert again.lines + again.evicted == number
    again.keep([b"after"], "words")
    assert kept(again)[-2:] == [f"line {number - 1} {'x' * 300}", "after"]
    assert again.lines + again.evicted == number + 1


def test_many_lines_at_once_stay_within_the_bound(tmp_path: Path) -> None:
    quarantine = Quarantine(tmp_path / "refused.jsonl", keep_mb=1)
    quarantine.keep([f"line {number}".encode() * 10 for number in range(50_000)], "words")
    assert quarantine.size_bytes <= MB
    assert quarantine.lines + quarantine.evicted == 50_000


def test_a_disk_that_fails_is_counted_and_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "refused.jsonl"
    quarantine = Quarantine(path)
    quarantine.keep([b"before"], "words")
    with monkeypatch.context() as failing:

        def full(_: int) -> None:
            raise OSError(28, "No space left on device")

        failing.setattr(os, "fsync", full)
        quarantine.keep([b"lost", b"too"], "words")
        quarantine.keep([b"lost"], "words")
    assert quarantine.unkept == 3
    assert len(caplog.records) == 1
    quarantine.keep([b"after"], "words")
    assert kept(Quarantine(path)) == ["before", "after"]
