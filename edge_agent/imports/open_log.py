"""The importer of a file: by what it is, or by what it was said to be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from device_profiles.codecs.nmea_epochs import YEAR_MIN
from device_profiles.rejects import FrameRejected
from edge_agent.imports.gnss_log import GnssLog
from edge_agent.imports.kinds import HEAD_BYTES, kind_of, looks_like
from edge_agent.imports.model import Importer, ImportRefused
from edge_agent.imports.series_log import SeriesLog, device_name
from edge_agent.imports.ulog import ULog
from edge_agent.imports.vehicle_log import VehicleLog
from edge_agent.series.reader import ZONE_MISSING, ColumnRows, HeaderMissing, Rows
from edge_agent.series.text_rows import fields, text_of
from edge_agent.series.toa5 import Toa5Rows
from edge_agent.settings_series import Column, SeriesMap, SeriesTime

VEHICLE: Final = "vehicle"
TIME: Final = "time"


@dataclass(frozen=True, kw_only=True)
class Options:
    """What was said about the files.

    Attributes:
        format: Kind of the files; ``auto`` looks at them.
        device: Device id, or its beginning for vehicles; by the file when None.
        started_ns: When the vehicle was switched on. [ns]
        layout: Of files in columns; None when nothing was said.
        columns: ``COLUMN=CHANNEL:UNIT,…`` in place of a map.
        zone: Of times that say none; goes before that of the map.
        stamp: Which end of its interval a row is stamped with; goes before that of the map.
        interval_s: How long an interval is. [s]
        year_min: Earliest year a receiver is believed.
    """

    format: str = "auto"
    device: str | None = None
    started_ns: int | None = None
    layout: SeriesMap | None = None
    columns: str | None = None
    zone: str | None = None
    stamp: str | None = None
    interval_s: float | None = None
    year_min: int = YEAR_MIN


def open_log(path: Path, options: Options) -> Importer:
    """What reads the file.

    Raises:
        ImportRefused: The file cannot be read, is none of the known kinds, or something must be said about it first.
    """
    try:
        if path.is_dir():
            raise ImportRefused(f"{path} is a folder: name the files in it")
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError as exc:
        raise ImportRefused(f"{path}: {exc.strerror}") from exc
    if not head:
        raise ImportRefused(f"{path} is empty")
    kind = kind_of(head) if options.format == "auto" else options.format
    if options.format == "auto" and kind in {"gnss", None} and (options.layout or options.columns):
        kind = "csv"
    match kind:
        case "mavlink":
            return VehicleLog(path, prefix=options.device or VEHICLE, started_ns=options.started_ns)
        case "ulog":
            return ULog(path, prefix=options.device or VEHICLE, started_ns=options.started_ns)
        case "gnss":
            return GnssLog(path, device=options.device or "gnss", year_min=options.year_min)
        case "toa5":
            return _toa5(path, head, options)
        case "csv":
            return _columns(path, head, options)
    raise ImportRefused(
        f"{path} looks like {looks_like(head)}; read are MAVLink and ULog, NMEA and UBX, TOA5 and CSV (see --format)"
    )


def _toa5(path: Path, head: bytes, options: Options) -> SeriesLog:
    try:
        first = fields(text_of(head.partition(b"\n")[0]), ",")
    except ValueError:
        first = []
    layout = _with_time(options.layout or SeriesMap(), options)
    device = options.device or device_name(first[1] if len(first) > 1 else "", first[-1] if len(first) > 2 else "")
    return _looked_at(SeriesLog(path, device=device, profile="import/toa5", rows=_rows(Toa5Rows, layout)))


def _columns(path: Path, head: bytes, options: Options) -> SeriesLog:
    layout = options.layout
    if layout is None and options.columns is not None:
        layout = _layout_of(path, head, options.columns)
    if layout is None:
        line = next((line for line in head.splitlines() if line.strip() and not line.startswith(b"#")), b"")
        raise ImportRefused(
            f"{path} looks like a table that begins {text_of(line).strip()[:60]!r}:"
            " say which column is what, with --map FILE or --columns, or what else it is, with --format"
        )
    if options.device is None:
        raise ImportRefused(f"{path} is a table, which does not say whose it is: add --device NAME")
    layout = _with_time(layout, options)
    return _looked_at(SeriesLog(path, device=options.device, profile="import/csv", rows=_rows(ColumnRows, layout)))


def _rows(kind: Callable[[SeriesMap], Rows], layout: SeriesMap) -> Callable[[], Rows]:
    return lambda: kind(layout)


def _looked_at(log: SeriesLog) -> SeriesLog:
    """The log, when its beginning is as it was said to be."""
    try:
        found = log.look()
    except HeaderMissing as exc:
        raise ImportRefused(f"{log.path}: {exc}") from exc
    if isinstance(found, FrameRejected) and found.detail == ZONE_MISSING:
        raise ImportRefused(f"{log.path}: its times say no zone: add --zone, such as --zone +05:30")
    return log


def _with_time(layout: SeriesMap, options: Options) -> SeriesMap:
    time = layout.time
    if options.zone is not None:
        time = replace(time, zone=options.zone)
    if options.stamp is not None:
        time = replace(time, stamp="start" if options.stamp == "start" else "end")
    if options.interval_s is not None:
        time = replace(time, interval_s=options.interval_s)
    if time.stamp == "start" and time.interval_s is None:
        raise ImportRefused("--stamp start needs --interval SECONDS: the interval's end is kept")
    return replace(layout, time=time)


def _layout_of(path: Path, head: bytes, columns: str) -> SeriesMap:
    """The map of ``COLUMN=CHANNEL:UNIT,…``; the separator is the one that the header has between these columns."""
    channels: dict[str, Column] = {}
    time = None
    for part in columns.split(","):
        column, equals, rest = (word.strip() for word in part.partition("="))
        channel, _, unit = rest.partition(":")
        if not column or (equals and not channel):
            raise ImportRefused(f"--columns: {part!r} is not COLUMN=CHANNEL:UNIT")
        if (channel or column) == TIME:
            time = column
        else:
            channels[channel or column] = Column(column=column, unit=unit)
    if time is None:
        raise ImportRefused("--columns: say where the time stands, such as timestamp=time")
    wanted = {time, *(each.column for each in channels.values())}
    header = text_of(next((line for line in head.splitlines() if line.strip() and not line.startswith(b"#")), b""))
    for separator in (",", ";", "\t", "|", " "):
        try:
            if wanted <= set(fields(header, separator)):
                return SeriesMap(separator=separator, time=SeriesTime(column=time), channels=channels)
        except ValueError:
            continue
    raise ImportRefused(f"{path}: its first line {header[:80]!r} does not name {', '.join(sorted(map(str, wanted)))}")
