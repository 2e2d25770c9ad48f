"""What the agent counts, in one place, so that ``status`` and the log tell the same story."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from device_profiles.rejects import FrameRejected
from device_profiles.wire.values import Scaled, Value
from edge_agent.drivers.ports import Sample


@dataclass(slots=True)
class Last:
    """The latest value of a channel."""

    value: Value
    unit: str
    observed_at_ns: int


@dataclass(slots=True)
class DeviceCounters:
    """One device since the process began.

    Attributes:
        id: Device id.
        driver: Its driver.
        source: Port, address or program.
        state: ``opening``, ``up``, ``down`` or ``stopped``.
        detail: Why it is down; empty when up.
        readings: Values read (accepted ones are counted by the outbox).
        samples: Instants read.
        rejected: Frames and lines that gave no reading, by reason.
        missing: Values that were announced but not there, by reason.
        notes: Counts of what was left out on purpose, by name.
        opened: How often the line was opened.
        last_reject: The latest, in words.
        last: Latest value by channel, at most as many as a line may have.
        texts: Latest words by channel.
        heard_at_ns: When the latest sample came, wall clock; 0 before the first. [ns]
    """

    id: str
    driver: str
    source: str
    state: str = "opening"
    detail: str = ""
    readings: int = 0
    samples: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    missing: Counter[str] = field(default_factory=Counter)
    opened: int = 0
    last_reject: str = ""
    notes: dict[str, int] = field(default_factory=dict)
    last: dict[str, Last] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    heard_at_ns: int = 0

    def take_reject(self, reject: FrameRejected) -> None:
        """Count a frame or line that gave no reading."""
        self.rejected[str(reject.reason)] += 1
        self.last_reject = reject.detail[:200]

    def take_sample(self, sample: Sample) -> None:
        """Count a sample and remember its values."""
        self.samples += 1
        self.heard_at_ns = sample.arrived_ns
        observed_at_ns = sample.observed_at_ns if sample.observed_at_ns is not None else sample.arrived_ns
        for text in sample.texts:
            self.readings += text.is_event or self.texts.get(text.channel) != text.text
            self.texts[text.channel] = text.text
        for number in sample.numbers:
            if number.value is None:
                self.missing[number.reason or "unknown"] += 1
                continue
            self.readings += 1
            self.last[number.channel] = Last(number.value, number.unit, observed_at_ns)

    def as_json(self) -> dict[str, Any]:
        """For ``status``."""
        now_ns = time.time_ns()
        return {
            "id": self.id,
            "driver": self.driver,
            "source": self.source,
            "state": self.state,
            "detail": self.detail,
            "readings": self.readings,
            "samples": self.samples,
            "rejected": dict(self.rejected),
            "missing": dict(self.missing),
            "notes": self.notes,
            "opened": self.opened,
            "last_reject": self.last_reject,
            "heard_s_ago": round((now_ns - self.heard_at_ns) / 1e9, 3) if self.heard_at_ns else None,
            "texts": self.texts,
            "channels": {
                channel: {
                    "value": as_text(last.value),
                    "unit": last.unit,
                    "observed_at_ns": last.observed_at_ns,
                    "age_s": round((now_ns - last.observed_at_ns) / 1e9, 3),
                }
                for channel, last in self.last.items()
            },
        }


def as_text(value: Value) -> str:
    """A value as the sensor would write it: all its digits, none more."""
    if isinstance(value, float):
        return repr(value)
    mantissa, exponent = Scaled(*value)
    if exponent >= 0:
        return str(mantissa) + "0" * exponent if mantissa else "0"
    digits = str(abs(mantissa)).rjust(1 - exponent, "0")
    return f"{'-' if mantissa < 0 else ''}{digits[:exponent]}.{digits[exponent:]}"


def rss_bytes() -> int:
    """Resident memory of this process; 0 where the kernel does not say. [bytes]."""
    try:
        with open("/proc/self/status", encoding="ascii") as lines:  # noqa: PTH123 - read once a status, no object kept
            for line in lines:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        return 0
    return 0
