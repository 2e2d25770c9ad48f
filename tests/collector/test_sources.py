"""One contract for every way to a broker: order, manual acknowledgement, a cap on bytes, words for each no."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from collector.sources.mqtt5_codec import Mqtt5Source
from collector.sources.paho import PahoSource
from collector.sources.ports import BrokerAddress, LinkDown, Message, MessageSource, MqttVersion, SourceRefused
from tests.conftest import Mosquitto, free_port, wait_until

pytestmark = pytest.mark.broker

FILTERS = ["harkara/1/+/block"]
TOPIC = "harkara/1/agent-1/block"

Make = Callable[..., MessageSource]


def _paho311(port: int, **fields: object) -> MessageSource:
    return _make(PahoSource, "3.1.1", port, **fields)


def _paho5(port: int, **fields: object) -> MessageSource:
    return _make(PahoSource, "5", port, **fields)


def _codec(port: int, **fields: object) -> MessageSource:
    return _make(Mqtt5Source, "5", port, **fields)


def _make(kind: Callable[..., MessageSource], version: MqttVersion, port: int, **fields: object) -> MessageSource:
    held_bytes_max = fields.pop("held_bytes_max", 8 * 1024 * 1024)
    address = BrokerAddress(host="127.0.0.1", port=port, client_id="harkara-collector", version=version)
    return kind(replace(address, **fields), held_bytes_max=held_bytes_max)  # type: ignore[arg-type]


@pytest.fixture(params=[_paho311, _paho5, _codec], ids=["paho-3.1.1", "paho-5", "codec-5"])
def make(request: pytest.FixtureRequest) -> Make:
    maker: Make = request.param
    return maker


class Sender:
    """Another client of the broker: publishes, and collects what is published to it."""

    def __init__(self, port: int, client_id: str = "sender") -> None:
        self.got: list[bytes] = []
        self.client = paho.Client(CallbackAPIVersion.VERSION2, client_id=client_id)
        self.client.on_message = lambda _client, _userdata, message: self.got.append(bytes(message.payload))
        self.client.max_inflight_messages_set(1000)
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        wait_until(self.client.is_connected, what="sender to connect")

    def send(self, *payloads: bytes, topic: str = TOPIC) -> None:
        for info in [self.client.publish(topic, payload, qos=1) for payload in payloads]:
            info.wait_for_publish(20)

    def subscribe(self, topic: str) -> None:
        done: list[object] = []
        self.client.on_subscribe = lambda *_: done.append(1)
        self.client.subscribe(topic, 1)
        wait_until(lambda: done, what="subscription")

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@asynccontextmanager
async def _sender(port: int) -> AsyncIterator[Sender]:
    sender = await asyncio.to_thread(Sender, port)
    try:
        yield sender
    finally:
        await asyncio.to_thread(sender.close)


async def _receive(source: MessageSource, count: int) -> list[Message]:
    got: list[Message] = []
    async with asyncio.timeout(20):
        while len(got) < count:
            got.extend(await source.receive())
    return got


async def _until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - the broker tells nobody
            await asyncio.sleep(0.01)


def test_hands_out_in_order_and_acknowledges(make: Make, mosquitto: Callable[..., Mosquitto]) -> None:
    broker = mosquitto()

    async def run() -> None:
        source = make(broker.port)
        assert isinstance(source, MessageSource)
        await source.connect(FILTERS)
        async with _sender(broker.port) as sender:
            wanted = [b"%d" % number for number in range(200)]
            await asyncio.to_thread(sender.send, *wanted)
            got = await _receive(source, 200)
            assert [message.payload for message in got] == wanted
            assert {message.topic for message in got} == {TOPIC}
            assert source.counters.held_bytes == sum(map(len, wanted))
            source.acknowledge(got)
            assert source.counters.held_bytes == 0
            assert source.counters.acknowledged == 200
        await source.close()
        # A broker that is still reading acknowledgements when the same client id comes again forgets the rest of them.
        log = broker.folder / "mosquitto.log"
        await _until(lambda: "Client harkara-collector disconnected" in log.read_text(encoding="utf-8"))
        # The session goes on and nothing comes again: the broker has had every acknowledgement.
        again = make(broker.port)
        await again.connect(FILTERS)
        async with _sender(broker.port) as sender:
            await asyncio.to_thread(sender.send, b"new")
            assert [message.payload for message in await _receive(again, 1)] == [b"new"]
        await again.close()

    asyncio.run(run())


def test_what_was_not_acknowledged_comes_again(make: Make, mosquitto: Callable[..., Mosquitto]) -> None:
    broker = mosquitto()

    async def run() -> None:
        source = make(broker.port)
        await source.connect(FILTERS)
        async with _sender(broker.port) as sender:
            await asyncio.to_thread(sender.send, b"a", b"b", b"c")
            first = await _receive(source, 3)
            source.acknowledge(first[:1])
            await asyncio.to_thread(sender.send, b"d")
            await _receive(source, 1)
            await source.connect(FILTERS)
            again = await _receive(source, 3)
            assert [message.payload for message in again] == [b"b", b"c", b"d"]
            assert {message.generation for message in again} == {source.generation} != {first[0].generation}
            # An acknowledgement from before must not hit a message that has its number now.
            source.acknowledge(first[1:])
            assert source.counters.stale_acks == 2
            await source.connect(FILTERS)
            assert [message.payload for message in await _receive(source, 3)] == [b"b", b"c", b"d"]
        await source.close()

    asyncio.run(run())


def test_stops_reading_at_the_cap_and_goes_on_after_acknowledging(
    make: Make, mosquitto: Callable[..., Mosquitto]
) -> None:
    broker = mosquitto()
    total, size_bytes, cap_bytes = 3_000, 1_000, 100_000

    async def run() -> None:
        source = make(broker.port, held_bytes_max=cap_bytes)
        await source.connect(FILTERS)
        async with _sender(broker.port) as sender:
            sending = asyncio.create_task(asyncio.to_thread(sender.send, *[bytes(size_bytes)] * total))
            await _until(lambda: source.counters.pauses)
            most, seen = 0, 0
            while seen < total:
                batch = await _receive(source, 1)
                most = max(most, source.counters.held_bytes)
                seen += len(batch)
                source.acknowledge(batch)
            await sending
        # One read of the socket (256 KiB at most) may go past the cap.
        assert most <= cap_bytes + 300_000
        assert seen == total
        await source.close()

    asyncio.run(run())


def test_publishes_more_than_the_window_of_the_broker(make: Make, mosquitto: Callable[..., Mosquitto]) -> None:
    broker = mosquitto("max_inflight_messages 20")

    async def run() -> None:
        source = make(broker.port)
        await source.connect(FILTERS)
        async with _sender(broker.port) as sender:
            await asyncio.to_thread(sender.subscribe, "harkara/1/agent-1/receipt")
            for number in range(500):
                assert source.publish("harkara/1/agent-1/receipt", b"%d" % number)
            await _until(lambda: len(sender.got) == 500)
            assert sender.got == [b"%d" % number for number in range(500)]
        assert source.counters.published == 500
        await source.close()

    asyncio.run(run())


def test_a_killed_broker_is_link_down_and_the_next_connection_works(
    make: Make, mosquitto: Callable[..., Mosquitto]
) -> None:
    broker = mosquitto()

    async def run() -> None:
        source = make(broker.port)
        await source.connect(FILTERS)
        broker.kill()
        with pytest.raises(LinkDown):
            await _receive(source, 1)
        assert not source.publish("harkara/1/agent-1/receipt", b"x")
        assert source.counters.shed == 1
        with pytest.raises(LinkDown, match="refused"):
            await source.connect(FILTERS)
        await asyncio.to_thread(broker.start)
        await source.connect(FILTERS)
        async with _sender(broker.port) as sender:
            await asyncio.to_thread(sender.send, b"back")
            assert [message.payload for message in await _receive(source, 1)] == [b"back"]
        await source.close()

    asyncio.run(run())


def test_wrong_password_is_refused_in_one_line(make: Make, mosquitto: Callable[..., Mosquitto], tmp_path: Path) -> None:
    passwords = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-b", "-c", str(passwords), "collector", "right"], check=True)
    broker = mosquitto(f"password_file {passwords}")

    async def run() -> None:
        wrong = make(broker.port, username="collector", password="wrong")
        with pytest.raises(SourceRefused, match=r"^broker 127\.0\.0\.1:\d+: .*\(user collector\)$"):
            await wrong.connect(FILTERS)
        assert "wrong" not in repr(BrokerAddress(host="h", port=1, client_id="c", password="wrong"))
        right = make(broker.port, username="collector", password="right")
        await right.connect(FILTERS)
        await right.close()

    asyncio.run(run())


def test_a_port_that_says_nothing_times_out(make: Make) -> None:
    async def run() -> None:
        async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while await reader.read(1_000):
                pass
            writer.close()
            gone.set()

        port, gone = free_port(), asyncio.Event()
        async with await asyncio.start_server(mute, "127.0.0.1", port):
            source = make(port, connect_timeout_s=0.3)
            with pytest.raises(LinkDown, match="no answer"):
                await source.connect(FILTERS)
            await source.close()
            async with asyncio.timeout(10):
                await gone.wait()

    asyncio.run(run())


def test_cancelling_receive_loses_nothing(make: Make, mosquitto: Callable[..., Mosquitto]) -> None:
    broker = mosquitto()

    async def run() -> None:
        source = make(broker.port)
        await source.connect(FILTERS)
        waiting = asyncio.create_task(source.receive())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        async with _sender(broker.port) as sender:
            await asyncio.to_thread(sender.send, b"kept")
            assert [message.payload for message in await _receive(source, 1)] == [b"kept"]
        await source.close()

    asyncio.run(run())
