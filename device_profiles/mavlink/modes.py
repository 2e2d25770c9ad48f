"""Names of flight modes: the number in a heartbeat means another one for each autopilot and kind of vehicle.

Names and numbers of ArduPilot's own sources (``mode.h`` of Copter, Plane, Rover, Sub and Blimp) and of PX4's
``px4_custom_mode.h``, in lower case.
"""

from __future__ import annotations

from typing import Final

ARDUPILOT: Final = 3
"""MAV_AUTOPILOT_ARDUPILOTMEGA."""
PX4: Final = 12
"""MAV_AUTOPILOT_PX4."""
_CUSTOM: Final = 0x01
"""MAV_MODE_FLAG_CUSTOM_MODE_ENABLED: without it the number means nothing."""


def _named(text: str) -> dict[int, str]:
    pairs = (word.partition(" ") for word in text.split(", "))
    return {int(number): name for number, _, name in pairs}


_COPTER: Final = _named(
    "0 stabilize, 1 acro, 2 alt_hold, 3 auto, 4 guided, 5 loiter, 6 rtl, 7 circle, 8 position, 9 land, 10 of_loiter, "
    "11 drift, 13 sport, 14 flip, 15 autotune, 16 poshold, 17 brake, 18 throw, 19 avoid_adsb, 20 guided_nogps, "
    "21 smart_rtl, 22 flowhold, 23 follow, 24 zigzag, 25 systemid, 26 autorotate, 27 auto_rtl, 28 turtle, 29 rate_acro"
)
_PLANE: Final = _named(
    "0 manual, 1 circle, 2 stabilize, 3 training, 4 acro, 5 fbwa, 6 fbwb, 7 cruise, 8 autotune, 10 auto, 11 rtl, "
    "12 loiter, 13 takeoff, 14 avoid_adsb, 15 guided, 16 initialising, 17 qstabilize, 18 qhover, 19 qloiter, 20 qland, "
    "21 qrtl, 22 qautotune, 23 qacro, 24 thermal, 25 loiteraltqland, 26 autoland"
)
_ROVER: Final = _named(
    "0 manual, 1 acro, 2 learning, 3 steering, 4 hold, 5 loiter, 6 follow, 7 simple, 8 dock, 9 circle, 10 auto, "
    "11 rtl, 12 smart_rtl, 15 guided, 16 initialising"
)
_SUB: Final = _named(
    "0 stabilize, 1 acro, 2 alt_hold, 3 auto, 4 guided, 7 circle, 9 surface, 16 poshold, 19 manual, 20 motor_detect, "
    "21 surftrak"
)
_BLIMP: Final = _named("0 land, 1 manual, 2 velocity, 3 loiter, 4 rtl, 5 auto, 6 hold")
_TRACKER: Final = _named("0 manual, 1 stop, 2 scan, 3 servo_test, 4 guided, 10 auto, 16 initialising")
_OF_TYPE: Final = {
    **dict.fromkeys((2, 3, 4, 13, 14, 15, 29, 35), _COPTER),
    **dict.fromkeys((1, 16, 19, 20, 21, 22, 23, 24, 25, 28), _PLANE),
    **dict.fromkeys((10, 11), _ROVER),
    5: _TRACKER,
    7: _BLIMP,
    12: _SUB,
}
"""By MAV_TYPE."""

_PX4_MAIN: Final = _named(
    "1 manual, 2 altctl, 3 posctl, 4 auto, 5 acro, 6 offboard, 7 stabilized, 8 rattitude, 9 simple, 10 termination"
)
_PX4_SUB: Final = {
    3: _named("1 orbit, 2 slow"),
    4: _named(
        "1 ready, 2 takeoff, 3 loiter, 4 mission, 5 rtl, 6 land, 7 rtgs, 8 follow_target, 9 precland, 10 vtol_takeoff"
    ),
}


def mode_name(autopilot: int, kind: int, base_mode: int, custom_mode: int) -> str:
    """What an autopilot calls the mode of its heartbeat; ``mode 77`` for one that has no name here.

    Args:
        autopilot: MAV_AUTOPILOT.
        kind: MAV_TYPE.
        base_mode: MAV_MODE_FLAG bits.
        custom_mode: The number.
    """
    if not base_mode & _CUSTOM:
        return f"base mode {base_mode & 0x7F}"
    if autopilot == PX4:
        main, sub = custom_mode >> 16 & 0xFF, custom_mode >> 24
        name = _PX4_MAIN.get(main)
        if name is None:
            return f"mode {main}.{sub}"
        part = _PX4_SUB.get(main, {}).get(sub, str(sub)) if sub else ""
        return f"{name} {part}".rstrip()
    names = _OF_TYPE.get(kind, {}) if autopilot == ARDUPILOT else {}
    return names.get(custom_mode, f"mode {custom_mode}")
