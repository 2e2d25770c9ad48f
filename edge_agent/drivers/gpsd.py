"""The sentences of a receiver that `gpsd` reads, through gpsd's socket: other programs may use the receiver, too.

gpsd hands on what an NMEA receiver says, and says in NMEA what it reads of others. Between the sentences stand reports
in JSON (gpsd_json(5)), of which only those on devices and errors matter here.
"""

from __future__ import annotations

import json
from typing import Any, Final

from device_profiles.framing.text_lines import LineFramer
from edge_agent.drivers.ports import LinkDown
from edge_agent.drivers.tcp import TcpStream

SILENCE_S: Final = 10.0
"""gpsd answers at once; a peer that does not is none. [s]"""


class GpsdLine:
    """Sentences of one receiver, as a byte stream."""

    starts_clean = True

    def __init__(self, host: str, port: int, device: str | None = None) -> None:
        """Prepare; nothing is opened.

        Args:
            host: Where gpsd listens.
            port: Its port.
            device: Path of the receiver, where gpsd reads several.
        """
        self._where = f"gpsd at {host}:{port}"
        self._stream = TcpStream(host, port)
        self._device = device
        self._lines = LineFramer()
        self._greeted = False

    async def open(self) -> None:
        """Connect and ask for sentences; raises ``LinkDown``."""
        self._lines = LineFramer()
        self._greeted = False
        await self._stream.open()
        wanted: dict[str, Any] = {"enable": True, "nmea": True}
        if self._device is not None:
            wanted["device"] = self._device
        await self._stream.write(b"?WATCH=" + json.dumps(wanted).encode() + b";\n")

    async def read(self, timeout_s: float | None) -> bytes | None:
        """The next sentences, seldom none; None when ``timeout_s`` passed without any.

        Raises:
            LinkDown: gpsd is gone, lost the receiver, or is something else.
        """
        data = await self._stream.read(timeout_s if self._greeted else min(timeout_s or SILENCE_S, SILENCE_S))
        if data is None:
            if not self._greeted:
                raise LinkDown(f"{self._where} says nothing: is it gpsd that listens there?")
            return None
        out = bytearray()
        for line in self._lines.feed(data):
            if not isinstance(line, bytes):
                continue
            if line.startswith(b"{"):
                self._report(line)
            elif line.startswith((b"$", b"!")):
                out += line + b"\r\n"
        return bytes(out)

    async def close(self) -> None:
        """Hang up; never raises."""
        await self._stream.close()

    def _report(self, line: bytes) -> None:
        try:
            report = json.loads(line)
        except ValueError:
            return
        match report.get("class"):
            case "VERSION":
                self._greeted = True
            case "DEVICES":
                self._greet([str(each.get("path")) for each in report.get("devices") or []])
            case "DEVICE" if report.get("activated") == 0 and self._device in {None, report.get("path")}:
                raise LinkDown(f"{self._where} lost {report.get('path')}")
            case "ERROR":
                raise LinkDown(f"{self._where} says: {report.get('message')}")

    def _greet(self, devices: list[str]) -> None:
        if not devices:
            raise LinkDown(f"{self._where} has no receiver")
        if self._device is None and len(devices) > 1:
            raise LinkDown(f"{self._where} reads {', '.join(devices)}: say which with gpsd_device")
