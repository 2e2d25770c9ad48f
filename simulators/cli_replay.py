"""``harkara simulate replay`` and ``record``: recordings said again, and made."""

from __future__ import annotations

import argparse
import contextlib
import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Final

from simulators.cli_words import count, not_negative, positive

if TYPE_CHECKING:
    from simulators.recordings.player import Log
    from simulators.truth import TruthLog

KINDS: Final = ("capture", "pcap", "ulog", "tlog", "mavlink", "hexdump", "nmea", "csv", "bytes")

REPLAY_EXAMPLES: Final = """\
kinds, found out by the first bytes:
  nmea     NMEA 0183 text, in its own rhythm            tlog     MAVLink with times, as ground stations log it
  bytes    UBX or any serial bytes, at --baud           mavlink  MAVLink frames without times, at --baud
  hexdump  a frame a line, --interval apart             ulog     a flight log, as JSON lines
  pcap     Modbus/TCP: the device answers as recorded; on a pty as Modbus RTU
  csv      a table with times, as JSON lines            capture  what `harkara simulate record` wrote

examples:
  harkara simulate replay receiver.log --to pty:./gnss.tty --loop --rebase now
  harkara simulate replay flight.tlog --to udp:127.0.0.1:14550 --speed 4
  harkara simulate replay plc.pcap --to tcp:5020
  harkara simulate replay receiver.log --fault flip,share=0.01 --fault cut,at=60,duration=10 --fault-labels struck.jsonl
  harkara simulate replay station.csv --to mqtt:broker.example:1883/station --speed 0

exit status: 0 said to the end or stopped, 1 the way to the reader cannot be set up, 2 no recording of that kind"""

RECORD_EXAMPLES: Final = """\
examples:
  harkara simulate record /dev/ttyUSB0 -o gnss.jsonl --baud 9600             listen only
  harkara simulate record /dev/ttyUSB0 -o probe.jsonl --between ./probe.tty  point the agent at ./probe.tty
  harkara simulate record socket://192.168.1.9:4001 -o gateway.jsonl

Ctrl-C ends it; what was written down is whole."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words after ``harkara simulate replay``."""
    parser.epilog = REPLAY_EXAMPLES
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("recording", type=Path, metavar="FILE", help="the recording")
    way = parser.add_mutually_exclusive_group()
    way.add_argument(
        "--to",
        default="pty:replay.tty",
        metavar="WAY",
        help="pty[:PATH], tcp[:[HOST:]PORT] (listens), udp[:[HOST:]PORT] (sends), mqtt[:HOST[:PORT][/TOPIC]] "
        "(user and password from HARKARA_MQTT_USER and HARKARA_MQTT_PASSWORD); default pty:replay.tty",
    )
    way.add_argument("--port-link", type=Path, metavar="PATH", help="the same as --to pty:PATH")
    parser.add_argument("--kind", choices=KINDS, default="", help="what the file is, where it cannot be found out")
    parser.add_argument("--speed", type=not_negative, default=1.0, metavar="X", help="2 is twice as fast, 0 at once")
    parser.add_argument("--loop", action="store_true", help="begin again at the end, until Ctrl-C")
    parser.add_argument(
        "--rebase", choices=("now",), help="move the times in it so that it begins now, checksums rewritten"
    )
    parser.add_argument("--wait-for-reader", action="store_true", help="say nothing before somebody listens")
    parser.add_argument("--baud", type=count, default=9600, help="pace of bytes without times (default 9600)")
    parser.add_argument(
        "--interval", type=positive, default=1.0, metavar="S", help="pace of frames without times (default 1)"
    )
    parser.add_argument("--time-column", default="", metavar="NAME", help="column of a table that tells the time")
    parser.add_argument("--truth", type=Path, metavar="FILE", help="the receiver's own log of an NMEA recording")
    parser.add_argument("--device", default="gnss", help="device id in that log (default gnss)")
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="WORDS",
        help="KIND[,at=S][,duration=S][,every=S][,share=P][,size=X]: flip, cut, duplicate, reorder, interleave or "
        "wrong_baud; give it again for more",
    )
    parser.add_argument("--fault-labels", type=Path, metavar="FILE", help="write down which pieces were struck")
    parser.add_argument("--seed", type=int, default=1, help="decides what faults strike (default 1)")
    parser.add_argument("--json", action="store_true", help="the last line is JSON")


def run(args: argparse.Namespace) -> int:
    """Say a recording again.

    Returns:
        0, also when stopped by SIGTERM or Ctrl-C.

    Raises:
        RecordingError: It is no recording of that kind.
        CarrierError: The way to the reader cannot be set up.
    """
    from simulators.carriers import carrier  # noqa: PLC0415 - --help loads none of it
    from simulators.pace import Pace  # noqa: PLC0415
    from simulators.recordings.detect import Reading, read  # noqa: PLC0415
    from simulators.recordings.model import RecordingError  # noqa: PLC0415
    from simulators.recordings.packets import modbus_rtu  # noqa: PLC0415
    from simulators.recordings.player import Manner, play  # noqa: PLC0415
    from simulators.recordings.spoil import Spoiler  # noqa: PLC0415
    from simulators.truth import TruthLog  # noqa: PLC0415

    recording = read(args.recording, args.kind, Reading(args.baud, args.interval, args.time_column))
    if args.truth is not None and recording.kind != "nmea":
        raise RecordingError(f"--truth is for NMEA recordings; {args.recording} is {recording.kind}")
    spoiler = Spoiler(args.fault, args.seed, args.fault_labels)
    if args.fault and recording.is_dialogue:
        raise RecordingError(f"--fault is for recordings that speak by themselves; {args.recording} answers")
    way = f"pty:{args.port_link}" if args.port_link is not None else args.to
    if recording.kind == "pcap" and way.startswith("pty"):
        recording = modbus_rtu(recording)
    pace = Pace()
    with contextlib.ExitStack() as stack:
        to = stack.enter_context(carrier(way))
        truth = None if args.truth is None else stack.enter_context(TruthLog(args.truth))
        what = "answers as recorded" if recording.is_dialogue else f"{len(recording.pieces)} pieces"
        print(f"{recording.kind}: {what}, at {to.address}; Ctrl-C ends it", flush=True)
        stack.enter_context(spoiler)
        manner = Manner(
            speed=args.speed,
            loop=args.loop,
            rebase=bool(args.rebase),
            wait_for_reader=args.wait_for_reader,
            spoil=spoiler.spoil if args.fault else None,
        )
        log = None if truth is None else _sentences(truth, args.device)
        said = play(recording, to, manner, pace, log)
    print(f"said {said.pieces} pieces, {said.bytes} bytes; {said.heard} of them to somebody")
    if args.json:
        print(json.dumps({"kind": recording.kind, **asdict(said), "struck": spoiler.struck}), flush=True)
    return 0


def _sentences(truth: TruthLog, device: str) -> Log:
    from simulators.truth import Emission  # noqa: PLC0415

    def log(data: bytes, heard: bool) -> None:  # noqa: FBT001 - the shape of a Log
        for line in data.splitlines():
            truth.append(
                Emission(
                    device=device,
                    form="nmea",
                    text=line.decode("latin-1"),
                    emitted_at_ns=time.time_ns(),
                    heard=heard,
                )
            )

    return log


def add_record_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words after ``harkara simulate record``."""
    parser.epilog = RECORD_EXAMPLES
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("port", metavar="PORT", help="a serial port, or socket://HOST:PORT")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="a new file")
    parser.add_argument("--baud", type=count, default=9600, help="of the port (default 9600)")
    parser.add_argument(
        "--between", type=Path, metavar="PATH", help="a terminal for the reader, so that what it asks is recorded too"
    )


def run_record(args: argparse.Namespace) -> int:
    """Record a port.

    Returns:
        0, also when stopped by SIGTERM or Ctrl-C, or when the port is unplugged.

    Raises:
        RecordingError: The port cannot be opened, or the file is there already.
    """
    from simulators.pace import Pace  # noqa: PLC0415 - --help loads none of it
    from simulators.recordings.recorder import record  # noqa: PLC0415

    pace = Pace()
    where = f"; the reader's end is {args.between}" if args.between is not None else ""
    print(f"recording {args.port} to {args.output}{where}; Ctrl-C ends it", flush=True)
    pieces = record(args.port, args.output, baud=args.baud, between=args.between, pace=pace)
    print(f"recorded {pieces} pieces")
    return 0
