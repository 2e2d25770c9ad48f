"""Drivers that other packages bring, by their entry points; a fault in one is a line that is down, and no more."""

from __future__ import annotations

import math
import traceback
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Final, Protocol, cast

from device_profiles.quality import REASONS, Flag
from device_profiles.rejects import FrameRejected, RejectReason, reject
from device_profiles.wire.values import Scaled, fits
from edge_agent.clock import Clock
from edge_agent.drivers.line_times import NS_MAX
from edge_agent.drivers.ports import Driver, LinkDown, NotReady, Number, Read, Sample
from harkara_io.errors import HarkaraError, nearest_hint

GROUP: Final = "harkara.drivers"
CHANNELS_MAX: Final = 256
NAME_BYTES_MAX: Final = 64
UNIT_BYTES_MAX: Final = 40
EXPONENT_MAX: Final = 30


class DriverClass(Protocol):
    """What an entry point names."""

    Settings: Callable[..., Any]
    """Makes the settings out of ``[device.settings]`` by keyword; raises ``TypeError`` or ``ValueError``."""

    def __call__(self, settings: Any, clock: Clock) -> Driver:  # noqa: ANN401 - its own affair
        """The driver; opens nothing."""
        ...


class PluginUnusable(HarkaraError):
    """There is no such plug-in, or it cannot be used as configured; says why and what to do.

    Attributes:
        what: Why.
        hint: What to do.
    """

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what)
        self.what, self.hint = what, hint


def prepared(name: str, settings: Mapping[str, Any]) -> tuple[DriverClass, Any]:
    """The class of a plug-in and its settings, checked. Only here is a package of others imported.

    Raises:
        PluginUnusable: See there.
    """
    entry = _entry(name)
    try:
        kind = cast("DriverClass", entry.load())
        make = kind.Settings
    except (Exception, SystemExit) as exc:
        what = f"plug-in {name} ({entry.value}) cannot be loaded: {_words(exc)}"
        raise PluginUnusable(what, "install what it needs, or tell who made it") from exc
    try:
        return kind, make(**settings)
    except (Exception, SystemExit) as exc:
        raise PluginUnusable(f"plug-in {name}: {_words(exc)}", "see its documentation for [device.settings]") from exc


def _entry(name: str) -> EntryPoint:
    found = {entry.name: entry for entry in entry_points(group=GROUP)}
    if name not in found:
        known = ", ".join(sorted(found)) or "none"
        raise PluginUnusable(
            f"no plug-in `{name}` is installed; there are: {known}",
            nearest_hint(name, found) or "pip install the package that has it, into the agent's own environment",
        )
    return found[name]


class PluginDriver:
    """Keeps a driver of others to the contract: whatever it raises is a reason, and what it gives is looked at."""

    def __init__(self, name: str, settings: Mapping[str, Any], clock: Clock) -> None:
        self._name = name
        self._settings = dict(settings)
        self._clock = clock
        self._driver: Driver | None = None

    async def open(self) -> None:
        """Open it; raises ``LinkDown`` or ``NotReady``."""
        try:
            if self._driver is None:
                kind, settings = prepared(self._name, self._settings)
                self._driver = kind(settings, self._clock)
            await self._driver.open()
        except PluginUnusable as exc:
            raise LinkDown(exc.what) from exc
        except (LinkDown, NotReady):
            raise
        except (Exception, SystemExit) as exc:
            raise self._fault(exc) from exc

    async def read(self) -> list[Read]:
        """What it gives, the sound part of it; raises ``LinkDown``."""
        assert self._driver is not None, "read follows open"
        try:
            return self._sound(await self._driver.read())
        except (LinkDown, NotReady):
            raise
        except (Exception, SystemExit) as exc:
            raise self._fault(exc) from exc

    async def close(self) -> list[Read]:
        """Close it, open or not; what it raises then is nobody's concern any more."""
        if self._driver is None:
            return []
        try:
            return self._sound(await self._driver.close())
        except (Exception, SystemExit):  # noqa: BLE001 - nobody is left who could mend it
            return []

    def notes(self) -> dict[str, int]:
        """What it counted."""
        try:
            found = dict(self._driver.notes()) if self._driver is not None else {}
        except (Exception, SystemExit):  # noqa: BLE001 - counting is not worth a line that is down
            return {"notes_failed": 1}
        return {str(name)[:NAME_BYTES_MAX]: count for name, count in found.items() if isinstance(count, int)}

    def _fault(self, exc: BaseException) -> LinkDown:
        last = traceback.extract_tb(exc.__traceback__)[-1:]
        where = "".join(f" at {Path(frame.filename).name}:{frame.lineno}" for frame in last)
        return LinkDown(f"plug-in {self._name}: {_words(exc)}{where}")

    def _sound(self, reads: Iterable[object]) -> list[Read]:
        sound: list[Read] = []
        for read in reads:
            if isinstance(read, FrameRejected):
                sound.append(read)
            else:
                fault = fault_of(read)
                if fault:
                    detail = f"plug-in {self._name} gave {fault}"
                    sound.append(reject(RejectReason.SHAPE, detail, repr(read).encode()))
                else:
                    sound.append(cast("Sample", read))
        return sound


def fault_of(read: object) -> str:
    """What is wrong with a sample, so that no block could hold it; empty when nothing is."""
    if not isinstance(read, Sample):
        return f"a {type(read).__name__} where a Sample belongs"
    times = [read.arrived_ns] if read.observed_at_ns is None else [read.arrived_ns, read.observed_at_ns]
    if not all(isinstance(at, int) and 0 <= at <= NS_MAX for at in times):
        return "a time that is no number of nanoseconds since 1970"
    if not isinstance(read.numbers, tuple) or len(read.numbers) > CHANNELS_MAX:
        return f"no tuple of at most {CHANNELS_MAX} numbers"
    if read.marks or read.texts:
        return "more than numbers"
    faults = (_number_fault(number) for number in read.numbers)
    channels = {number.channel for number in read.numbers if isinstance(number, Number)}
    twice = "a channel twice" if len(channels) < len(read.numbers) else ""
    return next((fault for fault in faults if fault), twice)


def _number_fault(number: object) -> str:
    if not isinstance(number, Number):
        return f"a {type(number).__name__} where a Number belongs"
    parts: tuple[object, ...] = tuple(number)
    name, unit, value, flag, reason = parts
    if not isinstance(name, str) or not 0 < len(name.encode("utf-8", "replace")) <= NAME_BYTES_MAX:
        return "a channel without a proper name"
    if not isinstance(unit, str) or not unit.isascii() or " " in unit or len(unit) > UNIT_BYTES_MAX:
        return f"no UCUM unit for {name}"
    if not isinstance(flag, Flag):
        return f"no Flag for {name}"
    return _value_fault(name, value, reason)


def _value_fault(name: str, value: object, reason: object) -> str:
    if value is None:
        return "" if reason in REASONS else f"no reason why {name} is missing; there are {', '.join(REASONS)}"
    if isinstance(value, Scaled):
        whole = all(isinstance(part, int) for part in value)
        return "" if whole and fits(value.mantissa) and abs(value.exponent) <= EXPONENT_MAX else f"no number for {name}"
    return "" if isinstance(value, float) and math.isfinite(value) else f"no finite number for {name}"


def _words(exc: BaseException) -> str:
    """An exception in one line."""
    return f"{type(exc).__name__}: {' '.join(str(exc).split())}"[:300]
