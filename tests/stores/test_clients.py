"""One contract for all clients of stores, against a store that answers everything, lies, trickles, hangs and resets."""

from __future__ import annotations

import email.utils
import gc
import gzip
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from collector.stores.http_store import READ_MAX, HttpOptions
from collector.stores.influxdb import InfluxDB
from collector.stores.ports import BadLines, Busy, NeedsPerson, Pulse, StoreClient, Stored, TooLarge, Unreachable
from collector.stores.victoria import VictoriaMetrics
from tests.agent.certificates import Authority
from tests.conftest import free_port, wait_until
from tests.stores import hostile
from tests.stores.hostile import HostileStore, answering, hostile_store, saying

TOKEN = "the-secret-of-this-test"
LINES = b"m,device=d f=1.0 1\n"
NOW_S = 1_780_000_000.0
SHORT_S = 0.3
"""A deadline that is meant to pass; whatever passes it must be over long before `LATE_S`."""
LATE_S = 20.0

Make = Callable[..., StoreClient]


def influxdb(url: str, **options: object) -> StoreClient:
    made = HttpOptions(url, authorization=f"Token {TOKEN}", **options)  # type: ignore[arg-type]
    return InfluxDB(made, org="o g", bucket="b&ket", now_s=lambda: NOW_S)


def victoria(url: str, **options: object) -> StoreClient:
    made = HttpOptions(url, authorization=f"Bearer {TOKEN}", **options)  # type: ignore[arg-type]
    return VictoriaMetrics(made, now_s=lambda: NOW_S)


@pytest.fixture(params=[influxdb, victoria])
def make(request: pytest.FixtureRequest) -> Iterator[Make]:
    made: list[StoreClient] = []

    def one(url: str, **options: object) -> StoreClient:
        made.append(request.param(url, **options))
        return made[-1]

    yield one
    for client in made:
        client.close()


@pytest.fixture
def store() -> Iterator[HostileStore]:
    with hostile_store() as running:
        yield running


def words_of(answer: object) -> str:
    words = getattr(answer, "words", "")
    assert words
    assert TOKEN not in words
    return str(words)


@pytest.mark.parametrize("fault", [None, hostile.reset], ids=["refused", "reset"])
def test_a_store_that_is_dead_for_days_leaves_no_garbage(
    make: Make, store: HostileStore, fault: hostile.Behaviour | None
) -> None:
    """Exceptions hold frames that hold them: without an end to that each question costs until garbage is looked for."""
    if fault is not None:
        store.behaviour = fault
    client = make(store.address if fault else f"http://127.0.0.1:{free_port()}")
    assert isinstance(client.write(LINES), Unreachable)
    gc.collect()
    gc.disable()
    try:
        for _ in range(20):
            client.write(LINES)
            client.pulse()
        assert gc.collect() < 40
    finally:
        gc.enable()


def test_lines_arrive_as_they_are_with_the_token_on_one_connection(make: Make, store: HostileStore) -> None:
    client = make(store.address + "/insert/0/influx/")
    for _ in range(3):
        assert client.write(LINES) == Stored()
    assert store.connections == 1
    for request in store.requests:
        url = urlsplit(request.target)
        assert (request.method, request.body) == ("POST", LINES)
        assert request.headers["authorization"].endswith(f" {TOKEN}")
        assert (url.path, parse_qs(url.query)) in (
            ("/insert/0/influx/api/v2/write", {"org": ["o g"], "bucket": ["b&ket"], "precision": ["ns"]}),
            ("/insert/0/prometheus/api/v1/import", {}),
        )


def test_gzip_is_what_it_says(make: Make, store: HostileStore) -> None:
    assert make(store.address, gzip=True).write(LINES * 100) == Stored()
    assert store.requests[0].headers["content-encoding"] == "gzip"
    assert len(store.requests[0].body) < 200
    assert gzip.decompress(store.requests[0].body) == LINES * 100


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, BadLines),
        (422, BadLines),
        (401, NeedsPerson),
        (403, NeedsPerson),
        (404, NeedsPerson),
        (405, NeedsPerson),
        (408, Unreachable),
        (413, TooLarge),
        (429, Busy),
        (500, Unreachable),
        (502, Unreachable),
        (503, Busy),
        (504, Unreachable),
        (200, NeedsPerson),
        (301, NeedsPerson),
        (307, NeedsPerson),
    ],
)
def test_every_status_asks_for_its_own(make: Make, store: HostileStore, status: int, kind: type) -> None:
    store.behaviour = answering(status, '{"code":"x","message":"said\\nso"}', Location="https://other.example/")
    client = make(store.address)
    for _ in range(2):
        answer = client.write(LINES)
        assert isinstance(answer, kind)
        assert f"127.0.0.1:{urlsplit(store.address).port}: " in words_of(answer)
        if not 300 <= status < 400:
            assert "said" in words_of(answer)
        if kind is not BadLines:
            assert "\n" not in words_of(answer)
    store.behaviour = answering(204)
    assert client.write(LINES) == Stored()


@pytest.mark.parametrize("status", [200, 400, 403, 404, 422])
def test_a_web_page_is_no_store(make: Make, store: HostileStore, status: int) -> None:
    store.behaviour = answering(status, "<!doctype html><title>Router\nlogin</title>", Content_Type="text/html")
    answer = make(store.address).write(LINES)
    assert isinstance(answer, NeedsPerson)
    assert "no such store" in words_of(answer)
    assert "Router" in words_of(answer)


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("said", "wanted_s"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("1.5", 1.5),
        ("-3", 0.0),
        ("100000000", 3600.0),
        (email.utils.formatdate(NOW_S + 90, usegmt=True), 90.0),
        (email.utils.formatdate(NOW_S - 90, usegmt=True), 0.0),
        ("soon", None),
        ("nan", None),
        ("", None),
    ],
)
def test_retry_after(make: Make, store: HostileStore, status: int, said: str, wanted_s: float | None) -> None:
    store.behaviour = answering(status, Retry_After=said)
    answer = make(store.address).write(LINES)
    assert isinstance(answer, Busy)
    assert answer.retry_after_s == wanted_s


@pytest.mark.parametrize("behaviour", [hostile.hang, hostile.trickle])
@pytest.mark.parametrize("call", ["write", "pulse"])
def test_who_hangs_or_trickles_is_unreachable_in_time_and_forgiven(
    make: Make, store: HostileStore, behaviour: hostile.Behaviour, call: str
) -> None:
    client = make(store.address, timeout_s=SHORT_S)
    calls = {"write": lambda: client.write(LINES), "pulse": client.pulse}
    store.behaviour = behaviour
    for _ in range(2):
        began = time.monotonic()
        answer = calls[call]()
        assert isinstance(answer, Unreachable)
        assert time.monotonic() - began < LATE_S
        assert "no whole answer within 0.3 s" in words_of(answer)
    store.behaviour = answering(204)
    # The machine may be slow: it has to come back, not at once.
    assert any(client.write(LINES) == Stored() for _ in range(50))


def test_who_never_reads_is_unreachable_in_time(make: Make) -> None:
    with hostile_store(deaf=True) as store:
        began = time.monotonic()
        answer = make(store.address, timeout_s=SHORT_S).write(LINES * 1_000_000)
        assert isinstance(answer, Unreachable)
        assert time.monotonic() - began < LATE_S


def test_a_name_server_that_never_answers_is_unreachable_in_time(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    with hostile_store() as store:

        def never(*_: object, **__: object) -> None:
            store.leaving.wait(60)

        monkeypatch.setattr(socket, "getaddrinfo", never)
        began = time.monotonic()
        answer = make("http://store.example:8086", timeout_s=SHORT_S).write(LINES)
        assert isinstance(answer, Unreachable)
        assert time.monotonic() - began < LATE_S
        assert words_of(answer).startswith("store.example:8086: no whole answer")


@pytest.mark.parametrize(
    "behaviour",
    [
        hostile.reset,
        saying(b""),
        saying(b"HTTP/1.1 20"),
        saying(b"HTTP/1.1 400 Bad\r\nContent-Length: 100\r\n\r\npartial write: "),
        saying(b"HTTP/1.1 400 Bad\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nx"),
        saying(b"HTTP/1.1 400 Bad\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope"),
    ],
)
def test_a_broken_answer_is_none(make: Make, store: HostileStore, behaviour: hostile.Behaviour) -> None:
    store.behaviour = behaviour
    client = make(store.address)
    answer = client.write(LINES)
    assert isinstance(answer, Unreachable)
    assert "\n" not in words_of(answer)
    store.behaviour = answering(204)
    assert client.write(LINES) == Stored()


def test_what_speaks_no_http_needs_a_person(make: Make, store: HostileStore) -> None:
    store.behaviour = saying(b"SSH-2.0-OpenSSH_9.2\r\n")
    answer = make(store.address).write(LINES)
    assert isinstance(answer, NeedsPerson)
    assert "speaks no HTTP" in words_of(answer)


def test_an_answer_without_end_is_read_no_further(make: Make, store: HostileStore) -> None:
    store.behaviour = hostile.endless
    client = make(store.address)
    answer = client.write(LINES)
    assert isinstance(answer, BadLines)
    assert len(words_of(answer)) < READ_MAX + 100
    store.behaviour = answering(204)
    assert client.write(LINES) == Stored()


@pytest.mark.parametrize("text", ["token " + TOKEN, '{"message": "Bearer ' + TOKEN + '"}'])
@pytest.mark.parametrize("status", [400, 401, 429, 500])
def test_the_token_is_never_told(make: Make, store: HostileStore, status: int, text: str) -> None:
    store.behaviour = answering(status, text)
    assert "***" in words_of(make(store.address).write(LINES))


def test_a_connection_that_is_done_is_let_go_at_once(make: Make, store: HostileStore) -> None:
    store.behaviour = hostile.refuse_early
    client = make(store.address)
    assert isinstance(client.write(LINES), TooLarge)
    wait_until(lambda: store.let_go == [True], what="the end of the connection")


def test_words_can_always_be_written_down(make: Make, store: HostileStore) -> None:
    for text in (b'{"message": "a \\ud800 b"}', b"\xff\xfe", b"[" * 100_000, b'{"message": {"a": 1}}'):
        store.behaviour = answering(400, text)
        words_of(make(store.address).write(LINES)).encode()


def test_a_store_that_closed_the_idle_connection_is_written_to_again(make: Make, store: HostileStore) -> None:
    def once(server: HostileStore, peer: socket.socket, request: hostile.Request) -> bool:
        peer.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
        return False

    store.behaviour = once
    client = make(store.address)
    answers = [client.write(LINES) for _ in range(5)]
    # A close that crosses the next request cannot be told from a lost answer; one that came before it can.
    assert answers[0] == Stored()
    assert {type(answer) for answer in answers} <= {Stored, Unreachable}


def test_nobody_there(make: Make) -> None:
    port = free_port()
    answer = make(f"http://127.0.0.1:{port}").write(LINES)
    assert answer == Unreachable(f"127.0.0.1:{port}: connection refused")
    answer = make("http://no-such-host.invalid").write(LINES)
    assert isinstance(answer, Unreachable)
    assert words_of(answer).startswith("no-such-host.invalid:80: its name is not known")


def test_tls_with_a_stranger_is_refused_and_with_a_known_one_works(make: Make, tmp_path: Path) -> None:
    authority = Authority.make(tmp_path / "authority")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue("store", alt="DNS:localhost"))
    with hostile_store(tls=context) as store:
        answer = make(store.address).write(LINES)
        assert isinstance(answer, Unreachable)
        assert "TLS: its certificate is not trusted" in words_of(answer)
        assert make(store.address, ca_file=str(authority.ca_file)).write(LINES) == Stored()
        store.behaviour = hostile.trickle
        slow = make(store.address, ca_file=str(authority.ca_file), timeout_s=SHORT_S).write(LINES)
        assert isinstance(slow, Unreachable)
        plain = make(store.address.replace("https", "http"), timeout_s=5).write(LINES)
        assert isinstance(plain, (Unreachable, NeedsPerson))
    with hostile_store() as store:
        answer = make(store.address.replace("http", "https")).write(LINES)
        assert isinstance(answer, Unreachable)
        assert "TLS" in words_of(answer) or "closed" in words_of(answer)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"url": "localhost:8086"}, "is no address"),
        ({"url": "ftp://localhost"}, "is no address"),
        ({"url": "http://"}, "is no address"),
        ({"url": "http://h:99999"}, "no address"),
        ({"url": "http://me:secret@h"}, "user or a password"),
        ({"url": "http://h/write?db=x"}, "has a query"),
        ({"url": "http://h", "authorization": "Token a\nb"}, "the token holds signs"),
        ({"url": "http://h", "authorization": "Token ü"}, "the token holds signs"),
    ],
)
def test_options_that_cannot_be(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        HttpOptions(**options)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("status", [401, 403, 404, 200])
def test_a_store_whose_figures_are_closed_has_no_life(make: Make, store: HostileStore, status: int) -> None:
    store.behaviour = answering(status, "<html>" if status == 200 else "")
    assert make(store.address).pulse() == Pulse("")


def test_figures_tell_life_and_what_was_ignored(store: HostileStore) -> None:
    def figures(began: int, up: float) -> hostile.Behaviour:
        return answering(
            200,
            f"# HELP x y\nvm_app_start_timestamp {began}\nprocess_start_time_seconds 5\n"
            f'influxdb_uptime_seconds{{id="a"}} {up}\nvm_rows_ignored_total{{reason="big_timestamp"}} 3\n'
            'vm_rows_ignored_total{reason="nan_value"} 0\nvm_rows_invalid_total{type="vmimport"} 2\n'
            'vm_rows_invalid_total{type="graphite"} 9\nbroken{ 1\nodd NaN\n',
        )

    metrics = VictoriaMetrics(HttpOptions(store.address))
    lives = []
    now = [NOW_S]
    influx = InfluxDB(HttpOptions(store.address), org="o", bucket="b", now_s=lambda: now[0])
    for began, up, at in ((100, 10.0, NOW_S), (100, 20.1, NOW_S + 10), (150, 1.0, NOW_S + 60)):
        store.behaviour, now[0] = figures(began, up), at
        pulse, other = metrics.pulse(), influx.pulse()
        assert isinstance(pulse, Pulse)
        assert isinstance(other, Pulse)
        assert pulse.ignored == {"big_timestamp": 3, "invalid": 2}
        lives.append((pulse.life, other.life))
    assert lives[0] == lives[1]
    assert lives[0][0] != lives[2][0]
    assert lives[0][1] != lives[2][1]
    metrics.close()
    influx.close()


def test_a_store_that_was_killed_and_is_back_within_a_second_has_another_life(store: HostileStore) -> None:
    client = VictoriaMetrics(HttpOptions(store.address))
    lives = []
    for began, influx, other in ((7, 0, 5), (7, 9, 5), (7, 9, 5), (7, 3, 5), (7, 4, 5), (7, 2, 5), (8, 0, 5)):
        rows = f'vm_rows_inserted_total{{type="influx"}} {influx}\nvm_rows_inserted_total{{type="other"}} {other}\n'
        store.behaviour = answering(200, f"vm_app_start_timestamp {began}\n{rows}")
        pulse = client.pulse()
        assert isinstance(pulse, Pulse)
        lives.append(pulse.life)
    assert lives == ["7", "7", "7", "7+1", "7+1", "7+2", "8"]
    client.close()


def test_advice_names_settings_that_lose_or_double(store: HostileStore) -> None:
    client = VictoriaMetrics(HttpOptions(store.address))
    flags = (
        'flag{{name="dedup.minScrapeInterval", value="{}", is_set="false"}} 1\n'
        'flag{{name="retentionPeriod", value="{}"}} 1\n'
    )
    store.behaviour = answering(200, flags.format("0s", "1"))
    assert [("-dedup.minScrapeInterval=1ms" in line, "-retentionPeriod" in line) for line in client.advice()] == [
        (True, False),
        (False, True),
    ]
    store.behaviour = answering(200, flags.format("1ms", "10y"))
    assert client.advice() == []
    store.behaviour = answering(403)
    assert client.advice() == []
    client.close()
