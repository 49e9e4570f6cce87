"""The digest of one file of weights, without reading all of it.

Small files are hashed whole. Of a larger one the digest takes its size, pieces at regular
distances, and of safetensors the header and a piece of each tensor: a model that was trained
further, even in one kind of matrix only, differs in every piece of it. Rows changed by hand in a
large matrix may fall between the pieces: whoever edits so names the weights himself (setting
weights_id).
"""

from __future__ import annotations

import hashlib
import json
import os
import struct

WHOLE_BYTES_MAX = 16 << 20
PIECES_MAX = 1024
PIECE_BYTES = 4096
TENSOR_PIECE_BYTES = 256
_HEADER_BYTES_MAX = 100 << 20
"""As the safetensors library has it."""
_SCHEME = b"pega weights 1\0"
"""Goes up when the digest of an unchanged file would change."""


def digest_file(path: str) -> str:
    """Hex. Raises OSError where the file can't be read."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return _digest(descriptor, os.fstat(descriptor).st_size, path.endswith(".safetensors"))
    finally:
        os.close(descriptor)


def _digest(descriptor: int, size: int, is_safetensors: bool) -> str:
    digest = hashlib.sha256(_SCHEME + struct.pack("<Q", size))
    if size <= WHOLE_BYTES_MAX:
        pieces = [(offset, 1 << 20) for offset in range(0, size, 1 << 20)]
    else:
        header = _safetensors_header(descriptor, size) if is_safetensors else b""
        digest.update(header)
        pieces = _regular_pieces(size) + _tensor_pieces(header)
    for offset, length in pieces:
        digest.update(os.pread(descriptor, length, offset))
    return digest.hexdigest()


def _regular_pieces(size: int) -> list[tuple[int, int]]:
    """The first, the last, and others at equal distances between them."""
    last = size - PIECE_BYTES
    return [(last * at // (PIECES_MAX - 1), PIECE_BYTES) for at in range(PIECES_MAX)]


def _safetensors_header(descriptor: int, size: int) -> bytes:
    """With the eight bytes of its length; empty where the file is not what its name says."""
    (length,) = struct.unpack("<Q", os.pread(descriptor, 8, 0))
    if not 0 < length <= min(_HEADER_BYTES_MAX, size - 8):
        return b""
    return os.pread(descriptor, 8 + length, 0)


def _tensor_pieces(header: bytes) -> list[tuple[int, int]]:
    """From the middle of each tensor, in the order of the file."""
    try:
        tensors = json.loads(header[8:]) if header else {}
        spans = sorted(
            (int(begin), int(end))
            for name, tensor in tensors.items()
            if name != "__metadata__"
            for begin, end in [tensor["data_offsets"]]
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return []  # no library would load it; the regular pieces still tell files apart
    return [
        (len(header) + (begin + end) // 2, min(TENSOR_PIECE_BYTES, end - (begin + end) // 2))
        for begin, end in spans
        if 0 <= begin < end
    ]
