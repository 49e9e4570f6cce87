"""References of our own on blocks of vLLM's pool, while a copy reads or writes them.

vLLM frees blocks by steps, not by copies: a finished or preempted request's blocks go back to the
pool although a store still reads them. A reference keeps them out of it until all ranks have
reported the end (docs/protocol.md §5). References of stores are bounded, and none is taken when
vLLM is short of blocks: a dropped store costs a later miss, a missing block costs a preemption now.
"""

from __future__ import annotations

from collections.abc import Sequence

from pegaflow.scheduler.vllm_types import BlockPool

_STORE_BLOCKS_LEAST = 8


class BlockReferences:
    def __init__(self, pool: BlockPool, store_share: float) -> None:
        self._pool = pool
        self._store_blocks_most = max(_STORE_BLOCKS_LEAST, int(len(pool.blocks) * store_share))
        self._store_blocks = 0
        self._load_blocks = 0

    @property
    def held(self) -> int:
        return self._store_blocks + self._load_blocks

    def room_for_stores(self, step_needs_blocks: int) -> int:
        """How many blocks stores may take now.

        step_needs_blocks: what the next step may have to allocate; in a pool too small for that, a
        quarter of the pool.
        """
        needed = min(step_needs_blocks, len(self._pool.blocks) // 4)
        spare = self._pool.get_num_free_blocks() - needed
        return max(0, min(self._store_blocks_most - self._store_blocks, spare))

    def take_for_store(self, block_ids: Sequence[int]) -> None:
        self._store_blocks += len(block_ids)
        self._pool.touch([self._pool.blocks[block_id] for block_id in block_ids])

    def give_back_store(self, block_ids: Sequence[int]) -> None:
        self._store_blocks -= len(block_ids)
        self._free(block_ids)

    def take_for_load(self, block_ids: Sequence[int]) -> None:
        """Not bounded: the request holds these blocks itself."""
        self._load_blocks += len(block_ids)
        self._pool.touch([self._pool.blocks[block_id] for block_id in block_ids])

    def give_back_load(self, block_ids: Sequence[int]) -> None:
        self._load_blocks -= len(block_ids)
        self._free(block_ids)

    def _free(self, block_ids: Sequence[int]) -> None:
        # The end of a chain first: it is evicted before its beginning, as vLLM does it.
        self._pool.free_blocks([self._pool.blocks[block_id] for block_id in reversed(block_ids)])
