"""Uplinks of an offline gateway and JSON of any program, over a real broker."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.enums import CallbackAPIVersion

from device_profiles import catalogue
from device_profiles.rejects import FrameRejected
from device_profiles.wire.values import Scaled
from edge_agent.clock import SystemClock
from edge_agent.drivers.broker import BrokerDriver, JsonReader, UplinkReader, client_of
from edge_agent.drivers.line_parser import LineParser, Wanted
from edge_agent.drivers.ports import LinkDown, Read, Sample
from edge_agent.drivers.uplinks import TOPICS, Uplink, parse
from tests.conftest import Mosquitto, free_port

EUI = "a84041000181c061"
MODEL = "dragino/lse01"
AT = "2026-06-01T06:30:00.250Z"
AT_NS = 1_780_295_400_250_000_000


def vector() -> tuple[bytes, int]:
    """A right uplink of the model, with its port, as its profile's own tests have it."""
    profile = catalogue.load(MODEL)
    for test in profile.document["tests"]:
        if "reject" not in test and "hex" in test:
            return bytes.fromhex(test["hex"]), int(test.get("port") or 2)
    raise AssertionError(f"{MODEL} has no right vector")


def chirpstack(data: bytes, port: int, *, counter: int = 7, eui: str = EUI, **extra: Any) -> bytes:
    message = {
        "deduplicationId": "3ac7e3c4-4401-4b8d-9386-a5c902f9202d",
        "time": AT,
        "deviceInfo": {"devEui": eui, "deviceName": "soil"},
        "fCnt": counter,
        "fPort": port,
        "data": base64.b64encode(data).decode(),
        **extra,
    }
    return json.dumps(message).encode()


def things_stack(data: bytes, port: int, eui: str = EUI.upper()) -> bytes:
    message = {
        "end_device_ids": {"device_id": "soil", "dev_eui": eui},
        "received_at": AT,
        "uplink_message": {"f_port": port, "f_cnt": 7, "frm_payload": base64.b64encode(data).decode()},
    }
    return json.dumps(message).encode()


def test_both_network_servers_say_the_same() -> None:
    wanted = Uplink(EUI, 2, 7, b"\x01\x02", AT_NS)
    assert parse(chirpstack(b"\x01\x02", 2)) == wanted
    assert parse(things_stack(b"\x01\x02", 2)) == wanted


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"[]",
        b"{}",
        b"{",
        b'{"deviceInfo":{}}',
        b'{"deviceInfo":{"devEui":"xyz"}}',
        chirpstack(b"", 2, fPort=-1),
        chirpstack(b"hum", 2).replace(b"aHVt", b"a!Vt"),
        chirpstack(b"", 2, time="yesterday"),
        b"[" * 60_000,
        b" " * 70_000,
    ],
)
def test_what_is_no_uplink_is_a_reject_that_says_why(message: bytes) -> None:
    found = parse(message)
    assert isinstance(found, FrameRejected)
    assert found.detail


@given(st.binary(max_size=300))
def test_any_bytes_give_an_uplink_or_a_reject(message: bytes) -> None:
    assert isinstance(parse(message), Uplink | FrameRejected)


def test_an_uplink_counts_from_when_the_network_had_it_and_only_once() -> None:
    data, port = vector()
    reader = UplinkReader(catalogue.load(MODEL), EUI.upper())
    first = reader.take(chirpstack(data, port), AT_NS + 10**9)
    assert all(isinstance(read, Sample) for read in first)
    assert first
    assert isinstance(first[0], Sample)
    assert first[0].observed_at_ns == AT_NS
    assert reader.take(chirpstack(data, port), AT_NS + 2 * 10**9) == []
    assert reader.take(chirpstack(data, port, counter=8, eui="0" * 16), AT_NS) == []
    assert len(reader.take(chirpstack(data, port, counter=8), AT_NS)) == len(first)
    assert reader.take(chirpstack(b"", port, counter=9), AT_NS) == []
    assert reader.notes() == {"repeated_uplinks": 1, "empty_uplinks": 1}


class Publisher:
    """A program beside the agent."""

    def __init__(self, port: int) -> None:
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def say(self, topic: str, payload: bytes) -> None:
        self._client.publish(topic, payload, qos=1).wait_for_publish(30)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


async def until(driver: BrokerDriver, wanted: int) -> list[Read]:
    reads: list[Read] = []
    async with asyncio.timeout(30):
        while len(reads) < wanted:
            reads += await driver.read()
    return reads


@pytest.mark.broker
def test_uplinks_sent_while_the_agent_was_away_wait_at_the_gateway(mosquitto: Callable[..., Mosquitto]) -> None:
    broker = mosquitto()
    data, port = vector()

    def driver() -> BrokerDriver:
        client = client_of("127.0.0.1", broker.port, identifier="harkara-soil", username=None, password=None)
        reader = UplinkReader(catalogue.load(MODEL), EUI)
        topics = [topic.format(eui=EUI) for topic in TOPICS]
        return BrokerDriver(client, topics, reader, SystemClock(), where=("127.0.0.1", broker.port))

    async def run() -> int:
        publisher = Publisher(broker.port)
        try:
            first = driver()
            await first.open()
            publisher.say(f"application/a/device/{EUI}/event/up", chirpstack(data, port, counter=1))
            heard = len(await until(first, 1))
            await first.close()
            # The station's agent is being updated; the gateway hears on.
            publisher.say("v3/app@tenant/devices/soil/up", things_stack(data, port))
            publisher.say(f"application/a/device/{EUI}/event/up", chirpstack(data, port, counter=8))
            second = driver()
            await second.open()
            heard += len(await until(second, 2))
            await second.close()
            return heard
        finally:
            publisher.close()

    assert asyncio.run(run()) == 3


@pytest.mark.broker
def test_any_json_by_path_keeps_its_digits(mosquitto: Callable[..., Mosquitto]) -> None:
    broker = mosquitto()
    parser = LineParser(format="json", time_key="ts", wanted={"met.t": Wanted("air_temperature", "Cel")})
    client = client_of("127.0.0.1", broker.port, identifier="harkara-json", username=None, password=None)
    driver = BrokerDriver(client, ["hut/+"], JsonReader(parser), SystemClock(), where=("127.0.0.1", broker.port))

    async def run() -> list[Read]:
        publisher = Publisher(broker.port)
        try:
            await driver.open()
            publisher.say("hut/1", b'{"ts":1780295400,"met":{"t":21.50}}\n')
            publisher.say("hut/1", b"{broken")
            reads = await until(driver, 2)
            await driver.close()
            return reads
        finally:
            publisher.close()

    good, bad = asyncio.run(run())
    assert isinstance(good, Sample)
    assert good.numbers[0].value == Scaled(2150, -2)
    assert good.observed_at_ns == 1_780_295_400 * 10**9
    assert isinstance(bad, FrameRejected)


def test_no_broker_is_a_line_that_is_down_with_a_hint() -> None:
    port = free_port()
    client = client_of("127.0.0.1", port, identifier="harkara-x", username=None, password=None)
    driver = BrokerDriver(client, ["x"], JsonReader(LineParser()), SystemClock(), where=("127.0.0.1", port))
    with pytest.raises(LinkDown, match="connection refused"):
        asyncio.run(driver.open())
