"""NMEA 0183 over a byte stream: frames, sentences, epochs, samples."""

from __future__ import annotations

from typing import Final

from device_profiles.codecs import nmea
from device_profiles.codecs.nmea_epochs import NmeaEpochs, NmeaRow
from device_profiles.framing.nmea import NmeaFramer
from device_profiles.rejects import FrameRejected
from edge_agent.clock import Clock
from edge_agent.drivers.ports import ByteSource, LinkDown, Number, Read, Sample

EPOCH_ENDS_S: Final = 0.3
"""Silence after which an epoch is complete: a talker sends its sentences in one burst. [s]"""


class NmeaDriver:
    """A talker on a serial port or TCP connection.

    Attributes:
        silence_s: The line counts as down after this long without a byte; nought never. [s]
    """

    def __init__(
        self, source: ByteSource, clock: Clock, *, require_checksum: bool = True, silence_s: float = 0
    ) -> None:
        self.silence_s = silence_s
        self._source = source
        self._clock = clock
        self._require_checksum = require_checksum
        self._framer = NmeaFramer(require_checksum=require_checksum)
        self._epochs = NmeaEpochs()

    async def open(self) -> None:
        """Open the line; raises ``LinkDown`` or ``NotReady``."""
        await self._source.open()
        self._framer = NmeaFramer(require_checksum=self._require_checksum)

    async def read(self) -> list[Read]:
        """Samples and rejects that the next bytes, or a silence, complete.

        Raises:
            LinkDown: The line is gone, or silent for too long.
        """
        open_rows = self._epochs.is_open
        data = await self._source.read(EPOCH_ENDS_S if open_rows else self.silence_s or None)
        if data is None:
            if open_rows:
                return [sample_of_row(row) for row in self._epochs.flush()]
            raise LinkDown(f"no byte for {self.silence_s:g} s")
        return self._take(self._framer.feed(data))

    async def close(self) -> list[Read]:
        """Close the line; what was complete comes out, half a sentence is a reject."""
        await self._source.close()
        left = self._take(self._framer.flush())
        left.extend(sample_of_row(row) for row in self._epochs.flush())
        return left

    def notes(self) -> dict[str, int]:
        """Numbers that an epoch said more than once: the first stands."""
        return {"restated": self._epochs.restated, "contradicted": self._epochs.contradicted}

    def _take(self, frames: list[bytes | FrameRejected]) -> list[Read]:
        out: list[Read] = []
        arrived_ns = self._clock.wall_ns()
        for frame in frames:
            sentence = frame if isinstance(frame, FrameRejected) else nmea.decode(frame)
            if isinstance(sentence, FrameRejected):
                out.append(sentence)
            else:
                out.extend(sample_of_row(row) for row in self._epochs.push(sentence, arrived_ns))
        return out


def sample_of_row(row: NmeaRow) -> Sample:
    """An epoch's numbers as a sample."""
    return Sample(row.observed_at_ns, row.arrived_ns, tuple(Number(*each) for each in row.numbers))
