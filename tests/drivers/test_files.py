"""Files that grow: every line once, through rotation, half lines and SIGKILL in the middle."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from device_profiles.wire.values import Scaled
from edge_agent import config as configuration
from edge_agent.clock import SystemClock
from edge_agent.config import plain
from edge_agent.config_series import SeriesMap
from edge_agent.drivers.file_tail import Tail
from edge_agent.drivers.files import FilesDriver
from edge_agent.drivers.ports import LinkDown, Read, Sample
from edge_agent.outbox.types import Mark
from edge_agent.settings_series import SeriesMap as Layout
from harkara_io import toml_config
from harkara_io.errors import ConfigError
from tests.agent.harness import KeepingCollector, agent_config
from tests.conftest import Mosquitto, wait_until

HEAD = '"TOA5","ridge","CR1000X","1","x","y","z","Hourly"\n"TIMESTAMP","RECORD","T"\n"TS","RN","Deg C"\n"","","Avg"\n'
TABLE = toml_config.parse('[time]\nzone = "UTC"\ncolumn = "t"\n[channels]\nv = { unit = "Cel" }\n', SeriesMap)


def logger_rows(first: int, last: int) -> str:
    return "".join(f'"2026-05-14 {n // 3600:02}:{n // 60 % 60:02}:{n % 60:02}",{n},{n}.5\n' for n in range(first, last))


def table_rows(first: int, last: int) -> str:
    return "".join(f"{1_780_000_000 + n},{n}.5\n" for n in range(first, last))


class Reader:
    """A driver whose marks are kept as the outbox keeps them: with the samples that carry them."""

    def __init__(self, path: Path, layout: Layout | None = None, **said: object) -> None:
        self.path = path
        self.layout = layout or plain(TABLE)
        self.said = {"form": "auto", "poll_s": 0.0, "quiet_s": 0.0, **said}
        self.marks: dict[str, Mark] = {}
        self.got: list[int] = []
        self.rejected: list[str] = []
        self.restart()

    def restart(self) -> None:
        """As after a power cut: of the driver nothing is left but its marks."""
        self.driver = FilesDriver(
            "x",
            self.path,
            layout=self.layout,
            clock=SystemClock(),
            marks=list(self.marks.values()),
            **self.said,  # type: ignore[arg-type]
        )

    def take(self, reads: list[Read], most: int | None = None) -> None:
        """Accept samples, all or some; the rest of them is lost like everything that is not on the disk."""
        for read in reads[:most]:
            if isinstance(read, Sample):
                (value,) = (number.value for number in read.numbers)
                assert isinstance(value, Scaled)
                self.got.append(value.mantissa // 10)
                self.marks |= {mark.file: mark for mark in read.marks}
            else:
                self.rejected.append(read.detail)

    def has_row_of(self, file: Path) -> bool:
        """Whether a row of this very file was accepted."""
        mark = self.marks.get(str(file))
        return mark is not None and mark.place["inode"] == file.stat().st_ino

    def drain(self) -> list[int]:
        async def run() -> None:
            await self.driver.open()
            idle = 0
            while idle < 3:
                reads = await self.driver.read()
                idle = 0 if reads else idle + 1
                self.take(reads)

        asyncio.run(run())
        return self.got

    def crash_after(self, most: int) -> None:
        async def run() -> None:
            await self.driver.open()
            for _ in range(4):  # it finds out first where its lines are
                if reads := await self.driver.read():
                    self.take(reads, most)
                    return

        asyncio.run(run())
        self.restart()


def test_a_loggers_table_is_followed_and_goes_on_after_a_restart_with_its_header(tmp_path: Path) -> None:
    file = tmp_path / "met.dat"
    file.write_text(HEAD + logger_rows(0, 3))
    reader = Reader(file, plain(toml_config.parse('time = { zone = "UTC" }', SeriesMap)))
    assert reader.drain() == [0, 1, 2]
    reader.restart()
    with file.open("a") as more:
        more.write(logger_rows(3, 5))
    assert reader.drain() == [0, 1, 2, 3, 4]
    with file.open("a") as more:
        more.write(HEAD.replace('"T"', '"T2"') + logger_rows(5, 7))
    assert reader.drain() == list(range(7))
    reader.restart()
    with file.open("a") as more:
        more.write(logger_rows(7, 8))
    assert reader.drain() == list(range(8))
    assert reader.rejected == []


def test_half_a_line_waits_for_its_end_or_for_silence(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text("t,v\n" + table_rows(0, 1) + "17800000")
    reader = Reader(file)
    assert reader.drain() == [0]
    with file.open("a") as more:
        more.write("01,1.5")
    assert reader.drain() == [0]
    with file.open("a") as more:
        more.write("\n")
    assert reader.drain() == [0, 1]
    with file.open("a") as more:
        more.write("1780000002,2.5")
    reader.said["quiet_s"] = 1e-9
    reader.restart()
    assert reader.drain() == [0, 1, 2]
    with file.open("a") as more:
        more.write("\n" + table_rows(3, 4))
    assert reader.drain() == [0, 1, 2, 3]
    assert reader.rejected == []


def test_a_file_that_is_renamed_is_read_to_its_end_before_the_new_one(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text("t,v\n" + table_rows(0, 3))
    reader = Reader(file)
    reader.crash_after(2)
    with file.open("a") as more:
        more.write(table_rows(3, 5) + "1780000005,5.5")
    file.rename(tmp_path / "t.csv.1")
    file.write_text("t,v\n" + table_rows(6, 8))
    assert reader.drain() == list(range(8))
    reader.restart()
    assert reader.drain() == list(range(8))
    assert reader.rejected == []


def test_files_that_were_exchanged_while_nobody_looked_are_read_in_their_order(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text("t,v\n" + table_rows(0, 3))
    reader = Reader(file)
    reader.crash_after(1)
    for day in range(3):
        os.utime(file, (1_700_000_000 + day,) * 2)
        file.rename(tmp_path / f"t.csv-2026-05-1{day}")
        file.write_text("t,v\n" + table_rows(3 * day + 3, 3 * day + 6))
    (tmp_path / "t.csv.notes").write_text("none of ours")
    assert reader.drain() == list(range(12))
    assert reader.driver.notes() == {"rotated": 3}


def test_a_file_that_is_copied_and_emptied_is_read_to_its_end_first(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text("t,v\n" + table_rows(0, 3))
    reader = Reader(file)
    assert reader.drain() == [0, 1, 2]
    with file.open("a") as more:
        more.write(table_rows(3, 5))
    (tmp_path / "t.csv.1").write_bytes(file.read_bytes())
    file.write_text("t,v\n" + table_rows(5, 12))  # longer than before: its size tells nothing
    assert reader.drain() == list(range(12))
    assert reader.driver.notes() == {"rotated": 1}
    file.write_text("")
    reader.drain()
    file.write_text("t,v\n" + table_rows(12, 14))
    assert reader.drain() == list(range(14))
    assert reader.driver.notes()["rotated_away"] >= 1, "nobody knows what stood in it last"


def test_a_file_that_is_written_anew_with_more_lines_is_the_same_file(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text("t,v\n" + table_rows(0, 3))
    reader = Reader(file)
    assert reader.drain() == [0, 1, 2]
    fresh = tmp_path / "fresh"
    fresh.write_text("t,v\n" + table_rows(0, 5))
    fresh.replace(file)
    assert reader.drain() == [0, 1, 2, 3, 4]
    assert reader.driver.notes() == {}


def test_all_files_of_a_folder_are_read_once_also_under_other_names(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("t,v\n" + table_rows(0, 2))
    (tmp_path / "b.csv").write_text("t,v\n" + table_rows(2, 4))
    reader = Reader(tmp_path)
    assert reader.drain() == [0, 1, 2, 3]
    (tmp_path / "a.csv").rename(tmp_path / "a.csv.1")
    (tmp_path / "a.csv").write_text("t,v\n" + table_rows(4, 6))
    assert reader.drain() == [0, 1, 2, 3, 4, 5]
    reader.restart()
    (tmp_path / "c.csv").write_text("t,v\n" + table_rows(6, 7))
    assert reader.drain() == [0, 1, 2, 3, 4, 5, 6]
    (tmp_path / "c.csv.bak").write_bytes((tmp_path / "c.csv").read_bytes())
    assert reader.drain() == [0, 1, 2, 3, 4, 5, 6]


def test_a_pattern_takes_its_files_alone_and_a_wrong_one_stops_no_other(tmp_path: Path) -> None:
    (tmp_path / "a.dat").write_text("t,w\n1780000000,1\n")
    (tmp_path / "b.dat").write_text("t,v\n" + table_rows(0, 2))
    (tmp_path / "c.txt").write_text("t,v\n" + table_rows(2, 4))
    reader = Reader(tmp_path / "*.dat")
    assert reader.drain() == [0, 1]
    assert reader.rejected == ["a.dat: no column 'v'; the file has 't', 'w'"]


def test_a_file_that_cannot_be_read_stops_no_other_and_what_was_read_before_a_failure_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.csv").write_text("t,v\n" + table_rows(0, 2))
    (tmp_path / "b.csv").write_text("t,v\n" + table_rows(2, 4))
    reader = Reader(tmp_path)
    real = Tail.read

    def refuse(tail: Tail, *args: Any, **said: Any) -> Any:
        if tail.path.name == "b.csv":
            raise failure
        return real(tail, *args, **said)

    failure: Exception = PermissionError(13, "Permission denied")
    monkeypatch.setattr(Tail, "read", refuse)
    assert reader.drain() == [0, 1]
    assert reader.driver.notes() == {"files_refused": 1}
    with (tmp_path / "a.csv").open("a") as more:
        more.write(table_rows(4, 5))
    failure = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        reader.drain()
    monkeypatch.undo()
    assert sorted(reader.drain()) == [0, 1, 2, 3, 4]


def test_lines_of_json_with_numbers_that_stand_for_none(tmp_path: Path) -> None:
    file = tmp_path / "t.jsonl"
    file.write_text('{"t": 1780000000, "v": 0.5}\n{"t": 1780000001, "v": -9999.0}\n{"t": "no"}\nx\n')
    layout = toml_config.parse(
        'missing = ["-9999"]\ntime = { column = "t" }\n[channels]\nv = { unit = "Cel" }', SeriesMap
    )
    reader = Reader(file, plain(layout))

    async def run() -> list[Read]:
        await reader.driver.open()
        return await reader.driver.read()

    first, second, *others = asyncio.run(run())
    assert isinstance(first, Sample)
    assert isinstance(second, Sample)
    assert second.numbers[0].reason == "not_measured"
    assert len(others) == 2


@pytest.mark.parametrize("seed", range(25))
def test_whatever_happens_between_two_looks_no_row_is_lost_or_twice(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    file = tmp_path / "t.csv"
    file.write_text("t,v\n" + table_rows(0, 1))
    reader = Reader(file)
    written = len(reader.drain())  # what was rotated before the device was configured is not its business
    for step in range(60):
        match chance.choice(("write", "write", "half", "rename", "copy", "crash", "read", "read")):
            case "write":
                count = chance.randrange(1, 40)
                with file.open("a") as more:
                    more.write(table_rows(written, written + count))
                written += count
            case "half":
                text = table_rows(written, written + 1)
                cut = chance.randrange(1, len(text))
                with file.open("a") as more:
                    more.write(text[:cut])
                reader.drain()
                with file.open("a") as more:
                    more.write(text[cut:])
                written += 1
            case "rename":
                time.sleep(0.02)  # two files that were written last at one instant cannot be put in order
                file.rename(tmp_path / f"t.csv.{step}")
                file.write_text("t,v\n")
                reader.drain()
            case "copy":
                # Where a file was emptied before the first look at its rows there is no telling whose they were.
                reader.drain()
                if reader.has_row_of(file):
                    with file.open("a") as more:
                        more.write(table_rows(written, written + 2))
                    written += 2
                time.sleep(0.02)
                (tmp_path / f"t.csv.{step}").write_bytes(file.read_bytes())
                file.write_text("t,v\n")
                reader.drain()
            case "crash":
                reader.crash_after(chance.randrange(0, 30))
            case "read":
                reader.drain()
    assert reader.drain() == list(range(written))
    assert reader.rejected == []


def test_what_is_not_there_is_said_in_a_line(tmp_path: Path) -> None:
    with pytest.raises(LinkDown, match=r"t\.csv is not there"):
        Reader(tmp_path / "t.csv").drain()
    with pytest.raises(LinkDown, match="gone is not there"):
        Reader(tmp_path / "gone/*.csv").drain()
    assert Reader(tmp_path / "*.csv").drain() == []


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ('format = "csv"', "which column holds the time"),
        ('format = "toa5"', "the zone of its clock"),
        ('place_from = "y"', "remove place_from"),
        ('[device.map]\nmissing = ["NAN"]', "is no number"),
        ("[device.map]\nheader = false", "needs columns"),
        ('[device.map.time]\nzone = "Mars"', "no zone 'Mars'"),
    ],
)
def test_faults_of_the_configuration_are_told_with_what_to_write(tmp_path: Path, lines: str, words: str) -> None:
    file = tmp_path / "agent.toml"
    file.write_text(
        'agent = "abc"\n[broker]\nhost = "h"\n[[device]]\nid = "y"\ndriver = "nmea"\nport = "p"\n'
        f'[[device]]\nid = "x"\ndriver = "files"\npath = "t"\n{lines}\n'
    )
    with pytest.raises(ConfigError, match=words):
        configuration.load(file)


_WRITER = """
import os, sys, time
path, count = sys.argv[1], int(sys.argv[2])
for n in range(count):
    row = f"{1_780_000_000 + n},{n}.5\\n"
    with open(path, "a") as file:
        file.write(row[:9]); file.flush()
        time.sleep(0.001)
        file.write(row[9:])
    if n % 400 == 399:
        os.rename(path, f"{path}.{n}")
        open(path, "w").write("t,v\\n")
"""


@pytest.mark.broker
def test_killed_again_and_again_while_a_file_grows_and_rotates_every_row_is_stored_once(
    tmp_path: Path, mosquitto: Callable[..., Mosquitto]
) -> None:
    rows = 3000
    file = tmp_path / "t.csv"
    file.write_text("t,v\n")
    device = (
        f'[[device]]\nid = "table"\ndriver = "files"\npath = "{file}"\npoll_s = 0.02\nseal_after_s = 0.3\n'
        'reconnect_s_max = 0.3\n[device.map.time]\ncolumn = "t"\n[device.map.channels]\nv = { unit = "Cel" }\n'
    )
    with ExitStack() as stack:
        broker = mosquitto()
        keeper = KeepingCollector(broker.port)
        stack.callback(keeper.close)
        agent = agent_config(tmp_path, broker.port, device)
        stack.callback(agent.end)
        agent.start()
        writer = subprocess.Popen([sys.executable, "-c", _WRITER, str(file), str(rows)])
        stack.callback(writer.kill)
        kills = 0
        while writer.poll() is None:
            seen = len(keeper.readings("table"))
            wait_until(
                lambda seen=seen: len(keeper.readings("table")) > seen or writer.poll() is not None,  # type: ignore[misc]
                what="some rows",
            )
            agent.kill()
            kills += 1
            agent.start()
        assert writer.returncode == 0
        wait_until(lambda: len(keeper.readings("table")) >= rows, timeout_s=60, what="every row")
        assert agent.stop() == 0
        assert kills >= 2
        stored = keeper.readings("table")
        assert [(at // 10**9 - 1_780_000_000, value) for at, _, value, _ in stored] == [
            (n, 10 * n + 5) for n in range(rows)
        ]
        assert keeper.errors == []
