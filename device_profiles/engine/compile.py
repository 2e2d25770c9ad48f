"""A profile's TOML, compiled once into the plans the engine runs. Needs no pydantic."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from typing import Any, Final

from device_profiles.checksums import CHECKSUMS
from device_profiles.engine.channels import ChannelPlan, compile_channels
from device_profiles.engine.compile_fields import FieldCompiler
from device_profiles.engine.compile_parts import PartCompiler, expand
from device_profiles.engine.compile_selectors import match, numbers, selectors, span, zero_based
from device_profiles.engine.compile_ways import apart
from device_profiles.engine.emit import Emitter
from device_profiles.engine.envelopes import ENVELOPES, ChecksumPlan, Unwrap, mavlink, plain, with_checksum
from device_profiles.engine.frames import FramePlan
from device_profiles.engine.identity import ProbePlan
from device_profiles.engine.profile import Profile
from device_profiles.engine.state import MAX_FRAME_BYTES
from device_profiles.engine.text import Split
from device_profiles.errors import ProfileError, nearest, profile_error

Table = dict[str, Any]
DEFAULT_FRAMING: Final = {
    "modbus-rtu": "modbus-rtu",
    "modbus-tcp": "modbus-tcp",
    "sdi-12": "sdi-12",
    "ve.direct": "ve.direct",
    "ubx": "ubx",
    "mavlink": "mavlink",
    "nmea": "nmea",
    "w1": "w1",
    "umb": "umb",
    "meter-ddi": "meter-ddi",
}
"""Framing of a transport where the profile says nothing."""


def compile_profile(
    document: Table, *, profile_id: str, digest: bytes, variant: str | None = None, path: str = ""
) -> Profile:
    """Compile a profile.

    Args:
        document: The parsed TOML, numbers with a point as `Decimal`.
        profile_id: ``vendor/model``.
        digest: First 8 bytes of the file's BLAKE2b.
        variant: Which variant's frames to use; without one, those that belong to none or to the first.
        path: For messages.

    Raises:
        ProfileError: It cannot be used; ``harkara profile lint`` says more.
    """
    try:
        return _compile(document, profile_id, digest, variant)
    except ProfileError as exc:
        raise profile_error(
            f"{path or profile_id}: {exc.problems[0].what}", path=path, hint=exc.problems[0].hint
        ) from exc
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as exc:
        raise profile_error(
            f"{path or profile_id}: cannot be compiled: {type(exc).__name__} {exc}",
            path=path,
            hint="harkara profile lint says what is wrong",
        ) from exc


def _compile(document: Table, profile_id: str, digest: bytes, variant: str | None) -> Profile:
    channels = compile_channels(document["channels"])
    if document.get("codec"):
        # Loaded now, so that the first frame is as quick as the others.
        import_module("device_profiles.engine.codec_rows")
    transport = document["transport"]
    framing = str((document.get("framing") or {}).get("kind") or DEFAULT_FRAMING.get(transport["kind"], "none"))
    variants = [str(item["name"]) for item in document.get("variants") or []]
    if variant is not None and variant not in variants:
        raise profile_error(f"no variant {variant!r}; there are {', '.join(variants) or 'none'}")
    chosen = variant or (variants[0] if variants else None)
    compiler = _FrameCompiler(document, channels)
    frames = [
        compiler.frame(table)
        for table in document.get("frames") or []
        if not table.get("variants") or chosen in table["variants"]
    ]
    return Profile(
        id=profile_id,
        version=int(document["version"]),
        digest=digest,
        document=document,
        variant=chosen or "",
        transport=str(transport["kind"]),
        framing=framing,
        unwrap=_envelope(document, framing),
        channels=channels,
        frames=tuple(frames),
        by_port=_by_port(frames),
        codec=str(document.get("codec") or ""),
        probes=tuple(_probes(document)),
    )


def _probes(document: Table) -> Iterator[ProbePlan]:
    requests = {str(item["name"]) for item in document.get("requests") or []}
    tables = [
        ("", document.get("identity")),
        *((str(v["name"]), v.get("probe")) for v in document.get("variants") or []),
    ]
    for variant, table in tables:
        if table is None:
            continue
        request = str(table["request"])
        if request not in requests:
            raise profile_error(f"the probe asks {request!r}, which is no request", hint=nearest(request, requests))
        shortest, longest = span(table.get("length"), (0, MAX_FRAME_BYTES))
        yield ProbePlan(variant, request, shortest, longest, tuple(match(item) for item in table.get("match") or []))


def _by_port(frames: list[FramePlan]) -> Mapping[int | None, tuple[FramePlan, ...]]:
    ports = {port for frame in frames for port in frame.ports}
    table: dict[int | None, tuple[FramePlan, ...]] = {
        port: tuple(item for item in frames if not item.ports or port in item.ports) for port in ports
    }
    table[None] = tuple(item for item in frames if not item.ports)
    return table


def _envelope(document: Table, framing: str) -> Unwrap:
    table = document.get("checksum")
    if framing == "mavlink":
        return mavlink(_crc_extras(document))
    if table is None:
        return ENVELOPES.get(framing, plain)
    name = str(table["kind"])
    if name not in CHECKSUMS:
        raise profile_error(
            f"no checksum {name!r}", hint=nearest(name, CHECKSUMS, otherwise=f"there are {', '.join(CHECKSUMS)}")
        )
    size = CHECKSUMS[name][1] * (2 if table.get("encoding") == "hex" else 1)
    end = table.get("to")
    plan = ChecksumPlan(
        name,
        int(table.get("from", 0)),
        None if end is None else int(end),
        int(table.get("at", -size)),
        little=str(table.get("order", "big")).startswith("little"),
        hex=table.get("encoding") == "hex",
    )
    return with_checksum(plan)


def _crc_extras(document: Table) -> dict[int, int]:
    extras: dict[int, int] = {}
    for frame in document.get("frames") or []:
        if frame.get("mavlink") is None:
            raise profile_error(
                f"frame {frame.get('name')}: a MAVLink frame says mavlink = {{ message, crc_extra, size }}"
            )
        extras.update(dict.fromkeys(numbers((frame.get("when") or {}).get("id")), int(frame["mavlink"]["crc_extra"])))
    return extras


class _FrameCompiler:
    def __init__(self, document: Table, channels: Mapping[str, ChannelPlan]) -> None:
        self.document = document
        self.channels = channels
        self.requests: dict[str, Table] = {str(item["name"]): item for item in document.get("requests") or []}

    def frame(self, table: Table) -> FramePlan:
        """Compile one kind of frame; errors name it."""
        try:
            return self._frame(table)
        except ProfileError as exc:
            raise profile_error(
                f"frame {table.get('name')}: {exc.problems[0].what}", hint=exc.problems[0].hint
            ) from exc

    def _frame(self, table: Table) -> FramePlan:
        text = table.get("text")
        binary = text is None or text["kind"] == "hex"
        order = str(table.get("order") or self.document.get("order") or "big")
        fields = FieldCompiler(self.channels, order, text=not binary, register=self._register(table))
        parts = PartCompiler(fields)
        tree = apart({"fields": table.get("fields") or [], "parts": expand(table.get("parts") or [])})
        parts.declare(tree)
        root = parts.part(tree, start=0)
        when = table.get("when") or {}
        shortest, longest = span(when.get("length"), (0, MAX_FRAME_BYTES))
        count = self._register_count(table)
        if count is not None and when.get("length") is None:
            shortest = longest = count
        return FramePlan(
            name=str(table["name"]),
            request=str(table.get("request") or ""),
            ports=numbers(when.get("port")),
            ids=numbers(when.get("id")) or self._functions(table),
            shortest=shortest,
            longest=longest,
            selectors=tuple(selectors(when)),
            split=None if text is None else Split(**{key: str(value) for key, value in text.items()}),
            columns=None if when.get("columns") is None else span(when["columns"], (0, 0)),
            root=root,
            emitter=Emitter(tuple(parts.outputs(tree)), text=not binary),
            slot_count=fields.slot_count,
            ignore=bool(table.get("ignore")),
            pad_to=int((table.get("mavlink") or {}).get("size", 0)),
        )

    def _request(self, table: Table) -> Table | None:
        name = table.get("request")
        if name is None:
            return None
        if name not in self.requests:
            raise profile_error(
                f"answers request {name!r}, which does not exist", hint=nearest(str(name), self.requests)
            )
        return self.requests[str(name)]

    def _register(self, table: Table) -> Callable[[int], int] | None:
        request = self._request(table)
        if request is None or request.get("address") is None:
            return None
        first = self.register_number(int(request["address"]))

        def offset(register: int) -> int:
            at = 2 * (self.register_number(register) - first)
            if not 0 <= at < 2 * int(request["count"]):
                raise profile_error(
                    f"register {register} is not among the {request['count']} from {request['address']}"
                )
            return at

        return offset

    def register_number(self, register: int) -> int:
        """0-based register number of a number in the document's notation."""
        return zero_based(register, str(self.document["transport"].get("numbering", "0")))

    def _register_count(self, table: Table) -> int | None:
        request = self._request(table)
        if request is None or request.get("count") is None or request.get("function") is None:
            return None
        count = int(request["count"])
        return (count + 7) // 8 if request.get("function") in (1, 2) else 2 * count

    def _functions(self, table: Table) -> frozenset[int]:
        request = self._request(table)
        return (
            frozenset()
            if request is None or request.get("function") is None
            else frozenset((int(request["function"]),))
        )
