"""Positioning logs against what gpsd made of them: place, time and mode of every sentence with a right checksum."""

from __future__ import annotations

import datetime as dt
import json
import re
from pathlib import Path
from typing import Any, Final

import pytest

from device_profiles import catalogue
from device_profiles.codecs import nmea
from device_profiles.codecs.nmea_epochs import NmeaEpochs, NmeaRow
from device_profiles.engine.codec_rows import row_of_numbers
from device_profiles.engine.rows import Decoded, Reading
from device_profiles.framing.factory import framer
from device_profiles.rejects import FrameRejected
from device_profiles.tools.recordings import results

LOGS: Final = ("april6_2019", "bu303-nofix", "neo-m8n", "nmea-rtk", "tcp-torture")
WEEKS_1024_NS: Final = 1024 * 7 * 86_400 * 10**9
"""GPS counts weeks to 1024: gpsd, knowing when it was built, takes an old recording for one of the next round."""


def _checked(captures: Path, log: str) -> list[dict[str, Any]]:
    lines = (captures / f"serial/gpsd_{log}.log.chk").read_text(encoding="utf-8").splitlines()
    return [
        report for line in lines if line.startswith("{") for report in [json.loads(line)] if report["class"] == "TPV"
    ]


def _sentences(captures: Path, log: str) -> list[bytes]:
    stream = framer(catalogue.load("nmea/gnss"))
    items = [item for piece in _pieces(captures, log) for item in stream.feed(piece)]
    return [item for item in [*items, *stream.flush()] if isinstance(item, bytes)]


def _pieces(captures: Path, log: str) -> list[bytes]:
    """The log as gpsfake sends it: a "delay cookie" that it declares is no byte but an edge between two writes."""
    data = (captures / f"serial/gpsd_{log}.log").read_bytes()
    cookie = re.search(rb"^# Delay-Cookie: (\S)", data, re.MULTILINE)
    return data.split(cookie[1]) if cookie else [data]


def _epochs(captures: Path, log: str) -> list[tuple[NmeaRow, dict[str, Reading]]]:
    profile = catalogue.load("nmea/gnss")
    epochs = NmeaEpochs(year_min=1990)
    rows: list[NmeaRow] = []
    for frame in _sentences(captures, log):
        sentence = nmea.decode(frame)
        assert not isinstance(sentence, FrameRejected), frame
        rows += epochs.push(sentence, 0)
    rows += epochs.flush()
    return [
        (row, {reading.channel: reading for reading in profile.apply(row_of_numbers(row.numbers, row.observed_at_ns))})
        for row in rows
    ]


def _ns(text: str) -> int:
    stamp = dt.datetime.fromisoformat(text)
    return round(stamp.timestamp() * 1000) * 10**6


@pytest.mark.parametrize(
    ("log", "whole"), [("april6_2019", 3), ("bu303-nofix", 0), ("neo-m8n", 293), ("nmea-rtk", 244), ("tcp-torture", 7)]
)
def test_every_sentence_with_a_right_checksum_decodes(captures: Path, log: str, whole: int) -> None:
    sentences = _sentences(captures, log)
    assert len(sentences) == whole
    assert [item for item in sentences if isinstance(nmea.decode(item), FrameRejected)] == []
    lines = b"".join(_pieces(captures, log)).splitlines()
    right = [line for line in lines if line.startswith(b"$") and _is_right(line)]
    # Those that begin a line and are whole; the others were cut by the transport and put together again.
    assert len(right) <= whole <= len(right) + 1


def _is_right(line: bytes) -> bool:
    body, star, check = line[1:].rstrip().partition(b"*")
    total = 0
    for byte in body:
        total ^= byte
    return bool(star) and check.upper() == b"%02X" % total


@pytest.mark.parametrize("log", ["neo-m8n", "nmea-rtk", "tcp-torture"])
def test_place_time_and_mode_of_every_epoch(captures: Path, log: str) -> None:
    reports = {_ns(report["time"]): report for report in _checked(captures, log) if "time" in report}
    rounds = set()
    compared = 0
    timed = [item for item in _epochs(captures, log) if item[0].observed_at_ns is not None]
    if log == "neo-m8n":
        timed.pop()  # the log ends inside this epoch, before gpsd reports it
    for row, readings in timed:
        assert row.observed_at_ns is not None
        shift = next(shift for shift in (0, WEEKS_1024_NS) if row.observed_at_ns + shift in reports)
        rounds.add(shift)
        report = reports.pop(row.observed_at_ns + shift)
        compared += 1
        # gpsd keeps the last of an epoch's sentences, we the first; they differ in how many digits they print.
        places = 5e-7 if log == "tcp-torture" else 5e-9
        assert readings["latitude"].value == pytest.approx(report["lat"], abs=places)
        assert readings["longitude"].value == pytest.approx(report["lon"], abs=places)
        assert readings["altitude"].value == pytest.approx(report["altMSL"], abs=5e-5)
        fix_mode = readings.get("fix_mode")
        assert report["mode"] == (fix_mode.value if fix_mode else 3 if (readings["fix_quality"].value or 0) > 0 else 1)
    assert compared == {"neo-m8n": 22, "nmea-rtk": 122, "tcp-torture": 1}[log]
    assert reports == {}
    assert rounds == ({0} if log == "nmea-rtk" else {WEEKS_1024_NS})


@pytest.mark.parametrize(
    ("log", "untimed"), [("april6_2019", 2), ("bu303-nofix", 0), ("neo-m8n", 1), ("nmea-rtk", 1), ("tcp-torture", 2)]
)
def test_place_and_mode_of_the_reports_without_a_time(captures: Path, log: str, untimed: int) -> None:
    """gpsd reports before it knows the date, and between two sentences of an epoch: what it says then is ours, too."""
    reports = [report for report in _checked(captures, log) if "time" not in report]
    assert len(reports) == untimed
    ours = [readings for _, readings in _epochs(captures, log) if "latitude" in readings]
    for report in reports:
        if report["mode"] == 1:
            assert "lat" not in report
            continue
        near = [
            readings
            for readings in ours
            if readings["latitude"].value == pytest.approx(report["lat"], abs=5e-9)
            and readings["longitude"].value == pytest.approx(report["lon"], abs=5e-9)
        ]
        assert near, report
        modes = {readings["fix_mode"].value for readings in near if "fix_mode" in readings}
        assert not modes or report["mode"] in modes


def test_a_place_without_a_date_is_kept_without_a_time(captures: Path) -> None:
    (first, readings), *_ = _epochs(captures, "neo-m8n")
    report = _checked(captures, "neo-m8n")[0]
    assert "time" not in report
    assert first.observed_at_ns is None
    assert readings["latitude"].value == pytest.approx(report["lat"], abs=5e-9)
    assert readings["longitude"].value == pytest.approx(report["lon"], abs=5e-9)


def test_a_receiver_that_lost_count_of_weeks(captures: Path) -> None:
    nothing, garbled, old = _checked(captures, "april6_2019")
    assert nothing["mode"] == 1
    (first, first_readings), (second, second_readings) = _epochs(captures, "april6_2019")
    assert first.observed_at_ns is None  # its date field reads 2208-1
    assert first_readings["latitude"].value == pytest.approx(garbled["lat"], abs=5e-9)
    assert second.observed_at_ns == _ns(old["time"])
    assert second_readings["longitude"].value == pytest.approx(old["lon"], abs=5e-9)
    # The agent believes no year before its own: the time of arrival counts, and what the receiver said is kept.
    epochs = NmeaEpochs()
    rows = [row for item in _sentences(captures, "april6_2019") for row in epochs.push(_sentence(item), 7)]
    rows += epochs.flush()
    assert [row.observed_at_ns for row in rows] == [None, None]
    dates = [number for number in rows[1].numbers if number.channel == "receiver_date"]
    assert [number.value.mantissa for number in dates if number.value] == [19990822]


def _sentence(frame: bytes) -> nmea.Sentence:
    sentence = nmea.decode(frame)
    assert isinstance(sentence, nmea.Sentence)
    return sentence


@pytest.mark.parametrize("log", LOGS)
def test_no_log_gives_nought_nought(captures: Path, log: str) -> None:
    for _, readings in _epochs(captures, log):
        places = [readings[name].value for name in ("latitude", "longitude") if name in readings]
        assert places != [0, 0]


def test_the_binary_log_without_a_fix(captures: Path) -> None:
    profile = catalogue.load("sirf/star")
    reports = _checked(captures, "bu303-nofix")
    outcomes = list(results(profile, (captures / "serial/gpsd_bu303-nofix.log").read_bytes()))
    assert {str(item.reason) for item in outcomes if isinstance(item, FrameRejected)} == {"noise"}
    rows = [row for item in outcomes if isinstance(item, Decoded) for row in item.rows]
    assert len([item for item in outcomes if isinstance(item, Decoded)]) == 47
    assert len(rows) == len(reports) == 7
    for row, report in zip(rows, reports, strict=True):
        readings = {reading.channel: reading for reading in profile.apply(row)}
        assert readings["latitude"].reason == readings["longitude"].reason == "no_fix"
        assert readings["fix_mode"].value == report["mode"] == 1
        assert row.observed_at_ns is None
        # gpsd believes the clock all the same, with the 18 leap seconds of the day it was built.
        week, second = int(readings["gps_week"].value or 0) + 1024, readings["time_of_week"].value or 0.0
        gps_ms = (315_964_800 + week * 604_800) * 1000 + round(second * 1000)
        assert abs(gps_ms - 18_000 - _ns(report["time"]) // 10**6) <= 10


@pytest.mark.parametrize("log", ["bu303-nofix"])
def test_the_sentences_gpsd_made_of_the_binary_log(captures: Path, log: str) -> None:
    lines = (captures / f"serial/gpsd_{log}.log.chk").read_bytes()
    stream = framer(catalogue.load("nmea/gnss"))
    frames = [item for item in [*stream.feed(lines), *stream.flush()] if isinstance(item, bytes)]
    assert len(frames) == 14
    for frame in frames:
        numbers = {number.channel: number for number in _sentence(frame).numbers}
        assert all(numbers[name].reason == "no_fix" for name in ("latitude", "longitude") if name in numbers)
        assert "fix_mode" not in numbers or numbers["fix_mode"].value == (1, 0)
