"""How often a vehicle sends what we asked for: asked once, watched, asked again when somebody else changed it.

Ground stations ask for whole streams every half minute, and each time undo what others had asked for. So the rate is
watched, and asked for again ever more seldom: two who want different things must not fill the link with it. Pure: time
and frames come in, frames to send go out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from device_profiles.codecs.mavlink_frames import COMMAND_ACK, REQUEST_MESSAGE, SET_MESSAGE_INTERVAL, Sender
from device_profiles.codecs.mavlink_scan import Frame

HEARTBEAT_S: Final = 1.0
ANSWER_S: Final = 1.5
"""An answer takes no longer than this. [s]"""
TRIES_MAX: Final = 5
"""Without an answer it is left for a minute: an autopilot that does not answer is busy or deaf."""
WATCH_S: Final = 5.0
"""A rate is counted over this time at least, and over five messages. [s]"""
AGAIN_S_MIN: Final = 5.0
AGAIN_S_MAX: Final = 300.0
"""Between two times of asking again, doubled each time. [s]"""
LOW: Final = 0.6
HIGH: Final = 1.7
"""Parts of the rate that was asked for; within, it is kept: autopilots divide their loops by whole numbers."""
_ACCEPTED: Final = 0
_TRY_LATER: Final = 1
_IN_PROGRESS: Final = 5
_RESULTS: Final = {2: "denied", 3: "unsupported", 4: "failed", 6: "cancelled"}
"""MAV_RESULT."""


@dataclass(slots=True)
class _Wish:
    """One message at a rate, or once when ``hertz`` is nought."""

    message: int
    name: str
    hertz: float
    ask_s: float = 0.0
    tries: int = 0
    waiting: bool = False
    refused: bool = False
    granted: bool = False
    again_s: float = AGAIN_S_MIN
    since_s: float = 0.0
    seen: int = 0
    stomped: bool = False


@dataclass(slots=True)
class Rates:
    """What is asked of one vehicle.

    Attributes:
        system: Its id; 0 until it was heard.
        counts: ``rate_asked``, ``rate_conflicts``, ``rate_refused``, ``rate_unanswered``.
    """

    sender: Sender
    hertz: Mapping[int, float]
    once: Sequence[int]
    names: Mapping[int, str]
    system: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    _wishes: list[_Wish] = field(default_factory=list)
    _beat_s: float = 0.0
    _told: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        wanted = [*self.hertz.items(), *((message, 0.0) for message in self.once)]
        self._wishes = [_Wish(message, self.names[message], hertz) for message, hertz in wanted]

    def hear(self, frame: Frame, now_s: float) -> None:
        """Take a frame of the line."""
        if not frame.is_vehicles:
            return
        self.system = self.system or frame.system
        if frame.system != self.system:
            return
        if frame.message == COMMAND_ACK:
            self._answered(frame.payload.ljust(10, b"\0"), now_s)
            return
        for wish in self._wishes:
            if wish.message == frame.message:
                wish.seen += 1
                if not wish.hertz:
                    wish.granted, wish.waiting = True, False

    def restarted(self) -> None:
        """The vehicle began anew, and has forgotten what it was asked."""
        self._wishes = [_Wish(wish.message, wish.name, wish.hertz) for wish in self._wishes]

    def due(self, now_s: float, stamp: int = 0) -> list[bytes]:
        """What is to be sent now.

        Args:
            now_s: Monotonic. [s]
            stamp: For signatures. [10 us]
        """
        frames: list[bytes] = []
        if now_s >= self._beat_s:
            self._beat_s = now_s + HEARTBEAT_S
            frames.append(self.sender.heartbeat(self.system or 1, stamp))
        if not self.system:
            return frames
        for wish in self._wishes:
            if wish.granted and wish.hertz:
                self._watch(wish, now_s)
        # Answers name the command, not the message: one question at a time.
        if any(wish.waiting and now_s < wish.ask_s for wish in self._wishes):
            return frames
        for wish in self._wishes:
            if wish.refused or wish.granted or now_s < wish.ask_s:
                continue
            if self._gives_up(wish, now_s):
                continue
            frames.append(self._asking(wish, stamp))
            wish.waiting, wish.tries = True, wish.tries + 1
            wish.ask_s = now_s + ANSWER_S
            break
        return frames

    def told(self) -> list[str]:
        """What a person should know, since the last time."""
        told, self._told = self._told, []
        return told

    def _asking(self, wish: _Wish, stamp: int) -> bytes:
        self.counts["rate_asked"] += 1
        command = SET_MESSAGE_INTERVAL if wish.hertz else REQUEST_MESSAGE
        parameters = (wish.message, round(1e6 / wish.hertz)) if wish.hertz else (wish.message,)
        return self.sender.command(self.system, command, parameters, repeated=wish.tries, stamp=stamp)

    def _gives_up(self, wish: _Wish, now_s: float) -> bool:
        if wish.tries < TRIES_MAX:
            return False
        self.counts["rate_unanswered"] += 1
        self._told.append(f"{wish.name}: the autopilot does not answer")
        wish.tries, wish.waiting, wish.ask_s = 0, False, now_s + 60.0
        return True

    def _answered(self, payload: bytes, now_s: float) -> None:
        command, result = int.from_bytes(payload[:2], "little"), payload[2]
        wish = next((each for each in self._wishes if each.waiting and _command(each) == command), None)
        if wish is None or result == _IN_PROGRESS:
            return
        wish.waiting, wish.tries = False, 0
        if result == _ACCEPTED:
            wish.granted, wish.since_s, wish.seen = True, now_s, 0
        elif result == _TRY_LATER:
            wish.ask_s = now_s + AGAIN_S_MIN
        else:
            wish.refused = True
            self.counts["rate_refused"] += 1
            self._told.append(f"{wish.name}: {_RESULTS.get(result, f'result {result}')}")

    def _watch(self, wish: _Wish, now_s: float) -> None:
        """Compare what comes with what was granted."""
        took_s = now_s - wish.since_s
        if took_s < max(WATCH_S, 5 / wish.hertz):
            return
        actual = wish.seen / took_s
        wish.since_s, wish.seen = now_s, 0
        if LOW * wish.hertz <= actual <= HIGH * wish.hertz:
            if wish.stomped:
                self._told.append(f"{wish.name}: {wish.hertz:g} Hz again")
            elif wish.again_s > AGAIN_S_MIN:
                wish.again_s /= 2
            wish.stomped = False
            return
        if not wish.stomped:
            self._told.append(f"{wish.name}: comes at {actual:.1f} Hz, asked for were {wish.hertz:g} Hz")
        self.counts["rate_conflicts"] += 1
        wish.stomped, wish.granted = True, False
        wish.ask_s, wish.again_s = now_s + wish.again_s - AGAIN_S_MIN, min(2 * wish.again_s, AGAIN_S_MAX)


def _command(wish: _Wish) -> int:
    return SET_MESSAGE_INTERVAL if wish.hertz else REQUEST_MESSAGE
