"""Logs of positioning receivers: NMEA sentences and UBX messages, also mixed as u-blox receivers send them.

A row is an epoch: all that the receiver said of one instant. The receiver's own time counts, believed as on the line:
with a fix, and not before the year from which receivers are believed; a receiver that lost count of the 1024-week
rounds prints one twenty years ago.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from device_profiles import catalogue
from device_profiles.codecs import nmea
from device_profiles.codecs.nmea_epochs import YEAR_MIN, NmeaEpochs, NmeaRow
from device_profiles.framing.mixed import MixedStream
from device_profiles.framing.nmea import NmeaFramer
from device_profiles.rejects import FrameRejected, RejectReason
from edge_agent.drivers.nmea import sample_of_row
from edge_agent.drivers.ports import Sample
from edge_agent.drivers.profiled import sample_of
from edge_agent.imports.model import Counts, ImportedRow, key_of

SENTENCES: Final = "nmea/gnss"
MESSAGES: Final = "u-blox/nav-pvt"
PIECE_BYTES: Final = 1 << 16


def is_gnss(head: bytes) -> bool:
    """Whether several whole sentences or messages stand near the beginning."""
    framer = NmeaFramer()
    found = 0
    for is_message, data in MixedStream().feed(head, ended=True):
        found += is_message or sum(isinstance(frame, bytes) for frame in framer.feed(data))
    return found >= 3


class GnssLog:
    """One log of one receiver.

    An epoch's sentences are one row, known by its time: of an epoch that lies in two parts of a log, the part that is
    given first is taken. A measurement without a time of its own gets that of the epoch before it.
    """

    def __init__(self, path: Path, *, device: str, year_min: int = YEAR_MIN) -> None:
        """Prepare to read.

        Args:
            path: The file.
            device: Its id.
            year_min: Earliest year the receiver is believed.
        """
        self.counts = Counts()
        self.path = path
        self._device = device
        self._year_min = year_min
        self._ubx = catalogue.load(MESSAGES)
        self._epochs = NmeaEpochs(year_min=year_min)
        self._newest_ns: int | None = None
        self._said: Counter[tuple[object, ...]] = Counter()

    def rows(self) -> Iterator[ImportedRow]:
        """Every row, in the order of the file."""
        stream, framer = MixedStream(), NmeaFramer()
        with self.path.open("rb") as file:
            while True:
                piece = file.read(PIECE_BYTES)
                for is_message, data in stream.feed(piece, ended=not piece):
                    if is_message:
                        yield from self._message(data)
                    else:
                        yield from self._sentences(framer.feed(data))
                if not piece:
                    break
        yield from self._sentences(framer.flush())
        for row in self._epochs.flush():
            yield from self._epoch(row)
        counts = self.counts
        if stream.damaged:
            counts.frames += stream.damaged
            counts.rejects["checksum"] += stream.damaged
        for name, number in (("restated", self._epochs.restated), ("contradicted", self._epochs.contradicted)):
            if number:
                counts.notes[name] = number

    def _sentences(self, frames: list[bytes | FrameRejected]) -> Iterator[ImportedRow]:
        counts = self.counts
        for frame in frames:
            sentence = frame if isinstance(frame, FrameRejected) else nmea.decode(frame)
            if isinstance(sentence, FrameRejected) and sentence.reason is RejectReason.NOISE:
                counts.notes["noise"] += 1
                continue
            counts.frames += 1
            if isinstance(sentence, FrameRejected):
                counts.rejects[sentence.reason.value] += 1
                continue
            counts.kept += 1
            if sentence.role is nmea.Role.NOTHING:
                counts.notes["sentences_without_reading"] += 1
            for row in self._epochs.push(sentence, 0):
                yield from self._epoch(row)

    def _epoch(self, row: NmeaRow) -> Iterator[ImportedRow]:
        at_ns = row.observed_at_ns
        sample = sample_of_row(row)
        if at_ns is not None:
            self._newest_ns = at_ns
            self._said.clear()
            yield from self._row(sample, at_ns, SENTENCES, ("epoch",))
            return
        years = [
            number.value.mantissa // 10_000
            for number in row.numbers
            if number.channel == "receiver_date" and number.value
        ]
        if years and years[0] < self._year_min:
            self.counts.notes["year_not_believed"] += 1
        is_epoch = any(number.channel == "receiver_time" for number in row.numbers)
        if is_epoch or self._newest_ns is None:
            self._unknown_time()
            return
        said = tuple(f"{number.channel} {number.value}" for number in row.numbers)
        self._said[said] += 1
        yield from self._row(sample, self._newest_ns, SENTENCES, ("instant", *said, self._said[said]))

    def _message(self, frame: bytes) -> Iterator[ImportedRow]:
        counts = self.counts
        counts.frames += 1
        decoded = self._ubx.decode(frame)
        if isinstance(decoded, FrameRejected):
            if decoded.reason is RejectReason.NO_FRAME:
                counts.kept += 1
                counts.notes["messages_without_profile"] += 1
            else:
                counts.rejects[decoded.reason.value] += 1
            return
        counts.kept += 1
        for row in decoded.rows:
            sample = sample_of(row, 0)
            if row.observed_at_ns is None:
                self._unknown_time()
            else:
                yield from self._row(sample, row.observed_at_ns, MESSAGES, ("ubx",))

    def _unknown_time(self) -> None:
        self.counts.rejects["time_unknown"] += 1

    def _row(self, sample: Sample, at_ns: int, profile: str, said: tuple[str | int, ...]) -> Iterator[ImportedRow]:
        self.counts.take(sample.numbers)
        if any(number.value is not None for number in sample.numbers):
            key = key_of("gnss", self._device, at_ns, *said)
            device = self._device if profile == SENTENCES else f"{self._device}-ubx"
            yield ImportedRow(device, profile, Sample(at_ns, at_ns, sample.numbers), key)
