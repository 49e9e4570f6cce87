"""What a worker side has told vLLM, over several steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from pegaflow.wire.ends import JobEnd, unpack_ends
from pegaflow.wire.steps import CopyJob
from pegaflow.worker.worker_side import WorkerSide
from support.waiting import until


@dataclass
class Told:
    received: list[str] = field(default_factory=list)
    failed_blocks: set[int] = field(default_factory=set)
    ends: list[tuple[int, JobEnd]] = field(default_factory=list)

    def end_step(self, worker: WorkerSide) -> None:
        """As vLLM asks at a step's end, in its order."""
        received = worker.end_step()
        failed = worker.failed_blocks()
        self.received.extend(received)
        self.failed_blocks |= failed
        ends = worker.take_ends()
        if ends is not None:
            self.ends.extend(unpack_ends(ends).items())

    def until_ended(self, worker: WorkerSide, jobs: Sequence[CopyJob]) -> None:
        """Steps without orders, until all of the jobs have ended; then two more."""

        def all_ended() -> bool:
            self.end_step(worker)
            return {job_id for job_id, _ in self.ends} >= {job.job_id for job in jobs}

        until(all_ended, "the jobs have ended")
        self.end_step(worker)
        self.end_step(worker)

    def outcome(self, job: CopyJob) -> str:
        """Of a job that must have ended exactly once."""
        (end,) = [end for job_id, end in self.ends if job_id == job.job_id]
        assert end.done + end.failed == 1
        return "done" if end.done else "failed"
