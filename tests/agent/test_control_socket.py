"""The control socket: private, bounded, and clear about who is there."""

from __future__ import annotations

import asyncio
import json
import socket
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from harkara_io.control_socket import (
    AlreadyRunning,
    ControlError,
    ControlServer,
    NotRunning,
    call,
    stream,
)


async def _status(fields: dict[str, Any]) -> dict[str, Any]:
    return {"echo": fields}


async def _refuse(fields: dict[str, Any]) -> dict[str, Any]:
    raise ControlError("not now", "come later")


async def _count(fields: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
    for number in range(fields["to"]):
        yield {"n": number}


def _server(path: Path) -> ControlServer:
    return ControlServer(path, commands={"status": _status, "refuse": _refuse}, streams={"count": _count})


def test_questions_answers_streams_and_refusals(tmp_path: Path) -> None:
    path = tmp_path / "c.sock"

    def ask() -> None:
        assert call(path, "status", a=1) == {"echo": {"a": 1}}
        assert [item["n"] for item in stream(path, "count", to=5)] == [0, 1, 2, 3, 4]
        with pytest.raises(ControlError, match="not now; come later"):
            call(path, "refuse")
        with pytest.raises(ControlError, match="unknown command `statsu`; did you mean `status`"):
            call(path, "statsu")

    async def main() -> None:
        async with _server(path):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            await asyncio.to_thread(ask)

    asyncio.run(main())
    assert not path.exists()
    with pytest.raises(NotRunning):
        call(path, "status")


def test_garbage_and_endless_lines_are_answered_and_dropped(tmp_path: Path) -> None:
    path = tmp_path / "c.sock"

    def rude(data: bytes) -> dict[str, Any]:
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(10)
            link.connect(str(path))
            link.sendall(data)
            link.shutdown(socket.SHUT_WR)
            with link.makefile("rb") as lines:
                return dict(json.loads(lines.readline()))

    def ask() -> None:
        for data in (b"\xff\x00\n", b"[]\n", b"{}\n", b'{"command": 3}\n', b"no newline", b"x" * 200_000):
            assert rude(data)["ok"] is False
        assert call(path, "status") == {"echo": {}}

    async def main() -> None:
        async with _server(path):
            await asyncio.to_thread(ask)

    asyncio.run(main())


def test_a_dead_socket_is_replaced_a_living_one_and_a_plain_file_are_not(tmp_path: Path) -> None:
    path = tmp_path / "c.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))

    async def twice() -> None:
        async with _server(path):
            with pytest.raises(AlreadyRunning):
                await _server(path).__aenter__()

    asyncio.run(twice())
    path.write_text("precious", encoding="utf-8")

    async def plain() -> None:
        with pytest.raises(ControlError, match="no socket"):
            await _server(path).__aenter__()

    asyncio.run(plain())
    assert path.read_text(encoding="utf-8") == "precious"


def test_a_path_too_long_for_the_kernel_says_so(tmp_path: Path) -> None:
    async def main() -> None:
        with pytest.raises(ControlError, match="at most 107"):
            await ControlServer(tmp_path / ("x" * 120)).__aenter__()

    asyncio.run(main())
