"""A compiled profile: bytes in, rows or a reject out; rows in, readings out. One object serves agent and collector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from device_profiles.engine.channels import ChannelPlan, apply
from device_profiles.engine.envelopes import Payload, Unwrap
from device_profiles.engine.frames import FramePlan
from device_profiles.engine.identity import ProbePlan, identify, identify_payload
from device_profiles.engine.rows import Decoded, Reading, Row
from device_profiles.engine.state import MAX_FRAME_BYTES, Span
from device_profiles.errors import profile_error
from device_profiles.rejects import FrameRejected, RejectReason, reject


@dataclass(slots=True)
class Profile:
    """A device model, ready to decode.

    Attributes:
        id: ``vendor/model``.
        version: Of the profile.
        digest: First 8 bytes of the file's BLAKE2b: what a block names.
        document: The parsed file, for drivers (requests, steps, settings) and for people.
        variant: Chosen variant, or empty.
        transport: Transport key.
        framing: Framing key.
        unwrap: Verifies a frame and finds its payload.
        channels: In dependency order.
        frames: In file order.
        by_port: Frames by LoRaWAN port; None for frames without one.
        codec: Name of a protocol codec that decodes instead of ``frames``, or empty.
        probes: Answers by which the model and its variants are told.
    """

    id: str
    version: int
    digest: bytes
    document: Mapping[str, Any]
    variant: str
    transport: str
    framing: str
    unwrap: Unwrap
    channels: Mapping[str, ChannelPlan]
    frames: tuple[FramePlan, ...]
    by_port: Mapping[int | None, tuple[FramePlan, ...]]
    codec: str = ""
    probes: tuple[ProbePlan, ...] = ()

    def decode(
        self, frame: bytes, *, port: int | None = None, request: str | None = None, spans: list[Span] | None = None
    ) -> Decoded | FrameRejected:
        """Decode one whole frame as it came from the transport.

        Total: any bytes give rows or a typed reject, within a bounded number of steps.

        Args:
            frame: With header and checksum where the transport has them.
            port: LoRaWAN FPort.
            request: Name of the request it answers, where the caller knows.
            spans: When given, is filled with where each field stood.
        """
        if len(frame) > MAX_FRAME_BYTES:
            return reject(RejectReason.TOO_LONG, f"{len(frame)} bytes, at most {MAX_FRAME_BYTES}", frame)
        if self.codec:
            from device_profiles.engine.codec_rows import decode_nmea  # noqa: PLC0415 - only what speaks NMEA loads it

            return decode_nmea(frame)
        payload = self.unwrap(frame)
        if isinstance(payload, FrameRejected):
            return payload
        return self.decode_payload(payload, port=port, request=request, spans=spans)

    def decode_payload(
        self, payload: Payload, *, port: int | None = None, request: str | None = None, spans: list[Span] | None = None
    ) -> Decoded | FrameRejected:
        """Decode what a transport carried, after its envelope was verified."""
        misfit: FramePlan | None = None
        for frame in self.by_port.get(port, self.by_port[None]):
            if frame.fits(payload, port, request):
                if frame.columns is None or frame.has_columns(payload):
                    return frame.read(payload, port, spans)
                misfit = misfit or frame
        if misfit is not None:
            return misfit.read(payload, port)
        data = payload.data[payload.start : payload.end]
        known = sorted({item for frame in self.frames for item in frame.ports})
        where = f" on port {port} (known: {known})" if known and port not in known else ""
        return reject(RejectReason.NO_FRAME, f"{len(data)} bytes{where} fit no frame of {self.id}", data)

    def identify(self, request: str, frame: bytes) -> str | FrameRejected:
        """Tell the device by its answer to a probe: name of the variant, or a reject when it is another model."""
        return identify(self, request, frame)

    def identify_payload(self, request: str, data: bytes) -> str | FrameRejected:
        """As `identify`, with what an answer carries: registers, high byte first, or text behind an address."""
        return identify_payload(self, request, Payload(data, 0, len(data)))

    def decode_registers(self, request: str, registers: Sequence[int]) -> Decoded | FrameRejected:
        """Decode registers another library has read and verified."""
        data = register_bytes(registers)
        return self.decode_payload(Payload(data, 0, len(data)), request=request)

    def parameters(self, given: Mapping[str, float | str] | None = None) -> dict[str, float | str]:
        """Deployment parameters: the given ones over the profile's defaults.

        Raises:
            ProfileError: A name the profile does not have, or a choice that is none.
        """
        tables: Mapping[str, Mapping[str, Any]] = self.document.get("parameters") or {}
        values: dict[str, float | str] = {}
        for name, table in tables.items():
            default = table.get("default")
            if default is not None:
                values[name] = float(default) if isinstance(default, (int, float, Decimal)) else str(default)
        for name, value in (given or {}).items():
            if name not in tables:
                raise profile_error(f"{self.id} has no parameter {name!r}; it has {', '.join(tables) or 'none'}")
            choices = tables[name].get("choices")
            if choices and value not in choices:
                raise profile_error(f"parameter {name} of {self.id} is one of {', '.join(choices)}, not {value!r}")
            values[name] = value if isinstance(value, str) else float(value)
        return values

    def apply(self, row: Row, parameters: Mapping[str, float | str] | None = None) -> tuple[Reading, ...]:
        """Readings of a row: units, transforms and derived channels.

        Args:
            row: As decoded.
            parameters: All parameters valid at the row's time, as `parameters` gives them; None means the defaults.
        """
        return apply(self.channels, row, self.parameters() if parameters is None else parameters)


def register_bytes(registers: Sequence[int]) -> bytes:
    """Registers as they stand in an answer."""
    return b"".join((register & 0xFFFF).to_bytes(2, "big") for register in registers)
