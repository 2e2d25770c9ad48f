"""What is read of a PX4 log: topics, their fields, and when a field holds no number.

Channels are named as in the MAVLink profiles, which carry the same quantities over the air; units are those of the log.
Rules for "none" are those of the message definitions (PX4-Autopilot, msg/*.msg).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

Fields = Mapping[str, Any]
"""One record by field; a field that this version of the firmware lacks is not there."""
Rule = Callable[[Fields], str]
"""The reason why a record holds no number here; empty when it does."""


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic.

    Attributes:
        device: What of the vehicle it describes; the end of the device id.
        fields: Field to channel, unit and power of ten of an integer.
        none: Numbers that stand for "unknown", by field.
        rules: Rules for several fields at once.
        numbered: Whether a second instance is another channel (second battery) rather than another device.
    """

    device: str
    fields: Mapping[str, tuple[str, str, int]]
    none: Mapping[str, float] = field(default_factory=dict)
    rules: Sequence[tuple[tuple[str, ...], Rule]] = ()
    numbered: bool = False


def _unless(flag: str, reason: str = "invalid") -> Rule:
    return lambda record: "" if record.get(flag, 1) else reason


def _no_fix(least: int) -> Rule:
    return lambda record: "no_fix" if record.get("fix_type", 3) < least or _is_nowhere(record) else ""


def _is_nowhere(record: Fields) -> bool:
    return not any(record.get(name) for name in ("lat", "lon", "latitude_deg", "longitude_deg"))


def _nowhere(record: Fields) -> str:
    return "no_fix" if _is_nowhere(record) else ""


def _filter_not_started(record: Fields) -> str:
    """A wind that is exactly nought with a variance of nought was never estimated."""
    return "not_ready" if not record.get("variance_north") and not record.get("variance_east") else ""


def _without_attitude(record: Fields) -> str:
    return "" if any(record.get(f"q[{at}]") for at in range(4)) else "not_ready"


_WIND: Final = Topic(
    "wind",
    {
        "windspeed_north": ("wind_speed_north", "m/s", 0),
        "windspeed_east": ("wind_speed_east", "m/s", 0),
        "variance_north": ("wind_variance_north", "m2/s2", 0),
        "variance_east": ("wind_variance_east", "m2/s2", 0),
    },
    rules=[(("windspeed_north", "windspeed_east", "variance_north", "variance_east"), _filter_not_started)],
)
_GNSS: Final = Topic(
    "gnss",
    {
        "fix_type": ("fix_mode", "1", 0),
        "lat": ("latitude", "deg", -7),
        "lon": ("longitude", "deg", -7),
        "alt": ("altitude", "m", -3),
        "alt_ellipsoid": ("height_above_ellipsoid", "m", -3),
        "latitude_deg": ("latitude", "deg", 0),
        "longitude_deg": ("longitude", "deg", 0),
        "altitude_msl_m": ("altitude", "m", 0),
        "altitude_ellipsoid_m": ("height_above_ellipsoid", "m", 0),
        "hdop": ("hdop", "1", 0),
        "vdop": ("vdop", "1", 0),
        "vel_m_s": ("ground_speed", "m/s", 0),
        "vel_n_m_s": ("speed_north", "m/s", 0),
        "vel_e_m_s": ("speed_east", "m/s", 0),
        "vel_d_m_s": ("speed_down", "m/s", 0),
        "cog_rad": ("course", "rad", 0),
        "satellites_used": ("satellites", "1", 0),
        "eph": ("horizontal_accuracy", "m", 0),
        "epv": ("vertical_accuracy", "m", 0),
        "s_variance_m_s": ("speed_accuracy", "m/s", 0),
        "heading": ("yaw_of_antennas", "rad", 0),
    },
    rules=[
        (("lat", "lon", "latitude_deg", "longitude_deg"), _no_fix(2)),
        (("alt", "alt_ellipsoid", "altitude_msl_m", "altitude_ellipsoid_m"), _no_fix(3)),
        (("vel_m_s", "cog_rad"), _no_fix(2)),
        (("vel_n_m_s", "vel_e_m_s", "vel_d_m_s"), _unless("vel_ned_valid")),
    ],
)

TOPICS: Final[Mapping[str, Topic]] = {
    "vehicle_gps_position": _GNSS,
    "vehicle_global_position": Topic(
        "position",
        {
            "lat": ("latitude", "deg", 0),
            "lon": ("longitude", "deg", 0),
            "alt": ("altitude", "m", 0),
            "terrain_alt": ("terrain_height", "m", 0),
            "eph": ("horizontal_accuracy", "m", 0),
            "epv": ("vertical_accuracy", "m", 0),
        },
        rules=[
            (("lat", "lon"), _nowhere),
            (("lat", "lon"), _unless("lat_lon_valid")),
            (("alt",), _unless("alt_valid")),
            (("terrain_alt",), _unless("terrain_alt_valid")),
        ],
    ),
    "vehicle_local_position": Topic(
        "local-position",
        {
            "x": ("north", "m", 0),
            "y": ("east", "m", 0),
            "z": ("down", "m", 0),
            "vx": ("speed_north", "m/s", 0),
            "vy": ("speed_east", "m/s", 0),
            "vz": ("speed_down", "m/s", 0),
            "dist_bottom": ("bottom_clearance", "m", 0),
        },
        rules=[
            (("x", "y"), _unless("xy_valid")),
            (("z",), _unless("z_valid")),
            (("vx", "vy"), _unless("v_xy_valid")),
            (("vz",), _unless("v_z_valid")),
            (("dist_bottom",), _unless("dist_bottom_valid")),
        ],
    ),
    "vehicle_attitude": Topic(
        "attitude",
        {f"q[{at}]": (f"quaternion_{name}", "1", 0) for at, name in enumerate("wxyz")},
        rules=[(tuple(f"q[{at}]" for at in range(4)), _without_attitude)],
    ),
    "vehicle_air_data": Topic(
        "pressure",
        {
            "baro_pressure_pa": ("air_pressure", "Pa", 0),
            "baro_temp_celcius": ("device_temperature", "Cel", 0),
            "ambient_temperature": ("air_temperature", "Cel", 0),
            "baro_alt_meter": ("pressure_altitude", "m", 0),
            "rho": ("air_density", "kg/m3", 0),
        },
    ),
    "differential_pressure": Topic(
        "pitot",
        {
            "differential_pressure_pa": ("differential_pressure", "Pa", 0),
            "differential_pressure_raw_pa": ("differential_pressure", "Pa", 0),
            "temperature": ("differential_temperature", "Cel", 0),
        },
        none={"temperature": -1000.0},
    ),
    "airspeed": Topic(
        "airspeed",
        {
            "indicated_airspeed_m_s": ("airspeed", "m/s", 0),
            "true_airspeed_m_s": ("true_airspeed", "m/s", 0),
            "air_temperature_celsius": ("air_temperature", "Cel", 0),
            "confidence": ("airspeed_confidence", "1", 0),
        },
        none={"air_temperature_celsius": -1000.0},
    ),
    "wind": _WIND,
    "wind_estimate": _WIND,
    "sensor_hygrometer": Topic(
        "hygrometer", {"temperature": ("air_temperature", "Cel", 0), "humidity": ("relative_humidity", "%", 0)}
    ),
    "distance_sensor": Topic(
        "distance",
        {"current_distance": ("distance", "m", 0), "signal_quality": ("distance_quality", "%", 0)},
        none={"signal_quality": -1.0},
    ),
    "battery_status": Topic(
        "power",
        {
            "voltage_v": ("battery_voltage", "V", 0),
            "current_a": ("battery_current", "A", 0),
            "discharged_mah": ("battery_charge_used", "mA.h", 0),
            "remaining": ("battery_level", "1", 0),
            "temperature": ("battery_temperature", "Cel", 0),
        },
        none={"voltage_v": 0.0, "current_a": -1.0, "discharged_mah": -1.0, "remaining": -1.0},
        rules=[
            (
                ("voltage_v", "current_a", "discharged_mah", "remaining", "temperature"),
                _unless("connected", "no_sensor"),
            )
        ],
        numbered=True,
    ),
    "system_power": Topic("power", {"voltage5v_v": ("board_voltage", "V", 0)}, none={"voltage5v_v": 0.0}),
    "cpuload": Topic("status", {"load": ("processor_load", "1", 0), "ram_usage": ("memory_used", "1", 0)}),
    "vehicle_status": Topic("status", {"nav_state": ("flight_mode", "1", 0), "arming_state": ("arming_state", "1", 0)}),
    "vehicle_land_detected": Topic("status", {"landed": ("landed", "1", 0)}),
}
