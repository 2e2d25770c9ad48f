"""The stores that people already have, as real servers on loopback: found, started, set up, killed, started again."""

from __future__ import annotations

import json
import os
import shutil
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from simulators.demo.broker import free_port
from simulators.demo.processes import DemoError, Process, Stage, wait_for

StoreKind = Literal["influxdb", "victoriametrics"]

_READY_S: Final = 60.0
_ANSWER_S: Final = 10.0


def find_server(name: str) -> str | None:
    """A server that ``deploy/scripts/servers.sh`` built, or found on PATH; None where there is none."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    # What the script built, it built because nothing on PATH would do.
    built = cache / "harkara" / "servers" / name
    return str(built) if built.is_file() else shutil.which(name)


def server_command(name: str) -> str:
    """The same, for those that cannot do without.

    Raises:
        DemoError: There is none.
    """
    found = find_server(name)
    if found is None:
        raise DemoError(f"{name} is not here; mend: deploy/scripts/servers.sh {name}")
    return found


@dataclass(slots=True)
class Store:
    """A store server with its data in a folder; it keeps its address over restarts.

    Attributes:
        address: Such as ``http://127.0.0.1:8428``.
        folder: Of its data.
        process: The server.
    """

    address: str
    folder: Path
    process: Process

    def kill(self) -> None:
        """SIGKILL, as a power cut would."""
        self.process.kill()

    def start(self) -> None:
        """Start it again on the same data and wait until it answers."""
        self.process.start()
        self.wait()

    def wait(self) -> None:
        """Wait until it says that it is well.

        Raises:
            DemoError: It has ended, or does not answer for a minute.
        """
        what = f"{self.process.name} to answer"
        wait_for(lambda: _is_healthy(self.address), what, timeout_s=_READY_S, process=self.process)


@dataclass(slots=True)
class InfluxDB(Store):
    """An InfluxDB 2 with one organisation, one bucket that keeps everything, and a token that may do all.

    Attributes:
        org: Organisation.
        bucket: Bucket.
        token: For the header ``Authorization: Token …``.
    """

    org: str = "harkara"
    bucket: str = "field"
    token: str = "token-of-a-store-on-loopback"  # noqa: S105 - of a server that lives as long as its test


def start_victoria_metrics(stage: Stage, folder: Path, *, options: Sequence[str] = ()) -> Store:
    """Start a VictoriaMetrics with its data in this folder.

    Args:
        stage: Who stops it.
        folder: Of its data.
        options: More of its command line.
    """
    port = free_port()
    command = [server_command("victoria-metrics"), f"-storageDataPath={folder}", f"-httpListenAddr=127.0.0.1:{port}"]
    # Recordings are of any year; a store that thinks them too old takes them and drops them.
    command += ["-retentionPeriod=100y", "-search.latencyOffset=0s", *options]
    store = Store(f"http://127.0.0.1:{port}", folder, stage.start("victoria-metrics", command))
    store.wait()
    return store


def start_influxdb(stage: Stage, folder: Path, *, options: Sequence[str] = ()) -> InfluxDB:
    """Start an InfluxDB 2 with its data in this folder and set it up.

    Args:
        stage: Who stops it.
        folder: Of its data.
        options: More of its command line.
    """
    port = free_port()
    folder.mkdir(parents=True, exist_ok=True)
    command = [server_command("influxd"), f"--http-bind-address=127.0.0.1:{port}"]
    command += [f"--{name}-path={folder / name}" for name in ("bolt", "engine", "sqlite")]
    command += ["--reporting-disabled", "--log-level=error", *options]
    store = InfluxDB(f"http://127.0.0.1:{port}", folder, stage.start("influxd", command))
    store.wait()
    _set_up(store)
    return store


def _set_up(store: InfluxDB) -> None:
    wanted = {
        "username": "harkara",
        "password": store.token,
        "org": store.org,
        "bucket": store.bucket,
        "token": store.token,
        "retentionPeriodSeconds": 0,
    }
    request = urllib.request.Request(  # noqa: S310 - our own server
        f"{store.address}/api/v2/setup",
        data=json.dumps(wanted).encode(),
        headers={"Content-Type": "application/json"},
        method="POST",
    )
    try:
        urllib.request.urlopen(request, timeout=_READY_S).close()  # noqa: S310 - our own server
    except urllib.error.HTTPError as error:
        said = error.read(500).decode(errors="replace")
        raise DemoError(f"InfluxDB cannot be set up: {error.code} {said}") from error


def _is_healthy(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/health", timeout=_ANSWER_S) as answer:  # noqa: S310 - our own server
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
