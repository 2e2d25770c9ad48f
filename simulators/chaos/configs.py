"""Configurations for processes under chaos: every wait is short, so that a cycle is."""

from __future__ import annotations

from pathlib import Path
from typing import Final

COLLECTOR_USER: Final = "collector"
DEVICE: Final = "gauge"
"""Device id at every agent."""


def agent_name(number: int) -> str:
    """Agent id of the ``number``-th agent."""
    return f"chaos-{number:02d}"


def agent_toml(name: str, broker_port: int, port: Path) -> str:
    """``agent.toml``.

    Args:
        name: Agent id.
        broker_port: TCP port on loopback.
        port: The gauge's terminal.
    """
    return f"""\
agent = "{name}"

[outbox]
file = "card/outbox.db"
commit_interval_s = 0.5

[broker]
host = "127.0.0.1"
port = {broker_port}
username = "{name}"
password_file = "password"
keepalive_s = 10
reconnect_s_max = 1.0
receipt_timeout_s = 2.0
sync_every_s = 20.0

[[device]]
id = "{DEVICE}"
driver = "lines"
port = "{port.absolute()}"
format = "json"
time = "time"
seal_after_s = 2.0
reconnect_s_max = 0.5
"""


def collector_toml(broker_port: int, web_port: int) -> str:
    """``collector.toml``.

    Args:
        broker_port: TCP port on loopback.
        web_port: For the page.
    """
    return f"""\
data = "data"

[broker]
host = "127.0.0.1"
port = {broker_port}
username = "{COLLECTOR_USER}"
password_file = "password"
reconnect_s_max = 1.0

[lake]
flush_after_s = 2.0

[web]
port = {web_port}
"""


def secret(path: Path, word: str) -> None:
    """Write a password that only its owner may read."""
    path.touch(mode=0o600)
    path.write_text(word + "\n", encoding="ascii")
