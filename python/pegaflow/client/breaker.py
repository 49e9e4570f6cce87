"""Breaker: leaves a server alone for a while that fails or is late.

Closed: calls go. After `failures` failures in a row it is open: no calls for `pause_s`. Then one
call goes as a probe (half-open), and its end decides. Any thread may use it. It sends nothing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Literal

State = Literal["closed", "open", "half-open"]


class Breaker:
    def __init__(
        self,
        failures: int = 3,
        pause_s: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._failures_max = failures
        self._pause_s = pause_s
        self._clock = clock
        self._lock = threading.Lock()
        self._state: State = "closed"
        self._failures = 0
        self._probe_due_s = 0.0

    @property
    def state(self) -> State:
        with self._lock:
            return self._state

    def allows(self) -> bool:
        """A call may go now: closed, or a probe is due. Only looks: ask as often as you like."""
        with self._lock:
            return self._may_go()

    def admit(self) -> bool:
        """As allows(), and the call goes: whoever gets True says how it ended."""
        with self._lock:
            if not self._may_go():
                return False
            if self._state != "closed":
                self._state = "half-open"
                # The end of a probe may stay untold (its registration was lost): then another goes.
                self._probe_due_s = self._clock() + self._pause_s
            return True

    def succeeded(self) -> None:
        with self._lock:
            self._state = "closed"
            self._failures = 0

    def failed(self) -> None:
        """A late answer is a failure too."""
        with self._lock:
            self._failures += 1
            if self._state != "closed" or self._failures >= self._failures_max:
                self._state = "open"
                self._probe_due_s = self._clock() + self._pause_s

    def _may_go(self) -> bool:
        return self._state == "closed" or self._clock() >= self._probe_due_s
