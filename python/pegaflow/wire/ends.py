"""How copy jobs ended, as packed bytes from the workers to the scheduler side.

Each rank reports each job once, in the connector metadata of the step in which it saw the end. vLLM
folds the ranks' reports of one step together; the scheduler side adds them up over the steps. A
job's end is known when done + failed is the number of ranks.

    entry   job id u64 | ranks done u16 | ranks failed u16 | seconds f32 (of the slowest rank)
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass

_ENTRY = struct.Struct("<QHHf")


@dataclass(frozen=True, slots=True)
class JobEnd:
    done: int
    """Ranks on which every byte was copied."""
    failed: int
    """Ranks on which the copy failed or never started."""
    seconds: float
    """From submission to the end, on the slowest rank of them."""

    def plus(self, other: JobEnd) -> JobEnd:
        return JobEnd(
            self.done + other.done,
            self.failed + other.failed,
            max(self.seconds, other.seconds),
        )


def pack_ends(ends: Mapping[int, JobEnd]) -> bytes:
    return b"".join(
        _ENTRY.pack(job_id, end.done, end.failed, end.seconds) for job_id, end in ends.items()
    )


def unpack_ends(payload: bytes) -> dict[int, JobEnd]:
    """Raises ValueError for bytes that pack_ends did not make."""
    if len(payload) % _ENTRY.size != 0:
        raise ValueError(f"{len(payload)} bytes are no list of ends of {_ENTRY.size} bytes each")
    ends: dict[int, JobEnd] = {}
    for job_id, done, failed, seconds in _ENTRY.iter_unpack(payload):
        end = JobEnd(done, failed, seconds)
        before = ends.get(job_id)
        ends[job_id] = end if before is None else before.plus(end)
    return ends


def fold_ends(first: bytes, second: bytes) -> bytes:
    """The reports of two ranks, or of two steps, as one."""
    return pack_ends(unpack_ends(first + second))
