"""What each worker tells the scheduler side once, when it has its KV cache; as packed bytes.

magic u32 | slot bytes u64 | lengths u16 × 3 | layout | device | refusal   (texts in UTF-8)
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

_MAGIC = 0x48474550  # "PEGH"
_HEADER = struct.Struct("<IQHHH")
_TEXT_BYTES_MAX = 0xFFFF


@dataclass(frozen=True, slots=True)
class RankHandshake:
    slot_bytes: int
    """Of one block, all layers of this rank; 0 where it refuses."""
    layout: str
    """Stable description; part of the blocks' identity."""
    device: str
    """"cpu", "cuda:0"."""
    refusal: str = ""
    """Why this rank can't take part; empty: it can."""


def pack_handshake(handshake: RankHandshake) -> bytes:
    texts = [
        text.encode()[:_TEXT_BYTES_MAX]
        for text in (handshake.layout, handshake.device, handshake.refusal)
    ]
    lengths = [len(text) for text in texts]
    return _HEADER.pack(_MAGIC, handshake.slot_bytes, *lengths) + b"".join(texts)


def unpack_handshake(payload: bytes) -> RankHandshake:
    """Raises ValueError for bytes that pack_handshake did not make."""
    if len(payload) < _HEADER.size:
        raise ValueError(f"{len(payload)} bytes are no handshake")
    magic, slot_bytes, *lengths = _HEADER.unpack_from(payload, 0)
    if magic != _MAGIC or len(payload) != _HEADER.size + sum(lengths):
        raise ValueError(f"not a handshake: magic {magic:#x}, {len(payload)} bytes")
    texts = []
    at = _HEADER.size
    for length in lengths:
        texts.append(payload[at : at + length].decode(errors="replace"))
        at += length
    return RankHandshake(slot_bytes, *texts)
