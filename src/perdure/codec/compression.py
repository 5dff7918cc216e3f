"""Large payloads, made smaller: a zstd frame (RFC 8878) in place of the JSON.

A frame begins with the byte 28, with which no JSON does, so it needs no mark of its own, and any zstd reads it.
"""

import sys
from collections.abc import Callable
from functools import partial
from threading import local
from types import ModuleType

from perdure.codec.node import MAX_BYTES
from perdure.errors import DecodeError

COMPRESSED = b"\x28"
LARGE_BYTES = 1024
"""What isn't larger stays as it is: it would gain little, and a log is read by eye too."""
MOST_BYTES = 2 * MAX_BYTES
"""The most that a frame may become: twice the largest value, for what lies around it in a fact."""
_WINDOW_LOG_MAX = 25
"""A frame that asks for more memory than this (2²⁵ bytes, as `MOST_BYTES`) is none of ours."""
_OF_THREAD = local()


def compressed(data: bytes) -> bytes:
    """The payload as it is kept: the same, unless it is large and becomes smaller."""
    if len(data) <= LARGE_BYTES:
        return data
    small = _compressor()(data)
    return small if len(small) < len(data) else data


def _compressor() -> Callable[[bytes], bytes]:
    """This thread's: to make one for each payload would cost more than the compression."""
    made: Callable[[bytes], bytes] | None = getattr(_OF_THREAD, "compress", None)
    if made is None:
        zstd = _zstd()
        compress = zstd.ZstdCompressor().compress
        made = _OF_THREAD.compress = partial(compress, mode=zstd.ZstdCompressor.FLUSH_FRAME)
    return made


def decompressed(payload: bytes, at: str) -> bytes:
    """What was compressed, or what never was. Memory is bounded, whatever the frame claims. Raises: DecodeError."""
    if payload[:1] != COMPRESSED:
        return payload
    zstd = _zstd()
    frame = zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: _WINDOW_LOG_MAX})
    try:
        data: bytes = frame.decompress(payload, max_length=MOST_BYTES + 1)
    except zstd.ZstdError as error:
        raise DecodeError(at, f"the log is damaged ({error})") from None
    if len(data) > MOST_BYTES:
        raise DecodeError(at, f"it becomes larger than {MOST_BYTES // 2**20} MiB: perdure writes nothing of that size")
    if not frame.eof or frame.unused_data:
        raise DecodeError(at, "the log is damaged (its compressed data is cut off, or more follows it)")
    return data


def _zstd() -> ModuleType:
    """Imported when the first large payload comes: most processes start without one."""
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    return zstd
