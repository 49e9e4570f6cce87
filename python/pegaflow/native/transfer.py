"""Transfer: copies blocks between this process's memory and slots, through native threads.

The memory that the layout names must stay until close(). Any thread may call anything; after
close() every call but close() raises PEGA_CANCELLED.
"""

from __future__ import annotations

import ctypes
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

from pegaflow.errors import PegaError
from pegaflow.native.handle import Handle
from pegaflow.native.library import OK, TIMEOUT
from pegaflow.native.memory import SLOT_BYTES, EngineMemory
from pegaflow.native.structs import (
    AllocationStruct,
    JobReportStruct,
    JobStruct,
    SegmentStruct,
    TransferOptions,
    TransferStatsStruct,
    sized,
)


@dataclass(frozen=True, slots=True)
class Segment:
    """Part of one layer: block b lies at offset_bytes + b * block_stride_bytes."""

    layer: int
    allocation: int
    offset_bytes: int
    block_stride_bytes: int
    bytes: int


@dataclass(frozen=True, slots=True)
class JobReport:
    done: bool
    """Nothing of the job will be copied any more."""
    groups_done: int
    """That ended well."""
    error: PegaError | None
    """Of a job that is done and failed."""


@dataclass(frozen=True, slots=True)
class TransferStats:
    jobs_now: int
    load_bytes: int
    store_bytes: int
    load_jobs: int
    store_jobs: int
    failed_jobs: int
    load_busy_s: float
    store_busy_s: float


class Transfer:
    def __init__(self, memory: EngineMemory, pointer: int) -> None:
        """Use Transfer.create."""
        self._library = memory.library
        self._handle = Handle(pointer, "this transfer")
        slot_bytes = ctypes.c_uint64()
        layer_count = ctypes.c_uint32()
        self._library.check(
            self._library.quick.pega_transfer_shape(
                pointer, ctypes.byref(slot_bytes), ctypes.byref(layer_count)
            )
        )
        self.slot_bytes = slot_bytes.value
        """Of one block in a slot, not padded."""
        self.layer_count = layer_count.value

    @classmethod
    def create(
        cls,
        memory: EngineMemory,
        *,
        allocations: Sequence[tuple[int, int]],
        segments: Sequence[Segment],
        block_count: int,
        threads: int,
    ) -> Transfer:
        """`allocations`: address and bytes each. `threads` 0: one for each core, at most 8.
        PEGA_INVALID_ARGUMENT says what is wrong with the layout."""
        allocation_array = (AllocationStruct * len(allocations))(
            *(AllocationStruct(address, size) for address, size in allocations)
        )
        segment_array = (SegmentStruct * len(segments))(
            *(
                SegmentStruct(s.layer, s.allocation, s.offset_bytes, s.block_stride_bytes, s.bytes)
                for s in segments
            )
        )
        options = sized(TransferOptions)
        options.thread_count = threads
        options.allocations = allocation_array
        options.allocation_count = len(allocations)
        options.segments = segment_array
        options.segment_count = len(segments)
        options.block_count = block_count
        pointer = ctypes.c_void_p()
        library = memory.library
        with memory.handle as opened:
            library.check(
                library.slow.pega_transfer_create(
                    opened, ctypes.byref(options), ctypes.byref(pointer)
                )
            )
        assert pointer.value is not None
        return cls(memory, pointer.value)

    def submit(
        self,
        kind: int,
        device_blocks: array[int],
        slots: bytes,
        group_ends: Sequence[int] = (),
    ) -> int:
        """The job's number. `kind` as wire.steps.JobKind; `device_blocks` of type 'I', paired with
        `slots`. PEGA_INVALID_ARGUMENT or PEGA_LIMIT: nothing was started."""
        if device_blocks.typecode != "I" or device_blocks.itemsize != 4:
            raise PegaError("PEGA_INVALID_ARGUMENT", "device_blocks is no array of type 'I'")
        if len(slots) != len(device_blocks) * SLOT_BYTES:
            raise PegaError(
                "PEGA_INVALID_ARGUMENT",
                f"{len(slots)} bytes of slots for {len(device_blocks)} blocks",
            )
        ends = array("I", group_ends)
        job = sized(JobStruct)
        job.kind = kind
        job.device_blocks = device_blocks.buffer_info()[0]
        job.slots = slots
        job.block_count = len(device_blocks)
        job.group_ends = ends.buffer_info()[0] if ends else None
        job.group_count = len(ends)
        number = ctypes.c_uint64()
        with self._handle as transfer:
            self._library.check(
                self._library.slow.pega_transfer_submit(
                    transfer, ctypes.byref(job), ctypes.byref(number)
                )
            )
        return number.value

    def wait(self, job: int, group: int, timeout_ms: int) -> bool:
        """Blocks until the group has ended. True: well. False: time is up, the job goes on.
        Raises what the job failed with."""
        with self._handle as transfer:
            code: int = self._library.slow.pega_transfer_wait(transfer, job, group, timeout_ms)
            if code == TIMEOUT:
                return False
            self._library.check(code)
        return True

    def poll(self, job: int) -> JobReport:
        report = sized(JobReportStruct)
        with self._handle as transfer:
            self._library.check(
                self._library.quick.pega_transfer_poll(transfer, job, ctypes.byref(report))
            )
            failed = report.done != 0 and report.code != OK
            error = self._library.failure(report.code) if failed else None
        return JobReport(report.done != 0, report.groups_done, error)

    def forget(self, job: int) -> None:
        """Every job must be forgotten once. Cancels nothing."""
        with self._handle as transfer:
            self._library.check(self._library.quick.pega_transfer_forget(transfer, job))

    def stats(self) -> TransferStats:
        found = sized(TransferStatsStruct)
        with self._handle as transfer:
            self._library.check(
                self._library.quick.pega_transfer_get_stats(transfer, ctypes.byref(found))
            )
        return TransferStats(
            jobs_now=found.jobs_now,
            load_bytes=found.load_bytes_total,
            store_bytes=found.store_bytes_total,
            load_jobs=found.load_jobs_total,
            store_jobs=found.store_jobs_total,
            failed_jobs=found.failed_jobs_total,
            load_busy_s=found.load_busy_ns_total / 1e9,
            store_busy_s=found.store_busy_ns_total / 1e9,
        )

    @property
    def closed(self) -> bool:
        return self._handle.closed

    def close(self) -> None:
        """Blocks until no copy runs; what has not started ends with PEGA_CANCELLED."""
        self._handle.close(
            lambda transfer: self._library.check(self._library.slow.pega_transfer_close(transfer))
        )
