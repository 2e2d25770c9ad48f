"""Faults on top of a recording: the same words and seed spoil the same pieces, and each stroke is labelled."""

from __future__ import annotations

import hashlib
import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from simulators.recordings.model import RecordingError
from simulators.recordings.spoil import Spoiler, parse_fault
from tests.conftest import free_port, wait_until

COMMAND = [sys.executable, "-c", "import harkara,sys; sys.exit(harkara.main())", "simulate", "replay"]


def sentence(number: int) -> bytes:
    body = f"GPZDA,12{number // 60:02d}{number % 60:02d}.00,01,06,2026,00,00"
    checksum = 0
    for byte in body.encode():
        checksum ^= byte
    return f"${body}*{checksum:02X}\r\n".encode()


SENTENCES = [sentence(number) for number in range(40)]


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def replayed(tmp_path: Path, *words: str) -> bytes:
    log, port = tmp_path / "receiver.log", free_port()
    log.write_bytes(b"".join(SENTENCES))
    command = [*COMMAND, str(log), "--to", f"tcp:{port}", "--wait-for-reader", *words]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: listens(port), what="the receiver")
            heard = b""
            with socket.create_connection(("127.0.0.1", port), timeout=30) as reader:
                while data := reader.recv(4096):
                    heard += data
        finally:
            process.terminate()
            process.wait(30)
    return heard


def test_faults_strike_a_replay_where_they_are_told_and_are_labelled(tmp_path: Path) -> None:
    labels = tmp_path / "struck.jsonl"
    words = ["--speed", "200", "--fault", "flip,at=10,duration=10", "--fault-labels", str(labels)]
    heard = replayed(tmp_path, *words)
    struck = [json.loads(line) for line in labels.read_text(encoding="ascii").splitlines()]
    assert [line["at_ns"] // 10**9 for line in struck] == list(range(10, 20))
    assert {line["faults"][0] for line in struck} == {"flip"}
    hashes = [hashlib.blake2b(text, digest_size=8).hexdigest() for text in SENTENCES]
    assert [line["was"] for line in struck] == hashes[10:20]
    whole = b"".join(SENTENCES)
    # The first sentences may be said before the reader is in; the last ones are all there.
    assert heard.endswith(b"".join(SENTENCES[20:]))
    assert heard[-300:] == whole[-300:]
    assert b"".join(SENTENCES[10:20]) not in heard


def test_same_seed_spoils_the_same_bits() -> None:
    def spoilt(seed: int) -> list[bytes]:
        spoiler = Spoiler(["flip,share=0.5", "reorder,at=5,duration=10"], seed)
        return [frame.data for n, text in enumerate(SENTENCES) for frame in spoiler.spoil(n * 10**9, text, "")]

    assert spoilt(3) == spoilt(3)
    assert spoilt(3) != spoilt(4)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("flop", "did you mean `flip`"),
        ("flip,at=soon", "'at=soon' is none of"),
        ("flip,when=3", "'when=3' is none of"),
        ("flip,every=5", "begins again before it ends"),
        ("flip,share=2", "at most 1"),
        ("flip,at=-3", "'at=-3' is none of"),
    ],
)
def test_wrong_words_are_told(words: str, message: str) -> None:
    with pytest.raises(RecordingError) as caught:
        parse_fault(words)
    assert message in str(caught.value)
    assert caught.value.exit_status == 2
