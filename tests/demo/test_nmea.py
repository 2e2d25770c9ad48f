"""A recorded receiver: replayed byte for byte, moved in time, and read a second time for the judge."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from simulators.nmea_log import nmea_checksum, read_nmea_log, shifted
from simulators.nmea_truth import epochs
from simulators.oracle import Stored, Window, expectations, judge
from simulators.truth import Emission

LOG = b"""\
# remark of the keeper
$GPGSV,1,1,01,01,53,280,36*49\r
$GPGLL,4404.14066,N,12118.85481,W,235958.00,A,A*7A\r
$GPRMC,235959.00,A,4404.14063,N,12118.85478,W,0.117,,180315,,,A*6A\r
$GPGGA,235959.00,4404.14063,N,12118.85478,W,1,12,0.91,1147.2,M,-21.3,M,,*58\r
$GPRMC,000000.00,A,4404.14058,N,12118.85475,W,0.084,,190315,,,A*00\r
noise
"""


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "receiver.log"
    path.write_bytes(LOG)
    return path


def said(lines: list[bytes], *, at_ns: int = 0) -> list[Emission]:
    return [
        Emission(
            device="gnss",
            form="nmea",
            text=line.rstrip(b"\r\n").decode("latin-1"),
            emitted_at_ns=at_ns,
            heard=True,
        )
        for line in lines
    ]


def good(body: str) -> bytes:
    return f"${body}*{nmea_checksum(body.encode()):02X}\r\n".encode()


def test_every_byte_but_the_remarks_is_replayed(log: Path) -> None:
    lines = [line for epoch in read_nmea_log(log).epochs for line in epoch.lines]
    assert b"".join(lines) == LOG.removeprefix(b"# remark of the keeper\n")


def test_epochs_run_over_midnight_and_the_next_pass_follows_a_step_later(log: Path) -> None:
    recording = read_nmea_log(log)
    assert [epoch.at for epoch in recording.epochs] == [
        datetime(2015, 3, 18, 23, 59, 58, tzinfo=UTC),
        datetime(2015, 3, 18, 23, 59, 59, tzinfo=UTC),
        datetime(2015, 3, 19, 0, 0, 0, tzinfo=UTC),
    ]
    assert recording.step == timedelta(seconds=1)
    assert recording.length == timedelta(seconds=3)


def test_a_file_without_sentences_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "empty.log"
    path.write_bytes(b"# nothing\nno sentence\n")
    with pytest.raises(ValueError, match="no NMEA sentence"):
        read_nmea_log(path)


def test_shift_rewrites_time_date_and_checksum_and_nothing_else() -> None:
    line = good("GNRMC,171926.00,A,4404.14063,N,12118.85478,W,0.117,,180315,,,A")
    at = datetime(2015, 3, 18, 17, 19, 26, tzinfo=UTC)
    moved = shifted(line, datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC) - at, at)
    assert moved == good("GNRMC,030405.00,A,4404.14063,N,12118.85478,W,0.117,,020126,,,A")


def test_shift_leaves_a_wrong_checksum_wrong_by_the_same_bits() -> None:
    body = b"GPGLL,4404.14066,N,12118.85481,W,171925.00,A,A"
    line = b"$%s*%02X\r\n" % (body, nmea_checksum(body) ^ 0x41)
    at = datetime(2015, 3, 18, 17, 19, 25, tzinfo=UTC)
    moved = shifted(line, timedelta(seconds=10), at)
    new_body = b"GPGLL,4404.14066,N,12118.85481,W,171935.00,A,A"
    assert moved == b"$%s*%02X\r\n" % (new_body, nmea_checksum(new_body) ^ 0x41)


@pytest.mark.parametrize(
    "line", [b"noise\n", b"$GPGSV,1,1,01,01,53,280,36*49\r\n", b"$GPGGA,,,,,,0,00,99.99,,,,,,*48\r\n"]
)
def test_shift_leaves_what_names_no_time(line: bytes) -> None:
    assert shifted(line, timedelta(days=1), datetime(2015, 3, 18, tzinfo=UTC)) == line


def test_second_reading_of_an_epoch() -> None:
    sentences = [
        good("GNRMC,171926.00,A,4404.14063,N,12118.85478,W,0.117,84.4,180315,,,A"),
        good("GNVTG,84.4,T,,M,0.118,N,0.216,K,A"),
        good("GNGGA,171926.00,4404.14063,N,12118.85478,W,1,12,0.91,1147.2,M,-21.3,M,,"),
        b"$GNGGA,171926.00,0000.00000,N,00000.00000,W,1,12,0.91,0.0,M,0.0,M,,*00\r\n",
    ]
    (epoch,) = epochs(said(sentences))
    assert epoch.observed_at_ns == int(datetime(2015, 3, 18, 17, 19, 26, tzinfo=UTC).timestamp()) * 10**9
    assert {channel: each.value for channel, each in epoch.said.items()} == {
        "latitude": 2644.14063,
        "longitude": -7278.85478,
        "speed_over_ground": 0.117,
        "course_over_ground": 84.4,
        "fix_quality": 1.0,
        "satellites_used": 12.0,
        "hdop": 0.91,
        "altitude": 1147.2,
        "geoid_separation": -21.3,
    }
    assert epoch.said["speed_over_ground"].again == [0.118]


def test_no_fix_gives_no_position() -> None:
    (epoch,) = epochs(said([good("GPGGA,171926.00,4404.1,N,12118.8,W,0,00,99.9,,M,,M,,")]))
    assert "latitude" not in epoch.said


def test_value_said_second_is_right_only_for_one_who_missed_the_first() -> None:
    expected = expectations(
        said([good("GNRMC,171926.00,A,,,,,0.117,,180315,,,A"), good("GNVTG,,T,,M,0.118,N,,K,A")], at_ns=5)
    )
    want = expected[0]
    assert all(each.optional for each in expected[1:])
    row = Stored("gnss", want.channel, want.observed_at_ns or 0, 0.118)
    assert judge(expected, [row]).altered == 1
    assert judge(expected, [row], [Window("gnss", 0, 10)]).clean


def test_reading_without_a_date_is_found_under_its_arrival() -> None:
    emitted_ns = 1_795_471_738_000_000_000
    expected = expectations(said([good("GPGLL,4404.14066,N,12118.85481,W,171925.00,A,A")], at_ns=emitted_ns))
    assert all(each.observed_at_ns is None for each in expected)
    assert {each.channel for each in expected} == {"latitude", "longitude", "receiver_time"}
    arrived = [Stored("gnss", each.channel, emitted_ns + 400_000_000, each.value) for each in expected]
    verdict = judge(expected, arrived)
    assert (verdict.clean, verdict.emitted, verdict.once) == (True, 3, 3)
    late = [row._replace(observed_at_ns=emitted_ns + 60 * 10**9) for row in arrived]
    assert judge(expected, late).unexpected == 3


def test_listener_started_again_stores_under_arrival_until_it_knows_the_date() -> None:
    second = 10**9
    noon_ns = int(datetime(2026, 1, 2, 12, 0, 0, tzinfo=UTC).timestamp()) * second
    emissions = [
        each
        for number in range(6)
        for each in said(
            [
                good(f"GNRMC,12000{number}.00,A,,,,,0.1{number},,020126,,,A"),
                good(f"GNGLL,4404.1{number},N,12118.8{number},W,12000{number}.00,A,A"),
            ],
            at_ns=noon_ns + number * second,
        )
    ]
    expected = expectations(emissions)
    dated = [each for each in expected if not each.optional]
    stored = [
        Stored("gnss", each.channel, each.observed_at_ns or 0, each.value)
        for each in dated
        if each.emitted_at_ns != noon_ns + 3 * second
    ]
    # The fourth epoch: its RMC was missed, its GLL came before any date.
    undated = [
        Stored("gnss", each.channel, each.emitted_at_ns + 300_000_000, each.value)
        for each in expected
        if each.emitted_at_ns == noon_ns + 3 * second and each.channel != "speed_over_ground"
    ]
    window = Window("gnss", noon_ns + 2 * second, noon_ns + 4 * second)
    verdict = judge(expected, [*stored, *undated], [window])
    assert (verdict.clean, verdict.unread_while_down, verdict.emitted) == (True, 1, 6 * 3 + 1)
    assert not judge(expected, [*stored, *undated]).clean


def test_real_recording_has_no_contradiction(captures: Path) -> None:
    recording = read_nmea_log(captures / "serial" / "gpsd_neo-m8n.log")
    lines = [line for epoch in recording.epochs for line in epoch.lines]
    channels = Counter(each.channel for each in expectations(said(lines)))
    # 23 RMC and GGA of one epoch each; 23 GLL of which the first stands before any date.
    assert channels["altitude"] == 23
    assert channels["latitude"] == 24
    assert recording.length == timedelta(seconds=24)
