"""Weather instruments on serial lines: Gill WindSonic, Hydreon RG-15."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from simulators.emulators.numbers import all_sensed, counted
from simulators.emulators.port import Measurement, Model, Talker
from simulators.frames import Frame

_STEPS_MAX: Final = 99_999_99
_RAIN: Final = ("precipitation", "precipitation_event", "precipitation_total", "precipitation_rate")


class WindSonic(Talker):
    """Gill Instruments, WindSonic manual 1405-PS-0019, continuous polar mode: a line with an XOR check."""

    def measure(self, measurement: Measurement) -> Sequence[Frame]:
        """One line; without direction below 0.05 m/s, as the manual says."""
        speed, direction = measurement.values.get("wind_speed"), measurement.values.get("wind_direction")
        if speed is None or direction is None:
            body = "Q,,,M,04,"
        else:
            bearing = "" if speed < 0.05 else f"{counted(direction, 1, 0, 360) % 360:03d}"
            body = f"Q,{bearing},{counted(speed, 0.01, 0, 6000) / 100:06.2f},M,00,"
        check = 0
        for byte in body.encode():
            check ^= byte
        return (Frame(b"\x02" + body.encode() + b"\x03" + f"{check:02X}\r\n".encode()),)


class Rg15:
    """Hydreon RG-15, software notes 1.000: polling mode, metric; a new accumulation begins with every answer.

    The true values are those of a gauge that nobody has read or reset: what has fallen since then follows from
    ``precipitation_total``.
    """

    def __init__(self) -> None:
        self._now: list[int] | None = None
        """In hundredths of a millimetre, as everything that it counts."""
        self._read: int | None = None
        """``TotalAcc`` of the gauge nobody resets, at the last answer."""
        self._reset = self._event_reset = 0

    def measure(self, measurement: Measurement) -> Sequence[Frame]:
        """Renew what the next answer says; it never speaks by itself."""
        sensed = all_sensed(measurement.values, _RAIN)
        self._now = None if sensed is None else [counted(value, 0.01, 0, _STEPS_MAX) for value in sensed]
        return ()

    def answer(self, request: bytes, at_ns: int) -> Sequence[Frame]:  # noqa: ARG002 - it has no clock
        """``R`` reads, ``A`` the accumulation alone, ``O`` resets the total, ``K`` restarts; modes are acknowledged.

        Silent while nothing is sensed: its line has no word for that.
        """
        command = request.strip().upper()
        if command in {b"P", b"M", b"H", b"L"}:
            return (Frame(command.lower() + b"\r\n"),)
        if self._now is None or command not in {b"R", b"A", b"O", b"K"}:
            return ()
        acc, event, total, rate = self._now
        if command == b"K":
            self._read, self._event_reset = total, event
        if command in {b"O", b"K"}:
            self._reset = total
            return ()
        acc = acc if self._read is None else max(0, total - self._read)
        self._read = total
        said = f"Acc {acc / 100:5.2f} mm"
        if command == b"R":
            # Another event has begun where less has fallen than before the restart.
            event -= self._event_reset if event >= self._event_reset else 0
            event_mm, total_mm, rate_mm_h = event / 100, max(0, total - self._reset) / 100, rate / 100
            said += f", EventAcc {event_mm:5.2f} mm, TotalAcc {total_mm:5.2f} mm, RInt {rate_mm_h:5.2f} mmph"
        return (Frame(f"{said}\r\n".encode(), delay_ns=30_000_000),)


WINDSONIC: Final = Model(
    id="gill/windsonic",
    transport="serial",
    period_s=1.0,
    channels={"wind_speed": 2.74, "wind_direction": 229.0},
    make=lambda _: WindSonic(),
)
RG15: Final = Model(
    id="hydreon/rg-15",
    transport="serial",
    period_s=5.0,
    channels={
        "precipitation": 0.2,
        "precipitation_event": 2.1,
        "precipitation_total": 54.85,
        "precipitation_rate": 2.89,
    },
    make=lambda _: Rg15(),
    requests="line",
)
