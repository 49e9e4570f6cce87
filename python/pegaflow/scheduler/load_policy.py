"""Whether a hit is worth a load, and whether vLLM's step may wait for it.

A load that takes longer than computing the same tokens is skipped (docs/architecture.md §2). With
min_load_tokens = "auto" both sides are measured: the best of the last loads and of the last prefill
steps, so that one slow moment of the machine does not turn the cache off.

A synchronous load can't fail (docs/protocol.md §3): it is chosen only when every rank reaches the
slots, nothing else would be held up for long, and the step's synchronous bytes are bounded.
"""

from __future__ import annotations

from collections import deque
from enum import Enum

from pegaflow.settings import Settings

_SAMPLES = 16
_PREFILL_TOKENS_LEAST = 256
"""Steps below it say more about vLLM's overhead than about its arithmetic."""
_ASYNC_EXTRA_S = 0.008
"""What an asynchronous load adds in vLLM however short the copy is: 7.8 ms (vLLM 0.26, H100)."""
_SHORT_COPY_S = 0.003
_SHORT_COPY_BYTES = 8 << 20
"""Where nothing was measured yet."""


class LoadMode(Enum):
    SKIP = "skip"
    SYNC = "sync"
    ASYNC = "async"


class LoadPolicy:
    def __init__(self, settings: Settings, *, sync_allowed: bool) -> None:
        """sync_allowed: False with pipeline stages or MoE data parallelism (a step there is
        many's).
        """
        self._settings = settings
        self._sync_allowed = sync_allowed
        self._load_bytes_per_s: deque[float] = deque(maxlen=_SAMPLES)
        self._prefill_tokens_per_s: deque[float] = deque(maxlen=_SAMPLES)

    def loaded(self, copied_bytes: int, seconds: float) -> None:
        if copied_bytes > 0 and seconds > 0:
            self._load_bytes_per_s.append(copied_bytes / seconds)

    def prefilled(self, tokens: int, seconds: float) -> None:
        if tokens >= _PREFILL_TOKENS_LEAST and seconds > 0:
            self._prefill_tokens_per_s.append(tokens / seconds)

    def choose(
        self,
        *,
        tokens: int,
        copied_bytes: int,
        certain: bool,
        sync_bytes_before: int,
        decoding: bool,
    ) -> LoadMode:
        """For a hit of `tokens`, on ranks that together copy `copied_bytes`.

        certain: every rank reaches the slots. sync_bytes_before: planned for this step already.
        """
        mode = self._mode(copied_bytes, certain, sync_bytes_before, decoding)
        return mode if self._pays(tokens, copied_bytes, mode) else LoadMode.SKIP

    def _mode(
        self, copied_bytes: int, certain: bool, sync_bytes_before: int, decoding: bool
    ) -> LoadMode:
        policy = self._settings.load_policy
        if (
            policy == "async"
            or not self._sync_allowed
            or not certain
            or sync_bytes_before + copied_bytes > self._settings.sync_bytes_max
        ):
            return LoadMode.ASYNC
        if policy == "sync" or not decoding or self._is_short(copied_bytes):
            return LoadMode.SYNC
        return LoadMode.ASYNC

    def _is_short(self, copied_bytes: int) -> bool:
        if not self._load_bytes_per_s:
            return copied_bytes <= _SHORT_COPY_BYTES
        return copied_bytes / max(self._load_bytes_per_s) <= _SHORT_COPY_S

    def _pays(self, tokens: int, copied_bytes: int, mode: LoadMode) -> bool:
        least = self._settings.min_load_tokens
        if least != "auto":
            return tokens >= least
        if not self._load_bytes_per_s or not self._prefill_tokens_per_s:
            return True  # the first loads are the measurement
        load_s = copied_bytes / max(self._load_bytes_per_s)
        if mode is LoadMode.ASYNC:
            load_s += _ASYNC_EXTRA_S
        return load_s < tokens / max(self._prefill_tokens_per_s)
