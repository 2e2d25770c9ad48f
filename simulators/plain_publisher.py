"""The usual script, for comparison: read a line, ``publish(qos=1)``; and a subscriber that writes down what arrives.

Neither is made to look bad: both are what the client library's own example does, with its defaults: clean session, 20
messages in flight, an unbounded queue in memory while the link is down, automatic reconnection, a PUBACK taken for
safety. The publisher is killed at the same instant as the agent, the broker fails for both.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Final

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from simulators.pace import Pace

TOPIC: Final = "plain/weather"

REOPEN_S: Final = 0.05
"""Between two looks for the port. [s]"""


def _client(args: argparse.Namespace, name: str) -> mqtt.Client:
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=name)
    client.username_pw_set(args.user, args.password)
    return client


def publish(args: argparse.Namespace) -> None:
    """Publish every line of a port until SIGTERM."""
    pace = Pace()
    client = _client(args, "plain-publisher")
    # Kinder than connect(): a broker that is down at the start does not end the script.
    client.connect_async("127.0.0.1", args.mqtt_port)
    client.loop_start()
    while pace.sleep(REOPEN_S):
        try:
            port = os.open(args.port, os.O_RDONLY | os.O_NOCTTY)
        except OSError:
            continue  # Unplugged: somebody plugs it in again.
        try:
            _publish_port(client, port, pace)
        finally:
            os.close(port)
    client.disconnect()
    client.loop_stop()


def _publish_port(client: mqtt.Client, port: int, pace: Pace) -> None:
    """Publish the lines of an open port until it hangs up or SIGTERM comes."""
    rest = b""
    while pace.readable(port):
        try:
            data = os.read(port, 4096)
        except OSError:
            return
        if not data:
            return  # The other end is gone; a terminal says so by nothing at all.
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            client.publish(TOPIC, line, qos=1)


def subscribe(args: argparse.Namespace) -> None:
    """Append every message to a file until SIGTERM."""
    pace = Pace()
    received = os.open(args.received, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
    client = _client(args, "plain-subscriber")

    def on_connect(client: mqtt.Client, *_: object) -> None:
        client.subscribe(TOPIC, qos=1)

    def on_message(_client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        # The embedded broker also hands over retained messages of topics nobody asked for.
        if message.topic == TOPIC:
            os.write(received, message.payload + b"\n")

    client.on_connect = on_connect
    client.on_message = on_message
    client.connect_async("127.0.0.1", args.mqtt_port)
    client.loop_start()
    while pace.sleep(1.0):
        pass
    client.disconnect()
    client.loop_stop()


def main() -> None:
    """Run one side."""
    parser = argparse.ArgumentParser(prog="python -m simulators.plain_publisher", description=__doc__)
    parser.add_argument("side", choices=("publish", "subscribe"))
    parser.add_argument("--mqtt-port", type=int, required=True)
    parser.add_argument("--user", required=True)
    parser.add_argument("--password", required=True)
    parser.add_argument("--port", type=Path, help="terminal to read (publish)")
    parser.add_argument("--received", type=Path, help="file to append to (subscribe)")
    args = parser.parse_args()
    (publish if args.side == "publish" else subscribe)(args)


if __name__ == "__main__":
    main()
