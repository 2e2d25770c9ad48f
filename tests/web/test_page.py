"""The page as bytes: size, what it says, what it lets nobody do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.lake.dictionary import SeriesKey
from collector.web.app import SECURITY_HEADERS
from collector.web.page import environment, render
from collector.web.ports import Health, Link, StoreLine
from tests.web.network import NOW_NS, Network, day_of, typical
from tests.web.serving import Site, served

TEMPLATES = environment()


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with served(typical()) as running:
        yield running


def page(network: Network, start: int = 0) -> str:
    return render(TEMPLATES, network, now_ns=NOW_NS, start=start, refresh=True)


def test_the_page_of_a_typical_network_with_its_style_is_under_20_kb(site: Site) -> None:
    body = site.ask("/").body
    assert len(body) + len(site.ask("/style.css").body) <= 20_000
    assert body.count(b"<path d=") == 30


def test_the_longest_names_and_fullest_charts_still_fit_a_page() -> None:
    network = Network()
    for agent in range(30):
        day_of(network, f"{agent:040d}", "d" * 100)
    for agent in range(30):
        network.link_list.append(Link(f"{agent:040d}", alive=None))
    assert len(page(network).encode()) <= 30_000
    assert "Channels 1 to 40 of 300." in page(network)


def test_every_channel_stands_on_exactly_one_page() -> None:
    network = Network()
    for agent in range(13):
        day_of(network, f"agent-{agent:02d}", "weather", points=3)
    seen: list[str] = []
    start = 0
    while True:
        text = page(network, start)
        seen += re.findall(
            r'<tr><th scope="row">((?:[a-z0-9_]|<wbr>)+)(?: <em>[a-z, ]+</em>)?</th><td class="n v">', text
        )
        further = re.search(r'href="/\?start=(\d+)" rel="next"', text)
        if further is None:
            break
        start = int(further[1])
    assert len(seen) == 130


def test_an_empty_collector_says_what_to_do() -> None:
    text = page(Network())
    assert "harkara device add" in text
    assert "0 readings accepted = 0 stored + 0 recorded as lost + 0 pending." in text


def test_the_numbers_are_those_of_the_accounts_and_the_sensor() -> None:
    network = Network()
    network.observe(SeriesKey("a", "weather", "t", "Cel", -2), [NOW_NS - 12 * 10**9], [21.5])
    network.accounts.stored([("a", 1, 1_000, 900)])
    text = page(network)
    assert '<td class="n v">21.50</td><td>°C</td>' in text
    assert ">12 s</time>" in text
    assert "1,000 readings accepted = 900 stored + 0 recorded as lost + 100 pending." in text


def test_a_silent_channel_and_a_doubtful_clock_are_named() -> None:
    text = page(typical())
    assert text.count("<em>late</em>") == 9
    assert "<em>suspect, late</em>" in text
    assert "clock not set" in text
    assert "not connected" in text


def test_trouble_is_said_in_words_and_in_the_status() -> None:
    network = typical()
    network.state = Health(ok=False, problem="the lake cannot be written: No space left on device")
    assert "Needs a person:" in page(network)
    with served(network) as troubled:
        answer = troubled.ask("/health")
    assert answer.status == 503
    assert answer.json()["problem"].endswith("No space left on device")


class _Structure(HTMLParser):
    """Collects tags and attributes, and text that became markup by accident would show as a tag."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag != "wbr":  # comes of a name's own underscores
            self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}


HOSTILE = st.text(
    alphabet=st.sampled_from(list("<>\"'&{}%=/abc \u202e\x00\n")) | st.characters(codec="utf-8"), max_size=60
)


@given(device=HOSTILE, channel=HOSTILE, unit=HOSTILE, agent=HOSTILE, words=HOSTILE)
def test_no_name_becomes_markup(device: str, channel: str, unit: str, agent: str, words: str) -> None:
    plain, hostile = Network(), Network()
    for network, key in (
        (plain, SeriesKey("a", "d", "c", "V", 0)),
        (hostile, SeriesKey(agent, device, channel, unit, 0)),
    ):
        network.observe(key, [NOW_NS - 10**9, NOW_NS], [1.0, 2.0])
        network.accounts.stored([(key.agent, 1, 1, 1)])
        network.link_list = [Link(key.agent, alive=True, since_ns=NOW_NS)]
    hostile.state = plain.state = Health(ok=False, problem="x")
    hostile.state = Health(ok=False, problem=words)
    shapes = []
    for network in (plain, hostile):
        structure = _Structure()
        structure.feed(page(network))
        shapes.append((structure.tags, structure.attributes))
    assert shapes[0] == shapes[1]


def test_the_page_runs_nothing_and_loads_nothing_from_elsewhere(site: Site) -> None:
    answer = site.ask("/")
    for name, value in SECURITY_HEADERS.items():
        assert answer.headers[name.lower()] == value
    assert "script" not in answer.text
    assert "http://" not in answer.text
    assert "https://" not in answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "[::2]:8080"])
def test_another_name_for_loopback_gets_nothing(site: Site, host: str) -> None:
    answer = site.ask("/", host=host)
    assert answer.status == 421
    assert "kolhapur" not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("host", ["localhost:9", "127.0.0.1", "[::1]:8080"])
def test_its_own_names_are_answered(site: Site, host: str) -> None:
    assert site.ask("/", host=host).status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_nothing_can_be_changed(site: Site, method: str) -> None:
    assert site.ask("/", method=method).status == 405


@pytest.mark.parametrize("path", ["/?start=-1", "/?start=x", "/?start=9999999999999999999", "/?refresh=perhaps"])
def test_a_bad_question_is_refused(site: Site, path: str) -> None:
    assert site.ask(path).status == 422


@pytest.mark.parametrize("path", ["/docs", "/openapi.json", "/redoc", "/templates/page.html", "/../app.py"])
def test_there_is_nothing_else(site: Site, path: str) -> None:
    assert site.ask(path).status == 404


def test_a_start_past_the_end_shows_the_end(site: Site) -> None:
    answer = site.ask("/?start=1000")
    assert answer.status == 200
    assert "Channels 30 to 30 of 30." in answer.text


def test_the_same_as_data(site: Site) -> None:
    answer = site.ask("/api/latest?count=10").json()
    assert answer["total"] == 30
    assert len(answer["values"]) == 10
    first = answer["values"][0]
    assert first["channel"] == "air_pressure"
    assert re.fullmatch(r"\d+\.\d\d", first["value"])
    assert first["age_s"] == 7.0
    assert answer["accounting"]["pending"] == 1_440


def test_updating_can_be_stopped(site: Site) -> None:
    assert 'http-equiv="refresh"' in site.ask("/").text
    assert 'http-equiv="refresh"' not in site.ask("/?refresh=0").text


def test_stores_of_others_and_their_own_words_are_shown_and_escaped() -> None:
    network = typical()
    assert "Stores</h2>" not in page(network)
    words = "127.0.0.1:8428: <b>401</b>"
    network.store_list = [
        StoreLine("grafana", "needs a person", good=False, why=words, lag_blocks=12_345, values=9_876_543)
    ]
    shown = page(network)
    assert "needs a person" in shown
    assert "12,345" in shown
    assert "9,876,543" in shown
    assert "&lt;b&gt;401&lt;/b&gt;" in shown
    assert words not in shown
