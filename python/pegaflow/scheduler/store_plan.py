"""Which blocks are reserved when, and which granted ones may be copied in a step.

The rules of docs/protocol.md §5: a block is sent once its content is certain and only while the
device block still is that block; nothing is stored of requests that pega must not keep (bypassed,
or computed upon KV of before a reset). It makes no calls: stores.py does. Scheduler's thread only.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping

from pegaflow.client.breaker import Breaker
from pegaflow.scheduler.block_references import BlockReferences
from pegaflow.scheduler.connection import Connection
from pegaflow.scheduler.request_record import RequestRecord
from pegaflow.scheduler.reserved_blocks import ReservedBlock
from pegaflow.scheduler.stores import Stores
from pegaflow.scheduler.vllm_types import BlockPool, KVCacheBlock
from pegaflow.settings import Settings
from pegaflow.wire.steps import CopyJob


class StorePlan:
    def __init__(
        self,
        settings: Settings,
        stores: Stores,
        references: BlockReferences,
        breaker: Breaker,
        *,
        pool: BlockPool,
        hash_of_block: Callable[[KVCacheBlock], bytes | None],
        block_tokens: int,
        step_tokens: int,
        prefix_caching: bool,
    ) -> None:
        self._settings = settings
        self._stores = stores
        self._references = references
        self._breaker = breaker
        self._pool = pool
        self._hash_of_block = hash_of_block
        self._block_tokens = block_tokens
        self._step_blocks = -(-step_tokens // block_tokens)
        self._prefix_caching = prefix_caching
        self._running = 0

    # ---- reserving ------------------------------------------------------------------------------

    def admitted(self, record: RequestRecord, connection: Connection | None) -> None:
        """The blocks of its prompt, but for those at the start that the pool is known to have."""
        record.reserved_to = max(record.reserved_to, record.sealed_prefix)
        prompt_blocks = record.request.num_prompt_tokens // self._block_tokens
        self._reserve_up_to(record, connection, prompt_blocks)

    def grown(self, record: RequestRecord, connection: Connection) -> None:
        """Blocks of its answer, in batches; and what others were writing a while ago."""
        if record.retries and self._may_store(record):
            self._stores.ask_again(record, connection)
        end = self._storable_blocks(record, len(record.hashes))
        if end - record.reserved_to >= self._settings.decode_batch_blocks:
            self._reserve_up_to(record, connection, end)

    def finished(self, record: RequestRecord, connection: Connection | None) -> None:
        """The rest of its answer, as long as vLLM's cache can still show the blocks."""
        record.final_blocks = self._computed_blocks(record) if record.admitted else 0
        record.retries = []
        if self._prefix_caching:
            end = self._storable_blocks(record, record.final_blocks)
            self._reserve_up_to(record, connection, end)

    def _reserve_up_to(
        self, record: RequestRecord, connection: Connection | None, end: int
    ) -> None:
        end = min(end, len(record.hashes))
        if (
            connection is None
            or record.reserved_to >= end
            or not self._may_store(record)
            or not self._breaker.allows()
        ):
            return
        self._stores.reserve(record, connection, record.reserved_to, end)
        record.reserved_to = end

    def _may_store(self, record: RequestRecord) -> bool:
        return self._settings.store and record.bypass is None and not record.stale

    def _storable_blocks(self, record: RequestRecord, blocks: int) -> int:
        if self._settings.offload_prompt_only:
            return min(blocks, record.request.num_prompt_tokens // self._block_tokens)
        return blocks

    # ---- sending --------------------------------------------------------------------------------

    def next_store(
        self, job_ids: Iterator[int], scheduled_tokens: Mapping[str, int]
    ) -> CopyJob | None:
        """What goes with the step that schedules these tokens."""
        self._running = len(scheduled_tokens)
        if not self._stores.with_grants:
            return None
        room = self._room()
        if room > 0:
            candidates = itertools.chain.from_iterable(
                self._ready(record, scheduled_tokens) for record in list(self._stores.with_grants)
            )
            return self._stores.send(next(job_ids), candidates, room)
        if not self._stores.copying:
            # vLLM is short of blocks. What only waits for room would keep it stepping for ever.
            for record in [r for r in self._stores.with_grants if r.finished]:
                self._stores.abandon(list(record.granted.values()))
        return None

    def send_at_once(self, job_ids: Iterator[int], record: RequestRecord) -> CopyJob | None:
        """Of a finished request without prefix caching: nobody could tell later whether a block
        still is that block. The rest is given back."""
        if self._prefix_caching:
            return None
        ready = [
            (block, record.block_ids[position])
            for position, block in sorted(record.granted.items())
            if position < record.final_blocks and not (record.loading or record.stale)
        ]
        job = self._stores.send(next(job_ids), ready, self._room())
        self._stores.abandon(list(record.granted.values()))
        return job

    def abandon_what_is_gone(self) -> None:
        """Slots of finished requests whose blocks vLLM has given away meanwhile."""
        for record in list(self._stores.with_grants):
            if record.finished:
                gone = [
                    block
                    for block in record.granted.values()
                    if block.block >= record.final_blocks or not self._is_still(record, block)
                ]
                if gone:
                    self._stores.abandon(gone)

    def _room(self) -> int:
        return self._references.room_for_stores(self._step_blocks + self._running)

    def _ready(
        self, record: RequestRecord, scheduled_tokens: Mapping[str, int]
    ) -> Iterator[tuple[ReservedBlock, int]]:
        """Granted blocks that are computed by the end of this step, with their device blocks."""
        if not (record.admitted or record.finished) or record.loading or record.stale:
            return
        if record.finished:
            computed = record.final_blocks
        else:
            scheduled = scheduled_tokens.get(record.request_id, 0)
            computed = self._computed_blocks(record, scheduled)
        for position in sorted(record.granted):
            if position < computed and self._is_still(record, record.granted[position]):
                yield record.granted[position], record.block_ids[position]

    def _computed_blocks(self, record: RequestRecord, scheduled_tokens: int = 0) -> int:
        """Full blocks whose content is certain once the step that is being built has run.

        Tokens that are only placeholders don't count; within the prompt, this step's own do.
        """
        request = record.request
        before = request.num_computed_tokens - request.num_output_placeholders
        within_prompt = min(
            request.num_computed_tokens + scheduled_tokens, request.num_prompt_tokens
        )
        tokens = max(before, within_prompt)
        return min(tokens // self._block_tokens, len(record.hashes), len(record.block_ids))

    def _is_still(self, record: RequestRecord, block: ReservedBlock) -> bool:
        """The device block holds that block: by its hash, or because the request holds it."""
        if block.block >= len(record.block_ids):
            return False
        device_block = self._pool.blocks[record.block_ids[block.block]]
        if device_block.is_null:
            return False
        if self._prefix_caching:
            return self._hash_of_block(device_block) == block.block_hash
        return record.admitted and not record.finished
