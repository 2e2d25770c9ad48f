"""PX4's own logs (ULog), read by `pyulog`, which comes with the extra ``ulog`` and is loaded for such a file alone."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from device_profiles.quality import Flag
from device_profiles.wire.values import Scaled
from edge_agent.drivers.ports import Number, Sample
from edge_agent.imports.model import Counts, ImportedRow, ImportRefused, key_of
from edge_agent.imports.ulog_topics import TOPICS, Topic

MAGIC: Final = b"ULog\x01\x12\x35"
PROFILE: Final = "import/ulog"
ARMED: Final = 2
"""vehicle_status.arming_state."""
_UNIX_US_MIN: Final = 946_684_800_000_000
_US_NS: Final = 1000
_ORDINALS: Final = ("", "second_", "third_", "fourth_")


def is_ulog(head: bytes) -> bool:
    """Whether a file begins as a ULog does."""
    return head.startswith(MAGIC)


class ULog:
    """One log, with what `ulog_topics` knows of it; the raw signals of its control loops are left out.

    Times in it count from the vehicle's start. UTC is what its receiver told: the least delayed of its reports says
    when the start was.
    """

    def __init__(self, path: Path, *, prefix: str, started_ns: int | None = None) -> None:
        """Read the file.

        Args:
            path: The file.
            prefix: Of all device ids.
            started_ns: When the vehicle was switched on, for logs without a receiver's time. [ns]

        Raises:
            ImportRefused: It cannot be read, or `pyulog` is not there.
        """
        try:
            import pyulog  # noqa: PLC0415 - an extra
        except ImportError as exc:
            raise ImportRefused(f"{path} is a ULog: to read it, pip install 'harkara[ulog]'") from exc
        self.counts = Counts()
        self.path = path
        self._prefix = prefix
        try:
            with path.open("rb") as file:
                self._log = pyulog.ULog(file, list(TOPICS))
        except Exception as exc:  # the library tells damage by whatever it runs into
            raise ImportRefused(f"{path} is a damaged ULog: {exc}") from exc
        self._start_ns = started_ns

    def rows(self) -> Iterator[ImportedRow]:
        """Every row, topic by topic."""
        counts = self.counts
        start_ns = self._find_start()
        vehicle = str(self._log.msg_info_dict.get("sys_uuid", ""))
        self._note()
        for data in self._log.data_list:
            topic = TOPICS[data.name]
            names = [name for name in data.data if name != "timestamp"]
            columns = [data.data[name].tolist() for name in names]
            for at_us, *values in zip(data.data["timestamp"].tolist(), *columns, strict=True):
                counts.frames += 1
                record = dict(zip(names, values, strict=True))
                if start_ns is None:
                    counts.rejects["time_unknown"] += 1
                    continue
                counts.kept += 1
                numbers = _numbers(topic, data.multi_id, record)
                counts.take(numbers)
                if any(number.value is not None for number in numbers):
                    at_ns = start_ns + at_us * _US_NS
                    key = key_of(
                        "ulog", vehicle, self._log.start_timestamp, data.name, data.multi_id, at_us, repr(values)
                    )
                    yield ImportedRow(self._device(topic, data.multi_id), PROFILE, Sample(at_ns, at_ns, numbers), key)

    def _device(self, topic: Topic, instance: int) -> str:
        plain = not instance or topic.numbered
        return f"{self._prefix}-{topic.device}" if plain else f"{self._prefix}-{topic.device}-{instance + 1}"

    def _find_start(self) -> int | None:
        """UTC of the vehicle's start. [ns]."""
        notes = self.counts.notes
        if not self._log.msg_info_dict.get("time_ref_utc"):
            notes["clock_unset_time_ref_utc"] = 1
        starts = []
        for utc_us, at_us, fix in self._told_times():
            if utc_us >= _UNIX_US_MIN and fix >= 2:
                starts.append(utc_us - at_us)
            else:
                notes["clock_unset_records"] += 1
        if starts:
            notes["time_from_gnss"] = 1
            return max(starts) * _US_NS
        return self._start_ns

    def _told_times(self) -> Iterator[tuple[int, int, int]]:
        for data in self._series("vehicle_gps_position"):
            if "time_utc_usec" in data:
                fixes = data["fix_type"].tolist() if "fix_type" in data else [3] * len(data["timestamp"])
                yield from zip(data["time_utc_usec"].tolist(), data["timestamp"].tolist(), fixes, strict=True)

    def _series(self, name: str) -> list[Any]:
        return [data.data for data in self._log.data_list if data.name == name]

    def _note(self) -> None:
        counts, log = self.counts, self._log
        if log.dropouts:
            counts.notes["dropouts"] = len(log.dropouts)
            counts.notes["dropout_ms"] = sum(each.duration for each in log.dropouts)
        if log.file_corruption:
            counts.notes["damaged_places"] = 1
        states = [data["arming_state"].tolist() for data in self._series("vehicle_status")]
        counts.arm_windows = sum(_begun([state == ARMED for state in each]) for each in states)
        landed = [data["landed"].tolist() for data in self._series("vehicle_land_detected")]
        counts.flights = sum(_begun([not state for state in each]) for each in landed)


def _begun(on: Sequence[bool]) -> int:
    """How often it was switched on; a log may begin when it is."""
    return sum(now and not before for before, now in pairwise([False, *on]))


def _numbers(topic: Topic, instance: int, record: dict[str, Any]) -> tuple[Number, ...]:
    reasons: dict[str, str] = {}
    for names, rule in topic.rules:
        reason = rule(record)
        if reason:
            for name in names:
                reasons.setdefault(name, reason)
    found = []
    for name, (channel, unit, exponent) in topic.fields.items():
        value = record.get(name)
        if value is None:
            continue
        place = f"{_ORDINALS[instance % len(_ORDINALS)]}{channel}" if topic.numbered else channel
        reason = reasons.get(name, "")
        if not reason and topic.none.get(name) == value:
            reason = "unknown"
        if not reason and not math.isfinite(value):
            reason = "invalid"
        if reason:
            found.append(Number(place, unit, None, Flag.MISSING, reason))
        else:
            found.append(Number(place, unit, Scaled(int(value), exponent) if isinstance(value, int) else float(value)))
    return tuple(found)
