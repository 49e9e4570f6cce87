"""Everything the scheduler side knows of one request, in one record.

Made in on_new_request, changed by scheduler_side.py, lookups.py and stores.py on vLLM's scheduler
thread only. It outlives vLLM's request while a copy of its blocks runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pegaflow.scheduler.loads import LoadJob
    from pegaflow.scheduler.lookups import Lookup
    from pegaflow.scheduler.reserved_blocks import ReservedBlock, Retry
    from pegaflow.scheduler.vllm_types import Request


@dataclass(eq=False, slots=True)
class RequestRecord:
    request: Request
    bypass: str | None = None
    """Why this request is served without pega; None: it is served with it."""

    # Looking up and loading.
    lookup: Lookup | None = None
    queries: int = 0
    """Since its last admission."""
    local_blocks: int = 0
    """Hit in vLLM's own cache, as of the last call of get_num_new_matched_tokens."""
    load_failed: bool = False
    """Then it is computed: no second load."""
    load: LoadJob | None = None
    """Under way."""

    # What it holds on the device.
    admitted: bool = False
    """It holds blocks: false before its first admission and while preempted."""
    preemptions_seen: int = 0
    block_ids: list[int] = field(default_factory=list)
    finished: bool = False
    final_blocks: int = 0
    """Full blocks that were computed when it finished."""

    # Storing.
    stale: bool = False
    """It stands on KV of before a reset: nothing of it is stored."""
    sealed_prefix: int = 0
    """Blocks at the start of its chain that Query has shown to be in the pool."""
    reserved_to: int = 0
    """Blocks before this one need no Reserve any more."""
    granted: dict[int, ReservedBlock] = field(default_factory=dict)
    """By the block's position in the chain; not yet sent to the workers."""
    retries: list[Retry] = field(default_factory=list)
    reserves_under_way: int = 0

    @property
    def request_id(self) -> str:
        return self.request.request_id

    @property
    def hashes(self) -> Sequence[bytes]:
        return self.request.block_hashes

    @property
    def loading(self) -> bool:
        return self.load is not None

    @property
    def settled(self) -> bool:
        """Nothing of it is under way: a finished one can be forgotten."""
        return not (self.granted or self.reserves_under_way or self.loading)
