"""Where the demonstration keeps everything, and the configuration files it writes: the ones a reader may copy."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from simulators.demo.processes import DemoError
from simulators.demo.servers import InfluxDB, Store
from simulators.weather import UNITS

AGENT: Final = "demo-station"
WEATHER: Final = "weather"
GNSS: Final = "gnss"
AIR: Final = "air"
"""The sensor on board of the drone."""
DRONE: Final = ("drone-position", "drone-attitude", "drone-gnss", "drone-status")
"""What reads the autopilot's messages, each through the profile of its name."""
COLLECTOR_USER: Final = "harkara-collector"
STORE: Final = "demo"
"""What the store of others is called, where there is one."""
PLAIN_USER: Final = "plain"

_MARKER: Final = ".harkara-demo"
_MARKER_TEXT: Final = "This folder belongs to `harkara demo`, which empties it at every run.\n"


@dataclass(frozen=True, slots=True)
class Layout:
    """The demonstration's folder.

    Attributes:
        root: Its folder.
    """

    root: Path

    def reset(self) -> None:
        """Make the folder, or empty it when it is one of ours.

        Raises:
            DemoError: It holds files and no marker of ours: somebody else's, left alone.
        """
        marker = self.root / _MARKER
        if self.root.exists():
            if not self.root.is_dir():
                raise DemoError(f"{self.root} is not a folder; name another with --dir")
            if any(self.root.iterdir()) and not marker.is_file():
                raise DemoError(f"{self.root} is not a folder of the demonstration's; name another with --dir")
            for inner in self.root.iterdir():
                if inner.is_dir() and not inner.is_symlink():
                    shutil.rmtree(inner)
                else:
                    inner.unlink()
        self.root.mkdir(parents=True, exist_ok=True)
        marker.write_text(_MARKER_TEXT, encoding="ascii")
        for folder in (self.agent, self.collector, self.ports):
            folder.mkdir()

    @property
    def agent(self) -> Path:
        """Folder of the agent."""
        return self.root / "agent"

    @property
    def agent_config(self) -> Path:
        """``agent.toml``."""
        return self.agent / "agent.toml"

    @property
    def collector(self) -> Path:
        """Folder of the collector."""
        return self.root / "collector"

    @property
    def collector_config(self) -> Path:
        """``collector.toml``."""
        return self.collector / "collector.toml"

    @property
    def ports(self) -> Path:
        """Folder of the sensors' ports and their own logs."""
        return self.root / "sensors"

    def port(self, device: str) -> Path:
        """A sensor's port."""
        return self.ports / f"{device}.tty"

    def truth(self, device: str) -> Path:
        """A sensor's own log."""
        return self.ports / f"{device}.truth.jsonl"

    @property
    def drone_port(self) -> Path:
        """The autopilot's port, shared by the devices that read it."""
        return self.ports / "drone.tty"

    @property
    def places(self) -> Path:
        """Where the sensor on board really was at each reading."""
        return self.ports / f"{AIR}.places.jsonl"

    @property
    def plain_port(self) -> Path:
        """The station's second port, for the plain publisher."""
        return self.ports / "plain.tty"

    @property
    def plain_received(self) -> Path:
        """What the plain subscriber got."""
        return self.root / "plain-received.jsonl"

    @property
    def agent_socket(self) -> Path:
        """Control socket of the agent."""
        return self.agent / "agent.sock"

    @property
    def collector_socket(self) -> Path:
        """Control socket of the collector."""
        return self.collector / "data" / "collector.sock"


def write_configs(
    layout: Layout,
    *,
    broker_port: int,
    web_port: int,
    passwords: Mapping[str, str],
    devices: Sequence[str],
    store: Store | None = None,
) -> None:
    """Write ``agent.toml`` and ``collector.toml`` with their password files.

    Args:
        layout: Where.
        broker_port: TCP port of the broker on loopback.
        web_port: TCP port for the page.
        passwords: By user name.
        devices: Ids of the sensors.
        store: One of others, fed beside the lake.
    """
    _secret(layout.agent / "password", passwords[AGENT])
    _secret(layout.collector / "password", passwords[COLLECTOR_USER])
    layout.agent_config.write_text(_agent_toml(layout, broker_port, devices), encoding="utf-8")
    text = _collector_toml(broker_port, web_port)
    if isinstance(store, InfluxDB):
        _secret(layout.collector / "store.token", store.token)
    if store is not None:
        text += _store_toml(store)
    layout.collector_config.write_text(text, encoding="utf-8")


def _agent_toml(layout: Layout, broker_port: int, devices: Sequence[str]) -> str:
    channels = "\n".join(f'{channel} = {{ unit = "{unit}" }}' for channel, unit in UNITS.items())
    text = f"""\
agent = "{AGENT}"

[outbox]
file = "outbox.db"

[broker]
host = "127.0.0.1"
port = {broker_port}
username = "{AGENT}"
password_file = "password"
reconnect_s_max = 1.0       # a demonstration is short; the default is a minute
receipt_timeout_s = 5.0

[[device]]
id = "{WEATHER}"
driver = "lines"
port = "{layout.port(WEATHER).absolute()}"
format = "json"
time = "time"
seal_after_s = 5.0
reconnect_s_max = 0.5

[device.channels]
{channels}
"""
    if GNSS in devices:
        text += f"""
[[device]]
id = "{GNSS}"
driver = "nmea"
port = "{layout.port(GNSS).absolute()}"
seal_after_s = 5.0
reconnect_s_max = 0.5
"""
    return text + "".join(_on_board(layout, device) for device in devices if device in (AIR, *DRONE))


def _on_board(layout: Layout, device: str) -> str:
    if device == AIR:
        reads = f"""driver = "lines"
port = "{layout.port(AIR).absolute()}"
format = "json"
time = "time"
place_from = "{DRONE[0]}"     # each reading gets the place between two of these positions
attitude_from = "{DRONE[1]}"  # and the attitude"""
    else:
        reads = f'''driver = "mavlink"
profile = "mavlink/{device.removeprefix("drone-")}"
port = "{layout.drone_port.absolute()}"'''
    return f"""
[[device]]
id = "{device}"
{reads}
seal_after_s = 5.0
reconnect_s_max = 0.5
"""


def _collector_toml(broker_port: int, web_port: int) -> str:
    return f"""\
data = "data"

[broker]
host = "127.0.0.1"
port = {broker_port}
username = "{COLLECTOR_USER}"
password_file = "password"
reconnect_s_max = 1.0

[lake]
flush_after_s = 2.0         # a demonstration is short; the default is half a minute

[web]
port = {web_port}
"""


def _store_toml(store: Store) -> str:
    text = f"""
[[store]]
name = "{STORE}"
kind = "{"influxdb" if isinstance(store, InfluxDB) else "victoriametrics"}"
url = "{store.address}"
unit_suffix = false         # fields are called as the sensors call their channels
health_every_s = 10.0
"""
    if isinstance(store, InfluxDB):
        text += f'org = "{store.org}"\nbucket = "{store.bucket}"\ntoken_file = "store.token"\n'
    return text


def _secret(path: Path, word: str) -> None:
    path.touch(mode=0o600)
    path.write_text(word + "\n", encoding="ascii")
