"""What every case ends with: nothing is left in vLLM, in the connector, or at the server."""

from __future__ import annotations

from with_vllm.contract.engine import ContractEngine, wait_until
from with_vllm.contract.server_view import ServerView

_NOTHING = {"leases": 0, "held bytes": 0, "bits": 0, "reserved": 0, "pinned": 0}


def check_nothing_is_left(engine: ContractEngine, view: ServerView | None) -> None:
    """view None: there is no server to ask.

    REQUIRES: the engine has run until it was idle; its requests have ended.
    """
    assert not engine.scheduler.requests
    assert not engine.connector.has_pending_push_work()
    check_block_pool(engine)
    if view is not None:
        found: dict[str, int] = {}

        def nothing() -> bool:
            found.clear()
            found.update(view.left_over())
            return found == _NOTHING

        # Release, Seal and Abandon are sent behind the scheduler's back.
        try:
            wait_until("nothing is held at the server", nothing)
        except AssertionError as error:
            raise AssertionError(f"{error}: {found}") from None
        registration = engine.inside.registration
        if registration is not None:
            assert registration.memory.held_pages() == 0
            assert registration.memory.engine_idle()


def check_block_pool(engine: ContractEngine) -> None:
    """Every block of vLLM's pool is free again."""
    pool = engine.scheduler.kv_cache_manager.block_pool
    referenced = [b.block_id for b in pool.blocks if b.ref_cnt != 0 and not b.is_null]
    assert referenced == [], f"blocks that somebody still references: {referenced}"
    assert pool.get_num_free_blocks() == len(pool.blocks) - 1
    assert engine.inside.references == 0
