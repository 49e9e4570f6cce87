"""scheduler/block_references.py: references are bounded, counted, and all given back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pegaflow.scheduler.block_references import BlockReferences


@dataclass
class Block:
    block_id: int
    ref_cnt: int = 0
    is_null: bool = False


class Pool:
    """The part of vLLM's BlockPool that is used here."""

    def __init__(self, count: int) -> None:
        self.blocks: Sequence[Any] = [Block(number) for number in range(count)]
        self.freed: list[int] = []

    def get_cached_block(self, block_hash: Any, kv_cache_group_ids: list[int]) -> None:
        raise NotImplementedError

    def touch(self, blocks: Sequence[Any]) -> None:
        for block in blocks:
            block.ref_cnt += 1

    def free_blocks(self, ordered_blocks: Iterable[Any]) -> None:
        for block in ordered_blocks:
            block.ref_cnt -= 1
            self.freed.append(block.block_id)

    def get_num_free_blocks(self) -> int:
        return sum(block.ref_cnt == 0 for block in self.blocks)


def test_stores_take_a_share_and_at_least_eight() -> None:
    assert BlockReferences(Pool(1000), 0.02).room_for_stores(10) == 20
    assert BlockReferences(Pool(100), 0.02).room_for_stores(10) == 8


def test_none_is_taken_when_free_blocks_are_below_a_steps_need() -> None:
    pool = Pool(1000)
    references = BlockReferences(pool, 0.02)
    pool.touch(pool.blocks[: 1000 - 55])
    assert references.room_for_stores(40) == 15
    assert references.room_for_stores(55) == 0
    assert references.room_for_stores(60) == 0


def test_a_pool_smaller_than_a_step_still_stores_when_it_is_idle() -> None:
    assert BlockReferences(Pool(40), 0.02).room_for_stores(272) == 8


def test_references_are_given_back_end_of_the_chain_first() -> None:
    pool = Pool(100)
    references = BlockReferences(pool, 0.02)
    references.take_for_store([3, 4, 5])
    assert references.room_for_stores(10) == 5
    references.take_for_load(range(20, 40))
    assert references.room_for_stores(10) == 5
    assert references.held == 23
    references.give_back_store([3, 4, 5])
    references.give_back_load(range(20, 40))
    assert references.held == 0
    assert pool.freed[:3] == [5, 4, 3]
    assert all(block.ref_cnt == 0 for block in pool.blocks)
