"""What a back-fill reads out of the lake is what was meant, each reading once, from wherever it was left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from collector.lake.ports import StoreKey
from collector.stores import backfill
from collector.stores.backfill import DAY_NS, END, BackFill, FilledPiece
from collector.stores.offset import Job, Offset, OffsetFile
from device_profiles.wire.decode import decode
from device_profiles.wire.encode import encode
from device_profiles.wire.model import ProfileRef, TextEvent
from tests.lake.stations import BEGIN_NS, Bench, block, store

Row = tuple[str, str, str, int, float, int]
DAYS = 4


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A lake with blocks of several days and agents; one device changes its profile, one block has a text."""
    with Bench(tmp_path_factory.mktemp("lake")) as made:
        for day in range(DAYS):
            blocks = [
                block(
                    seq, agent=f"station-{agent}", segment=70 + agent, start_ns=BEGIN_NS + day * DAY_NS + seq * 10**11
                )
                for agent in range(3)
                for seq in range(1 + day * 4, 5 + day * 4)
            ]
            if day == 2:
                newer = replace(decode(blocks[0]), profile=ProfileRef("weather-2", 2, b"profile2"), seq=99)
                blocks.append(encode(replace(newer, times_ns=tuple(at + 10**6 for at in newer.times_ns))))
                words = TextEvent("log", BEGIN_NS + 2 * DAY_NS, "hello")
                blocks.append(block(98, agent="station-1", segment=71, texts=(words,), start_ns=BEGIN_NS + 2 * DAY_NS))
            store(made.journal, blocks)
            made.project()
        yield made


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backfill, "CHUNK_ROWS", 150)
    monkeypatch.setattr(backfill, "PIECE_ROWS", 40)


def job(bench: Bench, **fields: object) -> Job:
    return Job(1, "a test", bench.lake.note.next_block - 1, **fields)  # type: ignore[arg-type]


def pieces(bench: Bench, wanted: Job) -> list[FilledPiece]:
    with closing(bench.lake.cursor()) as cursor:
        return list(BackFill(cursor, wanted).pieces())


def rows(made: list[FilledPiece]) -> Counter[Row]:
    return Counter(
        (facts.agent, facts.device, facts.channel, at_ns, value, flag)
        for piece in made
        for series, at_ns, value, flag in zip(
            piece.readings.series.tolist(),
            piece.readings.observed_at_ns.tolist(),
            piece.readings.value.tolist(),
            piece.readings.flag.tolist(),
            strict=True,
        )
        for facts in [piece.readings.series_table[series]]
    )


def test_everything_once_in_bounded_pieces(bench: Bench) -> None:
    made = pieces(bench, job(bench))
    assert rows(made) == Counter(bench.rows())
    assert max(len(piece.readings.value) for piece in made) <= 40
    assert [text.text for piece in made for text in piece.readings.texts] == ["hello"]
    marks = [piece.progress for piece in made]
    assert marks == sorted(marks, key=lambda progress: progress.mark)
    assert marks[-1].mark == END
    with closing(bench.lake.cursor()) as cursor:
        assert marks[-1].readings == BackFill(cursor, job(bench)).total() == len(bench.rows()) + 1


def test_readings_keep_the_profile_they_came_under(bench: Bench) -> None:
    profiles = {
        (facts.profile, at_ns % 10**9)
        for piece in pieces(bench, job(bench))
        for series, at_ns in zip(piece.readings.series.tolist(), piece.readings.observed_at_ns.tolist(), strict=True)
        for facts in [piece.readings.series_table[series]]
    }
    assert profiles == {("weather", 0), ("weather-2", 10**6)}


def test_left_anywhere_it_goes_on_without_a_gap(bench: Bench) -> None:
    made = pieces(bench, job(bench))
    whole = Counter(bench.rows())
    for place in (0, 1, len(made) // 2, len(made) - 3, len(made) - 2):
        left = made[place].progress
        rest = pieces(bench, job(bench, done=left.mark, readings=left.readings))
        together = rows(made[: place + 1]) + rows(rest)
        assert set(together) == set(whole)
        assert rest[-1].progress.readings == made[-1].progress.readings


@pytest.mark.parametrize(("first", "last"), [(1, 2), (0, DAYS), (3, 3)])
def test_a_time_is_what_was_asked_for(bench: Bench, first: int, last: int) -> None:
    from_ns, until_ns = BEGIN_NS + first * DAY_NS + 2 * 10**11, BEGIN_NS + last * DAY_NS + 3 * 10**11
    made = pieces(bench, job(bench, from_ns=from_ns, until_ns=until_ns))
    assert rows(made) == Counter(row for row in bench.rows() if from_ns <= row[3] < until_ns)


def test_a_stretch_of_the_journal_is_just_that(bench: Bench) -> None:
    identity = StoreKey(bench.journal.identity.store_id, bench.journal.identity.generation)
    entries = bench.journal.read(5, blocks_max=4)[:4]
    made = pieces(bench, job(bench, of=identity, after=5, until=entries[-1].position))
    wanted = {
        (b.agent, column.channel, at_ns)
        for b in (decode(e.data) for e in entries)
        for column in b.columns
        for at_ns in b.times_ns
    }
    assert {(row[0], row[2], row[3]) for row in rows(made)} == wanted
    assert not rows(pieces(bench, job(bench, of=StoreKey(bytes(16), 1), after=0)))


def test_blocks_that_came_later_are_not_meant(bench: Bench) -> None:
    assert not rows(pieces(bench, replace(job(bench), block_max=0)))
    few = rows(pieces(bench, replace(job(bench), block_max=3)))
    assert 0 < sum(few.values()) < len(bench.rows())


def test_the_offset_file_gives_back_what_was_written(tmp_path: Path) -> None:
    identity = StoreKey(bytes(range(16)), 3)
    file = OffsetFile(tmp_path / "stores", "it")
    assert file.read() is None
    offset = Offset(identity, 17, resent=5, paused=True).with_job(Job(0, "new store", 9, of=identity, until=4))
    file.write(offset)
    assert file.read() == offset
    assert offset.with_job(Job(0, "asked for", 9)).jobs[1].number == 2
    record = file.path.read_bytes()
    for place in range(0, len(record), 7):
        file.path.write_bytes(record[:place] + bytes([record[place] ^ 4]) + record[place + 1 :])
        assert file.read() is None
        file.path.with_suffix(".offset-corrupt").unlink()
