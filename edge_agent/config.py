"""The schema of ``agent.toml``: checked whole before anything is opened, every fault with its line.

What each key means stands in `edge_agent.settings`; here stands what it may be. Only this module needs pydantic.
"""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, Field, StringConstraints, field_validator, model_validator

from device_profiles import catalogue
from device_profiles.catalogue import number_of, own_messages
from device_profiles.engine.profile import Profile
from device_profiles.errors import ProfileError
from device_profiles.wire.model import ProfileRef
from edge_agent import settings, settings_devices, settings_power, settings_series
from edge_agent.config_device_base import Table
from edge_agent.config_devices import AnyDevice, Device, driver_problem, share_a_bus
from edge_agent.config_power import Power, check_power
from harkara_io import toml_config
from harkara_io.errors import ConfigError, ConfigProblem, nearest_hint
from harkara_io.toml_lines import key_lines

AgentId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{3,40}$")]
_SETTINGS: Final = (settings, settings_devices, settings_power, settings_series)
DRIVER_VERSION: Final = 1
"""Of how a driver without a profile names channels and units."""


class Tls(Table):
    """``[broker.tls]``."""

    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file belong together; set both or none")
        return self


class Broker(Table):
    """``[broker]``."""

    host: Annotated[
        str,
        StringConstraints(min_length=1, max_length=253, pattern=r"^\S+$"),
        Field(examples=['host = "mqtt.example.org"']),
    ]
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    protocol: Literal["3.1.1", "5"] = "3.1.1"
    username: Annotated[str, StringConstraints(min_length=1, max_length=128)] | None = None
    password_file: Path | None = None
    keepalive_s: Annotated[int, Field(ge=5, le=3600)] = 120
    reconnect_s_max: Annotated[float, Field(ge=0.5, le=3600)] = 60.0
    receipt_timeout_s: Annotated[float, Field(ge=1, le=300)] = 10.0
    sync_every_s: Annotated[float, Field(ge=5, le=86_400)] = 600.0
    state_every_s: Annotated[float, Field(ge=1, le=86_400)] = 3600.0
    stop_s: Annotated[float, Field(ge=0, le=60)] = 5.0
    tls: Tls | None = None


class Outbox(Table):
    """``[outbox]``."""

    file: Path = Path("outbox.db")
    max_bytes: Annotated[int, Field(ge=1024 * 1024, le=2**40)] = 1024 * 1024 * 1024
    commit_interval_s: Annotated[float, Field(ge=0.05, le=60)] = 1.0
    commit_readings_max: Annotated[int, Field(ge=1, le=65_536)] = 4096


class Config(Table):
    """A whole ``agent.toml``."""

    agent: Annotated[AgentId, Field(examples=['agent = "ridge-07" (3 to 40 of a-z, 0-9 and -, as enrolled)'])]
    control_socket: Path | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    broker: Annotated[Broker, Field(examples=['[broker] and below it host = "mqtt.example.org"'])]
    outbox: Outbox = Outbox()
    power: Annotated[list[Power], Field(max_length=64)] = Field(default_factory=list)
    device: Annotated[
        list[AnyDevice],
        Field(
            min_length=1,
            max_length=256,
            examples=['[[device]] and below it id = "gnss", driver = "nmea", port = "/dev/ttyUSB0"'],
        ),
    ]

    @field_validator("device")
    @classmethod
    def _distinct(cls, devices: list[Device]) -> list[Device]:
        for what in ("id", "port", "tcp", "udp", "udp_out"):
            seen: dict[str, Device] = {}
            for each in devices:
                value = getattr(each, what, None)
                if value is None:
                    continue
                other = seen.setdefault(str(value), each)
                if other is not each and not (what != "id" and share_a_bus(other, each)):
                    raise ValueError(f"two devices have the {what} `{value}`; each needs its own")
        return devices

    @model_validator(mode="after")
    def _power_is_there(self) -> Self:
        check_power(self.device, self.power)
        return self

    @field_validator("device")
    @classmethod
    def _places_are_told(cls, devices: list[Device]) -> list[Device]:
        known = {each.id for each in devices}
        for each in devices:
            for key in ("place_from", "attitude_from"):
                source = getattr(each, key)
                if source is not None and (source not in known or source == each.id):
                    others = ", ".join(sorted(known - {each.id})) or "none"
                    raise ValueError(f"device `{each.id}`: {key} names another device; there are {others}")
        return devices


def device_named(config: settings.Config, name: str, file: Path) -> settings_devices.Device:
    """The device of that id, for commands about one.

    Args:
        config: As loaded.
        name: What the user wrote.
        file: Where the configuration was read from.

    Raises:
        ConfigError: There is none; names the nearest.
    """
    devices = {device.id: device for device in config.device}
    if name not in devices:
        raise ConfigError(f"no device `{name}`", file=file, hint=nearest_hint(name, devices))
    return devices[name]


def load(path: Path) -> settings.Config:
    """Read ``agent.toml``; paths in it count from its own folder.

    Raises:
        ConfigError: Anything is wrong with it, or with a file it names; says all of it, with lines.
    """
    checked = toml_config.load(
        path, Config, if_missing="`harkara agent init` writes one from what it finds on the ports"
    )
    config = _absolute(plain(checked), path.resolve().parent)
    lines = key_lines(path.read_text(encoding="utf-8"))
    found = [*_file_problems(config), *_profile_problems(config), *_plugin_problems(config)]
    if not found:
        from edge_agent.config_asked import asked_problems  # noqa: PLC0415 - it needs profiles that are known to load

        found = list(asked_problems(config.device))
    if found:
        raise ConfigError([replace(each, line=lines.get(where)) for where, each in found], file=path)
    return replace(config, profiles={device.id: _profile(device) for device in config.device})


def _profile_problems(config: settings.Config) -> Iterator[tuple[tuple[str | int, ...], ConfigProblem]]:
    for index, device in enumerate(config.device):
        key = "profile"
        try:
            for key, check in _message_checks(device):  # noqa: B007 - what it was when a check raises
                check()
            key = "profile"
            misfit = _misfit(device)
            if misfit is not None:
                yield (
                    ("device", index, "driver"),
                    ConfigProblem(f"`device.{index + 1}.driver`: {misfit[0]}", None, misfit[1]),
                )
        except ProfileError as exc:
            problem = exc.problems[0]
            where = f"{problem.path}:{problem.line}: " if problem.line else ""
            what = f"`device.{index + 1}.{key}`: {where}{problem.what}"
            yield ("device", index, key), ConfigProblem(what, None, problem.hint)


def _plugin_problems(config: settings.Config) -> Iterator[tuple[tuple[str | int, ...], ConfigProblem]]:
    for index, device in enumerate(config.device):
        if isinstance(device, settings_devices.PluginDevice):
            from edge_agent.drivers.plugins import PluginUnusable, prepared  # noqa: PLC0415 - few have any

            try:
                prepared(device.plugin, device.settings)
            except PluginUnusable as exc:
                what = f"`device.{index + 1}.plugin`: {exc.what}"
                yield ("device", index, "plugin"), ConfigProblem(what, None, exc.hint)


def _message_checks(device: settings_devices.Device) -> Iterator[tuple[str, Callable[[], object]]]:
    """What to try of a device that reads an autopilot, by the key that names it; each raises ``ProfileError``."""
    if not isinstance(device, settings_devices.MavlinkDevice):
        return
    profile, dialect = str(device.profile), device.dialect
    yield "profile" if dialect is None else "dialect", lambda: own_messages(profile, dialect)
    for key, names in (("rates", device.rates), ("once", device.once)):
        for name in names:
            yield key, partial(number_of, name, own_messages(profile, dialect))


def _misfit(device: settings_devices.Device) -> tuple[str, str] | None:
    """Whether the profile's devices come over something this driver does not read; raises ``ProfileError``."""
    if device.profile is None:
        return None
    transport = _loaded(device.profile, device).document["transport"]
    return driver_problem(device.driver, (transport["kind"], *transport.get("also", ())), device.profile)


def _profile(device: settings_devices.Device) -> ProfileRef:
    """What a block of this device names: its profile of the catalogue, or the driver that read it.

    Raises:
        ProfileError: There is no such profile, or it cannot be used.
    """
    if device.profile is None and isinstance(device, settings_devices.PluginDevice):
        return ProfileRef(f"plugin/{device.plugin}", DRIVER_VERSION, bytes(8))
    if device.profile is None:
        return ProfileRef(f"driver/{device.driver}", DRIVER_VERSION, bytes(8))
    profile = _loaded(device.profile, device)
    return ProfileRef(profile.id, profile.version, profile.digest)


def _loaded(profile: str, device: settings_devices.Device) -> Profile:
    return catalogue.load(profile, dialect=getattr(device, "dialect", None))


def plain(value: Any) -> Any:  # noqa: ANN401 - from one family of types to another, by name
    """Checked tables as the settings of the same name."""
    if isinstance(value, BaseModel):
        name_ = type(value).__name__
        kind = next(getattr(each, name_) for each in _SETTINGS if hasattr(each, name_))
        return kind(**{name: plain(getattr(value, name)) for name in type(value).model_fields})
    if isinstance(value, list):
        return tuple(plain(each) for each in value)
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    return value


def _absolute(config: settings.Config, folder: Path) -> settings.Config:
    def at_home(path: Path | None) -> Path | None:
        return folder / path if path is not None else None

    broker, tls = config.broker, config.broker.tls
    if tls is not None:
        tls = settings.Tls(at_home(tls.ca_file), at_home(tls.cert_file), at_home(tls.key_file))
    return replace(
        config,
        control_socket=at_home(config.control_socket),
        broker=replace(broker, tls=tls, password_file=at_home(broker.password_file)),
        outbox=replace(config.outbox, file=folder / config.outbox.file),
        device=tuple(_at_home(device, folder) for device in config.device),
    )


def _at_home(device: settings_devices.Device, folder: Path) -> settings_devices.Device:
    if isinstance(device, settings_devices.PulseDevice):
        return replace(device, count_file=folder / (device.count_file or f"{device.id}.count"))
    if isinstance(device, settings_devices.FilesDevice):
        return replace(device, path=folder / device.path)
    if isinstance(device, settings_devices.BrokerDevice) and device.password_file is not None:
        return replace(device, password_file=folder / device.password_file)
    if isinstance(device, settings_devices.MavlinkDevice):
        own = device.profile is not None and device.profile.endswith(".toml")
        return replace(
            device,
            profile=str(folder / str(device.profile)) if own else device.profile,
            signing_key_file=folder / device.signing_key_file if device.signing_key_file is not None else None,
            signing_file=folder / (device.signing_file or f"{device.id}.signing"),
            dialect=folder / device.dialect if device.dialect is not None else None,
        )
    return device


def _file_problems(config: settings.Config) -> Iterator[tuple[tuple[str | int, ...], ConfigProblem]]:
    """Faults of the files that the configuration names, with the key that names them."""
    tls = config.broker.tls or settings.Tls()
    secrets = [
        (("device", index, "password_file"), device.password_file, True)
        for index, device in enumerate(config.device)
        if isinstance(device, settings_devices.BrokerDevice)
    ]
    secrets += [
        (("device", index, "signing_key_file"), device.signing_key_file, True)
        for index, device in enumerate(config.device)
        if isinstance(device, settings_devices.MavlinkDevice)
    ]
    named: list[tuple[tuple[str | int, ...], Path | None, bool]] = [
        (("broker", "password_file"), config.broker.password_file, True),
        (("broker", "tls", "ca_file"), tls.ca_file, False),
        (("broker", "tls", "cert_file"), tls.cert_file, False),
        (("broker", "tls", "key_file"), tls.key_file, True),
        *secrets,
    ]
    for key, path, is_secret in named:
        name = ".".join(str(part + 1 if isinstance(part, int) else part) for part in key)
        if path is None:
            continue
        try:
            mode = path.stat().st_mode
        except OSError as exc:
            do = "put it there, or leave the key out" if not is_secret else f"write it there, then chmod 600 {path}"
            yield key, ConfigProblem(f"`{name}`: {path}: {exc.strerror}", None, do)
            continue
        if not stat.S_ISREG(mode):
            yield key, ConfigProblem(f"`{name}`: {path} is no file")
        elif is_secret and mode & 0o077:
            what = f"`{name}`: {path} has mode {stat.S_IMODE(mode):04o}: others may read it"
            yield key, ConfigProblem(what, None, f"chmod 600 {path}")
    folder = config.outbox.file.parent
    if not folder.is_dir():
        what = f"`outbox.file`: folder {folder} does not exist"
        yield ("outbox", "file"), ConfigProblem(what, None, f"mkdir -p {folder}")
