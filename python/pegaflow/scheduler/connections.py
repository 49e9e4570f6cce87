"""Connections: the scheduler side's connection of now, and older ones whose last uses run out.

The link's thread brings registrations and loses them; this looks at them at the start of each
hook, on the scheduler's thread.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from pegaflow.client.breaker import Breaker
from pegaflow.client.server_link import ServerLink
from pegaflow.identity.fields import WeightsEpoch
from pegaflow.scheduler.adoption import Adoption
from pegaflow.scheduler.connection import Connection
from pegaflow.stats_recorder import StatsRecorder

_LAST_CALLS_S = 1.0


class Connections:
    def __init__(
        self,
        link: ServerLink,
        adoption: Adoption,
        epoch: WeightsEpoch,
        breaker: Breaker,
        rank_slot_bytes: tuple[int, ...],
        recorder: StatsRecorder,
    ) -> None:
        self._link = link
        self._adoption = adoption
        self._epoch = epoch
        self._breaker = breaker
        self._rank_slot_bytes = rank_slot_bytes
        self._recorder = recorder
        self._retired: list[Connection] = []
        self.current: Connection | None = None

    def take_in(self, on_lost: Callable[[Connection], None]) -> None:
        """What the link's thread has brought: the end of a connection, a new one."""
        self._close_unused()
        current = self.current
        if current is not None and current.lost:
            self.current = None
            self._retired.append(current)
            self._recorder.set("connected", 0)
            on_lost(current)
        registration = self._link.current
        if self.current is not None or registration is None:
            return
        if registration.epoch != self._epoch.number:
            registration.lose("the cache was reset")  # while it was being opened
        elif self._adoption.adopt(registration):
            self.current = Connection(registration, self._breaker, self._rank_slot_bytes)
            self._recorder.set("connected", 1)

    def _close_unused(self) -> None:
        for connection in [old for old in self._retired if not old.used]:
            self._retired.remove(connection)
            # A session with a server that is silent takes a while to end: not on vLLM's thread.
            threading.Thread(target=connection.close, name="pega-close", daemon=True).start()

    def reopen(self, reason: str) -> None:
        self._link.reopen(reason)

    def close(self) -> None:
        """The last blocks that were copied are sealed first, if the server answers in time."""
        until_s = time.monotonic() + _LAST_CALLS_S
        current = self.current
        while current is not None and not current.lost and current.calls.outstanding:
            if time.monotonic() >= until_s:
                break
            time.sleep(0.005)
        self._link.stop()
        for connection in (self.current, *self._retired):
            if connection is not None:
                connection.close()
        self.current = None
        self._retired = []
