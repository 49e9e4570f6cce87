"""What a transformer leaves in its KV cache, as bytes: each token's cell depends on all before it.

A Chain is the tokens of one request with the state after each. Cells of different layers and ranks
differ, so that a block of the wrong chain, layer or rank never passes for the right one.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b

_STATE_BYTES = 16
_VOCABULARY = range(100, 4000)
_BEGINNING = bytes(_STATE_BYTES)


@lru_cache(maxsize=1 << 18)
def _state_after(state: bytes, token: int) -> bytes:
    return blake2b(state + token.to_bytes(4, "little"), digest_size=_STATE_BYTES).digest()


@lru_cache(maxsize=1 << 18)
def _cell(state: bytes, layer: int, rank: int, cell_bytes: int) -> bytes:
    place = layer.to_bytes(4, "little") + rank.to_bytes(4, "little")
    return blake2b(state + place, digest_size=cell_bytes).digest()


class Chain:
    def __init__(self, tokens: Sequence[int] = ()) -> None:
        self.tokens: list[int] = []
        self._states: list[bytes] = []
        for token in tokens:
            self.append(token)

    def __len__(self) -> int:
        return len(self.tokens)

    def append(self, token: int) -> None:
        before = self._states[-1] if self._states else _BEGINNING
        self.tokens.append(token)
        self._states.append(_state_after(before, token))

    def cut(self, count: int) -> None:
        """Back to its first `count` tokens."""
        del self.tokens[count:]
        del self._states[count:]

    def cells(self, first: int, end: int, layer: int, rank: int, cell_bytes: int) -> bytes:
        """What computing positions [first, end) writes on one rank in one layer."""
        return b"".join(_cell(state, layer, rank, cell_bytes) for state in self._states[first:end])

    def next_token(self) -> int:
        """What greedy sampling gives after all of its tokens."""
        return _VOCABULARY[int.from_bytes(self._states[-1][:4], "little") % len(_VOCABULARY)]


def answer_of(prompt: Sequence[int], count: int) -> list[int]:
    """What an engine without any cache answers."""
    chain = Chain(prompt)
    for _ in range(count):
        chain.append(chain.next_token())
    return chain.tokens[len(prompt) :]


def garbage_cells(step: int, count: int, cell_bytes: int) -> bytes:
    """What a step writes that has read wrong bytes: wrong, and never the same twice."""
    seed = blake2b(b"garbage" + step.to_bytes(8, "little"), digest_size=cell_bytes).digest()
    return seed * count


GARBAGE_TOKEN = 7
"""What such a step samples: no prompt and no right answer has it."""
