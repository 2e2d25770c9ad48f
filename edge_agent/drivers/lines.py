"""One JSON or CSV reading per line from a program, a serial port or a TCP connection."""

from __future__ import annotations

from device_profiles.framing.text_lines import LineFramer
from device_profiles.rejects import FrameRejected, RejectReason, reject
from edge_agent.clock import Clock
from edge_agent.drivers.line_parser import LineParser
from edge_agent.drivers.ports import ByteSource, LinkDown, Read


class LinesDriver:
    """Reads lines and gives one sample each.

    Attributes:
        silence_s: The line counts as down after this long without a byte; nought never. [s]
    """

    def __init__(self, source: ByteSource, parser: LineParser, clock: Clock, *, silence_s: float = 0) -> None:
        self.silence_s = silence_s
        self._source = source
        self._parser = parser
        self._clock = clock
        self._framer = LineFramer()
        self._joining = False

    async def open(self) -> None:
        """Open the line; raises ``LinkDown`` or ``NotReady``."""
        await self._source.open()
        self._framer = LineFramer()
        self._joining = not self._source.starts_clean

    async def read(self) -> list[Read]:
        """Samples and rejects of the lines that the next bytes complete.

        Raises:
            LinkDown: The line is gone, or silent for too long.
        """
        data = await self._source.read(self.silence_s or None)
        if data is None:
            raise LinkDown(f"no byte for {self.silence_s:g} s")
        return self._take(self._framer.feed(data))

    async def close(self) -> list[Read]:
        """Close the line; a line that breaks off is a reject."""
        await self._source.close()
        return self._take(self._framer.flush())

    def notes(self) -> dict[str, int]:
        """Nothing is left out."""
        return {}

    def _take(self, lines: list[bytes | FrameRejected]) -> list[Read]:
        out: list[Read] = []
        arrived_ns = self._clock.wall_ns()
        for line in lines:
            joining, self._joining = self._joining, False
            if isinstance(line, FrameRejected):
                out.append(line)
            elif joining and not line.startswith(b"{"):
                # Joined in mid-line: what is left of a CSV line may look like a whole one with other values.
                out.append(reject(RejectReason.TRUNCATED, "joined in mid-line, perhaps", line))
            elif (found := self._parser.parse(line, arrived_ns)) is not None:
                out.append(found)
        return out
