"""Outcomes: what this rank has to tell of its jobs, each thing exactly once.

Three ways lead to vLLM: each job's end to the scheduler side, the device blocks of failed loads,
and the requests whose asynchronous loads are over. Model thread only.
"""

from __future__ import annotations

from pegaflow.wire.ends import JobEnd, pack_ends
from pegaflow.wire.steps import CopyJob, JobKind


class Outcomes:
    def __init__(self) -> None:
        self._ends: dict[int, JobEnd] = {}
        self._failed_blocks: set[int] = set()
        self._loading: dict[str, int] = {}
        """Asynchronous loads of a request that have not ended."""
        self._received: set[str] = set()

    def begun(self, job: CopyJob) -> None:
        """Also of a job that will fail at once."""
        if job.kind is JobKind.LOAD_ASYNC:
            self._loading[job.request_id] = self._loading.get(job.request_id, 0) + 1

    def ended(self, job: CopyJob, *, failed: bool, seconds: float) -> None:
        end = JobEnd(done=int(not failed), failed=int(failed), seconds=seconds)
        before = self._ends.get(job.job_id)
        self._ends[job.job_id] = end if before is None else before.plus(end)
        if failed and job.kind is not JobKind.STORE:
            self._failed_blocks.update(job.device_blocks)
        if job.kind is JobKind.LOAD_ASYNC:
            left = self._loading[job.request_id] - 1
            if left == 0:
                del self._loading[job.request_id]
                self._received.add(job.request_id)
            else:
                self._loading[job.request_id] = left

    def fail_blocks(self, blocks: range) -> None:
        """Nobody knows which of them were promised."""
        self._failed_blocks.update(blocks)

    def take_received(self) -> set[str]:
        """Requests whose asynchronous loads are over, well or not."""
        received, self._received = self._received, set()
        return received

    def take_failed_blocks(self) -> set[int]:
        failed, self._failed_blocks = self._failed_blocks, set()
        return failed

    def take_ends(self) -> bytes | None:
        if not self._ends:
            return None
        ends, self._ends = self._ends, {}
        return pack_ends(ends)
