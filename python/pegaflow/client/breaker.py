"""Breaker: leaves a server alone for a while that fails or is late.

Closed: calls go. After `failures` failures in a row it is open: no calls for `pause_s`. Then it is
half-open: one call goes as a probe, and its end decides. Any thread may use it. It sends nothing by
itself and knows no clock but the one it is given.
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
        self._failures = 0
        self._closed = True
        self._probe_due_s = 0.0

    @property
    def state(self) -> State:
        """half-open: a probe is due or under way."""
        with self._lock:
            if self._closed:
                return "closed"
            return "half-open" if self._failures == 0 or self._due() else "open"

    def allows(self) -> bool:
        """A call may go now. Only looks: ask as often as you like."""
        with self._lock:
            return self._closed or self._due()

    def admit(self) -> bool:
        """As allows(), and the call goes: whoever gets True must say how it ended."""
        with self._lock:
            if self._closed:
                return True
            if not self._due():
                return False
            # A probe whose end nobody tells (its registration was lost) is followed by another.
            self._probe_due_s = self._clock() + self._pause_s
            self._failures = 0
            return True

    def succeeded(self) -> None:
        with self._lock:
            self._closed = True
            self._failures = 0

    def failed(self) -> None:
        """A late answer is a failure too."""
        with self._lock:
            self._failures += 1
            if not self._closed or self._failures >= self._failures_max:
                self._closed = False
                self._probe_due_s = self._clock() + self._pause_s

    def _due(self) -> bool:
        return self._clock() >= self._probe_due_s
