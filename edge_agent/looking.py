"""One reading now, with the bytes: of a device of the running agent, or of one that this command opens itself."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from device_profiles.rejects import FrameRejected
from edge_agent import power_groups
from edge_agent.clock import SystemClock
from edge_agent.counters import DeviceCounters, as_text
from edge_agent.devices import DeviceStage, Look, build
from edge_agent.drivers.make import Lines
from edge_agent.drivers.ports import NotReady, Read
from edge_agent.samples import SampleQueue
from edge_agent.settings_devices import Device
from edge_agent.settings_power import Power
from harkara_io.control_socket import ControlError
from harkara_io.errors import nearest_hint

PATIENCE_S_MAX: Final = 3600.0
"""Longest wait that may be asked for. [s]"""

Json = dict[str, Any]


class Looking:
    """Answers ``read`` on the agent's control socket."""

    def __init__(self) -> None:
        self._devices: dict[str, tuple[DeviceStage, DeviceCounters]] = {}

    def add(self, stage: DeviceStage, counters: DeviceCounters) -> None:
        """From now on the device can be looked at."""
        self._devices[counters.id] = stage, counters

    async def read(self, fields: Mapping[str, Any]) -> Json:
        """Fields ``device`` and ``patience_s``; the answer as `as_json` has it.

        Raises:
            ControlError: There is no such device, or somebody else looks at it.
        """
        name, timeout_s = str(fields.get("device", "")), fields.get("patience_s", 10.0)
        if not isinstance(timeout_s, int | float) or not 0 < timeout_s <= PATIENCE_S_MAX:
            raise ControlError(f"patience_s must lie between 0 and {PATIENCE_S_MAX:g}")
        found = self._devices.get(name)
        if found is None:
            raise ControlError(f"no device `{name}`", nearest_hint(name, self._devices))
        stage, counters = found
        try:
            return as_json(await stage.read_now(timeout_s), counters)
        except NotReady as exc:
            raise ControlError(str(exc)) from exc


async def look_alone(device: Device, timeout_s: float, power: Sequence[Power] = ()) -> Json:
    """Open a device's line without an agent, read it once and close it; nothing is kept.

    Args:
        device: Which.
        timeout_s: How long it may take. [s]
        power: The power groups, of which one may feed it.
    """
    queue, clock, lines = SampleQueue(), SystemClock(), Lines()
    own = getattr(device, "power", None)
    supplies = power_groups.build_all([each for each in power if each.id == own], clock, lines)
    stage, counters = build(device, clock, queue, lines)
    for supply in supplies:
        await supply.start()
    running = asyncio.create_task(stage.run())
    emptying = asyncio.create_task(_throw_away(queue))
    try:
        return as_json(await stage.read_now(timeout_s), counters)
    finally:
        for task in (running, emptying):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        for supply in supplies:
            await supply.stop()


async def _throw_away(queue: SampleQueue) -> None:
    while await queue.wait(None):
        while queue.take() is not None:
            pass


def as_json(look: Look, counters: DeviceCounters) -> Json:
    """What was read, what went over the line, and how the device is."""
    return {
        "device": counters.id,
        "source": counters.source,
        "state": counters.state,
        "detail": counters.detail,
        "reads": [_read(each) for each in look.reads],
        "bytes": [
            {"after_s": round(each.after_s, 6), "sent": each.sent, "hex": each.data.hex()} for each in look.exchanges
        ],
    }


def _read(read: Read) -> Json:
    if isinstance(read, FrameRejected):
        return {"rejected": str(read.reason), "detail": read.detail}
    return {
        "observed_at_ns": read.observed_at_ns,
        "arrived_ns": read.arrived_ns,
        "numbers": [
            {
                "channel": number.channel,
                "value": None if number.value is None else as_text(number.value),
                "unit": number.unit,
                "reason": number.reason,
            }
            for number in read.numbers
        ],
        "texts": {text.channel: text.text for text in read.texts},
    }
