"""The agent's outbox: readings accepted per second, and a start with a large backlog."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from device_profiles.wire.digest import block_digest
from device_profiles.wire.encode import encode
from device_profiles.wire.model import (
    Block,
    ClockSection,
    ClockState,
    Column,
    ColumnSpec,
    Encoding,
    ProfileRef,
    Row,
    TextEvent,
)
from device_profiles.wire.rows import columns_from_rows
from device_profiles.wire.values import Scaled
from edge_agent.outbox import Accept, Identity, OpenChunk, Outbox, Seal, Sealed, encode_rows

GROUP_READINGS = 4096
"""A group commit takes this many readings, or those of a second (rule A1)."""
BACKLOG_BYTES = 1 << 30
ROWS_PER_BLOCK = 256
START_NS = 1_700_000_000_000_000_000
_PROFILE = ProfileRef("bench/station", 1, bytes(8))
_CLOCK = ClockSection(bytes(8), 10**9, START_NS, ClockState.NTP, 0)


def run(seconds: float | None = None) -> dict[str, Any]:
    """Measure acceptance with rows of ten channels and of one, then starts with a small and a large backlog."""
    duration_s = seconds or 10.0
    with tempfile.TemporaryDirectory(prefix="harkara-outbox-") as name:
        folder = Path(name)
        ten = accept(folder / "ten", channels=10, duration_s=duration_s)
        one = accept(folder / "one", channels=1, duration_s=duration_s)
        small, large = folder / "small", folder / "large"
        _child("fill", small, 1 << 20)
        built_s = _child("fill", large, BACKLOG_BYTES)["seconds"]
        start_small, start_large = _start(small), _start(large)
    return {
        "about": "Readings accepted with fsync and sealed into blocks on one core; starts after a kill, cold cache.",
        "accepted_per_s": ten["accepted_per_s"],
        "accepted_per_s_one_channel_rows": one["accepted_per_s"],
        "cpu_us_per_reading": ten["cpu_us_per_reading"],
        "commit_ms_p50": ten["commit_ms_p50"],
        "commit_ms_p99": ten["commit_ms_p99"],
        "written_bytes_per_reading": ten["written_bytes_per_reading"],
        "backlog_bytes": start_large["file_bytes"],
        "backlog_blocks": start_large["blocks"],
        "backlog_built_s": built_s,
        "start_s_small_backlog": start_small["open_s"],
        "start_s_large_backlog": start_large["open_s"],
        "rss_mb_small_backlog": start_small["rss_mb"],
        "rss_mb_large_backlog": start_large["rss_mb"],
        "rss_growth_mb": round(start_large["rss_mb"] - start_small["rss_mb"], 2),
        "targets": {"accepted_per_s": 20_000, "start_s_large_backlog": 2.0, "rss_growth_mb": "about 0"},
    }


def open_outbox(folder: Path, bytes_max: int = 4 << 30) -> Outbox:
    """An outbox in a folder."""
    return Outbox.open(folder / "outbox.db", agent="bench", fingerprint=bytes(16), bytes_max=bytes_max)


def accept(folder: Path, *, channels: int, duration_s: float) -> dict[str, float]:
    """Rows as fast as they go: packed, committed in groups, sealed at 256 rows.

    Args:
        folder: For the outbox.
        channels: Values per row.
        duration_s: How long. [s]
    """
    outbox = open_outbox(folder)
    specs = tuple(ColumnSpec(f"channel_{number}", "m") for number in range(channels))
    rows_per_group = GROUP_READINGS // channels
    open_rows: list[Row] = []
    commits_ms: list[float] = []
    accepted = made = 0
    written = _written_bytes()
    started, cpu = time.perf_counter(), time.process_time()
    while time.perf_counter() - started < duration_s:
        steps: list[Accept | Seal] = []
        fresh: list[Row] = []
        for _ in range(rows_per_group):
            made += 1
            fresh.append(_row(made, channels))
            if len(open_rows) + len(fresh) == ROWS_PER_BLOCK:
                steps.append(Accept(_chunk(specs, fresh)))
                open_rows += fresh
                steps.append(Seal("station", _encoder(specs, open_rows)))
                fresh, open_rows = [], []
        if fresh:
            steps.append(Accept(_chunk(specs, fresh)))
            open_rows += fresh
        before = time.perf_counter()
        accepted += outbox.commit(steps).accepted
        commits_ms.append(1e3 * (time.perf_counter() - before))
    elapsed, used = time.perf_counter() - started, time.process_time() - cpu
    outbox.close(clean=False)
    commits_ms.sort()
    return {
        "accepted_per_s": round(accepted / elapsed),
        "cpu_us_per_reading": round(1e6 * used / accepted, 2),
        "commit_ms_p50": round(commits_ms[len(commits_ms) // 2], 2),
        "commit_ms_p99": round(commits_ms[len(commits_ms) * 99 // 100], 2),
        "written_bytes_per_reading": round((_written_bytes() - written) / accepted, 1),
    }


def _written_bytes() -> int:
    """Bytes this process caused to be written to storage so far."""
    lines = Path("/proc/self/io").read_text(encoding="ascii").splitlines()
    return int(next(line for line in lines if line.startswith("write_bytes")).split()[1])


def _row(number: int, channels: int) -> Row:
    values = tuple(Scaled(2000 + (number * (7 + channel)) % 97, -2) for channel in range(channels))
    return Row(START_NS + number * 10**9, values)


def _chunk(specs: Sequence[ColumnSpec], rows: Sequence[Row]) -> OpenChunk:
    return OpenChunk("station", len(rows), len(rows) * len(specs), encode_rows(specs, rows))


def _encoder(specs: Sequence[ColumnSpec], rows: Sequence[Row]) -> Callable[[Identity], Sealed]:
    def build(identity: Identity) -> Sealed:
        times = tuple(row.observed_at_ns for row in rows)
        return _sealed(identity, times, columns_from_rows(specs, rows), (), len(specs) * len(rows))

    return build


def _text_encoder(text: str) -> Callable[[Identity], Sealed]:
    """A block of one long text, not compressed: the cheapest real block of a given size."""

    def build(identity: Identity) -> Sealed:
        event = TextEvent("log", START_NS + identity.seq, text)
        return _sealed(identity, (), (), (event,), 1, compression=Encoding.STORED)

    return build


def _sealed(
    identity: Identity,
    times_ns: tuple[int, ...],
    columns: tuple[Column, ...],
    texts: tuple[TextEvent, ...],
    readings: int,
    *,
    compression: Encoding | None = None,
) -> Sealed:
    block = Block(
        agent=identity.agent,
        segment=identity.segment,
        ordinal=identity.ordinal,
        seq=identity.seq,
        device=identity.device,
        readings_total=identity.readings_before + readings,
        previous=identity.previous,
        profile=_PROFILE,
        clock=_CLOCK,
        times_ns=times_ns,
        columns=columns,
        texts=texts,
        losses=identity.losses,
        opened=identity.opened,
    )
    data = encode(block) if compression is None else encode(block, compression=compression)
    return Sealed(data, block_digest(data), len(times_ns), readings)


def _child(task: str, folder: Path, size_bytes: int = 0) -> dict[str, Any]:
    words = [sys.executable, "-m", "benchmarks.outbox", task, str(folder), str(size_bytes)]
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout))


def _start(folder: Path) -> dict[str, Any]:
    """A start in a fresh process, with the file's pages thrown out of the page cache before."""
    with (folder / "outbox.db").open("rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return _child("start", folder)


def fill(folder: Path, size_bytes: int) -> dict[str, Any]:
    """Fill an outbox with blocks of about 4 KiB and die without closing it, as in a power cut."""
    started = time.perf_counter()
    outbox = open_outbox(folder)
    filled = 0
    while filled < size_bytes:
        steps: list[Accept | Seal] = []
        for _ in range(256):
            steps.append(Accept(OpenChunk("station", 1, 1, b"text")))
            steps.append(Seal("station", _text_encoder(os.urandom(2000).hex())))
        filled += sum(ref.size_bytes for ref in outbox.commit(steps).refs)
    print(json.dumps({"seconds": round(time.perf_counter() - started, 1)}), flush=True)
    os._exit(0)


def start(folder: Path) -> dict[str, Any]:
    """Open, page through some of the backlog as the uplink does, take a group commit; then look at the memory."""
    started = time.perf_counter()
    outbox = open_outbox(folder)
    opened_s = time.perf_counter() - started
    stats = outbox.stats()
    refs = outbox.after(0, 0, 256)
    for ref in refs:
        outbox.read(ref.segment, ref.seq)
    outbox.commit([Accept(OpenChunk("station", 1, 1, b"text"))])
    while not outbox.check(256):
        pass
    status = Path("/proc/self/status").read_text(encoding="ascii")
    rss_kb = int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])
    return {
        "open_s": round(opened_s, 3),
        "blocks": stats.blocks,
        "file_bytes": stats.file_bytes,
        "rss_mb": round(rss_kb / 1024, 2),
    }


if __name__ == "__main__":
    name, where, size = sys.argv[1:]
    print(json.dumps(fill(Path(where), int(size)) if name == "fill" else start(Path(where))))
