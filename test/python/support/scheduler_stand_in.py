"""A scheduler side without vLLM: registers, reserves and holds slots, packs orders for one rank."""

from __future__ import annotations

import os
import queue
import uuid
from array import array
from collections.abc import Sequence

from pegaflow.client.breaker import Breaker
from pegaflow.client.path_calls import PathCalls
from pegaflow.client.pega_client import PegaClient
from pegaflow.client.records import Identity, ReserveAnswer
from pegaflow.client.registration import Registration
from pegaflow.errors import PegaError
from pegaflow.native.library import Library
from pegaflow.wire.steps import CopyJob, JobKind, StepOrders, pack_step

SOON_S = 30.0


class SchedulerStandIn:
    def __init__(
        self, address: str, library: Library, slot_bytes: int, rank_count: int = 1
    ) -> None:
        self.run_id = uuid.uuid4().hex
        self.slot_bytes = slot_bytes
        self.rank_count = rank_count
        self.epoch = 0
        self._library = library
        self._client = PegaClient(address)
        self._job_id = 0
        self.registration = self._register()
        self._calls = PathCalls(self.registration, Breaker())
        self._past: list[tuple[Registration, PathCalls]] = []

    def register_again(self) -> None:
        """After a restart of the server, or for another epoch; what was held stays held."""
        self._past.append((self.registration, self._calls))
        self.registration = self._register()
        self._calls = PathCalls(self.registration, Breaker())

    def slots(self, count: int) -> bytes:
        """Reserved and held, of one rank."""
        answers: queue.Queue[ReserveAnswer | PegaError] = queue.Queue()
        hashes = os.urandom(16 * count)
        self._calls.reserve(b"", hashes, SOON_S, answers.put)
        answer = answers.get(timeout=SOON_S)
        assert isinstance(answer, ReserveAnswer), answer
        assert answer.outcomes == bytes(count), answer
        slots = b"".join(answer.reserved[at : at + 8] for at in range(0, len(answer.reserved), 16))
        self.registration.memory.hold(slots, self.slot_bytes)
        return slots

    def job(
        self,
        kind: JobKind,
        blocks: Sequence[int],
        slots: bytes,
        *,
        boot_number: int | None = None,
        request_id: str = "request",
    ) -> CopyJob:
        self._job_id += 1
        boot = self.registration.boot_number if boot_number is None else boot_number
        return CopyJob(self._job_id, kind, boot, request_id, array("I", blocks), slots)

    def orders(self, *jobs: CopyJob) -> bytes:
        return pack_step(StepOrders(self.epoch, jobs), self.rank_count)

    def close(self) -> None:
        for registration, calls in [*self._past, (self.registration, self._calls)]:
            calls.close()
            registration.close()
        self._client.close()

    def _register(self) -> Registration:
        identity = Identity(
            {"weights": self.run_id}, 16, 16, self.rank_count, (self.slot_bytes,) * self.rank_count
        )
        return Registration.open(
            self._client,
            self._library,
            run_id=self.run_id,
            epoch=self.epoch,
            rank=None,
            rank_count=self.rank_count,
            identity=identity,
            layout=None,
            device="cpu",
            name="test",
        )
