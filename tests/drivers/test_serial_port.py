"""The serial port itself: whatever its settings, it can be opened again, and what cannot be set is one line."""

from __future__ import annotations

import asyncio
import termios
from pathlib import Path
from typing import NoReturn

import pytest

from edge_agent.drivers.ports import LinkDown
from edge_agent.drivers.serial_port import LineFormat, SerialPort
from simulators.pty_port import PtyPort


def opened(port: SerialPort) -> None:
    async def once() -> None:
        await port.open()
        await port.close()

    asyncio.run(once())


def test_a_pseudo_terminal_is_opened_again_at_seven_bits_and_parity(tmp_path: Path) -> None:
    """The second time nothing but the parity would change, which it does not have."""
    with PtyPort(tmp_path / "sdi.tty") as line:
        for _ in range(3):
            opened(SerialPort(line.link, LineFormat(1200, 7, "even", 1)))


def test_an_adapter_without_parity_is_down_with_what_it_cannot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> NoReturn:
        raise termios.error(22, "Invalid argument")

    with PtyPort(tmp_path / "x.tty") as line:
        monkeypatch.setattr(termios, "tcsetattr", refused)
        with pytest.raises(LinkDown, match=r"x\.tty cannot be set to 1200 baud 8N1: Invalid argument"):
            opened(SerialPort(line.link, LineFormat(1200, 7, "even", 1)))
