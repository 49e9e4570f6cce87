"""The identity of an engine's blocks, as pega.v1.Identity carries it.

Two engines with equal fields may read each other's blocks. So a field errs towards a miss: whatever
can change the bytes of a block for the same tokens is in one. Nothing that only this run has may be
in one (pids, ports, paths, addresses), or the engine would not find its blocks again after a
restart.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType

from pegaflow.client.records import Identity
from pegaflow.identity.facts import VllmFacts

VALUE_CHARACTERS = 512


@dataclass(frozen=True, slots=True)
class RankLayout:
    """What a rank says about its KV cache when it starts."""

    slot_bytes: int
    """Of one block, all layers of this rank."""
    text: str
    """Stable; equal texts mean equal bytes for equal content (worker/layout.py)."""


class WeightsEpoch:
    """Counts in-place changes of the weights; no two runs ever use one text twice."""

    def __init__(self) -> None:
        self._current = (0, "0")

    @property
    def number(self) -> int:
        return self._current[0]

    @property
    def current(self) -> tuple[int, str]:
        """Number and text that belong together; any thread."""
        return self._current

    def advance(self) -> None:
        self._current = (self.number + 1, secrets.token_hex(16))


def describe_identity(
    facts: VllmFacts,
    layouts: Sequence[RankLayout],
    *,
    weights: str,
    weights_epoch: str,
    hash_seed: str,
) -> Identity:
    """layouts: of all ranks, in their order. weights: as weights.name_weights gives it."""
    if len(layouts) != facts.rank_count:
        raise ValueError(f"{len(layouts)} layouts of {facts.rank_count} ranks")
    fields = {
        **facts.identity_fields,
        "engine": f"vllm {facts.version}",
        "device": facts.device_kind,
        "weights": weights,
        "weights_epoch": weights_epoch,
        "hash_seed": hash_seed,
        "layout": _layouts_as_one([layout.text for layout in layouts]),
    }
    return Identity(
        fields=MappingProxyType({key: fit_value(value) for key, value in sorted(fields.items())}),
        block_tokens=facts.block_tokens,
        hash_bytes=facts.hash_bytes,
        rank_count=facts.rank_count,
        rank_slot_bytes=tuple(layout.slot_bytes for layout in layouts),
    )


def fit_value(text: str) -> str:
    """The text, or its beginning and a digest of it where it is longer than a value may be."""
    if len(text) <= VALUE_CHARACTERS:
        return text
    digest = "… sha256:" + digest_text(text)
    return text[: VALUE_CHARACTERS - len(digest)] + digest


def digest_text(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _layouts_as_one(texts: Sequence[str]) -> str:
    """Said once where all ranks say the same; else rank by rank."""
    if len(set(texts)) == 1:
        return texts[0]
    return " | ".join(f"rank {rank}: {text}" for rank, text in enumerate(texts))
