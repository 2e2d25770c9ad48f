"""Recorded serial lines, whole: every frame decodes to the number that the recording's own table prints."""

from __future__ import annotations

import argparse
import csv
import re
from pathlib import Path

import pytest

from device_profiles import catalogue
from device_profiles.checksums import crc16_modbus
from device_profiles.cli import add_arguments
from device_profiles.cli import run as run_command
from device_profiles.engine.profile import Profile
from device_profiles.engine.rows import Decoded, Reading
from device_profiles.rejects import FrameRejected
from device_profiles.tools.recordings import results, tcp_payloads

PMSX003 = {
    "raw01": ("pm1_standard", 1),
    "raw25": ("pm2_5_standard", 1),
    "raw10": ("pm10_standard", 1),
    "pm01": ("pm1", 1),
    "pm25": ("pm2_5", 1),
    "pm10": ("pm10", 1),
    "n0_3": ("particles_0_3", 100),
    "n0_5": ("particles_0_5", 100),
    "n1_0": ("particles_1_0", 100),
    "n2_5": ("particles_2_5", 100),
    "n5_0": ("particles_5_0", 100),
    "n10_0": ("particles_10", 100),
}
SDS01X = {"pm25": ("pm2_5", 1), "pm10": ("pm10", 1)}
SPS30 = {
    "pm01": ("pm1", 1),
    "pm25": ("pm2_5", 1),
    "pm04": ("pm4", 1),
    "pm10": ("pm10", 1),
    "n0_5": ("particles_0_5", 1),
    "n1_0": ("particles_1_0", 1),
    "n2_5": ("particles_2_5", 1),
    "n4_0": ("particles_4_0", 1),
    "n10_0": ("particles_10", 1),
    "diam": ("particle_size", 1),
}
MHZ19B = {"CO2": ("co2", 1)}
VE_DIRECT = {
    b"V": ("battery_voltage", 1000),
    b"I": ("battery_current", 1000),
    b"VPV": ("panel_voltage", 1000),
    b"PPV": ("panel_power", 1),
    b"CS": ("charge_state", 1),
    b"ERR": ("error_code", 1),
    b"IL": ("load_current", 1000),
    b"H19": ("energy_total", 100),
    b"H20": ("energy_today", 100),
    b"H21": ("power_max_today", 1),
}


def _readings(profile: Profile, result: Decoded) -> dict[str, Reading]:
    return {reading.channel: reading for row in result.rows for reading in profile.apply(row)}


@pytest.mark.parametrize(
    ("name", "model", "words"),
    [
        ("PMSx003", "plantower/pms5003", PMSX003),
        ("SDS01x", "nova/sds011", SDS01X),
        ("SPS30", "sensirion/sps30-uart", SPS30),
        ("MHZ19B", "winsen/mh-z19", MHZ19B),
    ],
)
def test_every_number_of_the_table(captures: Path, name: str, model: str, words: dict[str, tuple[str, int]]) -> None:
    profile = catalogue.load(model)
    found = list(results(profile, (captures / f"serial/pypms_{name}.hexdump").read_bytes()))
    assert not [item for item in found if isinstance(item, FrameRejected)]
    with (captures / f"serial/pypms_{name}.csv").open(encoding="utf-8") as lines:
        table = list(csv.DictReader(lines, skipinitialspace=True))
    assert len(found) == len(table) == 10
    assert set(words) == set(table[0]) - {"time"}
    for result, row in zip(found, table, strict=True):
        assert isinstance(result, Decoded)
        readings = _readings(profile, result)
        for word, (channel, factor) in words.items():
            decimals = len(row[word].partition(".")[2])
            value = readings[channel].value
            assert value is not None
            # The table is rounded: a number equals it within half of its last digit, and no more.
            assert abs(value / factor - float(row[word])) <= 0.5 * 10**-decimals + 1e-9, (word, value, row[word])


def test_every_number_of_every_whole_ve_direct_block(captures: Path) -> None:
    data = (captures / "serial/vedirect_bluesolar_1.23.dump").read_bytes()
    profile = catalogue.load("victron/mppt")
    decoded = [_readings(profile, item) for item in results(profile, data) if isinstance(item, Decoded)]
    blocks = []
    for block in re.split(rb"(?<=Checksum\t.)", data, flags=re.DOTALL):
        lines = dict(line.split(b"\t", 1) for line in block.split(b"\r\n") if b"\t" in line and b":" not in line)
        if sum(re.sub(rb"(?:^|(?<=\n)):[0-9A-F]+\n", b"", block)) % 256 == 0 and lines:
            blocks.append(lines)
    assert len(decoded) == len(blocks) == 247
    for readings, lines in zip(decoded, blocks, strict=True):
        for key, (channel, factor) in VE_DIRECT.items():
            if key in lines:
                value = readings[channel].value
                assert value is not None
                assert round(value * factor, 6) == int(lines[key]), (key, value, lines[key])
        assert readings["load_on"].value == {b"ON": 1, b"OFF": 0}[lines[b"LOAD"]]


def _modbus_profile(folder: Path, kind: str, counts: list[int]) -> Path:
    longest = max(counts)
    text = [
        'language = 1\nvendor = "Test"\nmodel = "Registers"\nversion = 1\ntitle = { en = "Registers", hi = "रजिस्टर" }',
        '[[documents]]\ntitle = "a capture"\n',
        f'[transport]\nkind = "{kind}"\nunit_id = 1',
        "[channels]",
    ]
    label = 'label = { en = "Register", hi = "रजिस्टर" }'
    text += [f'r{index} = {{ unit = "1", range = [0, 65535], {label} }}' for index in range(longest)]
    for count in counts:
        text += [f'[[requests]]\nname = "n{count}"\nfunction = 4\naddress = 0\ncount = {count}']
        fields = ", ".join(f'{{ name = "r{index}", reg = {index}, type = "u16" }}' for index in range(count))
        text += [f'[[frames]]\nname = "n{count}"\nrequest = "n{count}"\nfields = [{fields}]']
    path = folder / f"{kind}.toml"
    path.write_text("\n".join(text), encoding="utf-8")
    return path


def test_modbus_replies_of_a_capture_decode_alike_over_tcp_and_rtu(
    captures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pcap = captures / "serial/iti_modbus_test.pcap"
    bodies = []
    for payload in tcp_payloads(pcap.read_bytes(), source_port=502):
        at = 0
        while at + 8 <= len(payload):
            size = 6 + int.from_bytes(payload[at + 4 : at + 6], "big")
            bodies.append(payload[at + 6 : at + size])
            at += size
    replies = [body for body in bodies if body[1] == 4]
    assert len(replies) == 1053
    wanted = [[int.from_bytes(body[at : at + 2], "big") for at in range(3, len(body), 2)] for body in replies]
    counts = sorted({len(registers) for registers in wanted})
    rtu = catalogue.load(_modbus_profile(tmp_path, "modbus-rtu", counts))
    line = b"".join(body + crc16_modbus(body).to_bytes(2, "little") for body in replies)
    found = [_registers(rtu, item) for item in results(rtu, line) if isinstance(item, Decoded)]
    assert found == wanted
    # The same from the packet capture itself, by the command a technician uses.
    tcp = _modbus_profile(tmp_path, "modbus-tcp", counts)
    profile = catalogue.load(tcp)
    over_tcp = [_registers(profile, item) for item in results(profile, pcap.read_bytes()) if isinstance(item, Decoded)]
    assert over_tcp == wanted
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    assert run_command(parser.parse_args(["decode", str(tcp), "--file", str(pcap)])) == 0
    printed = capsys.readouterr().out
    assert sum('"r0"' in text for text in printed.splitlines()) == len(wanted)


def _registers(profile: Profile, result: Decoded) -> list[int]:
    return [round(reading.value or 0) for reading in _readings(profile, result).values()]
