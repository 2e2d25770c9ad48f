"""The words for what is measured: unit, CF name, labels, limits and privacy class, so that profiles stay short.

Limits are what can happen outdoors anywhere on land (WMO-No. 8 plausible values where it has them), not what a sensor can
measure. Air pressure depends on elevation: `pressure_limits` gives it, a fixed band would call the Himalaya an error.
"""
# ruff: noqa: E501 - one row a quantity

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Quantity:
    """One observed property.

    Attributes:
        name: The word.
        unit: UCUM code channels of it use unless they say otherwise.
        cf: CF standard name, or empty.
        en: English label.
        hi: Hindi label.
        low: Least plausible value in ``unit``, or None.
        high: Greatest plausible value in ``unit``, or None.
        privacy: P0 environmental, P1 operational, P2 linkable, P3 direct, P4 restricted.
    """

    name: str
    unit: str
    cf: str
    en: str
    hi: str
    low: float | None = None
    high: float | None = None
    privacy: str = "P0"


_Row = tuple[str, str, str, str, str, float | None, float | None, str]

# fmt: off
_ROWS: Final[tuple[_Row, ...]] = (
    # air and weather
    ("air_temperature", "Cel", "air_temperature", "Air temperature", "वायु तापमान", -80, 60, "P0"),
    ("relative_humidity", "%", "relative_humidity", "Relative humidity", "सापेक्ष आर्द्रता", 0, 100, "P0"),
    ("dew_point", "Cel", "dew_point_temperature", "Dew point", "ओसांक", -80, 40, "P0"),
    ("air_pressure", "hPa", "surface_air_pressure", "Air pressure", "वायुदाब", 450, 1100, "P0"),
    ("sea_level_pressure", "hPa", "air_pressure_at_mean_sea_level", "Sea-level pressure", "समुद्र-तल वायुदाब", 850, 1100, "P0"),
    ("vapour_pressure", "kPa", "water_vapor_partial_pressure_in_air", "Vapour pressure", "वाष्प दाब", 0, 10, "P0"),
    ("vapour_pressure_deficit", "kPa", "water_vapor_saturation_deficit_in_air", "Vapour pressure deficit", "वाष्प दाब कमी", 0, 12, "P0"),
    ("wind_speed", "m/s", "wind_speed", "Wind speed", "पवन गति", 0, 75, "P0"),
    ("wind_gust", "m/s", "wind_speed_of_gust", "Wind gust", "पवन झोंका", 0, 150, "P0"),
    ("wind_direction", "deg", "wind_from_direction", "Wind direction", "पवन दिशा", 0, 360, "P0"),
    ("wind_speed_north", "m/s", "northward_wind", "Wind towards north", "उत्तर की ओर पवन", -75, 75, "P0"),
    ("wind_speed_east", "m/s", "eastward_wind", "Wind towards east", "पूर्व की ओर पवन", -75, 75, "P0"),
    ("precipitation", "mm", "precipitation_amount", "Rainfall", "वर्षा", 0, 2000, "P0"),
    ("precipitation_rate", "mm/h", "lwe_precipitation_rate", "Rain intensity", "वर्षा की तीव्रता", 0, 2400, "P0"),
    ("precipitation_count", "1", "", "Rain gauge tips", "वर्षामापी टिप संख्या", 0, None, "P0"),
    ("snow_depth", "cm", "surface_snow_thickness", "Snow depth", "हिम गहराई", 0, 1500, "P0"),
    ("hail", "1", "", "Hail hits", "ओला प्रहार", 0, None, "P0"),
    ("solar_radiation", "W/m2", "surface_downwelling_shortwave_flux_in_air", "Solar radiation", "सौर विकिरण", -10, 1600, "P0"),
    ("longwave_radiation", "W/m2", "surface_downwelling_longwave_flux_in_air", "Longwave radiation", "दीर्घतरंग विकिरण", 0, 900, "P0"),
    ("net_radiation", "W/m2", "surface_net_downward_radiative_flux", "Net radiation", "निवल विकिरण", -400, 1300, "P0"),
    ("par", "umol/m2/s", "surface_downwelling_photosynthetic_photon_flux_in_air", "Photosynthetic light (PAR)", "प्रकाश-संश्लेषी विकिरण", 0, 3000, "P0"),
    ("uv_index", "{UVI}", "ultraviolet_index", "UV index", "पराबैंगनी सूचकांक", 0, 30, "P0"),
    ("illuminance", "lx", "", "Illuminance", "प्रदीप्ति", 0, 200000, "P0"),
    ("light_raw", "1", "", "Light sensor counts", "प्रकाश संवेदक गणना", 0, None, "P0"),
    ("lightning_count", "1", "", "Lightning strikes", "बिजली गिरने की संख्या", 0, None, "P0"),
    ("lightning_distance", "km", "", "Lightning distance", "बिजली की दूरी", 0, 100, "P0"),
    ("leaf_wetness", "%", "", "Leaf wetness", "पत्ती नमी", 0, 100, "P0"),
    ("leaf_temperature", "Cel", "", "Leaf temperature", "पत्ती तापमान", -40, 70, "P0"),
    ("surface_temperature", "Cel", "surface_temperature", "Surface temperature", "सतह तापमान", -80, 90, "P0"),
    ("sound_level", "dB{A}", "", "Sound level", "ध्वनि स्तर", 0, 140, "P0"),
    ("dose_rate", "uSv/h", "", "Gamma dose rate", "गामा मात्रा दर", 0, 1000, "P0"),
    # air quality
    ("co2", "[ppm]", "mole_fraction_of_carbon_dioxide_in_air", "Carbon dioxide", "कार्बन डाइऑक्साइड", 300, 10000, "P0"),
    ("co", "[ppm]", "mole_fraction_of_carbon_monoxide_in_air", "Carbon monoxide", "कार्बन मोनोऑक्साइड", 0, 1000, "P0"),
    ("no2", "[ppb]", "mole_fraction_of_nitrogen_dioxide_in_air", "Nitrogen dioxide", "नाइट्रोजन डाइऑक्साइड", 0, 5000, "P0"),
    ("nitric_oxide", "[ppb]", "mole_fraction_of_nitrogen_monoxide_in_air", "Nitric oxide", "नाइट्रिक ऑक्साइड", 0, 5000, "P0"),
    ("o3", "[ppb]", "mole_fraction_of_ozone_in_air", "Ozone", "ओज़ोन", 0, 1000, "P0"),
    ("so2", "[ppb]", "mole_fraction_of_sulfur_dioxide_in_air", "Sulphur dioxide", "सल्फर डाइऑक्साइड", 0, 5000, "P0"),
    ("nh3", "[ppm]", "mole_fraction_of_ammonia_in_air", "Ammonia", "अमोनिया", 0, 1000, "P0"),
    ("h2s", "[ppm]", "", "Hydrogen sulphide", "हाइड्रोजन सल्फाइड", 0, 1000, "P0"),
    ("ch4", "[ppm]", "mole_fraction_of_methane_in_air", "Methane", "मीथेन", 0, 50000, "P0"),
    ("formaldehyde", "[ppb]", "", "Formaldehyde", "फॉर्मल्डिहाइड", 0, 10000, "P0"),
    ("tvoc", "[ppb]", "", "Volatile organic compounds", "वाष्पशील कार्बनिक यौगिक", 0, 60000, "P0"),
    ("voc_index", "1", "", "VOC index", "वीओसी सूचकांक", 0, 500, "P0"),
    ("nox_index", "1", "", "NOx index", "नॉक्स सूचकांक", 0, 500, "P0"),
    ("gas_resistance", "Ohm", "", "Gas sensor resistance", "गैस संवेदक प्रतिरोध", 0, None, "P0"),
    ("air_quality_index", "1", "", "Air quality index", "वायु गुणवत्ता सूचकांक", 0, 1000, "P0"),
    ("pm1", "ug/m3", "mass_concentration_of_pm1_ambient_aerosol_particles_in_air", "PM1", "पीएम1", 0, 5000, "P0"),
    ("pm2_5", "ug/m3", "mass_concentration_of_pm2p5_ambient_aerosol_particles_in_air", "PM2.5", "पीएम2.5", 0, 5000, "P0"),
    ("pm4", "ug/m3", "", "PM4", "पीएम4", 0, 5000, "P0"),
    ("pm10", "ug/m3", "mass_concentration_of_pm10_ambient_aerosol_particles_in_air", "PM10", "पीएम10", 0, 10000, "P0"),
    ("particle_count", "/(100.mL)", "number_concentration_of_ambient_aerosol_particles_in_air", "Particles", "कण संख्या", 0, None, "P0"),
    ("particle_size", "um", "", "Typical particle size", "विशिष्ट कण आकार", 0, 100, "P0"),
    # soil and crop
    ("soil_moisture", "m3/m3", "volume_fraction_of_condensed_water_in_soil", "Soil moisture", "मृदा नमी", 0, 1, "P0"),
    ("soil_moisture_percent", "%", "volume_fraction_of_condensed_water_in_soil", "Soil moisture", "मृदा नमी", 0, 100, "P0"),
    ("soil_temperature", "Cel", "soil_temperature", "Soil temperature", "मृदा तापमान", -50, 70, "P0"),
    ("soil_conductivity", "uS/cm", "", "Soil electrical conductivity", "मृदा विद्युत चालकता", 0, 50000, "P0"),
    ("soil_permittivity", "1", "", "Dielectric permittivity", "परावैद्युतांक", 1, 90, "P0"),
    ("soil_water_potential", "kPa", "soil_water_potential", "Soil water potential", "मृदा जल विभव", -100000, 10, "P0"),
    ("soil_ph", "[pH]", "soil_water_ph", "Soil pH", "मृदा पीएच", 2, 11, "P0"),
    ("soil_nitrogen", "mg/kg", "", "Soil nitrogen", "मृदा नाइट्रोजन", 0, 3000, "P2"),
    ("soil_phosphorus", "mg/kg", "", "Soil phosphorus", "मृदा फॉस्फोरस", 0, 3000, "P2"),
    ("soil_potassium", "mg/kg", "", "Soil potassium", "मृदा पोटैशियम", 0, 3000, "P2"),
    ("soil_salinity", "mg/L", "", "Soil salinity", "मृदा लवणता", 0, 30000, "P0"),
    ("dendrometer", "um", "", "Stem or fruit growth", "तना या फल वृद्धि", -100000, 100000, "P0"),
    ("sap_flow", "cm/s", "", "Sap flow", "रस प्रवाह", None, None, "P0"),
    # water
    ("water_level", "m", "water_surface_height_above_reference_datum", "Water level", "जल स्तर", -500, 9000, "P0"),
    ("water_depth", "m", "", "Water depth", "जल गहराई", 0, 12000, "P0"),
    ("water_pressure", "kPa", "sea_water_pressure", "Water pressure", "जल दाब", -100, 120000, "P0"),
    ("water_temperature", "Cel", "water_temperature", "Water temperature", "जल तापमान", -5, 100, "P0"),
    ("water_conductivity", "uS/cm", "sea_water_electrical_conductivity", "Water electrical conductivity", "जल विद्युत चालकता", 0, 200000, "P0"),
    ("water_ph", "[pH]", "water_ph_reported_on_total_scale", "Water pH", "जल पीएच", 0, 14, "P0"),
    ("dissolved_oxygen", "mg/L", "mass_concentration_of_oxygen_in_sea_water", "Dissolved oxygen", "घुलित ऑक्सीजन", 0, 50, "P0"),
    ("dissolved_oxygen_saturation", "%", "fractional_saturation_of_oxygen_in_sea_water", "Oxygen saturation", "ऑक्सीजन संतृप्ति", 0, 300, "P0"),
    ("oxidation_reduction_potential", "mV", "", "Redox potential", "ऑक्सीकरण-अपचयन विभव", -2000, 2000, "P0"),
    ("turbidity", "[NTU]", "sea_water_turbidity", "Turbidity", "आविलता", 0, 10000, "P0"),
    ("suspended_solids", "mg/L", "", "Suspended solids", "निलंबित ठोस", 0, 100000, "P0"),
    ("chlorophyll", "ug/L", "mass_concentration_of_chlorophyll_in_sea_water", "Chlorophyll", "क्लोरोफिल", 0, 1000, "P0"),
    ("salinity", "g/L", "", "Salinity", "लवणता", 0, 400, "P0"),
    ("flow_rate", "L/min", "", "Flow rate", "प्रवाह दर", 0, None, "P0"),
    ("water_volume", "L", "", "Water volume", "जल आयतन", 0, None, "P2"),
    ("water_velocity", "m/s", "", "Water velocity", "जल वेग", -20, 20, "P0"),
    ("leak", "1", "", "Water leak", "जल रिसाव", 0, 1, "P1"),
    # distance, mechanics, electricity
    ("distance", "mm", "", "Distance", "दूरी", 0, 100000, "P0"),
    ("signal_strength", "1", "", "Measurement signal strength", "मापन संकेत शक्ति", None, None, "P1"),
    ("fill_level", "%", "", "Fill level", "भराव स्तर", 0, 100, "P1"),
    ("weight", "g", "", "Weight", "भार", None, None, "P0"),
    ("strain", "um/m", "", "Strain", "विकृति", None, None, "P0"),
    ("elongation", "um", "", "Elongation", "दीर्घीकरण", None, None, "P0"),
    ("position_ratio", "1", "", "Position", "स्थिति", 0, 1, "P0"),
    ("frequency", "Hz", "", "Frequency", "आवृत्ति", 0, None, "P0"),
    ("angle", "deg", "", "Angle", "कोण", -360, 360, "P0"),
    ("acceleration", "m/s2", "", "Acceleration", "त्वरण", -200, 200, "P0"),
    ("pressure", "bar", "", "Pressure", "दाब", None, None, "P0"),
    ("temperature", "Cel", "", "Temperature", "तापमान", -270, 1500, "P0"),
    ("voltage", "V", "", "Voltage", "वोल्टता", None, None, "P0"),
    ("current", "A", "", "Electric current", "विद्युत धारा", None, None, "P0"),
    ("loop_current", "mA", "", "Loop current", "लूप धारा", 0, 25, "P0"),
    ("resistance", "Ohm", "", "Resistance", "प्रतिरोध", 0, None, "P0"),
    ("power", "W", "", "Power", "शक्ति", None, None, "P2"),
    ("energy", "kW.h", "", "Energy", "ऊर्जा", 0, None, "P2"),
    ("power_factor", "1", "", "Power factor", "शक्ति गुणांक", -1, 1, "P1"),
    ("count", "1", "", "Count", "गणना", 0, None, "P0"),
    ("digital_input", "1", "", "Digital input", "डिजिटल इनपुट", 0, None, "P1"),
    ("digital_output", "1", "", "Digital output", "डिजिटल आउटपुट", 0, None, "P1"),
    ("rotation_speed", "{rev}/min", "", "Rotation speed", "घूर्णन गति", None, None, "P1"),
    # health of the device
    ("battery_voltage", "V", "", "Battery voltage", "बैटरी वोल्टता", 0, 1000, "P1"),
    ("battery_level", "%", "", "Battery level", "बैटरी स्तर", 0, 100, "P1"),
    ("supply_voltage", "V", "", "Supply voltage", "आपूर्ति वोल्टता", 0, 1000, "P1"),
    ("device_temperature", "Cel", "", "Temperature inside the device", "उपकरण का आंतरिक तापमान", -60, 150, "P1"),
    ("device_status", "1", "", "Device status", "उपकरण स्थिति", None, None, "P1"),
    ("device_serial", "1", "", "Device serial number", "उपकरण क्रमांक", None, None, "P1"),
    ("alarm", "1", "", "Alarm", "चेतावनी", 0, None, "P1"),
    ("message_count", "1", "", "Message count", "संदेश संख्या", 0, None, "P1"),
    ("signal_level", "dB{mW}", "", "Signal level", "संकेत स्तर", -200, 50, "P1"),
    ("uptime", "s", "", "Time since start", "चालू अवधि", 0, None, "P1"),
    ("duration", "s", "", "Duration", "अवधि", 0, None, "P1"),
    ("firmware_version", "1", "", "Firmware version", "फ़र्मवेयर संस्करण", None, None, "P1"),
    ("hardware_version", "1", "", "Hardware version", "हार्डवेयर संस्करण", None, None, "P1"),
    ("device_model", "1", "", "Device model", "उपकरण मॉडल", None, None, "P1"),
    ("frequency_band", "1", "", "Frequency band", "आवृत्ति बैंड", None, None, "P1"),
    ("sub_band", "1", "", "Frequency sub-band", "आवृत्ति उप-बैंड", None, None, "P1"),
    ("work_mode", "1", "", "Working mode", "कार्य विधि", None, None, "P1"),
    ("message_type", "1", "", "Kind of message", "संदेश का प्रकार", None, None, "P1"),
    ("setting", "1", "", "Setting of the device", "उपकरण की सेटिंग", None, None, "P1"),
    ("contact", "1", "", "Contact open", "संपर्क खुला", 0, 1, "P1"),
    ("interval", "s", "", "Interval", "अंतराल", 0, None, "P1"),
    ("tilt", "deg", "", "Tilt", "झुकाव", -180, 180, "P1"),
    # position and movement
    ("latitude", "deg", "latitude", "Latitude", "अक्षांश", -90, 90, "P2"),
    ("longitude", "deg", "longitude", "Longitude", "देशांतर", -180, 180, "P2"),
    ("altitude", "m", "altitude", "Altitude", "ऊँचाई", -500, 50000, "P2"),
    ("height_above_ground", "m", "height", "Height above ground", "भूमि से ऊँचाई", -100, 50000, "P2"),
    ("ground_speed", "m/s", "platform_speed_wrt_ground", "Ground speed", "भू-गति", 0, 600, "P2"),
    ("heading", "deg", "platform_orientation", "Heading", "दिशा", 0, 360, "P1"),
    ("course", "deg", "platform_course", "Course over ground", "पथ दिशा", 0, 360, "P2"),
    ("roll", "rad", "platform_roll", "Roll", "रोल", -7, 7, "P1"),
    ("pitch", "rad", "platform_pitch", "Pitch", "पिच", -7, 7, "P1"),
    ("yaw", "rad", "platform_yaw", "Yaw", "यॉ", -7, 7, "P1"),
    ("satellites", "1", "", "Satellites used", "प्रयुक्त उपग्रह", 0, 100, "P1"),
    ("dilution", "1", "", "Dilution of precision", "परिशुद्धता ह्रास", 0, 100, "P1"),
    ("fix_mode", "1", "", "Position fix", "स्थिति निर्धारण", None, None, "P1"),
    ("position_accuracy", "m", "", "Position accuracy", "स्थिति यथार्थता", 0, None, "P1"),
    ("magnetic_field", "uT", "", "Magnetic field", "चुंबकीय क्षेत्र", -10000, 10000, "P0"),
    ("occupancy", "1", "", "Occupancy", "उपस्थिति", 0, None, "P2"),
    ("movement_count", "1", "", "Movements", "गति संख्या", 0, None, "P1"),
    ("people_count", "1", "", "People or phones counted", "व्यक्ति गणना", 0, None, "P2"),
)
# fmt: on

QUANTITIES: Final[dict[str, Quantity]] = {row[0]: Quantity(*row) for row in _ROWS}
"""Every quantity a channel may be."""


def pressure_limits(elevation_m: float) -> tuple[float, float]:
    """Plausible station pressure at an elevation: the ISO 2533 standard atmosphere -90 / +60 hPa at sea level, in proportion above.

    Args:
        elevation_m: Of the barometer above mean sea level. [m]

    Returns:
        Least and greatest plausible pressure. [hPa]
    """
    standard = 1013.25 * max(1 - 2.25577e-5 * elevation_m, 0.05) ** 5.25588
    share = standard / 1013.25
    return standard - 90 * share, standard + 60 * share
