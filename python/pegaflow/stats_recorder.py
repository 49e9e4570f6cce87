"""What the connector did since it was last asked, as plain numbers.

The scheduler side and the worker side count into one each, from any thread; metrics.py carries what
take() gives to vLLM's log and to Prometheus. Knows no vLLM and writes to no socket.
"""

from __future__ import annotations

import threading

COUNTERS = (
    "queries",
    "query_hits",
    "queried_blocks",
    "hit_blocks",
    "query_seconds",
    "load_jobs",
    "loaded_bytes",
    "load_seconds",
    "store_jobs",
    "stored_bytes",
    "store_seconds",
    "loads_skipped",
    "stores_dropped",
)
"""Sums over the interval. Those in seconds and bytes belong to the jobs that ended in it."""

GAUGES = ("breaker_state", "connected")
"""The newest value stands: breaker 0 closed, 1 half-open, 2 open; connected 0 or 1."""

FAILURES = "failures"
"""Cause → how often, in the interval."""

CAUSES_AT_MOST = 64
"""Causes become labels in Prometheus; what comes beyond is counted as "other"."""

StatsData = dict[str, float | dict[str, float]]

BREAKER_STATES = {"closed": 0, "half-open": 1, "open": 2}


class StatsRecorder:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sums: dict[str, float] = {}
        self._failures: dict[str, float] = {}
        self._gauges: dict[str, float] = {}
        self._gauges_told: dict[str, float] = {}

    def add(self, counter: str, amount: float = 1) -> None:
        if counter not in COUNTERS:
            raise ValueError(f"{counter!r} is no counter; there are {', '.join(COUNTERS)}")
        with self._lock:
            self._sums[counter] = self._sums.get(counter, 0) + amount

    def fail(self, cause: str) -> None:
        with self._lock:
            if cause not in self._failures and len(self._failures) >= CAUSES_AT_MOST:
                cause = "other"
            self._failures[cause] = self._failures.get(cause, 0) + 1

    def set(self, gauge: str, value: float) -> None:
        if gauge not in GAUGES:
            raise ValueError(f"{gauge!r} is no gauge; there are {', '.join(GAUGES)}")
        with self._lock:
            self._gauges[gauge] = value

    def breaker(self, state: str) -> None:
        """As client/breaker.py names it."""
        self.set("breaker_state", BREAKER_STATES[state])

    def take(self) -> StatsData:
        """Everything since the last take; gauges that have changed. Empty: nothing to say."""
        with self._lock:
            taken: StatsData = dict(self._sums)
            for gauge, value in self._gauges.items():
                if self._gauges_told.get(gauge) != value:
                    taken[gauge] = value
                    self._gauges_told[gauge] = value
            if self._failures:
                taken[FAILURES] = self._failures
            self._sums = {}
            self._failures = {}
            return taken
