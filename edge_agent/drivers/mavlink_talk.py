"""What is said on an autopilot's line: who we are and what we ask for, where anything is to be said at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from device_profiles.codecs.mavlink_frames import COMMAND_ACK, HEARTBEAT, Sender
from device_profiles.codecs.mavlink_scan import Frame
from device_profiles.codecs.mavlink_signing import EPOCH_NS
from edge_agent.drivers.mavlink_signed import Signed
from edge_agent.telemetry.rates import Rates

_STAMP_NS: Final = 10_000


class Talk:
    """The sending side of one line.

    Attributes:
        hertz: Messages asked for at a rate, by number. [1/s]
        once: Messages asked for once.
        calls: Whether to say who we are though nothing is asked for: where nobody speaks to a stranger.
    """

    def __init__(self) -> None:
        self.hertz: dict[int, float] = {}
        self.once: list[int] = []
        self.calls = False
        self._rates: Rates | None = None

    @property
    def wanted(self) -> set[int]:
        """Messages that must be heard for it."""
        return {HEARTBEAT, COMMAND_ACK, *self.hertz, *self.once} if self._speaks else set()

    @property
    def counts(self) -> Mapping[str, int]:
        """What was asked, refused and undone."""
        return self._rates.counts if self._rates is not None else {}

    def begin(self, name: Callable[[int], str], signed: Signed | None) -> None:
        """The line was opened: whoever is there may not know what was asked before."""
        if self._rates is not None:
            self._rates.restarted()
        elif self._speaks:
            names = {number: name(number) for number in (*self.hertz, *self.once)}
            sender = Sender(key=signed.key if signed is not None else b"")
            self._rates = Rates(sender, self.hertz, self.once, names)

    def hear(self, frame: Frame, now_s: float, *, is_new_life: bool) -> None:
        """Take a frame of the vehicle.

        Args:
            frame: The frame.
            now_s: Monotonic. [s]
            is_new_life: The vehicle began anew with it.
        """
        if self._rates is not None:
            if is_new_life:
                self._rates.restarted()
            self._rates.hear(frame, now_s)

    def due(self, now_s: float, wall_ns: int, signed: Signed | None) -> list[bytes]:
        """Frames to send now; signed with a time that rises whatever this machine's clock says."""
        if self._rates is None:
            return []
        stamp = max(0, (wall_ns - EPOCH_NS) // _STAMP_NS, signed.latest + 1 if signed is not None else 0)
        return self._rates.due(now_s, stamp)

    def told(self) -> list[str]:
        """What a person should know, since the last time."""
        return self._rates.told() if self._rates is not None else []

    @property
    def _speaks(self) -> bool:
        return bool(self.hertz or self.once or self.calls)
