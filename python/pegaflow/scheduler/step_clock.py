"""How fast vLLM computes prompts, as the scheduler sees it: a step's tokens and its time."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from pegaflow.scheduler.load_policy import LoadPolicy

_STEPS_IN_FLIGHT_MOST = 64


class StepClock:
    def __init__(self, policy: LoadPolicy, clock: Callable[[], float] = time.monotonic) -> None:
        self._policy = policy
        self._clock = clock
        self._scheduled: deque[tuple[int, float]] = deque(maxlen=_STEPS_IN_FLIGHT_MOST)
        self._last_output = 0.0

    def scheduled(self, tokens: int) -> None:
        self._scheduled.append((tokens, self._clock()))

    def output_came(self) -> None:
        """Of the oldest step in flight; with async scheduling it began when that before ended."""
        now = self._clock()
        if self._scheduled:
            tokens, at = self._scheduled.popleft()
            self._policy.prefilled(tokens, now - max(at, self._last_output))
        self._last_output = now
