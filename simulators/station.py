"""The generated weather station as a running thing: it writes its lines to one or two ports and keeps its own log."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from simulators.pace import Pace
from simulators.pty_port import PtyPort
from simulators.truth import Emission, TruthLog
from simulators.weather import WeatherStation, json_line, whole_millisecond_ns

_POLL_S: Final = 0.05
_DRAIN_S: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StationPlan:
    """What to run.

    Attributes:
        device: Device id for the log.
        port_link: Where the port appears.
        beside_link: Where a second port with the same lines appears, as a splitter cable would give; None for none.
        truth: Where the station logs what it said.
        seed: What decides the values.
        interval_s: Between two lines. [s]
        first_number: Number of the first sample.
        wait_for_reader: Say nothing before somebody opened every port: otherwise it talks from the start.
        lines: Stop after so many lines; None for never.
    """

    device: str
    port_link: Path
    truth: Path
    beside_link: Path | None = None
    seed: int = 1
    interval_s: float = 1.0
    first_number: int = 1
    wait_for_reader: bool = False
    lines: int | None = None


def run_station(plan: StationPlan) -> int:
    """Run until SIGTERM, SIGINT or the last line; then wait until the readers have taken what was said.

    Returns:
        How many lines it said, heard or not.
    """
    station = WeatherStation(seed=plan.seed, first_number=plan.first_number)
    pace = Pace()
    said = 0
    with contextlib.ExitStack() as stack:
        truth = stack.enter_context(TruthLog(plan.truth))
        port = stack.enter_context(PtyPort(plan.port_link))
        beside = None if plan.beside_link is None else stack.enter_context(PtyPort(plan.beside_link))
        ports = [port] if beside is None else [port, beside]
        while plan.wait_for_reader and not all(each.has_reader() for each in ports):
            if not pace.sleep(_POLL_S):
                return 0
        interval_ns = int(plan.interval_s * 1e9)
        next_ns = time.time_ns()
        while (plan.lines is None or said < plan.lines) and pace.until(next_ns):
            _say(plan.device, station, truth, port, beside)
            said += 1
            # A machine that slept, or a stepped clock: go on from now, never catch up in a burst.
            next_ns = max(next_ns + interval_ns, time.time_ns() - interval_ns)
        for each in ports:
            each.drain(_DRAIN_S)
    return said


def _say(device: str, station: WeatherStation, truth: TruthLog, port: PtyPort, beside: PtyPort | None) -> None:
    observed_at_ns = whole_millisecond_ns(time.time_ns())
    line = json_line(observed_at_ns, station.sample(observed_at_ns))
    heard = port.has_reader()
    heard_beside = beside is not None and beside.has_reader()
    truth.append(
        Emission(
            device=device,
            form="json",
            text=line[:-1].decode("ascii"),
            emitted_at_ns=time.time_ns(),
            heard=heard,
            heard_beside=heard_beside,
        )
    )
    if heard:
        port.write(line)
    if beside is not None and heard_beside:
        beside.write(line)
