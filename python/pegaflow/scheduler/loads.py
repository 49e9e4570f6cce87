"""Loads that the workers were asked for: from the admission of a hit to the end on all ranks.

A load takes over the request's lease and a reference on each block that it writes; both end when
every rank has reported, whatever became of the request meanwhile. Scheduler's thread only.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass

from pegaflow.scheduler.block_references import BlockReferences
from pegaflow.scheduler.load_policy import LoadMode, LoadPolicy
from pegaflow.scheduler.lookups import Lease, Lookups
from pegaflow.scheduler.request_record import RequestRecord
from pegaflow.stats_recorder import StatsRecorder
from pegaflow.wire.ends import JobEnd
from pegaflow.wire.steps import CopyJob, JobKind


@dataclass(eq=False, slots=True)
class LoadJob:
    job: CopyJob
    record: RequestRecord
    lease: Lease
    copied_bytes: int


class Loads:
    def __init__(
        self,
        lookups: Lookups,
        references: BlockReferences,
        policy: LoadPolicy,
        recorder: StatsRecorder,
    ) -> None:
        self._lookups = lookups
        self._references = references
        self._policy = policy
        self._recorder = recorder
        self._planned: list[LoadJob] = []
        self._running: dict[int, LoadJob] = {}
        self.sync_bytes_planned = 0
        """Of the step that is being scheduled."""

    @property
    def under_way(self) -> int:
        return len(self._planned) + len(self._running)

    def plan(
        self, record: RequestRecord, job_id: int, first: int, count: int, mode: LoadMode
    ) -> None:
        """vLLM has given the request device blocks for `count` blocks of the hit, from `first` on.

        REQUIRES: the record's lease covers them; vLLM was told so a moment ago.
        """
        lease = self._lookups.take_lease(record)
        if lease is None:
            # vLLM would take blocks without content for cached ones: the worst that can happen.
            raise AssertionError(f"request {record.request_id}: a load without a lease")
        device_blocks = record.block_ids[first : first + count]
        kind = JobKind.LOAD_SYNC if mode is LoadMode.SYNC else JobKind.LOAD_ASYNC
        job = CopyJob(
            job_id,
            kind,
            lease.connection.boot_number,
            record.request_id,
            array("I", device_blocks),
            lease.slots_of(first, count),
        )
        copied_bytes = count * lease.connection.block_bytes
        load = LoadJob(job, record, lease, copied_bytes)
        self._references.take_for_load(device_blocks)
        record.load = load
        self._planned.append(load)
        if mode is LoadMode.SYNC:
            self.sync_bytes_planned += copied_bytes

    def take_planned(self) -> list[CopyJob]:
        """For this step's metadata; synchronous ones first."""
        planned, self._planned = self._planned, []
        self.sync_bytes_planned = 0
        for load in planned:
            self._running[load.job.job_id] = load
        return sorted((load.job for load in planned), key=lambda job: job.kind)

    def ended(self, job_id: int, end: JobEnd) -> bool:
        """All ranks have reported; False if the job is no load."""
        load = self._running.pop(job_id, None)
        if load is None:
            return False
        load.record.load = None
        load.lease.end()
        self._references.give_back_load(load.job.device_blocks)
        if end.failed > 0:
            load.record.load_failed = True
            self._recorder.fail("load")
        else:
            self._policy.loaded(load.copied_bytes, end.seconds)
            self._recorder.add("load_jobs")
            self._recorder.add("loaded_bytes", load.copied_bytes)
            self._recorder.add("load_seconds", end.seconds)
        return True
