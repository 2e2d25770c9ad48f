"""Decode NMEA 0183 sentences to numbers exactly as printed: mantissa and decimal exponent, nothing rounded."""

from __future__ import annotations

from device_profiles.codecs.nmea_fields import decimal
from device_profiles.codecs.nmea_model import Number, Role, Sentence
from device_profiles.codecs.nmea_sentences import READERS
from device_profiles.rejects import FrameRejected, RejectReason, reject

__all__ = ["Number", "Role", "Sentence", "decimal", "decode"]


def decode(frame: bytes) -> Sentence | FrameRejected:
    """Read one sentence as `device_profiles.framing.nmea` gives it: from ``$`` to the checksum, checksum verified.

    A field that is damaged becomes a missing number; a sentence with too few fields is rejected.
    """
    text = frame.decode("ascii", "replace")
    body = text[1 : text.rfind("*")] if "*" in text else text[1:]
    fields = body.split(",")
    address = fields[0]
    if len(address) < 3 or not address.isalnum():
        return reject(RejectReason.SHAPE, "no talker and formatter", frame)
    talker, kind = (address[:1], address[1:]) if address.startswith("P") else (address[:-3], address[-3:])
    reader = READERS.get(kind) if not address.startswith("P") else None
    if reader is None:
        return Sentence(talker, kind, Role.NOTHING)
    fields_min, read = reader
    if len(fields) < fields_min:
        return reject(
            RejectReason.LENGTH, f"{kind} has {len(fields) - 1} fields, at least {fields_min - 1} expected", frame
        )
    return read(talker, kind, fields)
