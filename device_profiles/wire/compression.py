"""Bodies packed and unpacked, never to more bytes than the limit allows."""

from __future__ import annotations

import threading
import zlib
from typing import Final

from device_profiles.wire.dictionary import DICTIONARY_1
from device_profiles.wire.limits import MAX_BODY_BYTES
from device_profiles.wire.model import Encoding

try:
    import zstandard
except ImportError:  # no wheel on armv6 and armv7
    zstandard = None  # type: ignore[assignment]

BEST: Final = Encoding.ZLIB if zstandard is None else Encoding.ZSTD
_RAW_DEFLATE: Final = -15

if zstandard is not None:
    _DICTIONARY = zstandard.ZstdCompressionDict(DICTIONARY_1, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
    _PARAMETERS = zstandard.ZstdCompressionParameters.from_level(
        12,
        window_log=20,  # a body is at most 1 MiB, so every frame is one segment and declares its size
        dict_size=len(DICTIONARY_1),
        format=zstandard.FORMAT_ZSTD1_MAGICLESS,
        write_content_size=True,
        write_checksum=False,
        write_dict_id=False,
    )

    class _Packer(threading.local):
        """A compressor of each thread: they work without the interpreter's lock, and two in one crash the process."""

        def __init__(self) -> None:
            self.zstd = zstandard.ZstdCompressor(dict_data=_DICTIONARY, compression_params=_PARAMETERS)

    class _Unpacker(threading.local):
        """A decompressor of each thread, for the same reason."""

        def __init__(self) -> None:
            self.zstd = zstandard.ZstdDecompressor(dict_data=_DICTIONARY, format=zstandard.FORMAT_ZSTD1_MAGICLESS)

    _PACKER, _UNPACKER = _Packer(), _Unpacker()


class Unpackable(Exception):
    """The packed body is garbled (``too_large`` False) or would inflate beyond the limit (True)."""

    def __init__(self, detail: str, *, too_large: bool = False) -> None:
        super().__init__(detail)
        self.detail = detail
        self.too_large = too_large


def deflate(data: bytes) -> bytes:
    """Raw deflate with dictionary 1: for small texts, where zstd's frame and tables cost more than they save."""
    packer = zlib.compressobj(9, zlib.DEFLATED, _RAW_DEFLATE, 9, zlib.Z_DEFAULT_STRATEGY, DICTIONARY_1)
    return packer.compress(data) + packer.flush()


def inflate(packed: bytes, limit: int) -> bytes:
    """The inverse of `deflate`.

    Raises:
        Unpackable: Garbled, cut off, followed by other bytes, or larger than ``limit``.
    """
    unpacker = zlib.decompressobj(_RAW_DEFLATE, DICTIONARY_1)
    try:
        data = unpacker.decompress(packed, limit + 1)
    except zlib.error as exc:
        raise Unpackable(f"deflate: {exc}") from exc
    if len(data) > limit:
        raise Unpackable(f"inflates to more than {limit} bytes", too_large=True)
    if not unpacker.eof or unpacker.unused_data:
        raise Unpackable("deflate: cut off, or bytes behind the end")
    return data


def compress(data: bytes, encoding: Encoding) -> tuple[bytes, Encoding]:
    """Pack data; stored as it is where packing does not make it smaller.

    Raises:
        ValueError: zstd is asked for and not installed.
    """
    if encoding is Encoding.ZSTD:
        if zstandard is None:
            raise ValueError("zstandard is not installed")
        packed = _PACKER.zstd.compress(data)
    elif encoding is Encoding.ZLIB:
        packed = deflate(data)
    else:
        packed = data
    return (packed, encoding) if len(packed) < len(data) else (data, Encoding.STORED)


def decompress(packed: bytes, encoding: int) -> bytes:
    """Unpack data, to at most `MAX_BODY_BYTES`.

    Raises:
        Unpackable: Garbled, cut off, followed by other bytes, or larger than the limit.
    """
    if encoding == Encoding.ZSTD:
        return _decompress_zstd(packed)
    if encoding == Encoding.ZLIB:
        return inflate(packed, MAX_BODY_BYTES)
    return packed


def zstd_size(packed: bytes) -> int:
    """The size a zstd body declares, without inflating it; -1 when its first bytes are none we write.

    RFC 8878, 3.1.1.1: the descriptor's top bits give the size of the size, bit 5 says "single segment". Bit 2
    (checksum) and bits 0-1 (dictionary id) are never set here.
    """
    if len(packed) < 6:
        return -1
    descriptor = packed[0]
    if descriptor == 0x20:
        return packed[1]
    if descriptor == 0x60:
        return (packed[1] | packed[2] << 8) + 256
    if descriptor == 0xA0:
        return packed[1] | packed[2] << 8 | packed[3] << 16 | packed[4] << 24
    return -1


def _decompress_zstd(packed: bytes) -> bytes:
    if zstandard is None:
        raise Unpackable("zstandard is not installed")
    size = zstd_size(packed)
    if size < 0:
        raise Unpackable("not a zstd frame of one segment")
    if size > MAX_BODY_BYTES:
        raise Unpackable(f"inflates to {size} bytes", too_large=True)
    try:
        body: bytes = _UNPACKER.zstd.decompress(packed, allow_extra_data=False)
    except zstandard.ZstdError as exc:
        raise Unpackable(f"zstd: {exc}") from exc
    return body
