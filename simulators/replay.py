"""A recorded receiver on a real port, again and again, as if it were now."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from simulators.nmea_log import Epoch, NmeaLog, read_nmea_log, shifted
from simulators.pace import Pace
from simulators.pty_port import PtyPort
from simulators.truth import Emission, TruthLog

_POLL_S: Final = 0.05
_DRAIN_S: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayPlan:
    """What to replay.

    Attributes:
        device: Device id for the log.
        recording: An NMEA 0183 log.
        port_link: Where the port appears.
        truth: Where the replay logs what it said.
        loop: Begin again at the end, for ever.
        shift_to_now: Rewrite the sentences' time to now; otherwise every byte stays as recorded.
        wait_for_reader: Say nothing before somebody opened the port.
    """

    device: str
    recording: Path
    port_link: Path
    truth: Path
    loop: bool = True
    shift_to_now: bool = True
    wait_for_reader: bool = False


def run_replay(plan: ReplayPlan) -> int:
    """Replay in the recording's own rhythm until its end, SIGTERM or SIGINT.

    Returns:
        How many sentences were said, heard or not.
    """
    log = read_nmea_log(plan.recording)
    pace = Pace()
    said = 0
    with TruthLog(plan.truth) as truth, PtyPort(plan.port_link) as port:
        while plan.wait_for_reader and not port.has_reader():
            if not pace.sleep(_POLL_S):
                return 0
        # Whole seconds: the recorded digits after the point stay as they are.
        start = datetime.now(tz=UTC).replace(microsecond=0) + timedelta(seconds=1)
        going = True
        while going:
            for epoch, offset in _schedule(log):
                if not pace.until(int((start + offset).timestamp() * 1e9)):
                    going = False
                    break
                shift = start + offset - epoch.at if plan.shift_to_now and epoch.at is not None else None
                said += _say(plan.device, epoch, shift, truth, port)
            start += log.length
            going = going and plan.loop
        port.drain(_DRAIN_S)
    return said


def _schedule(log: NmeaLog) -> list[tuple[Epoch, timedelta]]:
    """Each epoch with its distance from the start of the pass."""
    first = log.epochs[0].at
    return [
        (epoch, epoch.at - first if epoch.at is not None and first is not None else log.step * number)
        for number, epoch in enumerate(log.epochs)
    ]


def _say(device: str, epoch: Epoch, shift: timedelta | None, truth: TruthLog, port: PtyPort) -> int:
    lines = epoch.lines if shift is None else tuple(shifted(line, shift, epoch.at) for line in epoch.lines)
    for line in lines:
        heard = port.has_reader()
        truth.append(
            Emission(
                device=device,
                form="nmea",
                text=line.rstrip(b"\r\n").decode("latin-1"),
                emitted_at_ns=time.time_ns(),
                heard=heard,
            )
        )
        if heard:
            port.write(line)
    return len(lines)
