"""What is wrong with lines is found with few requests, put aside with the store's words, and the rest is stored."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.stores import line_text, naming, refusals
from collector.stores.delivery import FORGET_S, SEARCH_MAX, UNEXPLAINED_MAX, Delivery
from collector.stores.http_store import HttpOptions
from collector.stores.influxdb import InfluxDB
from collector.stores.lane import Lane
from collector.stores.lines import Lines
from collector.stores.ports import Busy, NeedsPerson, Stored, Unreachable
from collector.stores.quarantine import Quarantine
from tests.stores import hostile
from tests.stores.hostile import Behaviour, HostileStore, answering, by_lines, hostile_store


class Bench:
    """A delivery to a store of the test's own."""

    def __init__(self, store: HostileStore, folder: Path, *, lanes: int = 1) -> None:
        self.store = store
        self.quarantine = Quarantine(folder / "refused.jsonl", keep_mb=4)
        self.client = self._connect()
        self.now_s = 0.0
        beside = [Lane("it", self._connect()) for _ in range(lanes - 1)]
        self.delivery = Delivery(self.client, self.quarantine, beside=beside, monotonic_s=lambda: self.now_s)

    def _connect(self) -> InfluxDB:
        return InfluxDB(HttpOptions(self.store.address, timeout_s=30), org="o", bucket="b")

    def send(self, lines: list[str], pieces: int = 1) -> object:
        size = -(-len(lines) // pieces)
        parts = [lines[at : at + size] for at in range(0, len(lines), size)]
        return self.delivery.send(
            Lines(tuple("".join(f"{each}\n" for each in part).encode() for part in parts), len(lines))
        )

    @property
    def aside(self) -> list[str]:
        return [line for entry in self.quarantine.entries() for line in entry.lines]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with hostile_store() as store:
        made = Bench(store, tmp_path)
        yield made
        made.delivery.close()


@pytest.fixture
def wide(tmp_path: Path) -> Iterator[Bench]:
    """The same, with two requests under way at a time."""
    with hostile_store() as store:
        made = Bench(store, tmp_path, lanes=2)
        yield made
        made.delivery.close()


def error(status: int, message: str) -> Behaviour:
    return answering(status, json.dumps({"code": "x", "message": message}))


def lines_of(count: int, bad: frozenset[int] = frozenset()) -> list[str]:
    return [f"m,device=d {'bad' if number in bad else 'f'}={number}.0 {number}" for number in range(count)]


class Kept:
    """A store that keeps what it takes and refuses requests with a bad line in them."""

    def __init__(self, words: str, *, status: int = 400, size_max: int = 10**9) -> None:
        self.words, self.status, self.size_max = words, status, size_max
        self.lines: set[str] = set()

    def __call__(self, server: HostileStore, peer: socket.socket, request: hostile.Request) -> bool:
        lines = [line.decode() for line in request.lines]
        behaviour = answering(204)
        if len(request.body) > self.size_max:
            behaviour = answering(413, "<html><title>413 Request Entity Too Large</title>")
        elif any(" bad=" in line for line in lines):
            behaviour = error(self.status, self.words)
        else:
            self.lines |= set(lines)
        return behaviour(server, peer, request)


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 400), st.sets(st.integers(0, 399), max_size=4))
def test_bad_lines_that_are_not_named_are_found_and_the_others_stored(
    tmp_path_factory: pytest.TempPathFactory, count: int, bad: set[int]
) -> None:
    with hostile_store() as store:
        bench = Bench(store, tmp_path_factory.mktemp("aside"))
        store.behaviour = kept = Kept("there is something about it")
        lines = lines_of(count, frozenset(bad))
        wanted = {line for line in lines if " bad=" not in line}
        assert bench.send(lines) == Stored()
        assert kept.lines == wanted
        assert set(bench.aside) == set(lines) - wanted
        assert all(entry.words.endswith("there is something about it") for entry in bench.quarantine.entries())
        bench.delivery.close()


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 400), st.sets(st.integers(0, 399), max_size=4), st.integers(1, 5), st.sampled_from([10**9, 900]))
def test_with_two_requests_at_a_time_it_is_the_same(
    tmp_path_factory: pytest.TempPathFactory, count: int, bad: set[int], pieces: int, size_max: int
) -> None:
    with hostile_store() as store:
        bench = Bench(store, tmp_path_factory.mktemp("aside"), lanes=2)
        store.behaviour = kept = Kept("there is something about it", size_max=size_max)
        lines = lines_of(count, frozenset(bad))
        wanted = {line for line in lines if " bad=" not in line}
        assert bench.send(lines, pieces) == Stored()
        assert kept.lines == wanted
        assert set(bench.aside) == set(lines) - wanted
        assert len(store.requests) == bench.delivery.requests
        bench.delivery.close()


def test_two_pieces_are_sent_at_a_time(wide: Bench) -> None:
    both = threading.Barrier(2)

    def together(server: HostileStore, peer: socket.socket, request: hostile.Request) -> bool:
        both.wait(60)
        return answering(204)(server, peer, request)

    wide.store.behaviour = together
    assert wide.send(lines_of(40), pieces=4) == Stored()
    assert sorted(wide.store.written) == sorted(line.encode() for line in lines_of(40))
    assert wide.store.connections == 2


def test_both_pieces_are_sent_again_when_one_of_them_is_not_stored(wide: Bench) -> None:
    def judge(lines: list[bytes]) -> Behaviour:
        return answering(503, Retry_After="7") if lines_of(40)[39].encode() in lines else answering(204)

    wide.store.behaviour = by_lines(judge)
    answer = wide.send(lines_of(40), pieces=2)
    assert isinstance(answer, Busy)
    assert answer.retry_after_s == 7
    wide.store.behaviour = answering(204)
    assert wide.send(lines_of(40), pieces=2) == Stored()
    assert Counter(wide.store.written) == Counter({line.encode(): 2 for line in lines_of(40)})


def test_a_search_ends_and_puts_the_rest_of_the_piece_aside(bench: Bench) -> None:
    bench.store.behaviour = kept = Kept("no")
    lines = lines_of(4000, frozenset(range(1, 4000, 2)))
    assert bench.send(lines) == Stored()
    assert bench.delivery.requests <= 2 * SEARCH_MAX + 2
    assert kept.lines | set(bench.aside) == set(lines)


def test_lines_that_are_named_cost_one_more_request_each_time(bench: Bench) -> None:
    def judge(lines: list[bytes]) -> Behaviour:
        bad = [line.decode() for line in lines if b" bad=" in line]
        words = "\n".join(f"unable to parse '{line}': missing fields" for line in bad)
        return error(400, words) if bad else answering(204)

    bench.store.behaviour = by_lines(judge)
    lines = [*lines_of(2000, frozenset({3, 700})), "m,device=it's:\\ ' bad=1.0 9"]
    assert bench.send(lines) == Stored()
    assert bench.delivery.requests == 2
    assert sorted(bench.aside) == sorted(line for line in lines if " bad=" in line)
    assert [entry.words for entry in bench.quarantine.entries()] == [
        f"unable to parse '{line}': missing fields" for line in bench.aside
    ]


def test_a_line_that_victoriametrics_quotes_is_found(bench: Bench) -> None:
    def judge(lines: list[bytes]) -> Behaviour:
        at = next((number for number, line in enumerate(lines) if b" bad=" in line), None)
        if at is None:
            return answering(204)
        rest = json.dumps("".join(line.decode() + "\n" for line in lines[at:]), ensure_ascii=False)
        return answering(400, f"cannot process: incorrect influx line {rest}: missing value; see https://docs.example/")

    bench.store.behaviour = by_lines(judge)
    lines = [*lines_of(500, frozenset({20, 21})), 'm,device=say\\ "वर्षा"\\,x bad=1.0 7']
    assert bench.send(lines) == Stored()
    assert bench.delivery.requests == 4
    assert sorted(bench.aside) == sorted(line for line in lines if " bad=" in line)
    assert {entry.words for entry in bench.quarantine.entries()} == {
        "incorrect influx line: missing value; see https://docs.example/"
    }


def conflict(lines: list[bytes]) -> Behaviour:
    for line in lines:
        if re.search(rb"[ ,]level\\ m=", line):
            name = "level m"
            return error(
                422,
                f'partial write: field type conflict: input field "{name}" on measurement "m x" is type float, '
                "already exists as type integer dropped=1",
            )
    return answering(204)


def test_a_field_of_another_type_is_cut_out_remembered_and_tried_again(bench: Bench) -> None:
    bench.store.behaviour = by_lines(conflict)
    lines = [f"m\\ x,device=d a=1.0,level\\ m={number}.5,z=2.0 {number}" for number in range(300)]
    for _ in range(3):
        assert bench.send(lines, pieces=3) == Stored()
    assert bench.delivery.requests == 1 + 9, "found once"
    assert bench.aside[:2] == ["m\\ x,device=d level\\ m=0.5 0", "m\\ x,device=d level\\ m=1.5 1"]
    assert len(bench.aside) == 900 == bench.delivery.refused["quarantined"]
    assert [words.startswith("m x level m: ") for words in bench.delivery.refused_fields] == [True]
    stored = [line.decode() for request in bench.store.requests[1:] for line in request.lines]
    assert stored[:2] == ["m\\ x,device=d a=1.0,z=2.0 0", "m\\ x,device=d a=1.0,z=2.0 1"]
    # Its owner mends the schema: after a while it is tried again.
    bench.store.behaviour = answering(204)
    bench.now_s = FORGET_S + 1
    assert bench.send(lines) == Stored()
    assert len(bench.aside) == 900
    assert bench.store.requests[-1].lines == [line.encode() for line in lines]
    assert bench.delivery.refused_fields == []


def test_what_is_older_than_the_store_keeps_is_counted_and_the_rest_looked_at(bench: Bench) -> None:
    def judge(lines: list[bytes]) -> Behaviour:
        old = [line for line in lines if int(line.rsplit(b" ")[-1]) < 10]
        bad = [line for line in lines if b" bad=" in line]
        words = f"partial write: dropped {len(old)} points outside retention policy of duration 1h - oldest …"
        if old:
            return error(422, f"{words} dropped={len(old) + len(bad)} for database: x")
        return error(400, "no") if bad else answering(204)

    bench.store.behaviour = by_lines(judge)
    assert bench.send(lines_of(100)) == Stored()
    assert (bench.delivery.refused, bench.delivery.requests) == ({"too_old": 10}, 1)
    assert bench.send(lines_of(100, frozenset({50}))) == Stored()
    assert bench.delivery.refused == {"too_old": 20, "quarantined": 1}
    assert bench.aside == [lines_of(100, frozenset({50}))[50]]


def test_what_it_dropped_without_saying_which_is_counted(bench: Bench) -> None:
    bench.store.behaviour = by_lines(
        lambda lines: error(422, f"partial write: max-series-per-database limit exceeded: (9) dropped={len(lines)}")
    )
    assert bench.send(lines_of(5000)) == Stored()
    assert bench.delivery.requests <= SEARCH_MAX + 20
    assert bench.delivery.refused["dropped"] + bench.delivery.refused["quarantined"] == 5000


def test_a_store_that_refuses_whatever_it_is_sent_needs_a_person_and_nothing_is_put_aside(bench: Bench) -> None:
    bench.store.behaviour = error(400, "invalid: no organisation given")
    outcome = bench.send(lines_of(1000))
    assert isinstance(outcome, NeedsPerson)
    assert "no organisation" in outcome.words
    assert bench.aside == []
    # One line alone may really be bad; not one after the other.
    outcomes = [bench.send([f"m f=1.0 {number}"]) for number in range(UNEXPLAINED_MAX + 1)]
    assert [type(each) for each in outcomes] == [*[Stored] * UNEXPLAINED_MAX, NeedsPerson]
    bench.store.behaviour = answering(204)
    assert bench.send(lines_of(1000)) == Stored()


def test_a_request_that_is_too_large_is_halved_and_the_size_remembered(bench: Bench) -> None:
    bench.store.behaviour = kept = Kept("", size_max=2000)
    long = f"m,device={'x' * 3000} f=1.0 1"
    lines = [*lines_of(1000), long]
    assert bench.send(lines) == Stored()
    assert kept.lines == set(lines) - {long}
    assert bench.aside == [long]
    assert "too large" in next(bench.quarantine.entries()).words
    before = bench.delivery.requests
    assert bench.send(lines_of(1000)) == Stored()
    sizes = [len(request.body) for request in bench.store.requests[before:]]
    assert max(sizes) <= 2000
    assert len(sizes) < 40


def test_a_store_that_finds_everything_too_large_needs_a_person(bench: Bench) -> None:
    bench.store.behaviour = answering(413)
    assert isinstance(bench.send(lines_of(5000)), NeedsPerson)
    assert bench.delivery.requests <= SEARCH_MAX


@pytest.mark.parametrize(
    ("behaviour", "kind"),
    [
        (answering(429, Retry_After="3"), Busy),
        (answering(401), NeedsPerson),
        (answering(500), Unreachable),
        (hostile.reset, Unreachable),
    ],
)
def test_what_only_time_or_a_person_mends_ends_the_sending(bench: Bench, behaviour: Behaviour, kind: type) -> None:
    bench.store.behaviour = behaviour
    assert isinstance(bench.send(lines_of(10), pieces=5), kind)
    assert bench.delivery.requests == 1
    bench.store.behaviour = answering(204)
    assert bench.send(lines_of(10), pieces=5) == Stored()
    assert bench.aside == []


def test_it_may_fail_in_the_middle_of_a_search(bench: Bench) -> None:
    inner = Kept("no")
    answers: Iterator[Behaviour] = iter([inner, inner, hostile.reset, inner, answering(503)])

    def now_and_then(server: HostileStore, peer: socket.socket, request: hostile.Request) -> bool:
        return next(answers, inner)(server, peer, request)

    bench.store.behaviour = now_and_then
    lines = lines_of(64, frozenset({40}))
    outcomes = [type(bench.send(lines)) for _ in range(3)]
    assert outcomes == [Unreachable, Busy, Stored]
    assert inner.lines == set(lines) - {lines[40]}
    assert bench.aside == [lines[40]]


_ATOM = st.text('ab\\, ="क', min_size=1, max_size=4)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["m", "m x", "mm"]),
            st.lists(st.sampled_from(["f", "g", "ff", "a,f", "f=g"]), min_size=1, max_size=4, unique=True),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_a_field_is_cut_out_of_its_measurement_and_nowhere_else(rows: list[tuple[str, list[str]]]) -> None:
    def line(measurement: str, fields: list[str], number: int) -> str:
        pairs = ",".join(f"{naming.key(name)}={number}.0" for name in fields)
        return f"{naming.head(measurement, {'f': 'f=1 f', 'g': ',f'})} {pairs} {number}\n"

    body = "".join(line(name, fields, number) for number, (name, fields) in enumerate(rows))
    cut = line_text.without_field(body.encode(), "m x", "f")
    rest = [
        (name, [each for each in fields if (name, each) != ("m x", "f")], number)
        for number, (name, fields) in enumerate(rows)
    ]
    assert cut.rest.decode() == "".join(line(*each) for each in rest if each[1])
    assert [part.decode() for part in cut.parts] == [
        line(name, ["f"], number) for number, (name, fields) in enumerate(rows) if name == "m x" and "f" in fields
    ]


def test_words_that_were_cut_in_the_middle_are_read_at_once() -> None:
    rest = r"m,device=say\\ \"so\" f= 5\n" * 30_000
    for cut in range(len(rest) - 30, len(rest)):
        found = refusals.read(f'h: cannot process: incorrect influx line "{rest[:cut]}')
        assert list(found.lines) == [b'm,device=say\\ "so" f= 5']


@given(st.text(max_size=200) | st.sampled_from(["\\ud800", "\\", '\\"']))
def test_any_words_are_read(words: str) -> None:
    for text in (
        words,
        f"unable to parse '{words}",
        f'incorrect influx line "{words}',
        f'input field "{words}" on measurement "{words}" is type',
    ):
        found = refusals.read(text)
        line_text.without_lines(b"m f=1.0 1\n", found.lines)
        line_text.without_field(b"m f=1.0 1\n", *(found.field_of or ("m", "f")))
