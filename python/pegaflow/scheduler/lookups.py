"""What the pool has of a waiting request: its Query, the lease that the answer grants, and its end.

One Query is sent when the request comes. vLLM's scheduler waits for it a few milliseconds at most;
a later answer is used in a later step, until the deadline, after which the request is computed. A
lease's slots are held (bits set) before vLLM hears of the hit. Leases end on every path: loaded,
not needed, aborted, or unused for too long; whatever goes wrong is a miss.

Everything here runs on the scheduler's thread but _answered, which gRPC calls.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from pegaflow.client.breaker import Breaker
from pegaflow.client.records import QueryAnswer
from pegaflow.errors import PegaError
from pegaflow.scheduler.connection import Connection
from pegaflow.scheduler.request_record import RequestRecord
from pegaflow.settings import Settings
from pegaflow.stats_recorder import StatsRecorder
from pegaflow.wire.steps import SLOT_BYTES_ON_WIRE

_QUERIES_PER_ADMISSION = 3
"""A local hit that keeps shrinking must not keep a request from running."""


@dataclass(eq=False, slots=True)
class Lease:
    connection: Connection
    lease_id: int
    first_block: int
    block_count: int
    slots: bytes
    """Of all ranks, held."""
    granted_at: float

    def slots_of(self, first_block: int, count: int) -> bytes:
        width = self.connection.rank_count * SLOT_BYTES_ON_WIRE
        begin = (first_block - self.first_block) * width
        return self.slots[begin : begin + count * width]

    def end(self) -> None:
        """Clears the bits, then gives the lease back."""
        self.connection.drop(self.slots)
        if not self.connection.lost:
            self.connection.calls.release(self.lease_id)


@dataclass(eq=False, slots=True)
class Lookup:
    connection: Connection
    local_blocks: int
    """Of the chain, that vLLM had when it was asked; the lease begins there."""
    asked_at: float
    answer: QueryAnswer | PegaError | None = None
    answered_at: float = 0.0
    arrived: threading.Event = field(default_factory=threading.Event)
    settled: bool = False
    """The answer has been looked at."""
    lease: Lease | None = None


class Lookups:
    def __init__(
        self,
        settings: Settings,
        breaker: Breaker,
        recorder: StatsRecorder,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._breaker = breaker
        self._recorder = recorder
        self._clock = clock
        self._orphans: set[Lookup] = set()
        """Of requests that no longer want the answer; a lease in it must be given back."""
        self._asked: set[RequestRecord] = set()
        """Those that have a lookup."""

    @property
    def unanswered_orphans(self) -> int:
        return len(self._orphans)

    def ask(self, record: RequestRecord, connection: Connection, local_blocks: int) -> None:
        """Sends a Query unless nothing can be found or the server is being left alone."""
        self.end(record)
        hashes = record.hashes
        if local_blocks >= len(hashes) or not self._breaker.allows():
            return
        record.queries += 1
        lookup = Lookup(connection, local_blocks, self._clock())
        record.lookup = lookup
        self._asked.add(record)

        def answered(answer: QueryAnswer | PegaError) -> None:
            lookup.answered_at = self._clock()
            lookup.answer = answer
            lookup.arrived.set()

        self._recorder.add("queries")
        self._recorder.add("queried_blocks", len(hashes) - local_blocks)
        connection.calls.query(
            b"".join(hashes), local_blocks, self._settings.query_deadline_ms / 1000, answered
        )

    def hit(
        self, record: RequestRecord, connection: Connection | None, local_blocks: int
    ) -> int | None:
        """Leased blocks beyond the first `local_blocks`; None: the answer is not there yet."""
        for _ in range(_QUERIES_PER_ADMISSION + 1):
            lookup = record.lookup
            if lookup is None or lookup.connection.lost or local_blocks < lookup.local_blocks:
                # Never asked, or the server is another one, or vLLM has evicted blocks meanwhile.
                if connection is None or record.queries >= _QUERIES_PER_ADMISSION:
                    self.end(record)
                    return 0
                self.ask(record, connection, local_blocks)
                lookup = record.lookup
                if lookup is None:
                    return 0
            if not self._wait(lookup, len(record.hashes)):
                return None
            self._settle(record, lookup)
            if lookup.lease is not None:
                return max(0, lookup.lease.first_block + lookup.lease.block_count - local_blocks)
            if not lookup.connection.lost:
                return 0
        return 0

    def lease_of(self, record: RequestRecord) -> Lease | None:
        return record.lookup.lease if record.lookup is not None else None

    def take_lease(self, record: RequestRecord) -> Lease | None:
        """Hands the lease to a load, which will end it."""
        lookup = record.lookup
        if lookup is None or lookup.lease is None:
            return None
        lease, lookup.lease = lookup.lease, None
        self._asked.discard(record)
        record.lookup = None
        return lease

    def end(self, record: RequestRecord) -> None:
        """The answer is not wanted any more, whether it has come or not."""
        lookup, record.lookup = record.lookup, None
        if lookup is None:
            return
        self._asked.discard(record)
        if not lookup.settled:
            self._orphans.add(lookup)
            self._end_orphans()
        elif lookup.lease is not None:
            lookup.lease.end()

    def tick(self) -> None:
        """Once a step: late answers, and requests that were not admitted for too long."""
        self._end_orphans()
        oldest = self._clock() - self._settings.lease_unused_s
        for record in [r for r in self._asked if self._since(r) < oldest]:
            self.end(record)
            record.queries = 0

    @staticmethod
    def _since(record: RequestRecord) -> float:
        """When its lease was granted, or at the earliest could have been."""
        lookup = record.lookup
        if lookup is None:
            return 0.0
        return lookup.lease.granted_at if lookup.lease is not None else lookup.asked_at

    def _wait(self, lookup: Lookup, hash_count: int) -> bool:
        """True when there is an answer, or none is waited for any more."""
        budget_ms = (
            self._settings.query_wait_ms + self._settings.query_wait_ms_per_1000 * hash_count / 1000
        )
        now = self._clock()
        patience = lookup.asked_at + budget_ms / 1000 - now
        if lookup.arrived.is_set() or (patience > 0 and lookup.arrived.wait(patience)):
            return True
        # gRPC's own deadline answers in the end; an engine that is not stepped must not outwait it.
        return now >= lookup.asked_at + 2 * self._settings.query_deadline_ms / 1000

    def _settle(self, record: RequestRecord, lookup: Lookup) -> None:
        """Looks at the answer once: counts it and holds what it grants."""
        if lookup.settled:
            return
        answer = lookup.answer
        if answer is None:
            self.end(record)
            record.queries = _QUERIES_PER_ADMISSION
            self._recorder.fail("query_no_answer")
            return
        lookup.settled = True
        if isinstance(answer, PegaError):
            self._recorder.fail(f"query {answer.code}")
            return
        self._recorder.add("query_seconds", lookup.answered_at - lookup.asked_at)
        missing = answer.sealed_before.find(0)
        record.sealed_prefix = missing if missing >= 0 else lookup.local_blocks + answer.hit_blocks
        lookup.lease = self._hold(lookup, answer)
        if lookup.lease is not None:
            self._recorder.add("query_hits")
            self._recorder.add("hit_blocks", answer.hit_blocks)

    def _hold(self, lookup: Lookup, answer: QueryAnswer) -> Lease | None:
        connection = lookup.connection
        width = connection.rank_count * SLOT_BYTES_ON_WIRE
        if answer.hit_blocks > 0 and len(answer.slots) == answer.hit_blocks * width:
            if connection.hold(answer.slots):
                return Lease(
                    connection,
                    answer.lease_id,
                    lookup.local_blocks,
                    answer.hit_blocks,
                    answer.slots,
                    self._clock(),
                )
            self._recorder.fail("stale_boot")
        if not connection.lost:
            connection.calls.release(answer.lease_id)
        return None

    def _end_orphans(self) -> None:
        for lookup in [orphan for orphan in self._orphans if orphan.arrived.is_set()]:
            self._orphans.discard(lookup)
            answer = lookup.answer
            # A Query that failed is released by the calls themselves.
            if isinstance(answer, QueryAnswer) and not lookup.connection.lost:
                lookup.connection.calls.release(answer.lease_id)
