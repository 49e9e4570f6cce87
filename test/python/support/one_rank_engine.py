"""An engine of one rank with blocks of 8 KiB: what its processes register with."""

from __future__ import annotations

from collections.abc import Callable

from pegaflow.client.records import Identity, Layout
from pegaflow.client.registration import Registration
from pegaflow.native.transfer import Segment

IDENTITY = Identity(
    fields={"weights": "those of the test", "hash_seed": "0"},
    block_tokens=16,
    hash_bytes=16,
    rank_count=1,
    rank_slot_bytes=(8192,),
)
LAYOUT = Layout(
    allocation_bytes=(8192 * 4,),
    segments=(Segment(layer=0, allocation=0, offset_bytes=0, block_stride_bytes=8192, bytes=8192),),
    block_count=4,
)

OpenRegistration = Callable[..., Registration]
