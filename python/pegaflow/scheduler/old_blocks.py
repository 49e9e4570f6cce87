"""OldBlocks: blocks on the device that may hold KV of weights that are no longer the engine's.

After reset_cache the engine's blocks belong to a new namespace (docs/protocol.md §5). vLLM's own
reset may have failed, because blocks were in use: their hashes are still in its cache, requests go
on upon them, and new requests hit them. Nothing that stands on such a block may be stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from pegaflow.scheduler.request_record import RequestRecord
from pegaflow.scheduler.vllm_types import BlockPool, KVCacheBlock


class OldBlocks:
    def __init__(
        self, pool: BlockPool, hash_of_block: Callable[[KVCacheBlock], bytes | None]
    ) -> None:
        self._pool = pool
        self._hash_of_block = hash_of_block
        self._hashes: frozenset[bytes] = frozenset()

    def reset(self, records: Iterable[RequestRecord]) -> None:
        """From now on: what is cached on the device, and what these requests hold, is old."""
        hashes = (self._hash_of_block(block) for block in self._pool.blocks)
        self._hashes = self._hashes.union(
            block_hash for block_hash in hashes if block_hash is not None
        )
        for record in records:
            record.stale = record.admitted

    def looked_up(self, record: RequestRecord, local_blocks: int) -> None:
        """The request begins with so many blocks of vLLM's own cache, and holds no others."""
        record.stale = bool(self._hashes) and not self._hashes.isdisjoint(
            record.hashes[:local_blocks]
        )
