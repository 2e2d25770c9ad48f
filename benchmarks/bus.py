"""How near 32 Modbus devices on one bus come to what the bus can carry, and what a hung port costs its neighbours."""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from device_profiles import catalogue
from edge_agent.clock import SystemClock
from edge_agent.drivers.framed import FramedDriver
from edge_agent.drivers.modbus import ModbusDriver
from edge_agent.drivers.modbus_frames import Rtu
from edge_agent.drivers.ports import Driver, LinkDown, Sample
from edge_agent.drivers.schedule import Schedule
from edge_agent.drivers.serial_port import LineFormat, SerialPort
from edge_agent.drivers.shared_line import SharedLine
from simulators.emulators.host import on_pty
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
MODEL: Final = "renke/rs-fsjt"


def run(seconds: float = 20.0) -> dict[str, Any]:
    """Poll without a pause on a bus of real timing; then poll at an interval beside a port that hangs."""
    with tempfile.TemporaryDirectory() as folder:
        polls, failed = asyncio.run(_full_bus(Path(folder), seconds))
        beside = asyncio.run(_beside_a_hung_port(Path(folder), min(seconds, 10.0)))
    possible = seconds / POLL_S
    return {
        "about": f"{DEVICES} slaves at {LINE.baud} baud, one register each; one exchange takes {POLL_S * 1000:.1f} ms",
        "polls": polls,
        "unanswered": failed,
        "polls_per_s": round(polls / seconds, 2),
        "share_of_theoretical": round(polls / possible, 4),
        "beside_a_hung_port": beside,
        "targets": {"share_of_theoretical": ">= 0.95", "beside_a_hung_port.missed_polls": 0},
    }


async def _full_bus(folder: Path, seconds: float) -> tuple[int, int]:
    link, clock = folder / "bus", SystemClock()
    profile = catalogue.load(MODEL)
    devices = [(MODELS[MODEL], MODELS[MODEL].make(unit)) for unit in range(1, DEVICES + 1)]
    with on_pty(link, devices, character_s=LINE.character_s):
        line = SharedLine(SerialPort(link, LINE), clock, gap_s=GAP_S)
        drivers = [
            # Asked far more often than the bus can carry: it is never idle.
            ModbusDriver(line, Rtu(), unit, profile, clock, Schedule(0.01, clock), timeout_s=0.5)
            for unit in range(1, DEVICES + 1)
        ]
        for driver in drivers:
            await driver.open()
        ends_s = time.monotonic() + seconds
        counts = await asyncio.gather(*(_until(driver, ends_s) for driver in drivers))
        for driver in drivers:
            await driver.close()
    return sum(good for good, _ in counts), sum(bad for _, bad in counts)


async def _until(driver: Driver, ends_s: float) -> tuple[int, int]:
    good = bad = 0
    while time.monotonic() < ends_s:
        reads = await driver.read()
        samples = sum(isinstance(read, Sample) for read in reads)
        if time.monotonic() < ends_s:
            good += samples
            bad += not samples
    return good, bad


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
