"""What is given to the pool: reservations, copies, seals (docs/protocol.md §4, §5).

A block's slot is reserved before or while the block is computed, and the copy rides with the step
that completes it or with a later one. No block carries a reference of ours while a call runs. A
block is sent only if it is still the block that was reserved for; otherwise its slot is given back.
When all ranks have reported, the hold bits are cleared, then the blocks are sealed, or abandoned if
any rank failed.

Everything here runs on the scheduler's thread but _answered, which gRPC calls.
"""

from __future__ import annotations

import time
from array import array
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from pegaflow.client.records import ReserveAnswer
from pegaflow.errors import PegaError
from pegaflow.scheduler.block_references import BlockReferences
from pegaflow.scheduler.connection import Connection
from pegaflow.scheduler.request_record import RequestRecord
from pegaflow.scheduler.reserved_blocks import (
    Reservation,
    ReservedBlock,
    Retry,
    Wish,
    pack_indices,
    read_answer,
)
from pegaflow.settings import Settings
from pegaflow.stats_recorder import StatsRecorder
from pegaflow.wire.ends import JobEnd
from pegaflow.wire.steps import CopyJob, JobKind

_RETRY_AFTER_S = 1.0
_ATTEMPTS = 10


@dataclass(eq=False, slots=True)
class StoreJob:
    connection: Connection
    blocks: list[ReservedBlock]
    device_blocks: list[int]
    slots: bytes


@dataclass(frozen=True, slots=True)
class _Answered:
    wish: Wish
    hashes: Sequence[bytes]
    answer: ReserveAnswer | PegaError


class Stores:
    def __init__(
        self,
        settings: Settings,
        references: BlockReferences,
        recorder: StatsRecorder,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._references = references
        self._recorder = recorder
        self._clock = clock
        self._answers: deque[_Answered] = deque()
        self._reserves_under_way = 0
        self._running: dict[int, StoreJob] = {}
        self._with_grants: set[RequestRecord] = set()

    @property
    def under_way(self) -> int:
        """Reserves without an answer, and copies without an end."""
        return self._reserves_under_way + len(self._running)

    @property
    def copying(self) -> bool:
        return bool(self._running)

    @property
    def with_grants(self) -> set[RequestRecord]:
        """Records that have granted blocks which are not sent yet."""
        return self._with_grants

    def reserve(self, record: RequestRecord, connection: Connection, first: int, end: int) -> None:
        self._ask(Wish(record, connection, first, end))

    def ask_again(self, record: RequestRecord, connection: Connection) -> None:
        """For blocks that another engine was writing a second ago."""
        now = self._clock()
        due = [retry for retry in record.retries if retry.due <= now]
        if due:
            record.retries = [retry for retry in record.retries if retry.due > now]
            for retry in due:
                self._ask(Wish(record, connection, retry.first, retry.end, retry.attempt))

    def drain(self) -> None:
        """Looks at the answers that have come."""
        while self._answers:
            self._take(self._answers.popleft())

    def send(
        self,
        job_id: int,
        candidates: Iterable[tuple[ReservedBlock, int]],
        room_blocks: int,
    ) -> CopyJob | None:
        """One job of granted blocks with their device blocks, all of one connection.

        REQUIRES: each is computed by the end of this step, and the device block still is that
        block.
        """
        chosen: list[tuple[ReservedBlock, int]] = []
        connection: Connection | None = None
        for block, device_block in candidates:
            if len(chosen) >= room_blocks:
                break
            if connection is None:
                connection = block.reservation.connection
            if block.reservation.connection is connection:
                chosen.append((block, device_block))
        if connection is None:
            return None
        blocks = [block for block, _ in chosen]
        for block in blocks:
            self._forget_grant(block)
        slots = b"".join(block.slots for block in blocks)
        if connection.lost or not connection.hold(slots):
            self._recorder.add("stores_dropped", len(blocks))
            return None
        device_blocks = [device_block for _, device_block in chosen]
        self._references.take_for_store(device_blocks)
        self._running[job_id] = StoreJob(connection, blocks, device_blocks, slots)
        return CopyJob(
            job_id, JobKind.STORE, connection.boot_number, "", array("I", device_blocks), slots
        )

    def ended(self, job_id: int, end: JobEnd) -> bool:
        """All ranks have reported; False if the job is no store."""
        job = self._running.pop(job_id, None)
        if job is None:
            return False
        self._references.give_back_store(job.device_blocks)
        job.connection.drop(job.slots)
        if end.failed > 0:
            self._recorder.fail("store")
        else:
            self._recorder.add("store_jobs")
            self._recorder.add("stored_bytes", len(job.blocks) * job.connection.block_bytes)
            self._recorder.add("store_seconds", end.seconds)
        self._settle(job.blocks, seal=end.failed == 0)
        return True

    def void_grants(self, connection: Connection) -> None:
        """What a lost connection granted and nobody has copied yet can be reserved again."""
        for record in list(self._with_grants):
            void = [b for b in record.granted.values() if b.reservation.connection is connection]
            if void:
                record.reserved_to = min(block.block for block in void)
                self.abandon(void)

    def abandon(self, blocks: Sequence[ReservedBlock]) -> None:
        """Granted blocks that will not be written."""
        for block in blocks:
            self._forget_grant(block)
        self._recorder.add("stores_dropped", len(blocks))
        self._settle(blocks, seal=False)

    def _ask(self, wish: Wish) -> None:
        record = wish.record
        hashes = list(record.hashes[wish.first : wish.end])
        if not hashes:
            return
        parent = record.hashes[wish.first - 1] if wish.first > 0 else b""
        record.reserves_under_way += 1
        self._reserves_under_way += 1

        def answered(answer: ReserveAnswer | PegaError) -> None:
            self._answers.append(_Answered(wish, hashes, answer))

        wish.connection.calls.reserve(
            parent, b"".join(hashes), self._settings.reserve_deadline_ms / 1000, answered
        )

    def _take(self, answered: _Answered) -> None:
        wish, answer = answered.wish, answered.answer
        record, connection = wish.record, wish.connection
        record.reserves_under_way -= 1
        self._reserves_under_way -= 1
        if isinstance(answer, PegaError):
            self._recorder.fail(f"reserve {answer.code}")
            return
        if connection.lost:
            return
        try:
            granted = read_answer(wish, answered.hashes, answer)
        except ValueError:
            self._recorder.fail("reserve answer")
            connection.calls.abandon(answer.reservation_id)
            connection.calls.forget_reservation(answer.reservation_id)
            return
        if granted.full:
            self._recorder.fail("pool_full")
        if wish.attempt < _ATTEMPTS:
            due = self._clock() + _RETRY_AFTER_S
            for first, end in granted.in_flight:
                record.retries.append(Retry(due, first, end, wish.attempt + 1))
        if not granted.blocks:
            connection.calls.abandon(answer.reservation_id)
            connection.calls.forget_reservation(answer.reservation_id)
            return
        for block in granted.blocks:
            record.granted[block.block] = block
        self._with_grants.add(record)

    def _forget_grant(self, block: ReservedBlock) -> None:
        record = block.record
        if record.granted.get(block.block) is block:
            del record.granted[block.block]
        if not record.granted:
            self._with_grants.discard(record)

    def _settle(self, blocks: Sequence[ReservedBlock], *, seal: bool) -> None:
        """Tells the server, one call a reservation; after a loss there is nobody to tell."""
        by_reservation: dict[Reservation, list[ReservedBlock]] = {}
        for block in blocks:
            by_reservation.setdefault(block.reservation, []).append(block)
        for reservation, members in by_reservation.items():
            connection = reservation.connection
            if connection.lost:
                continue
            indices = pack_indices(members)
            if seal:
                generations = b"".join(block.generations for block in members)
                connection.calls.seal(reservation.reservation_id, indices, generations)
            else:
                connection.calls.abandon(reservation.reservation_id, indices)
            reservation.open_blocks -= len(members)
            if reservation.open_blocks == 0:
                connection.calls.forget_reservation(reservation.reservation_id)
