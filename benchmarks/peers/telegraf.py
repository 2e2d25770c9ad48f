"""Telegraf as the peer, with the settings that were found best for it.

``metric_batch_size`` and a short ``flush_interval`` keep the store busy with large requests; many undelivered messages,
with as many allowed in flight by the broker, keep Telegraf busy; a buffer larger than those can fill never drops.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from benchmarks.peers.messages import LINES_A_MESSAGE
from benchmarks.peers.names import LINE_TOPIC
from simulators.demo.processes import Process, Stage
from simulators.demo.servers import InfluxDB, Store, server_command

UNDELIVERED: Final = 10_000
"""Messages that Telegraf holds without having acknowledged them."""
_CONFIG: Final = """\
[agent]
interval = "1s"
metric_batch_size = 20000
metric_buffer_limit = {buffer}
flush_interval = "100ms"
flush_jitter = "0s"
omit_hostname = true
[[inputs.mqtt_consumer]]
servers = ["tcp://127.0.0.1:{port}"]
topics = ["{topic}/+"]
topic_tag = ""
qos = 1
max_undelivered_messages = {undelivered}
persistent_session = true
client_id = "telegraf"
connection_timeout = "5s"
data_format = "influx"
[[outputs.influxdb_v2]]
urls = ["{url}"]
token = "{token}"
organization = "{org}"
bucket = "{bucket}"
content_encoding = "identity"
"""


def start_telegraf(stage: Stage, folder: Path, port: int, store: Store) -> Process:
    """Start it between a broker and a store."""
    known = store if isinstance(store, InfluxDB) else InfluxDB(store.address, store.folder, store.process)
    config = folder / "telegraf.conf"
    config.write_text(
        _CONFIG.format(
            buffer=2 * UNDELIVERED * LINES_A_MESSAGE,
            port=port,
            topic=LINE_TOPIC,
            undelivered=UNDELIVERED,
            url=known.address,
            token=known.token,
            org=known.org,
            bucket=known.bucket,
        ),
        encoding="utf-8",
    )
    return stage.start("telegraf", [server_command("telegraf"), "--config", str(config)])
