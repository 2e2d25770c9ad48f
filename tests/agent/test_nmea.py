"""NMEA framing, decoding and grouping: exact numbers, counted rejects, no position without a fix."""

from __future__ import annotations

import itertools
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from device_profiles.codecs.nmea import Number, Role, Sentence, decode
from device_profiles.codecs.nmea_epochs import NmeaEpochs, NmeaRow
from device_profiles.framing.nmea import SENTENCE_BYTES_MAX, NmeaFramer, checksum
from device_profiles.quality import Flag
from device_profiles.rejects import FrameRejected, RejectReason
from device_profiles.wire.values import Scaled


def sentence(body: str) -> bytes:
    return b"$%s*%02X" % (body.encode(), checksum(body.encode()))


def read(body: str) -> Sentence:
    found = decode(sentence(body))
    assert isinstance(found, Sentence)
    return found


def values(numbers: tuple[Number, ...]) -> dict[str, Scaled | None]:
    return {each.channel: each.value for each in numbers}


def frames(data: bytes, *cuts: int) -> list[bytes | FrameRejected]:
    framer = NmeaFramer()
    out: list[bytes | FrameRejected] = []
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    for start, end in itertools.pairwise(edges):
        out += framer.feed(data[start:end])
    return out + framer.flush()


GOOD = sentence("GPGLL,4916.45,N,12311.12,W,225444,A")


# ---- framing ------------------------------------------------------------------------------------------------------
def test_sentences_come_out_whole_and_line_ends_of_every_kind_do() -> None:
    for end in (b"\r\n", b"\n", b"\r", b"\n\r\n"):
        assert frames(GOOD + end + GOOD + end) == [GOOD, GOOD]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (GOOD[:-1] + b"0\r\n", RejectReason.CHECKSUM),
        (b"$GPGLL,4916.45,N\r\n", RejectReason.CHECKSUM),
        (GOOD[:12] + b"\r\n", RejectReason.CHECKSUM),
        (GOOD[:12] + GOOD + b"\n", RejectReason.TRUNCATED),
        (GOOD[:12], RejectReason.TRUNCATED),
        (b"$GPGLL,1*G1\r\n", RejectReason.SHAPE),
        (b"$GPGLL,\xff\x00,*11\r\n", RejectReason.SHAPE),
        (b"$GP" + b"A" * 300 + b"\r\n", RejectReason.TOO_LONG),
        (b"\xb5\x62\x01\x07\x00" + GOOD + b"\r\n", RejectReason.NOISE),
        (b"boot v1.2 ok\r\n", RejectReason.NOISE),
    ],
)
def test_what_is_no_sentence_is_rejected_with_its_reason_and_bounded_bytes(data: bytes, reason: RejectReason) -> None:
    rejects = [each for each in frames(data) if isinstance(each, FrameRejected)]
    assert rejects
    assert rejects[0].reason == reason
    assert all(1 <= len(each.data) <= 64 for each in rejects)


def test_a_good_sentence_behind_any_of_them_still_comes() -> None:
    assert GOOD in frames(b"$GPGLL,4916.45,N" + GOOD + b"\r\n")
    assert GOOD in frames(b"$GP" + b"A" * 3000 + b"\r\n" + GOOD + b"\r\n")
    assert frames(GOOD + GOOD) == [GOOD, GOOD], "a lost line end costs nothing"


def test_a_sentence_without_checksum_is_read_only_where_that_is_configured() -> None:
    plain = b"$IIMWV,214.8,R,0.1,M,A"
    assert NmeaFramer(require_checksum=False).feed(plain + b"\n" + GOOD[:-1] + b"0\n") == [
        plain,
        FrameRejected(RejectReason.CHECKSUM, "checksum 30, computed 31", GOOD[:-1] + b"0"),
    ]


streams = st.lists(
    st.one_of(
        st.just(GOOD + b"\r\n"),
        st.just(GOOD),
        st.just(GOOD[:20]),
        st.just(GOOD[:-2] + b"00\r\n"),
        st.binary(max_size=12),
        st.text(alphabet="$!*,A1\r\n\0~", max_size=8).map(str.encode),
        st.just(b"$" + b"x" * (SENTENCE_BYTES_MAX - 2)),
        st.just(b"y" * 255),
    ),
    max_size=10,
).map(b"".join)


@given(streams, st.lists(st.integers(0, 10_000), max_size=12))
@example(b"$" + b"x" * 255 + b"\r\n" + GOOD, [256, 257])
def test_any_chunking_gives_the_same_frames_and_rejects(data: bytes, cuts: list[int]) -> None:
    assert frames(data, *cuts) == frames(data)


@given(st.binary(max_size=400))
def test_any_bytes_give_sentences_or_rejects_and_nothing_else(data: bytes) -> None:
    for each in frames(data):
        if isinstance(each, bytes):
            assert isinstance(decode(each), Sentence | FrameRejected)


@given(st.sampled_from(["RMC", "GGA", "GSA", "VTG", "GLL", "ZDA", "HDT", "MWV", "MDA", "XDR", "DBT"]), st.data())
def test_any_fields_of_a_known_sentence_are_read_or_refused(kind: str, data: st.DataObject) -> None:
    cell = st.one_of(st.text(alphabet="0123456789.-+NSEWATMKX ", max_size=12), st.just(""))
    fields = data.draw(st.lists(cell, max_size=24))
    found = decode(sentence(",".join([f"GP{kind}", *fields])))
    assert isinstance(found, Sentence | FrameRejected)
    if isinstance(found, Sentence):
        position = values(found.numbers)
        lat = position.get("latitude")
        assert lat is None or abs(lat.mantissa) <= 90 * 60 * 10**-lat.exponent
        assert all((each.value is None) == (each.flag is Flag.MISSING) for each in found.numbers)


# ---- sentences ----------------------------------------------------------------------------------------------------
def test_rmc_position_is_exact_arc_minutes() -> None:
    found = read("GNRMC,171926.00,A,4404.14063,N,12118.85478,W,0.117,,180315,,,A")
    assert values(found.numbers) == {
        "latitude": Scaled(264414063, -5),
        "longitude": Scaled(-727885478, -5),
        "speed_over_ground": Scaled(117, -3),
    }
    assert {each.channel: each.unit for each in found.numbers} == {
        "latitude": "'",
        "longitude": "'",
        "speed_over_ground": "[kn_i]",
    }
    assert found.time_of_day_ns == (17 * 3600 + 19 * 60 + 26) * 10**9
    assert found.date == (2015, 3, 18)
    assert found.fix is True


@given(
    st.integers(0, 89),
    st.integers(0, 59),
    st.integers(0, 8).flatmap(lambda n: st.integers(0, 10**n - 1).map(lambda f: f"{f:0{n}d}" if n else "")),
    st.sampled_from("NS"),
)
def test_a_position_equals_degrees_and_minutes_as_printed(
    degrees: int, minutes: int, fraction: str, letter: str
) -> None:
    printed = f"{degrees:02d}{minutes:02d}" + (f".{fraction}" if fraction else "")
    found = values(read(f"GPGGA,120000,{printed},{letter},00100.0,E,1,08,1.0,5.0,M,,M,,").numbers)["latitude"]
    assert found is not None
    expected = Fraction(f"{degrees * 60 + minutes}.{fraction or 0}") * (1 if letter == "N" else -1)
    assert Fraction(found.mantissa) * Fraction(10) ** found.exponent == expected
    assert -found.exponent == len(fraction), "the resolution is that of the text"


@pytest.mark.parametrize(
    "body",
    [
        "GPRMC,,V,,,,,,,,,,N",
        "GPRMC,120000,V,0000.0000,N,00000.0000,E,0.0,0.0,010125,,,N",
        "GPRMC,120000,A,0000.0000,N,00000.0000,E,0.0,0.0,010125,,,A",
        "GPRMC,120000,A,4404.1,N,12118.8,W,0.0,0.0,010125,,,N",
        "GPGGA,120000,4404.1,N,12118.8,W,0,00,99.99,,M,,M,,",
        "GPGGA,120000,,,,,0,00,99.99,,M,,M,,",
        "GPGLL,4404.1,N,12118.8,W,120000,V,N",
    ],
)
def test_without_a_fix_there_is_no_position_but_the_reason(body: str) -> None:
    found = read(body)
    positions = [each for each in found.numbers if each.channel in {"latitude", "longitude"}]
    assert len(positions) == 2
    assert all(each.value is None and each.flag is Flag.MISSING and each.reason == "no_fix" for each in positions)


def test_a_damaged_field_is_missing_the_rest_is_kept() -> None:
    found = read("GPRMC,000231.099,A,4829.0005,N,00022.0015,E,0.15,21x.28,2208-1,,,A")
    assert values(found.numbers)["course_over_ground"] is None
    assert values(found.numbers)["latitude"] == Scaled(48 * 600000 + 290005, -4)
    assert found.date is None


def test_gga_gsa_vtg() -> None:
    gga = read("GNGGA,171926.00,4404.14063,N,12118.85478,W,1,12,0.91,1147.2,M,-21.3,M,,")
    found = values(gga.numbers)
    assert found["altitude"] == Scaled(11472, -1)
    assert found["geoid_separation"] == Scaled(-213, -1)
    assert (found["hdop"], found["fix_quality"], found["satellites_used"]) == (
        Scaled(91, -2),
        Scaled(1, 0),
        Scaled(12, 0),
    )
    gsa = values(read("GNGSA,A,3,01,11,31,14,22,32,04,25,03,,,,1.56,0.91,1.27").numbers)
    assert gsa == {"fix_mode": Scaled(3, 0), "pdop": Scaled(156, -2), "hdop": Scaled(91, -2), "vdop": Scaled(127, -2)}
    vtg = values(read("GNVTG,054.7,T,034.4,M,005.5,N,010.2,K,A").numbers)
    assert vtg["speed_over_ground"] == Scaled(55, -1)
    assert vtg["course_over_ground"] == Scaled(547, -1)


def test_dead_reckoning_is_kept_but_suspect() -> None:
    found = read("GPGGA,120000,4404.1,N,12118.8,W,6,00,1.0,5.0,M,,M,,")
    assert {each.flag for each in found.numbers if each.channel in {"latitude", "longitude", "altitude"}} == {
        Flag.SUSPECT
    }


def test_weather_wind_and_depth() -> None:
    wind = read("WIMWV,214.8,R,0.1,M,A")
    assert wind.role is Role.INSTANT
    assert wind.numbers == (
        Number("wind_angle_apparent", "deg", Scaled(2148, -1)),
        Number("wind_speed_apparent", "m/s", Scaled(1, -1)),
    )
    assert all(each.reason == "invalid" for each in read("WIMWV,214.8,R,0.1,M,V").numbers)
    mda = values(read("WIMDA,29.7544,I,1.0076,B,35.5,C,,C,42.1,,20.6,C,116.4,T,107.7,M,1.2,N,0.6,M").numbers)
    assert mda["air_pressure"] == Scaled(297544, -4)
    assert mda["air_temperature"] == Scaled(355, -1)
    assert mda["relative_humidity"] == Scaled(421, -1)
    assert mda["wind_speed"] == Scaled(12, -1)
    assert "water_temperature" not in mda
    xdr = read("WIXDR,C,022.0,C,AIRTEMP,P,1.02481,B,Barometer,H,55.0,P,,Q,1,Z,ODD")
    assert [(each.channel, each.unit, each.value) for each in xdr.numbers] == [
        ("xdr_airtemp", "Cel", Scaled(220, -1)),
        ("xdr_barometer", "bar", Scaled(102481, -5)),
        ("xdr_transducer_3", "%", Scaled(550, -1)),
        ("xdr_odd", "1", None),
    ]
    assert values(read("SDDBT,8.1,f,2.4,M,1.3,F").numbers) == {"depth_below_transducer": Scaled(24, -1)}
    assert values(read("HEHDT,123.456,T").numbers) == {"heading_true": Scaled(123456, -3)}


def test_more_digits_than_the_wire_carries_are_missing_not_rounded() -> None:
    found = read("HEHDT,1.2345678901234567890,T").numbers[0]
    assert found.value is None
    assert found.reason == "garbled"


def test_sentences_without_readings_are_no_rejects() -> None:
    for body in ("GPGSV,1,1,00", "GPTXT,01,01,02,u-blox", "PUBX,00,1", "PSRF103,00,00,01,01"):
        assert read(body).role is Role.NOTHING


# ---- epochs -------------------------------------------------------------------------------------------------------
RMC = "GNRMC,{time},A,4404.14063,N,12118.85478,W,0.117,,{date},,,A"
GGA = "GNGGA,{time},4404.14063,N,12118.85478,W,1,12,0.91,1147.2,M,-21.3,M,,"
VTG = "GNVTG,,T,,M,0.117,N,0.216,K,A"
GSA = "GNGSA,A,3,01,11,31,14,,,,,,,,,1.56,0.91,1.27"


def rows(*bodies: str | None) -> list[NmeaRow]:
    """Rows of these sentences; None stands for a silence."""
    epochs = NmeaEpochs()
    out: list[NmeaRow] = []
    for number, body in enumerate(bodies):
        out += epochs.flush() if body is None else epochs.push(read(body), 1_000_000_000 * number)
    return out + epochs.flush()


def test_one_epoch_is_one_row_at_the_receivers_time_each_channel_once() -> None:
    first = [RMC.format(time="235959.50", date="311225"), VTG, GGA.format(time="235959.50"), GSA, GSA]
    found = rows(*first, GGA.format(time="000000.50"), RMC.format(time="000000.50", date="010126"))
    assert len(found) == 2
    assert found[0].observed_at_ns == 1_767_225_599_500_000_000
    assert found[1].observed_at_ns == 1_767_225_600_500_000_000
    names = [each.channel for each in found[0].numbers]
    assert len(names) == len(set(names))
    assert set(names) >= {"latitude", "longitude", "altitude", "hdop", "pdop", "fix_mode", "speed_over_ground"}


def test_the_date_is_carried_over_midnight_where_only_gga_prints() -> None:
    found = rows(RMC.format(time="235959", date="311225"), GGA.format(time="000000"), GGA.format(time="000001"))
    assert [row.observed_at_ns for row in found] == [
        1_767_225_599 * 10**9,
        1_767_225_600 * 10**9,
        1_767_225_601 * 10**9,
    ]


def test_a_pause_within_an_epoch_says_nothing_twice() -> None:
    time = {"time": "120000.00", "date": "010126"}
    found = rows(
        RMC.format(**time), None, VTG, GGA.format(**time), None, GSA, RMC.format(time="120001.00", date="010126")
    )
    keys = [(row.observed_at_ns, each.channel) for row in found for each in row.numbers]
    assert len(keys) == len(set(keys))
    assert len({row.observed_at_ns for row in found}) == 2
    assert {channel for at, channel in keys if at == found[0].observed_at_ns} >= {"latitude", "altitude", "pdop"}


@pytest.mark.parametrize("date", ["220899", "010119", "2208-1", ""])
def test_a_date_that_cannot_be_gives_the_arrival_and_keeps_what_was_said(date: str) -> None:
    found = rows(RMC.format(time="000231.420", date=date))
    assert found[0].observed_at_ns is None
    said = values(found[0].numbers)
    assert said["receiver_time"] == Scaled(15142, -2)
    assert ("receiver_date" in said) == (date in {"220899", "010119"})


def test_measurements_without_time_are_rows_of_their_own_and_none_is_swallowed() -> None:
    winds = [f"WIMWV,{angle}.0,R,1.0,M,A" for angle in range(5)]
    found = rows(RMC.format(time="120000", date="010126"), *winds, RMC.format(time="120001", date="010126"))
    assert [values(row.numbers).get("wind_angle_apparent") for row in found if row.observed_at_ns is None] == [
        Scaled(10 * angle, -1) for angle in range(5)
    ]


def test_a_fast_vtg_between_slow_epochs_is_not_swallowed() -> None:
    fast = [VTG.replace("0.117", f"{speed}.5") for speed in range(1, 4)]
    found = rows(RMC.format(time="120000", date="010126").replace("0.117", ""), *fast)
    speeds = [values(row.numbers)["speed_over_ground"] for row in found if "speed_over_ground" in values(row.numbers)]
    assert sorted(each.mantissa for each in speeds if each is not None) == [15, 25, 35]
