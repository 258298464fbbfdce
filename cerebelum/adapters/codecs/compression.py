"""Compression of payloads with zlib."""

from __future__ import annotations

import zlib

from cerebelum.adapters.codecs.limits import PAYLOAD_LIMIT_BYTES


class ZlibTransform:
    """Compresses payloads that get smaller by it. Put it before encryption: ciphertext does not compress.

    Args:
        level: 0 to 9, as in zlib; 1 is fastest.
        smallest_bytes: payloads below this stay as they are.
        limit_bytes: decompression stops beyond it, so that a small forged payload cannot fill the memory.
    """

    name = "zlib"

    def __init__(self, *, level: int = 6, smallest_bytes: int = 1024, limit_bytes: int = PAYLOAD_LIMIT_BYTES) -> None:
        self._level, self._smallest_bytes, self._limit_bytes = level, smallest_bytes, limit_bytes

    def encode(self, data: bytes) -> bytes:
        """Return `data` compressed, or itself where that would save less than base64 adds."""
        if len(data) < self._smallest_bytes:
            return data
        packed = zlib.compress(data, self._level)
        return packed if len(packed) * 4 < len(data) * 3 else data

    def decode(self, data: bytes) -> bytes:
        """Raise ValueError for data that is damaged, or larger than the limit when unpacked."""
        unpacking = zlib.decompressobj()
        try:
            text = unpacking.decompress(data, self._limit_bytes + 1)
        except zlib.error as error:
            raise ValueError(f"not zlib data: {error}") from error
        if len(text) > self._limit_bytes:
            raise ValueError(f"more than {self._limit_bytes:,} bytes when unpacked")
        if not unpacking.eof or unpacking.unused_data:
            raise ValueError("the data is cut off, or goes on after its end")
        return text
