"""Recorded streams: every frame with a right checksum decodes, to the values others decoded."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from device_profiles import catalogue
from device_profiles.checksums import crc16_modbus
from device_profiles.engine.envelopes import ENVELOPES, Payload
from device_profiles.engine.profile import Profile
from device_profiles.engine.rows import Decoded
from device_profiles.framing import binary
from device_profiles.rejects import FrameRejected
from device_profiles.tools.recordings import frames, results, tcp_payloads, undump


def _values(profile: Profile, data: bytes) -> list[dict[str, float | None]]:
    found = []
    for result in results(profile, data):
        assert isinstance(result, Decoded), result
        found.append({reading.channel: reading.value for row in result.rows for reading in profile.apply(row)})
    return found


def test_plantower_frames_equal_the_published_table(captures: Path) -> None:
    profile = catalogue.load("plantower/pms5003")
    values = _values(profile, (captures / "serial/pypms_PMSx003.hexdump").read_bytes())
    words = {
        "raw01": ("pm1_standard", 1),
        "raw25": ("pm2_5_standard", 1),
        "raw10": ("pm10_standard", 1),
        "pm01": ("pm1", 1),
        "pm25": ("pm2_5", 1),
        "pm10": ("pm10", 1),
    }
    words |= {
        "n0_3": ("particles_0_3", 100),
        "n0_5": ("particles_0_5", 100),
        "n1_0": ("particles_1_0", 100),
        "n2_5": ("particles_2_5", 100),
    }
    with (captures / "serial/pypms_PMSx003.csv").open(encoding="utf-8") as lines:
        table = list(csv.DictReader(lines, skipinitialspace=True))
    assert len(values) == len(table) == 10
    for decoded, published in zip(values, table, strict=True):
        for word, (channel, factor) in words.items():
            assert decoded[channel] == pytest.approx(float(published[word]) * factor)


def test_every_whole_ve_direct_block_decodes(captures: Path) -> None:
    profile = catalogue.load("victron/mppt")
    outcomes = list(results(profile, (captures / "serial/vedirect_bluesolar_1.23.dump").read_bytes()))
    rejected = [outcome for outcome in outcomes if isinstance(outcome, FrameRejected)]
    # The recording begins inside a block; all others are whole, seven of them behind a hexadecimal message.
    assert len(outcomes) == 248
    assert [str(outcome.reason) for outcome in rejected] == ["checksum"]
    for outcome in outcomes[1:]:
        assert isinstance(outcome, Decoded)
        readings = {reading.channel: reading for reading in profile.apply(outcome.rows[0])}
        assert readings["device_serial"].text == "HQ1411MYIKN"
        assert 10 < (readings["battery_voltage"].value or 0) < 15


def test_modbus_replies_of_a_capture_survive_as_rtu(captures: Path) -> None:
    data = (captures / "serial/iti_modbus_test.pcap").read_bytes()
    replies = []
    for payload in tcp_payloads(data, source_port=502):
        at = 0
        while at + 8 <= len(payload):
            size = 6 + int.from_bytes(payload[at + 4 : at + 6], "big")
            body = payload[at + 6 : at + size]
            if body[1] in (1, 2, 3, 4):
                replies.append(body + crc16_modbus(body).to_bytes(2, "little"))
            at += size
    assert len(replies) > 1000
    framer = binary.modbus_rtu(binary.verify_with(ENVELOPES["modbus-rtu"]))
    stream = b"\xff\x00\x13".join(replies)
    found = [
        frame for at in range(0, len(stream), 100) for frame in framer.feed(stream[at : at + 100])
    ] + framer.flush()
    assert [frame for frame in found if isinstance(frame, bytes)] == replies
    assert all(isinstance(ENVELOPES["modbus-rtu"](frame), Payload) for frame in replies)


@pytest.mark.parametrize("name", ["gpsd_neo-m8n", "gpsd_nmea-rtk", "gpsd_bu303-nofix"])
def test_positions_are_those_gpsd_found(captures: Path, name: str) -> None:
    profile = catalogue.load("nmea/gnss")
    mine: set[tuple[float, float]] = set()
    for result in results(profile, (captures / f"serial/{name}.log").read_bytes()):
        if isinstance(result, Decoded):
            for row in result.rows:
                readings = {reading.channel: reading.value for reading in profile.apply(row)}
                latitude, longitude = readings.get("latitude"), readings.get("longitude")
                if latitude is not None and longitude is not None:
                    assert (latitude, longitude) != (0, 0)
                    mine.add((round(latitude, 6), round(longitude, 6)))
    theirs = set()
    for line in (captures / f"serial/{name}.log.chk").read_text(encoding="utf-8", errors="replace").splitlines():
        report = json.loads(line) if line.startswith('{"class":"TPV"') else {}
        if "lat" in report and report.get("mode", 0) >= 2:
            theirs.add((round(report["lat"], 6), round(report["lon"], 6)))
    near = {(round(a, 5), round(b, 5)) for a, b in mine}
    missed = [
        position
        for position in theirs
        if not any(
            (round(position[0] + x, 5), round(position[1] + y, 5)) in near
            for x in (-1e-5, 0, 1e-5)
            for y in (-1e-5, 0, 1e-5)
        )
    ]
    assert missed == []
    assert bool(mine) == bool(theirs)


def test_a_hexdump_and_raw_bytes_are_told_apart() -> None:
    assert undump(b"00000000: 42 4d 00 1c  BM..\n00000004: ff 00  ..\n") == bytes.fromhex("424d001cff00")
    assert undump(b"0+1.2-3\r\n") == b"0+1.2-3\r\n"
    profile = catalogue.load("plantower/pms5003")
    assert all(isinstance(frame, FrameRejected) for frame in frames(profile, b"BM\x00\x1cnonsense"))


def test_no_autopilot_message_is_lost_among_the_unknown_ones(captures: Path) -> None:
    profile = catalogue.load("mavlink/pressure")
    data = (captures / "mavlink/ardusub_small.tlog").read_bytes()
    wanted = 0
    at = data.find(b"\xfd")
    while at >= 0 and at + 3 < len(data):
        frame = data[at : at + 12 + data[at + 1] + (13 if data[at + 2] & 1 else 0)]
        payload = profile.unwrap(frame)
        wanted += isinstance(payload, Payload) and payload.id in (29, 137, 143)
        at = data.find(b"\xfd", at + 1)
    found = [result for result in results(profile, data) if isinstance(result, Decoded)]
    assert len(found) == wanted > 1100
    temperatures = [
        reading.value
        for result in found
        for reading in profile.apply(result.rows[0])
        if reading.channel in ("device_temperature", "second_temperature")
    ]
    assert all(value is not None and 5 < value < 60 for value in temperatures)
