"""CallsThread: one daemon thread that runs short pieces of work, now or later, in order of time.

It starts with the first piece. Work must not block; what it raises is logged. Any thread may post,
also from callbacks of gRPC.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable

logger = logging.getLogger(__name__)


class CallsThread:
    def __init__(self, name: str = "pega-calls") -> None:
        self._name = name
        self._ready = threading.Condition()
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._running = False
        self._closed = False

    def post(self, work: Callable[[], None], after_s: float = 0.0) -> None:
        """After close() it runs at once, whatever `after_s`."""
        with self._ready:
            due_s = 0.0 if self._closed else time.monotonic() + after_s
            heapq.heappush(self._queue, (due_s, next(self._order), work))
            if self._running:
                self._ready.notify()
            else:
                self._running = True
                threading.Thread(target=self._run, name=self._name, daemon=True).start()

    def hurry(self) -> None:
        """What waits for its time runs now."""
        with self._ready:
            self._queue = [(0.0, order, work) for _, order, work in self._queue]
            heapq.heapify(self._queue)
            self._ready.notify()

    def close(self) -> None:
        """Work that waits runs now, then the thread ends. Work that is posted later still runs."""
        self._closed = True
        self.hurry()

    def _run(self) -> None:
        while (work := self._next()) is not None:
            try:
                work()
            except Exception:
                logger.exception("pega: work of the calls thread failed")

    def _next(self) -> Callable[[], None] | None:
        """None: closed and nothing left."""
        with self._ready:
            while True:
                if self._queue:
                    wait_s = self._queue[0][0] - time.monotonic()
                    if wait_s <= 0:
                        return heapq.heappop(self._queue)[2]
                    self._ready.wait(wait_s)
                elif self._closed:
                    self._running = False
                    return None
                else:
                    self._ready.wait()
