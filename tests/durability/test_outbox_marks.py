"""How far files were read: one place a file, taken with the rows, and carried over where a damaged file is replaced."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from edge_agent.outbox import Accept, Mark, Outbox, Seal
from harkara_io.log_errors import Incident, LogFull
from tests.durability.damage import spoil
from tests.durability.outbox_workload import chunk_of, encoder, open_outbox, some_rows


def mark(number: int, offset: int) -> Mark:
    return Mark("table", f"/data/{number}.csv", {"offset": offset, "last": "ab" * 8})


def test_the_newest_place_of_each_file_and_device_is_kept(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path)
    assert outbox.marks() == []
    rows = some_rows(0)
    outbox.commit([Accept(chunk_of("weather", rows)), mark(1, 10), mark(2, 20)])
    outbox.commit([mark(1, 30), Mark("other", "/data/1.csv", {"offset": 5})])
    outbox.close()
    again = open_outbox(tmp_path)
    places = {(each.device, each.file): each.place["offset"] for each in again.marks()}
    assert places == {("table", "/data/1.csv"): 30, ("table", "/data/2.csv"): 20, ("other", "/data/1.csv"): 5}
    again.close()


def test_a_place_is_not_kept_without_the_rows_before_it(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path)
    rows = some_rows(0)
    with pytest.raises(ValueError, match="no open rows"):
        outbox.commit([Accept(chunk_of("weather", rows)), mark(1, 10), Seal("gauge", encoder(rows))])
    assert outbox.marks() == []
    assert outbox.stats().accepted == 0
    outbox.close()


def fill(outbox: Outbox) -> None:
    for part in range(100):
        outbox.commit([mark(100 * part + number, 1) for number in range(100)])


def test_places_count_against_the_cap(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path, bytes_max=1 << 20)
    with pytest.raises(LogFull):
        fill(outbox)
    assert (tmp_path / "outbox.db").stat().st_size <= 1 << 20
    outbox.close()


def test_what_can_be_read_of_a_damaged_file_goes_on(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path)
    rows = some_rows(0)
    all_marks = [mark(number, number) for number in range(600)]
    outbox.commit([Accept(chunk_of("weather", rows)), Seal("weather", encoder(rows)), *all_marks])
    outbox.close()
    spoil(tmp_path / "outbox.db", "middle", random.Random(3))
    incidents: list[Incident] = []
    again = open_outbox(tmp_path, incidents.append)
    if not incidents:  # the damage is found where somebody looks
        while not again.check():
            pass
        again.close()
        again = open_outbox(tmp_path, incidents.append)
    left = again.marks()
    assert 0 < len(left) < 600
    assert all(each in all_marks for each in left)
    again.close()
