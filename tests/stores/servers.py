"""Real store servers of one test alone."""

from __future__ import annotations

import os
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import free_port, wait_until


def binary(name: str) -> Path:
    """A server that ``deploy/scripts/servers.sh`` found or built; skips the test where there is none."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    built = cache / "harkara" / "servers" / name
    found = shutil.which(name)
    if found is None and not built.is_file():
        pytest.skip(f"{name} cannot be had here")
    return Path(found) if found is not None else built


@contextmanager
def victoria_metrics(folder: Path, *options: str) -> Iterator[str]:
    """A VictoriaMetrics with this folder and further options; gives its address."""
    address = f"127.0.0.1:{free_port()}"
    command = [binary("victoria-metrics"), f"-storageDataPath={folder}", f"-httpListenAddr={address}"]
    # Times of the tests are of any year; a store that thinks them too old takes them and drops them.
    command += ["-retentionPeriod=100y", "-search.latencyOffset=0s", "-memory.allowedBytes=64MiB", *options]
    with (folder.parent / "victoria-metrics.log").open("wb") as log:
        process = subprocess.Popen(list(map(str, command)), stdout=log, stderr=log)
        try:
            wait_until(lambda: process.poll() is not None or _is_healthy(address), what="VictoriaMetrics to listen")
            assert process.poll() is None, (folder.parent / "victoria-metrics.log").read_text()
            yield f"http://{address}"
        finally:
            process.terminate()
            process.wait(60)


def _is_healthy(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://{address}/health", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
