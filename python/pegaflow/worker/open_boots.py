"""OpenBoots: the registrations that this rank has open: the newest, and older ones still in use.

A job names the boot whose grant it is. It is copied through a registration of that boot, also of
one that is lost: a synchronous load that was granted must not fail (docs/protocol.md §3).
"""

from __future__ import annotations

import threading

from pegaflow.errors import PegaError
from pegaflow.native.transfer_stats import TransferStats
from pegaflow.worker.copies import Copies, EndedJob

_NO_STATS = TransferStats(0, 0, 0, 0, 0, 0, 0.0, 0.0)


class OpenBoots:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: tuple[Copies, ...] = ()
        self._closed = False
        self._past = _NO_STATS

    def add(self, copies: Copies) -> None:
        """PEGA_CANCELLED after close(): the caller keeps it."""
        with self._lock:
            if self._closed:
                raise PegaError("PEGA_CANCELLED", "this rank has stopped")
            self._open = (*self._open, copies)

    def of(self, boot_number: int) -> Copies | None:
        """The newest with that boot: all of one boot see the same pool."""
        for copies in reversed(self._open):
            if copies.boot_number == boot_number and not copies.closed:
                return copies
        return None

    def collect(self) -> list[EndedJob]:
        ended: list[EndedJob] = []
        for copies in self._open:
            ended.extend(copies.collect())
        return ended

    @property
    def open(self) -> tuple[Copies, ...]:
        return self._open

    def close_idle(self) -> None:
        """Of those that are lost. The link's thread."""
        for copies in self._open:
            if copies.registration.lost and copies.close_if_idle():
                self._drop(copies)

    def close(self) -> None:
        """All. What ran is still to be collected."""
        with self._lock:
            self._closed = True
        for copies in self._open:
            copies.close()

    def stats(self) -> TransferStats:
        """Totals over all registrations there ever were."""
        with self._lock:
            total = self._past
            for copies in self._open:
                total = _sum(total, copies.stats())
            return total

    def _drop(self, copies: Copies) -> None:
        with self._lock:
            self._past = _sum(self._past, copies.stats())
            self._open = tuple(other for other in self._open if other is not copies)


def _sum(first: TransferStats, second: TransferStats) -> TransferStats:
    return TransferStats(
        jobs_now=first.jobs_now + second.jobs_now,
        load_bytes=first.load_bytes + second.load_bytes,
        store_bytes=first.store_bytes + second.store_bytes,
        load_jobs=first.load_jobs + second.load_jobs,
        store_jobs=first.store_jobs + second.store_jobs,
        failed_jobs=first.failed_jobs + second.failed_jobs,
        load_busy_s=first.load_busy_s + second.load_busy_s,
        store_busy_s=first.store_busy_s + second.store_busy_s,
    )
