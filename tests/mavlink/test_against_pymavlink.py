"""Every number of each fifth message of two recordings against another decoder of the same messages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pymavlink.dialects.v20 import ardupilotmega  # type: ignore[import-untyped,unused-ignore]

from device_profiles.engine.rows import Decoded, Row, number
from device_profiles.mavlink import table
from device_profiles.mavlink.profiles import MAX_ELEMENTS, message_profile
from device_profiles.mavlink.sense import unit_of
from device_profiles.tools.recordings import frames


def _numbers(row: Row) -> dict[str, float | None]:
    pairs = zip(row.mantissas, row.exponents, strict=True)
    return dict(zip(row.channels, (number(mantissa, exponent) for mantissa, exponent in pairs), strict=True))


@pytest.mark.parametrize(
    ("file", "values"), [("mavlink/ardusub_small.tlog", 53_945), ("mavlink/thayer_flight_pass53.mav", 71_780)]
)
def test_every_number_is_the_other_decoders(captures: Path, file: str, values: int) -> None:
    profile = message_profile(table.public().messages.values())
    other = ardupilotmega.MAVLink(None)
    compared = 0
    whole = [frame for frame in frames(profile, (captures / file).read_bytes()) if isinstance(frame, bytes)]
    for frame in whole[::5]:
        theirs = other.decode(bytearray(frame))
        ours = profile.decode(frame)
        assert isinstance(ours, Decoded)
        found = _numbers(ours.rows[0])
        message = table.known(theirs.get_type())
        for member in message.members:
            given: Any = getattr(theirs, member.name)
            if isinstance(given, str) or member.count > MAX_ELEMENTS:
                continue
            name = f"{message.name}_{member.name}".lower()
            listed = (
                {f"{name}_{index + 1}": item for index, item in enumerate(given)} if member.count else {name: given}
            )
            for channel, raw in listed.items():
                compared += 1
                value = found[channel]
                if value is not None:
                    residual = profile.channels[channel].residual
                    sent = raw if residual else raw * float(unit_of(member)[1])
                    assert value == pytest.approx(sent, rel=1e-12, abs=0), channel
    assert compared == values
