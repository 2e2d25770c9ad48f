"""Real store servers of one test alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from simulators.demo.processes import Stage
from simulators.demo.servers import InfluxDB, Store, find_server, start_influxdb, start_victoria_metrics


@contextmanager
def victoria_metrics_store(folder: Path, *options: str) -> Iterator[Store]:
    """A VictoriaMetrics with its data in this folder and further options; it can be killed and started again."""
    _need("victoria-metrics")
    with Stage(folder.parent / "logs") as stage:
        yield start_victoria_metrics(stage, folder, options=["-memory.allowedBytes=64MiB", *options])


@contextmanager
def victoria_metrics(folder: Path, *options: str) -> Iterator[str]:
    """The same for a test that only wants the address."""
    with victoria_metrics_store(folder, *options) as store:
        yield store.address


@contextmanager
def influxdb(folder: Path) -> Iterator[InfluxDB]:
    """An InfluxDB 2 with its data in this folder, set up; it can be killed and started again."""
    _need("influxd")
    with Stage(folder.parent / "logs") as stage:
        yield start_influxdb(stage, folder)


def _need(name: str) -> None:
    """Skip where ``deploy/scripts/servers.sh`` neither found nor built it."""
    if find_server(name) is None:
        pytest.skip(f"{name} cannot be had here")
