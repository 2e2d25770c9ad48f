"""Which streams of a line are signed by who holds the key; what was heard last is kept over restarts."""

from __future__ import annotations

import logging
import os
from collections import Counter
from pathlib import Path
from typing import Final

from device_profiles.codecs.mavlink_scan import SIGNATURE_BYTES, Frame
from device_profiles.codecs.mavlink_signing import Signatures, Stream, key_of
from harkara_io.errors import ConfigError

log = logging.getLogger("harkara.agent.mavlink")

SAVE_EVERY_S: Final = 10.0
"""What a kill makes forget: frames of so long could be said again. [s]"""
LABELS_MAX: Final = 256
"""Senders whose label is remembered; more only when somebody makes them up."""


def read_key(path: Path) -> bytes:
    """The key of a key file; says nothing of what is in it.

    Raises:
        ConfigError: It cannot be read, or is empty.
    """
    try:
        return key_of(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError(f"signing_key_file {path} cannot be read: {getattr(exc, 'strerror', 'not UTF-8')}") from exc
    except ValueError as exc:
        raise ConfigError(f"signing_key_file {path}: {exc}") from exc


class Signed:
    """Labels the streams of one line.

    Attributes:
        key: For what we say ourselves.
        counts: ``signed``, ``unsigned`` and ``bad_signature`` frames, why these were bad, and how many were refused.
    """

    def __init__(self, key: bytes, *, require: bool, file: Path | None = None) -> None:
        """Make one.

        Args:
            key: 32 bytes.
            require: Let only signed frames by.
            file: Keeps the newest times; none keeps them in memory.
        """
        self.key = key
        self.counts: Counter[str] = Counter()
        self._require = require
        self._file = file
        self._signatures = Signatures(key, _read(file) if file is not None else {})
        self._labels: dict[tuple[int, int], str] = {}
        self._told: list[str] = []
        self._saved_s = 0.0
        self._is_saved = True

    @property
    def latest(self) -> int:
        """Newest time heard. [10 us]."""
        return self._signatures.latest

    def admits(self, frame: Frame) -> bool:
        """Whether a frame counts; notes what is to be thought of its stream."""
        verdict = self._signatures.check(frame)
        self.counts["bad_signature" if verdict.label == "bad" else verdict.label] += 1
        if verdict.reason:
            self.counts[f"signature_{verdict.reason}"] += 1
        if verdict.label == "signed":
            self._is_saved = False
        self._label(frame, verdict.label, verdict.reason)
        if verdict.label == "signed" or not self._require:
            return True
        self.counts["unsigned_refused" if verdict.label == "unsigned" else "bad_signature_refused"] += 1
        return False

    def told(self) -> list[str]:
        """Changes of labels since the last time, in words."""
        told, self._told = self._told, []
        return told

    def save(self, now_s: float, *, at_once: bool = False) -> None:
        """Keep the newest times, now and then; a disk that refuses is told in the log and tried again.

        Args:
            now_s: Monotonic. [s]
            at_once: Do not wait.
        """
        if self._file is None or self._is_saved or (now_s - self._saved_s < SAVE_EVERY_S and not at_once):
            return
        self._saved_s = now_s
        try:
            _write(self._file, self._signatures.newest)
        except OSError as exc:
            log.warning("signing times not kept file=%s reason=%r", self._file, exc.strerror)
        else:
            self._is_saved = True

    def _label(self, frame: Frame, label: str, reason: str) -> None:
        sender = (frame.system, frame.component)
        if self._labels.get(sender) == label or (sender not in self._labels and len(self._labels) >= LABELS_MAX):
            return
        self._labels[sender] = label
        link = f" on link {frame.data[-SIGNATURE_BYTES]}" if frame.is_signed else ""
        why = f" ({reason})" if reason else ""
        self._told.append(f"system {frame.system} component {frame.component}: {label}{why}{link}")


def _read(file: Path) -> dict[Stream, int]:
    """Times of an earlier life; none from a file that is not there or spoiled, which is said in the log."""
    try:
        rows = [tuple(map(int, line.split())) for line in file.read_text(encoding="ascii").splitlines()]
        return {Stream(system, component, link): stamp for system, component, link, stamp in rows}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as exc:
        log.warning("signing times cannot be read and begin anew file=%s reason=%r", file, str(exc)[:100])
        return {}


def _write(file: Path, newest: dict[Stream, int]) -> None:
    aside = file.with_name(f".{file.name}.new")
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "w") as out:
        for stream, stamp in newest.items():
            out.write(f"{stream.system} {stream.component} {stream.link} {stamp}\n")
        out.flush()
        os.fsync(out.fileno())
    aside.replace(file)
