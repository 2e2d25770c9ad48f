"""Dictionary 1: words that small bodies share, so that a block of a few rows need not spell them out.

A raw-content dictionary: both compressors may point back into it as if it stood before the body. It is plain ASCII,
frozen for ever under its number (`DIGEST` proves it); other words would be dictionary 2 and another `Encoding`.
The likeliest lines stand last, where references to them are shortest.
"""

from __future__ import annotations

from typing import Final

_NAMES: Final = """
latitude longitude altitude height speed course heading satellites hdop fix_quality ground roll pitch yaw
acceleration_x acceleration_y acceleration_z magnetic_field angular_rate throttle airspeed climb_rate
voltage current power energy frequency battery_voltage battery_current battery_level panel load signal_strength rssi
snr uptime count status error state mode counter total interval average maximum minimum peak gust standard_deviation
pm1 pm2_5 pm4 pm10 number_concentration carbon_dioxide carbon_monoxide nitrogen_dioxide nitrogen_oxide sulfur_dioxide
ozone ammonia methane volatile_organic_compounds particle_size noise_level sound illuminance
water_level stage discharge flow_rate volume velocity turbidity conductivity dissolved_oxygen ph redox salinity
chlorophyll nitrate depth distance water_temperature snow_depth river tide wave
soil_moisture volumetric_water_content soil_temperature matric_potential soil_water leaf_wetness dendrometer
evapotranspiration canopy sap_flow irrigation valve tank
precipitation rain_rate rainfall_total lightning visibility cloud_base ceilometer present_weather
solar_radiation net_radiation global_horizontal_irradiance direct_normal_irradiance diffuse_horizontal_irradiance
longwave_radiation shortwave_radiation downward upward incoming outgoing photosynthetically_active_radiation
uv_index uvb par albedo sunshine_duration zenith_angle azimuth case_temperature dome_temperature body_temperature
sensor module internal_temperature enclosure logger platform tracker north south east west inlet outlet channel_
"""

_LINES: Final = (
    ("location", "deg"),
    ("latitude", "deg"),
    ("longitude", "deg"),
    ("altitude", "m"),
    ("speed", "m/s"),
    ("course", "deg"),
    ("hdop", "1"),
    ("satellites", "{count}"),
    ("count", "{count}"),
    ("pm10", "ug/m3"),
    ("pm2_5", "ug/m3"),
    ("carbon_dioxide", "[ppm]"),
    ("soil_moisture", "m3/m3"),
    ("electrical_conductivity", "uS/cm"),
    ("dissolved_oxygen", "mg/L"),
    ("turbidity", "[NTU]"),
    ("ph", "[pH]"),
    ("discharge", "m3/s"),
    ("water_level", "m"),
    ("water_temperature", "Cel"),
    ("soil_temperature", "Cel"),
    ("internal_temperature", "Cel"),
    ("dew_point", "Cel"),
    ("case_temperature", "Cel"),
    ("dome_temperature", "Cel"),
    ("current", "A"),
    ("power", "W"),
    ("energy", "kW.h"),
    ("battery_voltage", "V"),
    ("voltage", "V"),
    ("illuminance", "lx"),
    ("solar_radiation", "W/m2"),
    ("direct_normal_irradiance", "W/m2"),
    ("diffuse_horizontal_irradiance", "W/m2"),
    ("global_horizontal_irradiance", "W/m2"),
    ("precipitation", "mm"),
    ("rain_rate", "mm/h"),
    ("wind_gust", "m/s"),
    ("wind_direction", "deg"),
    ("wind_speed", "m/s"),
    ("pressure", "Pa"),
    ("pressure", "mbar"),
    ("air_pressure", "hPa"),
    ("humidity", "%"),
    ("relative_humidity", "%"),
    ("temperature", "Cel"),
    ("air_temperature", "Cel"),
)

DICTIONARY_1: Final = (
    " ".join(_NAMES.split()) + "\n" + "".join(f"{channel}\t{unit}\n" for channel, unit in _LINES)
).encode("ascii")
"""The dictionary's bytes."""

DIGEST: Final = bytes.fromhex("260ef1454c9d0696ac6c590e51ec26ce")
"""BLAKE2b-128 of `DICTIONARY_1`."""
