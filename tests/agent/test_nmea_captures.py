"""Real recordings through framer, decoder and grouping, against what gpsd made of them."""

from __future__ import annotations

import datetime as dt
import json
import re
from fractions import Fraction
from pathlib import Path

import pytest

from device_profiles.codecs import nmea
from device_profiles.codecs.nmea_epochs import NmeaEpochs, NmeaRow
from device_profiles.framing.nmea import NmeaFramer
from device_profiles.rejects import FrameRejected, RejectReason
from device_profiles.wire.values import Scaled

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def read(data: bytes) -> tuple[list[NmeaRow], list[FrameRejected]]:
    framer, epochs = NmeaFramer(), NmeaEpochs()
    rows: list[NmeaRow] = []
    rejects: list[FrameRejected] = []
    for number, frame in enumerate(framer.feed(data) + framer.flush()):
        found = frame if isinstance(frame, FrameRejected) else nmea.decode(frame)
        if isinstance(found, FrameRejected):
            rejects.append(found)
        else:
            rows += epochs.push(found, number)
    return rows + epochs.flush(), rejects


def numbers(row: NmeaRow) -> dict[str, Scaled | None]:
    return {each.channel: each.value for each in row.numbers}


def golden(path: Path) -> list[dict[str, object]]:
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return [found for line in lines if line.startswith("{") and (found := json.loads(line))["class"] == "TPV"]


def exact(value: Scaled) -> Fraction:
    return Fraction(value.mantissa) * Fraction(10) ** value.exponent


def nanoseconds(text: str) -> int:
    moment = dt.datetime.fromisoformat(text) - EPOCH
    return (moment.days * 86_400 + moment.seconds) * 10**9 + moment.microseconds * 1000


def positions(rows: list[NmeaRow]) -> dict[str, tuple[float, float, float | None]]:
    """Rows by time of day, with position in degrees and height."""
    found: dict[str, tuple[float, float, float | None]] = {}
    for row in rows:
        values = numbers(row)
        lat, lon, alt = values.get("latitude"), values.get("longitude"), values.get("altitude")
        if lat is None or lon is None or row.observed_at_ns is None:
            continue
        clock = (EPOCH + dt.timedelta(microseconds=row.observed_at_ns // 1000)).strftime("%H:%M:%S.%f")[:-3]
        found[clock] = (float(exact(lat) / 60), float(exact(lon) / 60), float(exact(alt)) if alt is not None else None)
    return found


@pytest.mark.parametrize(("name", "year"), [("gpsd_neo-m8n", 2015), ("gpsd_nmea-rtk", 2020)])
def test_position_and_time_of_every_epoch_are_gpsds(captures: Path, name: str, year: int) -> None:
    # The first recording is older than the years a receiver is trusted in; only its year is changed.
    data = (captures / "serial" / f"{name}.log").read_bytes()
    data = re.sub(rb"(?m)^\$GNRMC.*$", _newer, data) if year < 2020 else data
    ours = positions(read(data)[0])
    theirs: dict[str, dict[str, object]] = {}
    for each in golden(captures / "serial" / f"{name}.log.chk"):
        if "time" in each and "lat" in each:
            theirs.setdefault(str(each["time"])[11:23], {}).update(each)
    assert len(ours) > 10
    compared = 0
    for clock, (lat, lon, alt) in ours.items():
        if clock not in theirs:
            continue
        compared += 1
        assert lat == pytest.approx(theirs[clock]["lat"], abs=6e-10)
        assert lon == pytest.approx(theirs[clock]["lon"], abs=6e-10)
        if alt is not None and "altMSL" in theirs[clock]:
            assert alt == pytest.approx(theirs[clock]["altMSL"], abs=1e-3)
    assert compared >= 0.9 * len(ours)


def _newer(match: re.Match[bytes]) -> bytes:
    line = match[0].rstrip(b"\r").replace(b",180315,", b",180325,")
    body = line[1 : line.rindex(b"*")]
    value = 0
    for byte in body:
        value ^= byte
    return b"$%s*%02X\r" % (body, value)


def test_the_u_blox_log_is_read_whole_and_its_comments_are_noise(captures: Path) -> None:
    data = (captures / "serial" / "gpsd_neo-m8n.log").read_bytes()
    rows, rejects = read(data)
    comments = [line for line in data.splitlines() if line.startswith(b"#")]
    assert len([each for each in rejects if each.reason is RejectReason.NOISE]) == len(comments)
    # One comment quotes two addresses, "$GLGSV for ..., and $GPGSV for ...": two sentences that break off.
    others = [(each.reason, each.data[:7]) for each in rejects if each.reason is not RejectReason.NOISE]
    assert others == [(RejectReason.TRUNCATED, b"$GLGSV "), (RejectReason.CHECKSUM, b"$GPGSV ")]
    printed = {m[1].decode() for m in re.finditer(rb"\$GNGGA,([\d.]+),", data)}
    said = [numbers(row) for row in rows]
    assert sum("altitude" in row for row in said) == len(printed)
    assert all(row.observed_at_ns is None for row in rows), "2015 is older than any trusted year: the arrival counts"
    assert all("receiver_time" in row for row in said)


def test_without_a_fix_no_position_comes_out(captures: Path) -> None:
    rows, rejects = read((captures / "serial" / "gpsd_bu303-nofix.log").read_bytes())
    assert all(numbers(row).get("latitude") is None for row in rows)
    assert {each.reason for each in rejects} <= {RejectReason.NOISE, RejectReason.SHAPE, RejectReason.TRUNCATED,
                                                 RejectReason.TOO_LONG, RejectReason.CHECKSUM}  # fmt: skip
    golden_modes = {each.get("mode") for each in golden(captures / "serial" / "gpsd_bu303-nofix.log.chk")}
    assert golden_modes == {1}


def test_a_year_that_went_wrong_is_not_believed(captures: Path) -> None:
    rows, _ = read((captures / "serial" / "gpsd_april6_2019.log").read_bytes())
    assert rows
    assert all(row.observed_at_ns is None for row in rows)
    lats = [value for row in rows if (value := numbers(row).get("latitude")) is not None]
    assert [exact(lat) / 60 for lat in lats] == [Fraction(48 * 60) / 60 + Fraction(290005, 600000)] * len(lats)
    assert len(lats) == 2


def test_the_torture_log_gives_its_whole_sentences(captures: Path) -> None:
    data = (captures / "serial" / "gpsd_tcp-torture.log").read_bytes()
    sentences = sum(isinstance(each, bytes) for each in NmeaFramer().feed(data.replace(b"|", b"")))
    assert sentences == sum(line.startswith(b"$GP") for line in data.splitlines())
    rows, rejects = read(data.replace(b"|", b""))
    lats = {round(float(exact(lat) / 60), 9) for row in rows if (lat := numbers(row).get("latitude")) is not None}
    theirs = {
        round(float(str(each["lat"])), 9)
        for each in golden(captures / "serial" / "gpsd_tcp-torture.log.chk")
        if "lat" in each
    }
    # RMC repeats the epoch's position with one digit less; what GGA said first stands.
    assert lats == {20.628798667}
    assert lats < theirs
    assert rejects, "the half sentence at its start and its comments"


def test_a_mixed_stream_of_ubx_and_nmea_gives_every_sentence_with_a_right_checksum(captures: Path) -> None:
    data = (captures / "serial" / "pyubx2_MIXED.log").read_bytes()
    ours = [each for each in NmeaFramer().feed(data) if isinstance(each, bytes)]
    assert ours == re.findall(rb"\$G[A-Z]{4},[\x20-\x7e]*?\*[0-9A-F]{2}(?=\r\n)", data)
    assert len(ours) == 8
