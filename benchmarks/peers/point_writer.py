"""What people write themselves: a subscriber that turns JSON into points and writes them in batches of 1,000.

Run as a program of its own: ``python -m benchmarks.peers.point_writer PORT URL ORG BUCKET TOKEN``. It takes messages
with QoS 1, acknowledged before they are stored, as paho's callbacks do.
"""

from __future__ import annotations

import json
import queue
import sys
from typing import Final

import paho.mqtt.client as mqtt
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write.point import Point
from influxdb_client.client.write_api import SYNCHRONOUS
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks.peers.names import LINE_TOPIC, MEASUREMENT

BATCH: Final = 1_000
_PAUSE_S: Final = 0.2


def points_of(payload: bytes) -> list[Point]:
    """Points of one message, with a field a channel."""
    message = json.loads(payload)
    points = []
    for row in message["rows"]:
        fields = {"measurement": MEASUREMENT, "tags": {"station": message["station"]}, "time": row.pop("time")}
        points.append(Point.from_dict({**fields, "fields": row}))
    return points


def main(words: list[str]) -> int:
    """Subscribe and write until killed."""
    port, url, org, bucket, token = words
    payloads: queue.Queue[bytes] = queue.Queue()
    listener = mqtt.Client(CallbackAPIVersion.VERSION2, "points", protocol=mqtt.MQTTv5)

    def subscribe(client: mqtt.Client, *_: object) -> None:
        client.subscribe(f"{LINE_TOPIC}/+", qos=1)

    def keep(_: mqtt.Client, __: object, message: mqtt.MQTTMessage) -> None:
        payloads.put(bytes(message.payload))

    listener.on_connect = subscribe
    listener.on_message = keep
    listener.connect("127.0.0.1", int(port))
    listener.loop_start()
    with InfluxDBClient(url=url, token=token, org=org) as client:
        writer = client.write_api(write_options=SYNCHRONOUS)
        batch: list[Point] = []
        while True:
            try:
                batch += points_of(payloads.get(timeout=_PAUSE_S))
                full = len(batch) >= BATCH
            except queue.Empty:
                full = bool(batch)
            if full:
                writer.write(bucket=bucket, record=batch)
                batch = []


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
