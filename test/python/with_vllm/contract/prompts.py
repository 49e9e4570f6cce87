"""Prompts of tests: each name gives one, so that no test meets another's blocks."""

from __future__ import annotations

import random

from with_vllm.contract.vllm_objects import BLOCK_TOKENS


def prompt_of(name: str, tokens: int) -> list[int]:
    """The longer prompt of a name begins with the shorter one."""
    choose = random.Random(name)
    return [choose.randrange(100, 4000) for _ in range(tokens)]


def blocks_of(tokens: int) -> int:
    """Full blocks that can be hit: the last token is computed in any case."""
    return (tokens - 1) // BLOCK_TOKENS
