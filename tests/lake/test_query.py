"""Questions and their answers, from the running process and from its files."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import harkara
from collector.lake.answers import QueryAnswers
from collector.lake.errors import QueryRefused
from collector.lake.instants import iso_text, parse_instant
from collector.lake.numerals import decimal_text
from device_profiles.wire.model import Column
from harkara_io.control_socket import ControlServer
from tests.lake.stations import BEGIN_NS, Bench, block, store

NAME = "rack'; DROP TABLE reading; --"
NOW_NS = BEGIN_NS + 3600 * 10**9


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stopped collector's folder with two agents, a hostile name among the devices."""
    root = tmp_path_factory.mktemp("stopped")
    (root / "data").mkdir()
    (root / "collector.toml").write_text('data = "data"\n', encoding="utf-8")
    with Bench(root / "data") as bench:
        store(bench.journal, [block(seq) for seq in range(1, 6)])
        hostile = (Column("=cmd|x", "V", -3, (12001, 12002)), Column('quo"te,\u202e', "V", None, (0.1, 1e300)))
        store(bench.journal, [block(1, agent="station-2", device=NAME, rows=2, columns=hostile)])
        bench.project()
    return root


def ask(folder: Path, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    status = harkara.main(["query", "--config", str(folder / "collector.toml"), *words])
    out = capsys.readouterr()
    return status, out.out, out.err


def test_json_keeps_the_decimals(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = ask(folder, capsys, "weather", "-c", "air_temperature", "--format", "json", "--limit", "1")
    assert status == 0
    assert '"value": 20.50}' in out
    (row,) = json.loads(out)
    assert row["observed_at_ns"] == BEGIN_NS + (5 * 60 + 15) * 10**9
    assert row["agent"] == "station-1"


def test_csv_survives_hostile_names(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = ask(folder, capsys, NAME, "--format", "csv")
    assert status == 0
    rows = list(csv.DictReader(io.StringIO(out, newline="")))
    assert [(row["channel"], row["value"]) for row in rows] == [
        ("=cmd|x", "12.001"),
        ('quo"te,\u202e', "0.1"),
        ("=cmd|x", "12.002"),
        ('quo"te,\u202e', "1e+300"),
    ]


def test_a_terminal_sees_no_control_characters(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = ask(folder, capsys, NAME)
    assert len(out.splitlines()) == 5


def test_parquet_goes_to_a_file_whole(folder: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    target = tmp_path / "answer.parquet"
    status, out, _ = ask(folder, capsys, "--format", "parquet", "-o", str(target))
    assert (status, out) == (0, "")
    table = pq.read_table(target)
    assert table.num_rows == 5 * 48 + 4
    assert str(table.schema.field("observed_at").type) == "timestamp[ns, tz=UTC]"
    assert list(tmp_path.iterdir()) == [target]


def test_instants_bound_the_answer(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    since, until = iso_text(BEGIN_NS + 120 * 10**9), iso_text(BEGIN_NS + 180 * 10**9)
    _, out, _ = ask(folder, capsys, "weather", "--from", since, "--to", until, "--format", "json")
    moments = {row["observed_at_ns"] for row in json.loads(out)}
    assert moments == {BEGIN_NS + (120 + row) * 10**9 for row in range(16)}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["wether"], "did you mean `weather`?"),
        (["weather", "-c", "air_temprature"], "did you mean `air_temperature`?"),
        (["weather", "-a", "station-3"], "did you mean"),
        (["weather", "--from", "yesterday"], "no instant: 'yesterday'"),
        (["weather", "--from", "2026-11-23T10:00"], "no zone"),
        (["weather", "--from", "-1h", "--to", "-2h"], "--from is not before --to"),
        (["weather", "--limit", "0"], "give 1 or more"),
        (["%"], "no device"),
    ],
)
def test_a_wrong_question_gets_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    status, out, err = ask(folder, capsys, *words)
    assert status == 2
    assert out == ""
    assert said in err
    assert len(err.splitlines()) == 1


def test_nothing_in_the_interval_is_an_answer(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(folder, capsys, "weather", "--to", "1999-01-01Z", "--format", "json")[:2] == (0, "[]\n")


def test_reading_a_stopped_lake_changes_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def state() -> dict[str, tuple[int, int]]:
        files = (path for path in (folder / "data" / "lake").rglob("*") if path.is_file())
        return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in files}

    before = state()
    ask(folder, capsys, "--format", "csv")
    assert state() == before


def test_no_lake_is_said_in_a_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "collector.toml").write_text('data = "data"\n', encoding="utf-8")
    status, _, err = ask(tmp_path, capsys, "weather")
    assert status == 1
    assert "no lake in" in err


@contextmanager
def answering(bench: Bench, socket: Path) -> Iterator[None]:
    """Projector and control socket of a running collector."""
    stop = threading.Event()
    projecting = threading.Thread(target=bench.projector.run, args=(stop,))
    ready = threading.Event()
    loop = asyncio.new_event_loop()
    done = asyncio.Event()

    async def serve() -> None:
        answers = QueryAnswers(bench.lake.cursor, bench.projector.flush)
        async with ControlServer(socket, streams={"query": answers.stream}):
            ready.set()
            await done.wait()

    serving = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    projecting.start()
    serving.start()
    assert ready.wait(20)
    try:
        yield
    finally:
        loop.call_soon_threadsafe(done.set)
        serving.join()
        loop.close()
        stop.set()
        bench.projector.wake()
        projecting.join()


def test_a_running_collector_answers_with_what_it_journalled_a_moment_ago(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "collector.toml").write_text('data = "d"\n', encoding="utf-8")
    with Bench(tmp_path / "d") as bench, answering(bench, tmp_path / "d" / "collector.sock"):
        store(bench.journal, [block(1, rows=256), block(2, rows=256)])
        status, out, err = ask(tmp_path, capsys, "weather", "--format", "json")
        assert (status, err) == (0, "")
        assert len(json.loads(out)) == 2 * 3 * 256
        status, _, err = ask(tmp_path, capsys, "wether")
        assert status != 0
        assert "did you mean `weather`?" in err
        assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("1970-01-01Z", 0),
        ("1970-01-01T00:00:00.000000001Z", 1),
        ("1969-12-31T23:59:59.5Z", -500_000_000),
        ("2026-11-23T14:00+05:30", 1_795_422_600 * 10**9),
        ("2026-11-23 08:30:00Z", 1_795_422_600 * 10**9),
        ("-2h", NOW_NS - 7200 * 10**9),
        ("90min", NOW_NS - 5400 * 10**9),
        ("now", NOW_NS),
    ],
)
def test_instants(text: str, instant: int) -> None:
    assert parse_instant(text, NOW_NS) == instant


@pytest.mark.parametrize("text", ["", "2026-13-01Z", "2026-11-23T25:00Z", "1 h", "-h", "2026", "9" * 40 + "s", "\x00"])
def test_no_instants(text: str) -> None:
    with pytest.raises(QueryRefused):
        parse_instant(text, NOW_NS)


@given(st.integers(-(10**18), 9 * 10**18))
def test_an_instant_survives_its_text(instant: int) -> None:
    assert parse_instant(iso_text(instant), 0) == instant


@given(mantissa=st.integers(-(10**15), 10**15), exponent=st.integers(-15, 6))
def test_fifteen_digits_survive_the_double(mantissa: int, exponent: int) -> None:
    exact = Decimal(mantissa).scaleb(exponent)
    assert decimal_text(float(exact), exponent) == f"{exact:f}"
