"""The devices' settings as plain values: what each ``[[device]]`` of ``agent.toml`` says after it was checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from edge_agent.settings_series import SeriesMap

_ADDRESS: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:\s]+):(\d{1,5})")


@dataclass(frozen=True, kw_only=True)
class Channel:
    """One channel of a ``lines`` device.

    Attributes:
        unit: UCUM code of the number as the line gives it, e.g. ``Cel``, ``%``, ``hPa``; ``1`` for none.
        field: Key or column of the line when it is named differently; dots reach into nested objects
            and lists: ``probes.0.t``.
    """

    unit: str = ""
    field: str | None = None


@dataclass(frozen=True, kw_only=True)
class DeviceSettings:
    """What all drivers share.

    Attributes:
        id: Unique within the agent; part of every reading's name.
        profile: Profile id of the model, carried with every block.
        seal_after_s: A block is sealed this long after its first row, if it is not full before. [s]
        silence_s: Reopen a port that gave no byte for this long; nought never does. [s]
        reconnect_s_max: Ceiling of the jittered back-off between attempts to open. [s]
        place_from: Device that tells where this one is: each reading gets the position between two of that device's.
        attitude_from: Device that tells which way this one lies, in the same way.
        latency_s: Its readings are of so long before they are dated; a place is that of then. [s]
    """

    id: str
    profile: str | None = None
    seal_after_s: float = 60.0
    silence_s: float = 0.0
    reconnect_s_max: float = 5.0
    place_from: str | None = None
    attitude_from: str | None = None
    latency_s: float = 0.0


@dataclass(frozen=True, kw_only=True)
class OnALine(DeviceSettings):
    """What all devices share that are a stream of bytes.

    Attributes:
        port: Serial device, e.g. ``/dev/serial/by-id/...`` (stable over restarts) or a pty.
        baud: Serial speed. [1/s]
        tcp: ``host:port`` of a serial server, relay or instrument, instead of ``port``.
    """

    port: Path | None = None
    baud: int | None = 9600
    tcp: str | None = None

    @property
    def tcp_address(self) -> tuple[str, int] | None:
        """Host and port of ``tcp``."""
        return split_address(self.tcp) if self.tcp is not None else None


@dataclass(frozen=True, kw_only=True)
class NmeaDevice(OnALine):
    """An NMEA 0183 talker: positioning receiver, wind sensor, weather station, echo sounder.

    Attributes:
        driver: Fixed.
        gpsd: ``host:port`` of a gpsd that reads the receiver, instead of ``port`` or ``tcp``.
        gpsd_device: Path of the receiver, where that gpsd reads several.
        checksum: ``optional`` accepts sentences without one; only for old instruments that never send any.
    """

    driver: Literal["nmea"] = "nmea"
    gpsd: str | None = None
    gpsd_device: str | None = None
    checksum: Literal["required", "optional"] = "required"


@dataclass(frozen=True, kw_only=True)
class LinesDevice(OnALine):
    """Anything that writes one reading per line, as JSON or CSV.

    Attributes:
        driver: Fixed.
        command: Program and its arguments; its standard output is read and it is started again when it ends.
        format: ``auto`` takes a line that starts with ``{`` as JSON, any other as CSV.
        separator: Of CSV fields.
        columns: Names of the CSV columns; when left out the first line that holds words instead of numbers names them.
        time: Key or column with the sensor's own time; a line without it counts at its arrival.
        time_unit: What a number in ``time`` counts since 1970.
        channels: Channels by name; when left out every number of a line is one, with its key as name.
    """

    driver: Literal["lines"] = "lines"
    command: tuple[str, ...] | None = None
    format: Literal["auto", "json", "csv"] = "auto"
    separator: str = ","
    columns: tuple[str, ...] | None = None
    time: str = "time"
    time_unit: Literal["s", "ms", "us", "ns"] = "s"
    channels: dict[str, Channel] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Asked(DeviceSettings):
    """What all devices share that are read through their profile.

    Attributes:
        poll_s: How often it is asked; the profile's own interval when left out. [s]
        jitter_s: Each time up to this much later, so that many stations do not speak at once. [s]
        power: Id of the ``[[power]]`` group that feeds it; always fed when left out.
    """

    poll_s: float | None = None
    jitter_s: float = 0.0
    power: str | None = None


@dataclass(frozen=True, kw_only=True)
class Direction:
    """Who turns an RS-485 transceiver to sending and back, where the adapter does not.

    Attributes:
        by: ``kernel`` (the UART's driver, by RTS) or ``gpio`` (a line of ours).
        chip: The GPIO chip's device file.
        line: Number of the line on it that enables the transmitter.
        before_ms: Between the turn and the first bit. [ms]
        after_ms: Between the last bit and the turn back. [ms]
    """

    by: Literal["kernel", "gpio"]
    chip: Path = Path("/dev/gpiochip0")
    line: int | None = None
    before_ms: float = 0.0
    after_ms: float = 0.0


@dataclass(frozen=True, kw_only=True)
class OnABus(OnALine, Asked):
    """What all devices share that are read through their profile over a line.

    Attributes:
        baud: Speed, the same for all on a port; the profile's factory speed when left out. [1/s]
        data_bits: Where the device was set to another number than the profile says.
        parity: Likewise.
        stop_bits: Likewise.
        direction: How an RS-485 transceiver is turned; the adapter does it when left out.
    """

    baud: int | None = None
    data_bits: Literal[7, 8] | None = None
    parity: Literal["none", "even", "odd"] | None = None
    stop_bits: Literal[1, 2] | None = None
    direction: Direction | None = None


@dataclass(frozen=True, kw_only=True)
class SerialDevice(OnABus):
    """Any device of the catalogue on a serial line of its own: binary frames, ASCII lines, VE.Direct, UBX.

    Attributes:
        driver: Fixed.
        ask: ``never`` only listens, though the profile knows how to ask: the device was set to speak by itself.
    """

    driver: Literal["serial"] = "serial"
    ask: Literal["as_profile", "never"] = "as_profile"


@dataclass(frozen=True, kw_only=True)
class ModbusDevice(OnABus):
    """A Modbus slave; several share a ``port`` (RS-485) or a ``tcp`` address (gateway).

    Attributes:
        driver: Fixed.
        unit: Its address; the profile's factory address when left out.
        timeout_s: How long it may take to begin an answer; what the profile says, else 0.5, when left out. [s]
    """

    driver: Literal["modbus"] = "modbus"
    unit: int | None = None
    timeout_s: float | None = None


@dataclass(frozen=True, kw_only=True)
class Sdi12Device(OnABus):
    """An SDI-12 probe; several share a ``port``.

    Attributes:
        driver: Fixed.
        baud: Speed, as for all buses: 1200 is the bus's own, adapters may have another. [1/s]
        address: One of 0-9, A-Z, a-z; the profile's factory address when left out.
        break_by: Who wakes the probes: an ``adapter`` with a program of its own, or the ``host`` on a bare line.
    """

    driver: Literal["sdi-12"] = "sdi-12"
    address: str | None = None
    break_by: Literal["adapter", "host"] = "adapter"


@dataclass(frozen=True, kw_only=True)
class SysfsDevice(Asked):
    """A sensor that the Linux kernel reads: IIO, hwmon or 1-Wire.

    Attributes:
        driver: Fixed.
        path: Its folder, e.g. ``/sys/bus/w1/devices/28-0316a2795bff``; found by the profile when left out.
    """

    driver: Literal["sysfs"] = "sysfs"
    path: Path | None = None


@dataclass(frozen=True, kw_only=True)
class I2cDevice(Asked):
    """A chip on an I2C bus.

    Attributes:
        driver: Fixed.
        bus: The bus's device file.
        address: Seven bits, as the profile has it when left out; ``0x44`` or 68.
    """

    driver: Literal["i2c"] = "i2c"
    bus: Path = Path("/dev/i2c-1")
    address: int | None = None


@dataclass(frozen=True, kw_only=True)
class PulseDevice(Asked):
    """A contact that closes: tipping bucket, cup anemometer, flow meter.

    Attributes:
        driver: Fixed.
        chip: The GPIO chip's device file.
        line: Number of the line on it.
        debounce_ms: Closings of the contact nearer together than this are one. [ms]
        count_file: Where a running count is kept; ``DEVICE.count`` beside the configuration when left out.
    """

    driver: Literal["pulse"] = "pulse"
    chip: Path = Path("/dev/gpiochip0")
    line: int
    debounce_ms: float = 10.0
    count_file: Path | None = None


@dataclass(frozen=True, kw_only=True)
class BrokerDevice(DeviceSettings):
    """A device whose readings come over a broker nearby: a LoRaWAN gateway's, or any program that publishes JSON.

    Attributes:
        driver: Fixed.
        host: The broker's name or address.
        port: The broker's port.
        username: User name at it, where it asks for one.
        password_file: File with the password in its first line, mode 0600.
        dev_eui: LoRaWAN device, 16 hexadecimal digits; then ``profile`` says what it is.
        topic: Subscribed to; where ChirpStack and The Things Stack publish when ``dev_eui`` is given.
        time: Key of the reading's own time in a JSON message.
        time_unit: What a number in ``time`` counts since 1970.
        channels: Channels by name, as of a ``lines`` device; dots in ``field`` reach into nested objects.
    """

    driver: Literal["broker"] = "broker"
    host: str = "127.0.0.1"
    port: int = 1883
    username: str | None = None
    password_file: Path | None = None
    dev_eui: str | None = None
    topic: str | None = None
    time: str = "time"
    time_unit: Literal["s", "ms", "us", "ns"] = "s"
    channels: dict[str, Channel] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class MavlinkDevice(OnALine):
    """What one profile reads of an autopilot's messages; several devices share a ``port``, ``tcp`` or ``udp``.

    Attributes:
        driver: Fixed.
        baud: Speed; 57600 when left out. [1/s]
        udp: ``host:port`` of this machine where the messages come in, instead of ``port`` or ``tcp``.
        udp_out: ``host:port`` of an autopilot or router that speaks to who calls there, instead of the others.
        system: System id of the vehicle; nought takes any that is no ground station.
        component: Component id; 1 is the autopilot, nought takes any.
        interval_s: Of each kind of message at most one in this time; nought takes all. [s]
        rates: Messages to ask the autopilot for, by name, and how often; nothing is asked when left out. [1/s]
        once: Messages to ask for once.
        signing: ``label`` says of each stream whether it is signed; ``require`` takes signed ones only.
        signing_key_file: File with the key in its first line, mode 0600: a passphrase, or 64 hexadecimal digits.
        signing_file: Where the newest times of signatures are kept; ``DEVICE.signing`` beside the configuration.
        dialect: File with message definitions of the user's, for profiles of the user's.
    """

    driver: Literal["mavlink"] = "mavlink"
    baud: int | None = None
    udp: str | None = None
    udp_out: str | None = None
    system: int = 0
    component: int = 1
    interval_s: float = 0.0
    rates: dict[str, float] = field(default_factory=dict)
    once: tuple[str, ...] = ()
    signing: Literal["label", "require"] | None = None
    signing_key_file: Path | None = None
    signing_file: Path | None = None
    dialect: Path | None = None


@dataclass(frozen=True, kw_only=True)
class FilesDevice(DeviceSettings):
    """Files that another program writes: logger tables, CSV, JSON lines.

    Attributes:
        driver: Fixed.
        path: A file, a folder, or a pattern such as ``/data/*.dat``; each file is read from its beginning, once.
        format: ``auto`` sees it by each file's first line.
        poll_s: How often to look for new lines. [s]
        quiet_s: A last line without an end is taken for whole when its file did not grow for so long; nought waits. [s]
        map: Which column is what.
    """

    driver: Literal["files"] = "files"
    path: Path
    format: Literal["auto", "toa5", "csv", "json"] = "auto"
    poll_s: float = 1.0
    quiet_s: float = 60.0
    map: SeriesMap = field(default_factory=SeriesMap)


@dataclass(frozen=True, kw_only=True)
class PluginDevice(DeviceSettings):
    """A device whose driver another package brings, under an entry point of the group ``harkara.drivers``.

    Attributes:
        driver: Fixed.
        plugin: Name of the entry point.
        settings: What the plug-in asks for.
    """

    driver: Literal["plugin"] = "plugin"
    plugin: str
    settings: Mapping[str, object] = field(default_factory=dict)


Device = (
    NmeaDevice
    | LinesDevice
    | PluginDevice
    | FilesDevice
    | SerialDevice
    | ModbusDevice
    | Sdi12Device
    | SysfsDevice
    | I2cDevice
    | PulseDevice
    | BrokerDevice
    | MavlinkDevice
)


def split_address(text: str) -> tuple[str, int] | None:
    """Host and port of ``host:port`` or ``[v6]:port``; None when it is neither."""
    match = _ADDRESS.fullmatch(text)
    if match is None or not 1 <= int(match[2]) <= 65535:
        return None
    return match[1].strip("[]"), int(match[2])
