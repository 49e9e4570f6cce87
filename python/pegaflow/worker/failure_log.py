"""FailureLog: what went wrong in this rank, for vLLM's log, its metrics and the server's decisions.

A line for each kind of failure is written once; counters and decisions have every one. The model's
thread tells; the link's thread takes the decisions.
"""

from __future__ import annotations

import logging
import time
from collections import deque

from pegaflow.client.records import Decision
from pegaflow.errors import PegaError
from pegaflow.stats_recorder import StatsRecorder
from pegaflow.wire.steps import CopyJob, JobKind

logger = logging.getLogger(__name__)

DECISIONS_MAX = 256


class FailureLog:
    def __init__(self, recorder: StatsRecorder) -> None:
        self.decisions_dropped = 0
        """In all."""
        self._recorder = recorder
        self._decisions: deque[Decision] = deque()
        self._said: set[str] = set()

    def job_failed(self, job: CopyJob, error: Exception) -> None:
        code = error.code if isinstance(error, PegaError) else "PEGA_INTERNAL"
        kind = "store_failed" if job.kind is JobKind.STORE else "load_failed"
        self._recorder.fail(code)
        self._decide(job.request_id, kind, str(error))
        if job.kind is JobKind.LOAD_SYNC:
            # It was granted because it could not fail.
            logger.error("pega: a synchronous load failed: %s", error)
        else:
            self._say_once(f"{kind} {code}", f"{kind}: {error}")

    def slab_left_out(self, error: PegaError) -> None:
        """Asked again and again: no counter."""
        self._say_once("slab", f"a slab of the pool can't be used by this GPU: {error}")

    def orders_unreadable(self, error: Exception) -> None:
        self._recorder.fail("orders")
        self._say_once("orders", f"a step's orders can't be read: {error!r}")

    def take_decisions(self) -> tuple[Decision, ...]:
        taken = []
        while self._decisions:
            taken.append(self._decisions.popleft())
        return tuple(taken)

    def _decide(self, request_id: str, kind: str, cause: str) -> None:
        if len(self._decisions) >= DECISIONS_MAX:
            self.decisions_dropped += 1
            return
        self._decisions.append(Decision(request_id[:128], kind, cause, time.time()))

    def _say_once(self, key: str, text: str) -> None:
        if key not in self._said:
            self._said.add(key)
            logger.warning("pega: %s (said once)", text)
