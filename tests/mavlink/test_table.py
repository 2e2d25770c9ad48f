"""The table of messages: right by its own checksums, current where the definition files are at hand."""

from __future__ import annotations

import json
from pathlib import Path

import pymavlink  # type: ignore[import-untyped,unused-ignore]
import pytest

from device_profiles.errors import ProfileError
from device_profiles.mavlink import table
from device_profiles.mavlink.definitions import crc_extra
from device_profiles.mavlink.generate import read_folder
from device_profiles.mavlink.sense import UNITS, missing, unit_of
from device_profiles.units import UNITS as UCUM


def test_every_message_has_the_seed_its_fields_give_and_fits_a_frame() -> None:
    messages = table.public().messages.values()
    assert len(messages) == 301
    for message in messages:
        assert message.crc_extra == crc_extra(message.name, [item for item in message.members if not item.extension])
        assert 0 <= message.size <= 255


@pytest.mark.parametrize(
    ("name", "number", "seed", "size"),
    # Printed in the protocol's documentation and in every implementation.
    [("HEARTBEAT", 0, 50, 9), ("SYS_STATUS", 1, 124, 43), ("GPS_RAW_INT", 24, 24, 52), ("ATTITUDE", 30, 39, 28)],
)
def test_known_seeds_and_sizes(name: str, number: int, seed: int, size: int) -> None:
    message = table.known(name)
    assert (message.id, message.crc_extra, message.size) == (number, seed, size)
    assert table.known(number) == message
    assert table.crc_extras()[number] == seed


def test_the_table_is_what_the_definitions_say() -> None:
    text = (Path(table.__file__).with_name(table.TABLE_FILE)).read_text(encoding="ascii")
    assert list(table.lines(table.public()))[:301] == text.splitlines()[:301]
    folder = Path(pymavlink.__file__).parent / "dialects" / "v20"
    assert text == "".join(f"{line}\n" for line in table.lines(read_folder(folder)))


def test_a_wrong_name_is_told_with_the_nearest() -> None:
    with pytest.raises(ProfileError, match="nearest: GPS2_RAW, GPS_RAW_INT"):
        table.known("GPS_RAW")


def test_units_are_of_the_closed_table() -> None:
    assert {code for code, _ in UNITS.values()} <= set(UCUM)
    left = {member.unit for message in table.public().messages.values() for member in message.members} - set(UNITS)
    # Of no use as a reading: pixels, link speeds, and the area over which a camera's pixel stands.
    assert left == {"", "pix", "bits/s", "KiB/s", "MiB/s", "cm^2"}


@pytest.mark.parametrize(
    ("message", "member", "element", "sentinels", "unit"),
    [
        ("GPS_RAW_INT", "cog", 0, [65535], ("deg", "0.01")),
        ("GPS_RAW_INT", "eph", 0, [65535, 9999], ("1", "1")),
        ("GENERATOR_STATUS", "runtime", 0, [0xFFFFFFFF], ("s", "1")),
        ("BATTERY_STATUS", "voltages", 7, [65535], ("mV", "1")),
        ("BATTERY_STATUS", "temperature", 0, [32767], ("Cel", "0.01")),
        ("BATTERY_STATUS", "current_battery", 0, [-1], ("A", "0.01")),
        ("ATTITUDE", "roll", 0, [], ("rad", "1")),
        ("GLOBAL_POSITION_INT", "lat", 0, [], ("deg", "1E-7")),
    ],
)
def test_sentinels_and_scales(
    message: str, member: str, element: int, sentinels: list[int], unit: tuple[str, str]
) -> None:
    found = next(item for item in table.known(message).members if item.name == member)
    assert [rule["value"] for rule in missing(found, element, message) if isinstance(rule, dict)] == sentinels
    code, scale = unit_of(found)
    assert (code, str(scale)) == unit or (code == unit[0] and scale == scale.__class__(unit[1]))


def test_enumerations_are_short_words() -> None:
    assert table.enum("MAV_LANDED_STATE")[2] == "in air"
    assert table.enum("NO_SUCH") == {}
    for line in Path(table.__file__).with_name(table.TABLE_FILE).read_text(encoding="ascii").splitlines():
        assert json.loads(line)
