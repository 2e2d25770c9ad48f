"""How near 32 Modbus devices on one bus come to what the bus can carry, and what a hung port costs its neighbours."""

from __future__ import annotations

import asyncio
import os
import select
import statistics
import tempfile
import time
import tty
from pathlib import Path
from typing import Any, Final

from device_profiles import catalogue
from edge_agent.clock import SystemClock
from edge_agent.drivers.framed import FramedDriver
from edge_agent.drivers.modbus import ModbusDriver
from edge_agent.drivers.modbus_frames import Question, Rtu
from edge_agent.drivers.ports import Driver, LinkDown, Sample
from edge_agent.drivers.schedule import Schedule
from edge_agent.drivers.serial_port import LineFormat, SerialPort
from edge_agent.drivers.shared_line import SharedLine
from simulators.emulators.host import SerialHost, on_pty
from simulators.emulators.port import Emulator, Model
from simulators.emulators.registry import MODELS
from simulators.pty_port import PtyPort

DEVICES: Final = 32
LINE: Final = LineFormat(9600)
GAP_S: Final = 3.5 * LINE.character_s
TURNAROUND_S: Final = 0.005
"""Of the emulated slaves."""
POLL_S: Final = 8 * LINE.character_s + TURNAROUND_S + 7 * LINE.character_s + GAP_S
"""The least that one exchange takes: question, turn-around, answer with one register, silence."""
INTERVAL_S: Final = 0.2
ROUND_S: Final = 5.0
"""The driver and a bare loop take turns, so that both meet the same load of the machine. [s]"""
MODEL: Final = "renke/rs-fsjt"


def run(seconds: float = 20.0) -> dict[str, Any]:
    """Poll without a pause on a bus of real timing; then poll at an interval beside a port that hangs."""
    with tempfile.TemporaryDirectory() as folder:
        taken = asyncio.run(_full_bus(Path(folder), seconds))
        beside = asyncio.run(_beside_a_hung_port(Path(folder), min(seconds, 10.0)))
    return {
        "about": (
            f"{DEVICES} slaves at {LINE.baud} baud, one register each; one exchange takes {POLL_S * 1000:.1f} ms on the"
            " wire. Emulator and master share this machine: what a bare loop of write and select gets of the same bus,"
            " which decodes nothing, is what they leave"
        ),
        **taken,
        "beside_a_hung_port": beside,
        "targets": {"share_of_theoretical": ">= 0.95", "beside_a_hung_port.missed_polls": 0},
    }


async def _full_bus(folder: Path, seconds: float) -> dict[str, Any]:
    link, clock = folder / "bus", SystemClock()
    profile = catalogue.load(MODEL)
    polls = failed = bare = 0
    driven_s = bare_s = 0.0
    with on_pty(link, _devices(), character_s=LINE.character_s) as host:
        line = SharedLine(SerialPort(link, LINE), clock, gap_s=GAP_S, character_s=LINE.character_s)
        drivers = [
            # Asked far more often than the bus can carry: it is never idle.
            ModbusDriver(line, Rtu(), unit, profile, clock, Schedule(0.01, clock), timeout_s=0.5)
            for unit in range(1, DEVICES + 1)
        ]
        while driven_s < seconds:
            for driver in drivers:
                await driver.open()
            began_s = time.monotonic()
            counts = await asyncio.gather(*(_until(driver, began_s + ROUND_S) for driver in drivers))
            polls += sum(good for good, _ in counts)
            failed += sum(bad for _, bad in counts)
            driven_s += ROUND_S
            for driver in drivers:
                await driver.close()
            count, took_s = await asyncio.to_thread(_bare, link, ROUND_S / 2)
            bare += count
            bare_s += took_s
        late_ms = _late_ms(host)
    return {
        "polls": polls,
        "unanswered": failed,
        "polls_per_s": round(polls / driven_s, 2),
        "share_of_theoretical": round(polls * POLL_S / driven_s, 4),
        "share_of_a_bare_loop": round(bare * POLL_S / bare_s, 4),
        "emulator_late_ms": late_ms,
    }


def _devices() -> list[tuple[Model, Emulator]]:
    return [(MODELS[MODEL], MODELS[MODEL].make(unit)) for unit in range(1, DEVICES + 1)]


async def _until(driver: Driver, ends_s: float) -> tuple[int, int]:
    good = bad = 0
    while time.monotonic() < ends_s:
        reads = await driver.read()
        samples = sum(isinstance(read, Sample) for read in reads)
        if time.monotonic() < ends_s:
            good += samples
            bad += not samples
    return good, bad


def _bare(link: Path, seconds: float) -> tuple[int, float]:
    """Exchanges of a loop that does nothing but write, wait for the answer's bytes and keep the silence."""
    port = os.open(link, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    try:
        tty.setraw(port)
        began_s = time.monotonic()
        count, silent_s = 0, began_s + GAP_S
        while time.monotonic() < began_s + seconds:
            question, answer_in = Rtu().wrap(count % DEVICES + 1, Question(3, 0, 1))
            time.sleep(max(0.0, silent_s - time.monotonic()))
            os.write(port, question)
            heard = b""
            while answer_in(heard) is None:
                select.select([port], [], [], 1.0)
                heard += os.read(port, 64)
            silent_s = time.monotonic() + GAP_S
            count += 1
        return count, time.monotonic() - began_s
    finally:
        os.close(port)


def _late_ms(host: SerialHost) -> dict[str, float]:
    """How long after its instant the emulator says an answer, which is time that no master can have."""
    late = sorted(host.late_s)
    return {"median": round(statistics.median(late) * 1000, 3), "p95": round(late[len(late) * 95 // 100] * 1000, 3)}


async def _beside_a_hung_port(folder: Path, seconds: float) -> dict[str, Any]:
    """A port that is open and answers nothing, in the same process as a bus that is polled."""
    clock = SystemClock()
    profile = catalogue.load("hydreon/rg-15")
    with PtyPort(folder / "hung"), on_pty(folder / "rain", [(MODELS[profile.id], MODELS[profile.id].make(0))]):
        hung, alive = (
            FramedDriver(SerialPort(folder / name, LINE), profile, clock, schedule=Schedule(INTERVAL_S, clock))
            for name in ("hung", "rain")
        )
        ends_s = time.monotonic() + seconds
        polls, downs = await asyncio.gather(_poll(alive, ends_s), _suffer(hung, ends_s))
    return {"polls": polls, "missed_polls": alive.notes().get("missed_polls", 0), "times_down": downs}


async def _poll(driver: FramedDriver, ends_s: float) -> int:
    await driver.open()
    polls = 0
    while time.monotonic() < ends_s:
        polls += len(await driver.read())
    await driver.close()
    return polls


async def _suffer(driver: FramedDriver, ends_s: float) -> int:
    downs = 0
    while time.monotonic() < ends_s:
        try:
            await driver.open()
            while time.monotonic() < ends_s:
                await driver.read()
        except LinkDown:
            downs += 1
        finally:
            await driver.close()
    return downs
