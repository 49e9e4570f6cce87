"""What the scheduler side uses of vLLM's objects, and nothing more.

Types only, so that the rest of the room needs no vLLM to be read, checked and tested. They name the
attributes as vLLM 0.24 to 0.32 have them; python/pegaflow/connector.py hands the real ones in.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol


class Request(Protocol):
    """vllm/v1/request.py: Request."""

    request_id: str
    block_hashes: Sequence[bytes]
    """Of full blocks; grows with the answer."""
    num_computed_tokens: int
    """Scheduled so far; this step is not in it when build_connector_meta runs."""
    num_output_placeholders: int
    """Tokens of async scheduling whose values are not known yet."""
    num_preemptions: int
    skip_reading_prefix_cache: bool

    @property
    def num_tokens(self) -> int: ...
    @property
    def num_prompt_tokens(self) -> int: ...


class KVCacheBlock(Protocol):
    """vllm/v1/core/kv_cache_utils.py: KVCacheBlock."""

    block_id: int
    ref_cnt: int
    is_null: bool


class BlockPool(Protocol):
    """vllm/v1/core/block_pool.py: BlockPool."""

    blocks: Sequence[KVCacheBlock]

    def get_cached_block(
        self, block_hash: Any, kv_cache_group_ids: list[int]
    ) -> list[Any] | None: ...
    def touch(self, blocks: Sequence[Any]) -> None: ...
    def free_blocks(self, ordered_blocks: Iterable[Any]) -> None: ...
    def get_num_free_blocks(self) -> int: ...


class KVCacheBlocks(Protocol):
    """vllm/v1/core/kv_cache_manager.py: KVCacheBlocks."""

    def get_block_ids(self) -> tuple[list[int], ...]: ...


class CachedRequests(Protocol):
    """vllm/v1/core/sched/output.py: CachedRequestData."""

    req_ids: Sequence[str]
    new_block_ids: Sequence[tuple[list[int], ...] | None]
    resumed_req_ids: set[str]
    num_output_tokens: Sequence[int]


class SchedulerOutput(Protocol):
    """vllm/v1/core/sched/output.py: SchedulerOutput."""

    scheduled_cached_reqs: CachedRequests
    num_scheduled_tokens: dict[str, int]
