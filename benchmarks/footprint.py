"""What the agent takes of a small machine: memory while it runs, time to start, room on disk.

The agent runs as in the demonstration: the ``lines`` driver on a weather station's port, five lines a second, the
``nmea`` driver on a receiver's, broker and collector taking what it sends.
"""

from __future__ import annotations

import importlib.metadata
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from simulators.demo.broker import choose
from simulators.demo.cast import Cast
from simulators.demo.layout import Layout
from simulators.demo.processes import Process, Stage
from simulators.nmea_log import nmea_checksum

SECONDS: Final = 30.0
_ROOT: Final = Path(__file__).resolve().parent.parent
_IMPORTS: Final = 5
_SAMPLE_EVERY_S: Final = 1.0
_NAME: Final = re.compile(r"^[A-Za-z0-9._-]+")


def run(seconds: float = SECONDS) -> dict[str, Any]:
    """Measure.

    Args:
        seconds: How long the agent's memory is watched. [s]
    """
    return {
        "about": "The agent with the drivers `lines` and `nmea` reading a port each, sending to a collector.",
        **_memory(seconds),
        "agent_import_s": _import_s(),
        **_install_size(),
        "targets": {"agent_rss_mb": "<= 45"},
    }


def _memory(seconds: float) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        layout = Layout(Path(name) / "rig")
        layout.reset()
        recording = Path(name) / "receiver.log"
        recording.write_bytes(_receiver_log())
        with Stage(layout.root / "logs") as stage:
            cast = Cast(stage, layout, choose(None), 1, recording)
            cast.start_servers()
            cast.start_field()
            samples: list[float] = []
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline:
                cast.check_alive()
                samples.append(cast.agent.resident_mb())
                time.sleep(_SAMPLE_EVERY_S)
            status = cast.agent_status() or {}
            return {
                "agent_rss_mb": round(max(samples), 1),
                "agent_rss_first_mb": round(samples[0], 1),
                "agent_rss_last_mb": round(samples[-1], 1),
                "agent_private_mb": round(_private_mb(cast.agent), 1),
                "watched_s": seconds,
                "readings_accepted": status.get("accepted"),
            }


def _receiver_log() -> bytes:
    """Ten seconds of a receiver that stands still."""
    lines = []
    for second in range(10):
        clock = f"1200{second:02d}.00"
        bodies = (
            f"GNRMC,{clock},A,1831.2{second}000,N,07351.4{second}000,E,0.0{second},84.4,010125,,,A",
            f"GNGGA,{clock},1831.2{second}000,N,07351.4{second}000,E,1,12,0.91,560.{second},M,-68.0,M,,",
            "GNGSA,A,3,01,11,31,14,22,32,04,25,03,,,,1.56,0.91,1.27",
        )
        lines += [f"${body}*{nmea_checksum(body.encode('ascii')):02X}\r\n" for body in bodies]
    return "".join(lines).encode("ascii")


def _private_mb(process: Process) -> float:
    """What ending it would free: without the pages it shares with others. [MB]."""
    text = Path(f"/proc/{process.popen.pid}/smaps_rollup").read_text(encoding="ascii")
    return sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("Private_")) * 1024 / 1e6


def _import_s() -> float:
    """Median time of a fresh interpreter to import the whole agent. [s]."""
    times = []
    for _ in range(_IMPORTS):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", "import edge_agent.agent"], check=True)
        times.append(time.perf_counter() - started)
    return round(statistics.median(times), 3)


def _install_size() -> dict[str, Any]:
    """Room on disk of what ``pip install harkara`` brings, without Python, pip and byte code."""
    sizes: dict[str, int] = {}
    waiting = ["harkara"]
    while waiting:
        name = waiting.pop().lower().replace("_", "-")
        if name in sizes:
            continue
        distribution = importlib.metadata.distribution(name)
        files = [Path(str(file.locate())) for file in distribution.files or []]
        sizes[name] = sum(file.stat().st_size for file in files if file.is_file() and file.suffix != ".pyc")
        waiting += [_wanted_name(text) for text in distribution.requires or [] if _is_wanted(text)]
    own = sum(
        file.stat().st_size
        for package in ("device_profiles", "edge_agent", "harkara_io")
        for file in (_ROOT / package).rglob("*")
        if file.is_file() and file.suffix != ".pyc"
    )
    return {
        "install_mb": round((sum(sizes.values()) + own) / 1e6, 1),
        "install_distributions": len(sizes),
        "install_largest": [
            f"{name} {size / 1e6:.1f} MB" for name, size in sorted(sizes.items(), key=lambda item: -item[1])[:4]
        ],
    }


def _wanted_name(requirement: str) -> str:
    match = _NAME.match(requirement)
    assert match is not None
    return match.group()


def _is_wanted(requirement: str) -> bool:
    """Whether an agent installation brings it here: no extra asked for, installed on this platform."""
    if "extra ==" in requirement:
        return False
    try:
        importlib.metadata.distribution(_wanted_name(requirement))
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
