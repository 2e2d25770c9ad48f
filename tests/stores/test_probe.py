"""What is asked for is what was written: real stores give a value back under the hardest names, and no other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from collector.stores.encoder import Encoder
from collector.stores.http_store import HttpOptions
from collector.stores.influxdb import InfluxDB
from collector.stores.mapping import MappingOptions, Store
from collector.stores.ports import NeedsPerson, Readings, SeriesFacts, Stored
from collector.stores.probe import Probe
from collector.stores.victoria import VictoriaMetrics
from tests.conftest import wait_until
from tests.stores.servers import influxdb, victoria_metrics_store

AT_NS = 1_795_471_200 * 10**9
HARD = 'a,b =${c} "वर्षा"'


def line_of(kind: Store) -> bytes:
    facts = SeriesFacts("agent, one", HARD, "", HARD, "Cel")
    readings = Readings(
        [facts],
        np.zeros(1, np.int32),
        np.array([AT_NS]),
        np.array([21.5]),
        np.array([2], np.uint8),
    )
    encoded = Encoder(MappingOptions(store=kind, extra_tags={"t=": "x,y "}), lambda agent: agent).encode(readings)
    (piece,) = encoded.lines.pieces
    return piece


def test_a_probe_reads_back_what_the_encoder_wrote() -> None:
    probe = Probe.of(line_of("influxdb"), 1)
    assert probe is not None
    field = probe.labels["_field"]
    named = {"device": HARD, "site": "agent, one", "t=": "x,y "}
    assert probe == Probe({"_measurement": "reading", "_field": field, **named}, AT_NS)
    assert field.startswith(HARD)
    assert Probe.of(line_of("victoriametrics"), 1) == Probe({"__name__": f"reading_{field}", **named}, AT_NS)


@pytest.mark.parametrize("line", [b"", b"m", b"m f", b"m f=1", b"m f=1 x", b"\xff", b'{"metric":{}'])
def test_what_is_no_line_is_no_probe(line: bytes) -> None:
    assert Probe.of(line, 1) is None


def test_victoria_metrics_gives_it_back_and_is_not_taken_for_an_influxdb(tmp_path: Path) -> None:
    line = line_of("victoriametrics")
    with victoria_metrics_store(tmp_path / "vm") as store:
        mistaken = InfluxDB(HttpOptions(store.address), org="o", bucket="b")
        answer = mistaken.pulse()
        assert isinstance(answer, NeedsPerson)
        assert 'kind = "victoriametrics"' in answer.words
        mistaken.close()
        client = VictoriaMetrics(HttpOptions(store.address))
        assert client.has(line) is False
        assert client.write(line) == Stored()
        wait_until(lambda: client.has(line), what="the value")
        assert client.has(line.replace(b"agent, one", b"urgent, one")) is False
        store.kill()
        assert client.has(line) is None
        client.close()


def test_influxdb_gives_it_back(tmp_path: Path) -> None:
    line = line_of("influxdb")
    with influxdb(tmp_path / "influx") as store:
        client = InfluxDB(
            HttpOptions(store.address, authorization=f"Token {store.token}"), org=store.org, bucket=store.bucket
        )
        assert client.has(line) is False
        assert client.write(line) == Stored()
        assert client.has(line) is True
        assert client.has(line.replace(b"site=agent", b"site=urgent")) is False
        stranger = InfluxDB(HttpOptions(store.address, authorization="Token x"), org=store.org, bucket=store.bucket)
        assert stranger.has(line) is None
        stranger.close()
        client.close()
