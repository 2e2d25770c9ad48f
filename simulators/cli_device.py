"""``harkara simulate device``: one sensor of the catalogue, or several on one bus, on a port of this machine."""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import threading
import time
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Final

from simulators import device_options
from simulators.cli_words import count, end_on_signals
from simulators.device_options import DeviceError, as_chosen

if TYPE_CHECKING:
    from simulators.carriers import Carrier
    from simulators.emulators.host import Values
    from simulators.emulators.port import Emulator, Model

    Devices = Sequence[tuple[Model, Emulator]]

EXAMPLES: Final = """\
examples:
  harkara simulate device --list
  harkara simulate device nova/sds011 --to pty:./dust.tty
  harkara simulate device renke/rs-fsjt --address 3 --with renke/rs-wsd@4 --with eastron/sdm120@5 --to pty:./bus.tty
  harkara simulate device renke/rs-fsjt --to tcp:5020                       Modbus/TCP
  harkara simulate device meter/teros-12-sdi12 --to pty:./sdi.tty           address 0, as from the factory
  harkara simulate device maxim/ds18b20-w1 --to dir:./sys                   a tree as below /sys
  harkara simulate device mavlink/position --to udp:127.0.0.1:14550         a survey drone's telemetry
  harkara simulate device mavlink/position --mavlink 1 --seed 7             the old version, over another field
  harkara simulate device dragino/lse01 --to mqtt:127.0.0.1:1883            uplinks of a network server
  harkara simulate device dragino/lse01 --network things-stack              of another one

exit status: 0 stopped, 1 the way to the reader cannot be set up, 2 no such model, or it cannot be reached that way"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words after ``harkara simulate device``."""
    parser.epilog = EXAMPLES
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("model", nargs="?", metavar="MODEL", help="id of the catalogue, e.g. nova/sds011")
    parser.add_argument("--list", action="store_true", help="every emulated model and how it is reached")
    parser.add_argument("--json", action="store_true", help="the list as JSON")
    parser.add_argument("--to", default="", metavar="WAY", help="pty:PATH, tcp:[HOST:]PORT, dir:PATH, mqtt:HOST[:PORT]")
    parser.add_argument("--address", metavar="A", help="on its bus (default: as from the factory)")
    parser.add_argument(
        "--with", dest="others", action="append", default=[], metavar="MODEL@A", help="one more on the same bus"
    )
    parser.add_argument("--baud", type=count, metavar="B", help="take as long as real characters do (default: at once)")
    device_options.add_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Serve until stopped.

    Raises:
        DeviceError: No such model, or not that way.
        CarrierError: The way cannot be set up.
    """
    from simulators.emulators.registry import MODELS, VEHICLES  # noqa: PLC0415 - each action loads only what it runs

    models = {**MODELS, **VEHICLES}
    if args.list:
        _list(models, as_json=args.json)
        return 0
    if args.model is None:
        raise DeviceError("which model? harkara simulate device --list shows all")
    others = [(name, at or None) for name, _, at in (other.partition("@") for other in args.others)]
    devices = _devices(models, [(args.model, args.address), *others])
    devices, values = as_chosen(devices, args)
    end_on_signals()
    with contextlib.suppress(KeyboardInterrupt):
        _serve(devices, args.to, values, character_s=10 / args.baud if args.baud else 0.0)
    return 0


def _list(models: Mapping[str, Model], *, as_json: bool) -> None:
    if as_json:
        table = [{"model": name, "transport": each.transport, "asked": each.requests} for name, each in models.items()]
        print(json.dumps(table, indent=2))
        return
    for name, each in sorted(models.items()):
        how = "speaks by itself" if each.requests == "none" else f"is asked ({each.requests})"
        print(f"{name:28} {each.transport:10} {how}")


def _devices(models: Mapping[str, Model], wanted: Sequence[tuple[str, str | None]]) -> Devices:
    """What was asked for, each with an address of its own where they share a bus."""
    from simulators.emulators.ways import BUSES  # noqa: PLC0415 - each action loads only what it runs

    found = [(_model(models, name), address) for name, address in wanted]
    transports = {model.transport for model, _ in found}
    if len(found) > 1 and (len(transports) > 1 or not transports <= BUSES):
        raise DeviceError("only Modbus devices, or only SDI-12 probes, share a bus")
    placed = [(model, _address(model, address)) for model, address in found]
    places = [place for _, place in placed]
    if twice := [address for address in places if places.count(address) > 1]:
        shown = chr(twice[0]) if "sdi-12" in transports else twice[0]
        raise DeviceError(f"two devices at address {shown}; give each its own, e.g. --with {placed[-1][0].id}@9")
    return [(model, model.make(place)) for model, place in placed]


def _model(models: Mapping[str, Model], name: str) -> Model:
    model = models.get(name)
    if model is None:
        near = get_close_matches(name, models, 3, 0.3)
        hint = f"; did you mean {' or '.join(near)}?" if near else "; --list shows all"
        raise DeviceError(f"no emulator of {name!r}{hint}")
    return model


def _address(model: Model, text: str | None) -> int:
    from simulators.emulators.ways import address_of  # noqa: PLC0415 - as above

    try:
        return address_of(model, text)
    except ValueError as exc:
        raise DeviceError(str(exc)) from exc


def _serve(devices: Devices, way: str, values: Values, *, character_s: float) -> None:
    from simulators.emulators.ways import WAYS, kinds_of  # noqa: PLC0415 - as above

    name, transport = devices[0][0].id, devices[0][0].transport
    known = kinds_of(devices[0][0])
    if not known:
        raise DeviceError(f"{name} is wired to pins or heard by radio; no port of this machine is")
    way = way or WAYS[transport][0]
    kind, _, where = way.partition(":")
    if kind not in known:
        raise DeviceError(f"{name} cannot be served at {way}: reach it by {' or '.join(known)}")
    if transport == "modbus" and kind == "tcp":
        _serve_modbus_tcp(devices, where, values)
    elif kind == "pty" and transport != "udp":
        _serve_pty(devices, Path(where or "device.tty"), values, character_s)
    else:
        _speak(devices, way, values)


def _serve_pty(devices: Devices, link: Path, values: Values, character_s: float) -> None:
    from simulators.emulators.host import on_pty  # noqa: PLC0415

    with on_pty(link, devices, values, character_s=character_s) as host:
        _told(devices, str(link))
        host.ended.wait()


def _serve_modbus_tcp(devices: Devices, where: str, values: Values) -> None:
    from simulators.emulators.modbus import ModbusSlave  # noqa: PLC0415
    from simulators.emulators.modbus_tcp import serve  # noqa: PLC0415

    host, _, port = where.rpartition(":")
    if not (port.isascii() and port.isdigit() and int(port) < 1 << 16):
        raise DeviceError(f"tcp:{where}: write tcp:PORT or tcp:HOST:PORT")
    slaves = [(model, device) for model, device in devices if isinstance(device, ModbusSlave)]
    ended = threading.Event()
    with serve(slaves, values, host or "127.0.0.1", int(port), ended=ended) as address:
        _told(devices, address)
        ended.wait()


def _speak(devices: Devices, way: str, values: Values) -> None:
    from simulators.carriers import carrier  # noqa: PLC0415
    from simulators.emulators.port import Measurement  # noqa: PLC0415

    ((model, device),) = devices
    # Uplinks have topics of their own.
    with carrier(way + "/" if way.startswith("mqtt") and "/" not in way else way) as line:
        _told(devices, line.address)
        for number in itertools.count(1):
            now_ns = time.time_ns()
            true = Measurement(number=number, at_ns=now_ns, clock_ns=now_ns, values=values(model, now_ns))
            for frame in device.measure(true):
                line.send(frame.data, frame.channel)
            if model.transport == "udp":
                _listen(line, device, now_ns + round(model.period_s * 1e9))
            else:
                time.sleep(model.period_s)


def _listen(line: Carrier, device: Emulator, until_ns: int) -> None:
    """Answer what comes, until the next measurement."""
    while (rest_ns := until_ns - time.time_ns()) > 0:
        for frame in device.answer(line.receive(rest_ns / 1e9), time.time_ns()):
            line.send(frame.data, frame.channel)


def _told(devices: Devices, where: str) -> None:
    names = ", ".join(model.id for model, _ in devices)
    print(f"{names} at {where}; Ctrl-C ends it", flush=True)
