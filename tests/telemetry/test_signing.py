"""Signatures against those that pymavlink makes; times that only rise; what is kept and what must not be."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path
from typing import Any

import pytest
from pymavlink.dialects.v20 import ardupilotmega as mav2

from device_profiles.codecs.mavlink_scan import SETUP_SIGNING, Frame, MavlinkScan
from device_profiles.codecs.mavlink_signing import LATE_MAX, Signatures, Stream, key_of
from device_profiles.mavlink import table
from edge_agent.drivers.mavlink_link import Subscriber
from edge_agent.drivers.mavlink_signed import Signed, read_key
from harkara_io.errors import ConfigError

KEY = hashlib.sha256(b"monsoon").digest()
NOW = 37_000_000_000_000
"""About 2026. [10 us]"""


class Said:
    """What pymavlink writes."""

    def __init__(self) -> None:
        self.data = b""

    def write(self, data: bytes) -> None:
        self.data += bytes(data)


def theirs(stamp: int = NOW, *, key: bytes = KEY, link: int = 3, system: int = 1, mode: int = 3, seq: int = 0) -> bytes:
    """A heartbeat as pymavlink signs it."""
    said = Said()
    mav: Any = mav2.MAVLink(said, srcSystem=system, srcComponent=1)
    mav.signing.secret_key = key
    mav.signing.link_id = link
    mav.signing.timestamp = stamp
    mav.signing.sign_outgoing = bool(key)
    mav.seq = seq
    mav.heartbeat_send(2, 3, 0x51, mode, 4)
    return said.data


def frame(data: bytes) -> Frame:
    (found,) = MavlinkScan(table.crc_extras()).feed(data)
    return found


def test_what_pymavlink_signs_is_signed_and_each_time_counts_once() -> None:
    signatures = Signatures(KEY)
    assert signatures.check(frame(theirs())) == ("signed", "")
    assert signatures.check(frame(theirs())) == ("bad", "replayed")
    assert signatures.check(frame(theirs(NOW - 1))) == ("bad", "replayed")
    assert signatures.check(frame(theirs(NOW + 1, seq=1))) == ("signed", "")
    assert signatures.check(frame(theirs(NOW, link=4))) == ("signed", ""), "a stream of its own"
    assert signatures.newest == {Stream(1, 1, 3): NOW + 1, Stream(1, 1, 4): NOW}


@pytest.mark.parametrize("at", range(1, len(theirs())))
def test_a_changed_bit_anywhere_is_no_signature_of_ours(at: int) -> None:
    data = bytearray(theirs())
    data[at] ^= 1
    found = MavlinkScan(table.crc_extras()).feed(bytes(data))
    assert all(Signatures(KEY).check(each).label != "signed" for each in found)


def test_another_key_and_none() -> None:
    assert Signatures(KEY).check(frame(theirs(key=bytes(32)))) == ("bad", "forged")
    assert Signatures(KEY).check(frame(theirs(key=b""))) == ("unsigned", "")


def test_a_new_stream_may_be_a_minute_late_and_no_more() -> None:
    signatures = Signatures(KEY, {Stream(9, 1, 0): NOW})
    assert signatures.check(frame(theirs(NOW - LATE_MAX - 1))) == ("bad", "stale")
    assert signatures.check(frame(theirs(NOW - LATE_MAX))) == ("signed", "")


def test_a_key_file_holds_digits_or_a_passphrase(tmp_path: Path) -> None:
    assert key_of("monsoon\n") == KEY
    assert key_of(f"{KEY.hex()}\r\nsecond line") == KEY
    file = tmp_path / "key"
    file.write_text("\n")
    with pytest.raises(ConfigError, match="no key in its first line"):
        read_key(file)
    with pytest.raises(ConfigError, match="No such file"):
        read_key(tmp_path / "none")


def test_streams_are_labelled_and_a_change_is_told_once() -> None:
    signed = Signed(KEY, require=False)
    assert all(signed.admits(frame(theirs(NOW + number))) for number in range(3))
    assert signed.told() == ["system 1 component 1: signed on link 3"]
    assert signed.admits(frame(theirs(key=b"")))
    assert signed.told() == ["system 1 component 1: unsigned"]
    assert signed.admits(frame(theirs(NOW)))
    assert signed.told() == ["system 1 component 1: bad (replayed) on link 3"]
    assert signed.counts == {"signed": 3, "unsigned": 1, "bad_signature": 1, "signature_replayed": 1}


def test_required_signatures_keep_others_out_and_count_them() -> None:
    signed = Signed(KEY, require=True)
    taken = [signed.admits(frame(data)) for data in (theirs(), theirs(key=b""), theirs(key=bytes(32)))]
    assert taken == [True, False, False]
    assert (signed.counts["unsigned_refused"], signed.counts["bad_signature_refused"]) == (1, 1)


def test_what_was_heard_is_not_taken_again_after_a_restart(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    file = tmp_path / "drone.signing"
    first = Signed(KEY, require=True, file=file)
    assert first.admits(frame(theirs()))
    first.save(100.0)
    assert file.stat().st_mode & 0o777 == 0o600
    again = Signed(KEY, require=True, file=file)
    assert not again.admits(frame(theirs()))
    assert not again.admits(frame(theirs(NOW - LATE_MAX - 1, link=7)))
    assert again.admits(frame(theirs(NOW + 1)))
    file.write_text("spoiled")
    assert Signed(KEY, require=True, file=file).admits(frame(theirs()))
    assert "begin anew" in caplog.text
    assert KEY.hex() not in caplog.text + file.read_text()
    assert "monsoon" not in caplog.text


def test_saved_now_and_then_and_at_once_when_asked(tmp_path: Path) -> None:
    file = tmp_path / "drone.signing"
    signed = Signed(KEY, require=True, file=file)
    signed.admits(frame(theirs()))
    signed.save(100.0)
    signed.admits(frame(theirs(NOW + 1)))
    signed.save(105.0)
    assert file.read_text() == f"1 1 3 {NOW}\n"
    signed.save(105.0, at_once=True)
    assert file.read_text() == f"1 1 3 {NOW + 1}\n"


def test_a_key_on_its_way_to_the_vehicle_is_wanted_by_nobody() -> None:
    from edge_agent.clock import SystemClock
    from edge_agent.drivers.mavlink_link import MavlinkLink
    from edge_agent.drivers.tcp import TcpStream

    link = MavlinkLink(TcpStream("127.0.0.1", 9), SystemClock())
    subscriber: Subscriber = link.subscribe(frozenset({33, SETUP_SIGNING}))
    assert subscriber.wanted == {33}
