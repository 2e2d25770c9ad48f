"""The collector as a process against a real broker: delivery, kills, refusals, bad input, restarts."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from device_profiles.wire import block_pb2 as pb
from device_profiles.wire.digest import COVERED_FROM, seal
from device_profiles.wire.limits import MAX_BLOCK_BYTES, MAX_BODY_BYTES
from device_profiles.wire.messages import SegmentExtent, State, Sync
from device_profiles.wire.model import Encoding
from device_profiles.wire.topics import TopicKind
from tests.collector.harness import READINGS, Blocks, agent_client, collector_process, conserved, stored_once
from tests.conftest import Mosquitto, free_port, wait_until

pytestmark = pytest.mark.broker

Broker = Callable[..., Mosquitto]


def _rows(text: str) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = json.loads(text)
    return rows


@pytest.mark.parametrize("protocol", ["3.1.1", "5"])
def test_blocks_are_receipted_stored_once_and_counted(mosquitto: Broker, tmp_path: Path, protocol: str) -> None:
    broker = mosquitto()
    with collector_process(tmp_path / "c", broker.port, "agent-1", protocol=protocol) as collector:
        collector.start()
        blocks = Blocks()
        with agent_client(broker.port) as agent:
            agent.send(
                State(alive=True, connection=1, agent_version="9", accepted=60 * READINGS).encode(),
                kind=TopicKind.STATE,
            )
            agent.send(*blocks.next(50))
            agent.wait_stored(50)
            agent.send(*blocks.made[10:20])  # a broker or an agent that sends again
            agent.send(*blocks.next(10))
            agent.wait_stored(60)
            nonce = 12_345
            extent = SegmentExtent(77, 1, 1, 60, 60 * READINGS)
            agent.send(Sync(nonce, b"outbox-of-agent1", (extent,)).encode(), kind=TopicKind.SYNC)
            wait_until(lambda: agent.synced, what="synced")
            assert agent.synced[0].nonce == nonce
            assert agent.synced[0].receipt.segments[0].stored.count == 60
            assert abs(agent.synced[0].utc_ns - time.time_ns()) < 60 * 10**9
        status = collector.wait_in_lake(60 * READINGS)
        assert status["intake"]["committed"] == 60
        assert status["intake"]["duplicate"] == status["duplicates"] == 10
        assert conserved(status["intake"])
        assert status["blocks"] == 60
        assert status["block_bytes"] == sum(map(len, blocks.made))
        assert status["accounting"]["accepted"] == status["accounting"]["stored"] == 60 * READINGS
        assert status["agents"][0]["alive"] is True
        assert status["source"]["held_bytes"] == 0
        stored_once(_rows(collector.harkara("query", "--format", "json")), blocks)
        assert "agent-1" in collector.harkara("collector", "status")
        assert collector.stop() == 0
        stored_once(_rows(collector.harkara("query", "--format", "json")), blocks)


def test_kill_9_at_any_moment_stores_each_block_once(mosquitto: Broker, tmp_path: Path) -> None:
    broker = mosquitto()
    blocks = Blocks()
    with (
        collector_process(tmp_path / "c", broker.port, "agent-1", extra="[intake]\ngroup_commit_ms = 5\n") as collector,
        agent_client(broker.port) as agent,
    ):
        collector.start()
        for life in range(4):
            fresh = blocks.next(200)
            heard = len(agent.receipts)
            agent.send(*fresh)
            # Between the first receipt and the last PUBACK of this lot: before, within or after a commit, as it comes.
            wait_until(lambda: len(agent.receipts) > heard, what=f"a receipt in life {life}")  # noqa: B023
            collector.kill()
            # What a receipt named must be there, whatever else is lost.
            named = agent.stored()
            collector.start()
            agent.send(*fresh)
            agent.wait_stored(len(blocks.made))
            assert not named.subtract(agent.stored())
        status = collector.wait_in_lake(len(blocks.made) * READINGS)
        assert conserved(status["intake"])
        assert status["blocks"] == len(blocks.made)
        stored_once(_rows(collector.harkara("query", "--format", "json")), blocks)


def test_a_killed_broker_loses_nothing_that_is_sent_again(mosquitto: Broker, tmp_path: Path) -> None:
    broker = mosquitto()
    blocks = Blocks()
    with collector_process(tmp_path / "c", broker.port, "agent-1") as collector:
        collector.start()
        with agent_client(broker.port) as agent:
            agent.send(*blocks.next(20))
            agent.wait_stored(20)
        broker.kill()
        wait_until(lambda: not collector.status()["broker"]["connected"], what="the loss to be seen")
        assert collector.status()["problem"] == "the broker is not reached"
        broker.start()
        wait_until(lambda: collector.status()["broker"]["connected"], what="the broker to be back")
        with agent_client(broker.port) as agent:
            agent.send(*blocks.made[15:], *blocks.next(20))
            wait_until(lambda: agent.stored().last == 40, what="receipts")
        collector.wait_in_lake(40 * READINGS)
        stored_once(_rows(collector.harkara("query", "--format", "json")), blocks)
        assert collector.log.count("broker lost") == 1


def test_a_stranger_is_refused_and_its_blocks_come_in_once_it_is_added(mosquitto: Broker, tmp_path: Path) -> None:
    broker = mosquitto()
    blocks, others = Blocks(), Blocks("agent-2", 78)
    with collector_process(tmp_path / "c", broker.port, "agent-2") as collector:
        collector.start()
        with agent_client(broker.port) as agent, agent_client(broker.port, "agent-2") as known:
            agent.send(*blocks.next(5))
            known.send(*others.next(5))
            known.wait_stored(5, segment=78)
            wait_until(lambda: agent.receipts, what="the refusal")
            refusal = agent.receipts[0].refused
            assert refusal is not None
            assert refusal.retry_after_s == 300
            assert not agent.stored()
            before = len(agent.receipts)
            assert collector.harkara("device", "add", "agent-1", "--name", "Ridge").strip() == "agent-1 may send"
            # It is told at once that it need not wait.
            wait_until(lambda: len(agent.receipts) > before, what="the welcome")
            assert agent.receipts[-1].refused is None
            agent.send(*blocks.made)
            agent.wait_stored(5)
            collector.harkara("device", "disable", "agent-1")
            agent.send(*blocks.next(1))
            wait_until(lambda: agent.receipts[-1].refused is not None, what="the refusal of the disabled")
            assert agent.stored().count == 5
        status = collector.wait_in_lake(10 * READINGS)
        assert status["intake"]["refused"] == 6
        assert conserved(status["intake"])
        assert status["quarantined"] == 0


def _bad_blocks(good: bytes) -> dict[str, bytes]:
    def forged(**fields: object) -> bytes:
        """Another content with a digest that holds: what a faulty agent, not a faulty line, would send."""
        message = pb.Block.FromString(good[COVERED_FROM:])
        for name, value in fields.items():
            setattr(message, name, value)
        return seal(message.SerializeToString(deterministic=True))

    import zstandard

    bomb = zstandard.ZstdCompressor(
        compression_params=zstandard.ZstdCompressionParameters(format=zstandard.FORMAT_ZSTD1_MAGICLESS)
    ).compress(bytes(16 * MAX_BODY_BYTES))
    flipped = bytearray(good)
    flipped[len(good) // 2] ^= 0x10
    return {
        "empty": b"",
        "noise": os.urandom(500),
        "truncated": good[: len(good) * 2 // 3],
        "garbled": bytes(flipped),
        "oversized": good + bytes(MAX_BLOCK_BYTES),
        "bomb": forged(seq=1_000, values=bomb, values_encoding=Encoding.ZSTD),
        "no schema": forged(seq=1_001, schema=b"\xff\xff"),
        "future": forged(seq=1_002, revision=6),
        "someone else's": forged(agent="agent-2"),
        "seq 0": forged(seq=0),
        "rows": forged(seq=1_003, rows=10**6),
    }


def test_bad_blocks_are_put_aside_with_a_reason_and_good_ones_behind_them_flow(
    mosquitto: Broker, tmp_path: Path
) -> None:
    broker = mosquitto()
    blocks = Blocks()
    with collector_process(tmp_path / "c", broker.port, "agent-1", "agent-2") as collector:
        collector.start()
        bad = _bad_blocks(blocks.next(1)[0])
        with agent_client(broker.port) as agent:
            agent.send(blocks.made[0])
            for payload in bad.values():
                agent.send(payload, *blocks.next(1))
            agent.send(b"\xff" * 40, kind=TopicKind.SYNC)
            agent.send(b"\xff" * 40, kind=TopicKind.STATE)
            agent.send(*blocks.next(1))
            wait_until(lambda: agent.stored().count == len(blocks.made), what="the good blocks' receipts")
            rejected = {r.seq for receipt in agent.receipts for s in receipt.segments for r in s.rejected}
            held = [seq for receipt in agent.receipts for s in receipt.segments for seq in s.held.numbers()]
            # Only what proves whose it is gets an answer: the rest may have been garbled on the way.
            assert rejected == {1_000, 1_001}
            assert set(held) == {1_002}
        status = collector.wait_in_lake(len(blocks.made) * READINGS)
        assert conserved(status["intake"])
        assert status["quarantined"] == status["intake"]["quarantined"] == len(bad)
        assert status["intake"]["quarantined_by"] == {"unverified": 8, "rejected": 2, "held": 1}
        assert status["intake"]["strays"] == 2
        # Nothing published under one identity is stored under another.
        assert {row["agent"] for row in _rows(collector.harkara("query", "--format", "json"))} == {"agent-1"}
        stored_once(_rows(collector.harkara("query", "--format", "json")), blocks)
        assert collector.stop() == 0
    from collector.journal import Journal

    journal = Journal.open(tmp_path / "c" / "data" / "journal.db")
    try:
        kept = {entry.data: entry.reason for entry in journal.quarantine(100)}
    finally:
        journal.close()
    assert set(kept) == set(bad.values())
    assert all(kept.values())


def test_a_wrong_password_ends_it_with_one_line(mosquitto: Broker, tmp_path: Path) -> None:
    passwords = tmp_path / "passwords"
    passwords.touch(mode=0o600)
    subprocess.run(["mosquitto_passwd", "-b", str(passwords), "harkara-collector", "right"], check=True)
    broker = mosquitto(f"password_file {passwords}")
    lines = 'username = "harkara-collector"\npassword_file = "secret"'
    with collector_process(tmp_path / "c", broker.port, broker=lines) as collector:
        secret = collector.folder / "secret"
        secret.write_text("wrong\n", encoding="utf-8")
        secret.chmod(0o600)
        collector.start(connected=False)
        assert collector.process is not None
        assert collector.process.wait(60) == 2
        collector.process = None
        errors = [line for line in collector.log.splitlines() if "ERROR" in line]
        assert len(errors) == 1
        assert f"broker 127.0.0.1:{broker.port}" in errors[0]
        assert "harkara-collector" in errors[0]
        assert "Traceback" not in collector.log
        assert "wrong\n" not in collector.log
        secret.write_text("right\n", encoding="utf-8")
        collector.start()
        assert collector.stop() == 0


def test_a_second_collector_keeps_away_from_the_data(mosquitto: Broker, tmp_path: Path) -> None:
    broker = mosquitto()
    with collector_process(tmp_path / "c", broker.port) as collector:
        collector.start()
        words = [sys.executable, "-m", "harkara", "collector", "run", "--config", str(collector.config)]
        second = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
        assert second.returncode == 2
        assert "another process answers" in second.stderr
        assert "Traceback" not in second.stderr
        assert collector.status()["ok"]


def test_without_a_broker_it_starts_waits_and_stops(tmp_path: Path) -> None:
    with collector_process(tmp_path / "c", free_port()) as collector:
        collector.start(connected=False)
        wait_until(collector.status, what="an answer")
        assert collector.status()["problem"] == "the broker is not reached"
        assert collector.stop() == 0
        assert collector.log.count("broker lost") == 1


def test_the_embedded_broker_serves(tmp_path: Path) -> None:
    from simulators.embedded_broker import write_password_file

    passwords, port = tmp_path / "passwords", free_port()
    write_password_file(passwords, {"harkara-collector": "c", "agent-1": "a"})
    words = [sys.executable, "-m", "simulators.embedded_broker", "--port", str(port), "--password-file", str(passwords)]
    lines = 'username = "harkara-collector"\npassword_file = "secret"'
    with (
        subprocess.Popen(words, stderr=subprocess.DEVNULL) as broker,
        collector_process(tmp_path / "c", port, "agent-1", protocol="3.1.1", broker=lines) as collector,
    ):
        try:
            secret = collector.folder / "secret"
            secret.touch(mode=0o600)
            secret.write_text("c\n", encoding="utf-8")
            collector.start()
            blocks = Blocks()
            with agent_client(port, password="a") as agent:
                agent.send(*blocks.next(30))
                agent.wait_stored(30)
            stored_once(_rows(collector.harkara("query", "--format", "json")), blocks)
            assert collector.stop() == 0
        finally:
            broker.send_signal(signal.SIGTERM)
