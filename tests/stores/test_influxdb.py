"""What InfluxDB 2 makes of our lines, by its own query; and what it says when somebody changes something."""

from __future__ import annotations

import csv
import io
import json
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from collector.stores.delivery import Delivery
from collector.stores.encoder import Encoded, Encoder
from collector.stores.http_store import HttpOptions
from collector.stores.influxdb import InfluxDB as Client
from collector.stores.lines import Lines
from collector.stores.mapping import MappingOptions
from collector.stores.ports import NeedsPerson, Pulse, Readings, SeriesFacts, Stored, TextReading, Unreachable
from collector.stores.quarantine import Quarantine
from simulators.demo.servers import InfluxDB
from tests.conftest import wait_until
from tests.stores.made import facts, readings
from tests.stores.servers import influxdb

FROM_NS = 1_780_000_000_123_456_789
NAMES = ["river stage", "a,b=c", "वर्षा मिमी", 'say "so"', "#5", "ends in \\", "two\nlines", "_time"]
ROWS = 240

Found = dict[tuple[str, str], dict[int, float | str]]


def api(store: InfluxDB, method: str, path: str, body: object = None) -> Any:
    request = urllib.request.Request(
        store.address + path,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Token {store.token}", "Content-Type": "application/json"},
        method=method,
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        data = answer.read()
    return json.loads(data) if data[:1] == b"{" else data.decode()


def org_id(store: InfluxDB) -> str:
    return str(api(store, "GET", "/api/v2/orgs")["orgs"][0]["id"])


def make_bucket(store: InfluxDB, name: str, keep_s: int = 0) -> str:
    rules = [{"type": "expire", "everySeconds": keep_s}] if keep_s else []
    return str(
        api(store, "POST", "/api/v2/buckets", {"orgID": org_id(store), "name": name, "retentionRules": rules})["id"]
    )


def bucket_id(store: InfluxDB, name: str) -> str:
    return str(api(store, "GET", f"/api/v2/buckets?name={name}")["buckets"][0]["id"])


def found(store: InfluxDB, bucket: str | None = None, *, only: str = "") -> Found:
    """Values by field and device, by time; of one field or all. [ns]."""
    fields = f' |> filter(fn: (r) => r._field == "{only}")' if only else ""
    query = (
        f'from(bucket: "{bucket or store.bucket}") |> range(start: 1970-01-01T00:00:00Z, stop: 2100-01-01T00:00:00Z)'
        f"{fields} |> map(fn: (r) => ({{r with at: int(v: r._time)}}))"
    )
    wanted = {"query": query, "dialect": {"annotations": ["datatype"], "header": True}}
    values: Found = {}
    for table in api(store, "POST", f"/api/v2/query?org={store.org}", wanted).strip().split("\r\n\r\n"):
        kinds, _, rest = table.partition("\r\n")
        header = next(csv.reader([rest.partition("\r\n")[0]]), [])
        kind = dict(zip(header, kinds.split(","), strict=False))
        for row in csv.DictReader(io.StringIO(rest, newline="")):
            value: float | str = float(row["_value"]) if kind["_value"] == "double" else row["_value"]
            assert kind["_value"] in {"double", "string"}
            values.setdefault((row["_field"], row["device"]), {})[int(row["at"])] = value
    return values


@dataclass
class Bench:
    """A delivery to a real InfluxDB."""

    store: InfluxDB
    folder: Path

    def __post_init__(self) -> None:
        self.encoder = Encoder(MappingOptions(), str)
        self.use()

    def use(self, *, bucket: str | None = None, token: str | None = None) -> None:
        options = HttpOptions(self.store.address, authorization=f"Token {token or self.store.token}")
        self.client = Client(options, org=self.store.org, bucket=bucket or self.store.bucket)
        self.quarantine = Quarantine(self.folder / f"{bucket}.jsonl")
        self.delivery = Delivery(self.client, self.quarantine)

    def encode(self, given: Readings) -> Encoded:
        encoded = self.encoder.encode(given)
        assert encoded.values + sum(encoded.left_out.values()) == len(given.value) + len(given.texts)
        return encoded

    @property
    def aside(self) -> list[str]:
        return [line for entry in self.quarantine.entries() for line in entry.lines]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InfluxDB]:
    with influxdb(tmp_path_factory.mktemp("influxdb") / "data") as running:
        yield running


@pytest.fixture
def bench(store: InfluxDB, tmp_path: Path) -> Iterator[Bench]:
    made = Bench(store, tmp_path)
    yield made
    made.client.close()


def test_all_comes_back_bit_equal_twice_is_one_and_a_kill_loses_none(bench: Bench) -> None:
    table = [SeriesFacts("a1", f"S{number} {name}", "", name, "m/s") for number, name in enumerate(NAMES)]
    series = np.arange(ROWS) % len(table)
    value = np.linspace(-40.0, 8848.86, ROWS)
    value[-6:] = [0.0, 1e-300, 1.7976931348623157e308, -5e-324, 2.0**63, 1e16]
    # Nanoseconds that a float could not hold.
    at_ns = FROM_NS + 1_000_000_007 * np.arange(ROWS)
    rows = list(zip(series.tolist(), at_ns.tolist(), value.tolist(), strict=True))
    texts = [TextReading("a1", "d", "", "note", FROM_NS, 'said "so", a=b \\ वर्षा')]
    flags = [4 if number == 9 else 2 for number in range(ROWS)]
    encoded = bench.encode(readings(table, [*rows, (0, FROM_NS, float("nan"))], flags=[*flags, 2], texts=texts))
    assert (encoded.values, dict(encoded.left_out)) == (ROWS + 1, {"not_finite": 1})
    for _ in range(2):
        assert bench.delivery.send(encoded.lines) == Stored()
    there = found(bench.store)
    assert there.pop(("note_text", "d")) == {FROM_NS: 'said "so", a=b \\ वर्षा'}
    flagged = [(key, there.pop(key)) for key in list(there) if key[0].endswith("_flag")]
    assert flagged == [(("a,b=c_m_per_s_flag", "S1 a,b=c"), {int(at_ns[9]): 4.0})]
    numbers = {tuple(by_time.items()) for by_time in there.values()}
    wanted = {tuple((at, number) for s, at, number in rows if s == place) for place in range(len(table))}
    assert numbers == wanted
    for number, name in enumerate(NAMES[:4]):
        assert (f"{name}_m_per_s", f"S{number} {name}") in there
    assert (bench.aside, bench.delivery.requests) == ([], 2)
    before = bench.client.pulse()
    bench.store.kill()
    down = bench.delivery.send(encoded.lines)
    assert isinstance(down, Unreachable)
    bench.store.start()
    assert bench.delivery.send(encoded.lines) == Stored()
    assert {tuple(by_time.items()) for key, by_time in found(bench.store).items() if key in there} == wanted
    wait_until(lambda: bench.client.pulse() != before, what="another life")
    assert isinstance(before, Pulse)
    assert before.life


def test_a_schema_of_somebody_else_costs_its_field_alone(bench: Bench) -> None:
    make_bucket(bench.store, "theirs")
    bench.use(bucket="theirs")
    name = 'वर्षा "मिमी", x=y'
    table = [facts(name, "", device="d, 1"), facts("level", "m", device="d, 1"), facts("level", "m", device="d2")]
    rows = [(series, FROM_NS + at, series + at / 8) for at in range(500) for series in range(3)]
    encoded = bench.encode(readings(table, rows))
    escaped = name.replace(",", "\\,").replace(" ", "\\ ").replace("=", "\\=").encode()
    head = b"reading,device=d\\,\\ 1,site=a1 "
    assert encoded.lines.pieces[0].startswith(head)
    assert isinstance(bench.client.write(head + escaped + b"=7i %d\n" % (FROM_NS - 9)), Stored)
    for _ in range(2):
        assert bench.delivery.send(encoded.lines) == Stored()
    there = found(bench.store, "theirs", only="level_m")
    assert there == {
        ("level_m", device): {FROM_NS + at: series + at / 8 for at in range(500)}
        for series, device in ((1, "d, 1"), (2, "d2"))
    }
    assert bench.delivery.requests == 3, "found once, remembered after"
    assert len(bench.aside) == 1000
    assert all(f" {escaped.decode()}=" in line for line in bench.aside)
    assert "field type conflict" in next(bench.quarantine.entries()).words
    assert [each.startswith(f"reading {name}: ") for each in bench.delivery.refused_fields] == [True]


def test_lines_that_it_cannot_read_are_put_aside_with_its_words(bench: Bench) -> None:
    make_bucket(bench.store, "mixed")
    bench.use(bucket="mixed")
    encoded = bench.encode(readings([facts()], [(0, FROM_NS + at, float(at)) for at in range(2000)]))
    good = encoded.lines.pieces[0].splitlines(keepends=True)
    bad = [b"reading,device=d1 level_m=nan 5\n", b"no line at all\n", b"reading,device=d1,device=d1 x=1.0 5\n"]
    mixed = b"".join([*good[:700], bad[0], *good[700:701], bad[1], *good[701:], bad[2]])
    assert bench.delivery.send(Lines((mixed,), 2003)) == Stored()
    assert found(bench.store, "mixed") == {("level_m", "d1"): {FROM_NS + at: float(at) for at in range(2000)}}
    assert [line.encode() + b"\n" for line in bench.aside] == bad
    assert [entry.words.rpartition(": ")[2] for entry in bench.quarantine.entries()] == [
        "invalid number",
        "invalid field format",
        "duplicate tags",
    ]
    assert bench.delivery.requests == 2


def test_what_is_too_old_for_the_bucket_is_counted_and_the_rest_stored(bench: Bench) -> None:
    make_bucket(bench.store, "hour", keep_s=3600)
    bench.use(bucket="hour")
    now_ns = time.time_ns()
    rows = [(0, now_ns - minutes * 60 * 10**9, float(minutes)) for minutes in range(0, 600, 10)]
    assert bench.delivery.send(bench.encode(readings([facts()], rows)).lines) == Stored()
    there = found(bench.store, "hour")["level_m", "d1"]
    assert len(there) + bench.delivery.refused["too_old"] == len(rows)
    assert set(there.items()) <= {(at, value) for _, at, value in rows}
    assert len(there) >= 5
    assert bench.aside == []


def test_a_bucket_that_somebody_deletes_needs_a_person_and_goes_on_when_it_is_back(bench: Bench) -> None:
    make_bucket(bench.store, "gone")
    bench.use(bucket="gone")
    encoded = bench.encode(readings([facts()], [(0, FROM_NS, 1.0)]))
    assert bench.delivery.send(encoded.lines) == Stored()
    api(bench.store, "DELETE", f"/api/v2/buckets/{bucket_id(bench.store, 'gone')}")
    outcome = bench.delivery.send(encoded.lines)
    assert isinstance(outcome, NeedsPerson)
    assert "gone" in outcome.words
    make_bucket(bench.store, "gone")
    assert bench.delivery.send(encoded.lines) == Stored()
    assert found(bench.store, "gone") == {("level_m", "d1"): {FROM_NS: 1.0}}
    assert bench.aside == []


def test_a_token_revoked_under_load_needs_a_person_and_goes_on_when_it_holds_again(bench: Bench) -> None:
    bucket = make_bucket(bench.store, "loaded")
    may = {"action": "write", "resource": {"type": "buckets", "id": bucket, "orgID": org_id(bench.store)}}
    made = api(bench.store, "POST", "/api/v2/authorizations", {"orgID": org_id(bench.store), "permissions": [may]})
    bench.use(bucket="loaded", token=made["token"])
    table = [facts(f"c{number}", "") for number in range(5)]
    outcomes: list[object] = []
    batches = [
        bench.encode(readings(table, [(s, FROM_NS + 1000 * batch + at, at / 4) for s in range(5) for at in range(200)]))
        for batch in range(60)
    ]
    revoked, restored = threading.Event(), threading.Event()

    def load() -> None:
        for batch in batches:
            while True:
                outcomes.append(bench.delivery.send(batch.lines))
                if isinstance(outcomes[-1], Stored):
                    break
                revoked.set()
                restored.wait(60)

    thread = threading.Thread(target=load)
    thread.start()
    wait_until(lambda: len(outcomes) > 5, what="some batches")
    api(bench.store, "PATCH", f"/api/v2/authorizations/{made['id']}", {"status": "inactive"})
    try:
        wait_until(lambda: revoked.is_set() or not thread.is_alive(), what="a refusal")
    finally:
        api(bench.store, "PATCH", f"/api/v2/authorizations/{made['id']}", {"status": "active"})
        restored.set()
        thread.join()
    told = [each for each in outcomes if not isinstance(each, Stored)]
    assert all(isinstance(each, NeedsPerson) for each in told)
    assert all(made["token"] not in str(each) for each in told)
    assert {len(by_time) for by_time in found(bench.store, "loaded").values()} == {60 * 200}
    assert bench.aside == []
