"""The messages that the emulated drone says, as the public dialects declare them, and one of its sprayer's own."""

from __future__ import annotations

from typing import Final

from simulators.emulators.mavlink_writer import Definition

HEARTBEAT: Final = Definition(
    0,
    "HEARTBEAT",
    (
        ("uint32_t", "custom_mode"),
        *(("uint8_t", name) for name in ("type", "autopilot", "base_mode", "system_status", "mavlink_version")),
    ),
)
SYSTEM_TIME: Final = Definition(2, "SYSTEM_TIME", (("uint64_t", "time_unix_usec"), ("uint32_t", "time_boot_ms")))
GPS_RAW_INT: Final = Definition(
    24,
    "GPS_RAW_INT",
    (
        ("uint64_t", "time_usec"),
        *(("int32_t", name) for name in ("lat", "lon", "alt")),
        *(("uint16_t", name) for name in ("eph", "epv", "vel", "cog")),
        *(("uint8_t", name) for name in ("fix_type", "satellites_visible")),
    ),
)
ATTITUDE: Final = Definition(
    30,
    "ATTITUDE",
    (
        ("uint32_t", "time_boot_ms"),
        *(("float", name) for name in ("roll", "pitch", "yaw", "rollspeed", "pitchspeed", "yawspeed")),
    ),
)
GLOBAL_POSITION_INT: Final = Definition(
    33,
    "GLOBAL_POSITION_INT",
    (
        ("uint32_t", "time_boot_ms"),
        *(("int32_t", name) for name in ("lat", "lon", "alt", "relative_alt")),
        *(("int16_t", name) for name in ("vx", "vy", "vz")),
        ("uint16_t", "hdg"),
    ),
)
MISSION_CURRENT: Final = Definition(42, "MISSION_CURRENT", (("uint16_t", "seq"),))
MISSION_ITEM_REACHED: Final = Definition(46, "MISSION_ITEM_REACHED", (("uint16_t", "seq"),))
MISSION_ITEM_INT: Final = Definition(
    73,
    "MISSION_ITEM_INT",
    (
        *(("float", name) for name in ("param1", "param2", "param3", "param4")),
        *(("int32_t", name) for name in ("x", "y")),
        ("float", "z"),
        *(("uint16_t", name) for name in ("seq", "command")),
        *(("uint8_t", name) for name in ("target_system", "target_component", "frame", "current", "autocontinue")),
    ),
)
STATUSTEXT: Final = Definition(253, "STATUSTEXT", (("uint8_t", "severity"), ("char[50]", "text")))
EXTENDED_SYS_STATE: Final = Definition(
    245, "EXTENDED_SYS_STATE", (("uint8_t", "vtol_state"), ("uint8_t", "landed_state"))
)
SCALED_PRESSURE: Final = Definition(
    29,
    "SCALED_PRESSURE",
    (("uint32_t", "time_boot_ms"), ("float", "press_abs"), ("float", "press_diff"), ("int16_t", "temperature")),
    (("int16_t", "temperature_press_diff"),),
)
SERVO_OUTPUT_RAW: Final = Definition(
    36,
    "SERVO_OUTPUT_RAW",
    (("uint32_t", "time_usec"), *(("uint16_t", f"servo{number}_raw") for number in range(1, 9)), ("uint8_t", "port")),
    tuple(("uint16_t", f"servo{number}_raw") for number in range(9, 17)),
)
BATTERY_STATUS: Final = Definition(
    147,
    "BATTERY_STATUS",
    (
        *(("int32_t", name) for name in ("current_consumed", "energy_consumed")),
        ("int16_t", "temperature"),
        ("uint16_t[10]", "voltages"),
        ("int16_t", "current_battery"),
        *(("uint8_t", name) for name in ("id", "battery_function", "type")),
        ("int8_t", "battery_remaining"),
    ),
    (
        ("int32_t", "time_remaining"),
        ("uint8_t", "charge_state"),
        ("uint16_t[4]", "voltages_ext"),
        ("uint8_t", "mode"),
        ("uint32_t", "fault_bitmask"),
    ),
)
HYGROMETER_SENSOR: Final = Definition(
    12_920, "HYGROMETER_SENSOR", (("int16_t", "temperature"), ("uint16_t", "humidity"), ("uint8_t", "id"))
)
SPRAY_STATUS: Final = Definition(
    60_501,
    "SPRAY_STATUS",
    (("uint32_t", "time_boot_ms"), ("float", "flow"), ("float", "tank"), ("uint8_t", "pump")),
)
"""Of a dialect of the sprayer's maker: `SPRAY_XML` is its definition file. Flow in l/min, tank in l."""
SPRAY_XML: Final = """\
<?xml version="1.0"?>
<mavlink><messages>
  <message id="60501" name="SPRAY_STATUS">
    <description>State of the spraying gear.</description>
    <field type="uint32_t" name="time_boot_ms" units="ms">Since boot.</field>
    <field type="float" name="flow">Flow. [l/min]</field>
    <field type="float" name="tank">Rest in the tank. [l]</field>
    <field type="uint8_t" name="pump">1 while the pump runs.</field>
  </message>
</messages></mavlink>
"""
