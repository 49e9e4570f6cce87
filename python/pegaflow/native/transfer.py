"""Transfer: copies blocks between an engine's memory, its own or a GPU's, and slots.

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
from pegaflow.native.transfer_stats import CudaStats, TransferStats, cuda_stats, transfer_stats

ON_CUDA = 1
"""enum pega_device_kind."""


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
        threads: int = 0,
        cuda_ordinal: int | None = None,
        calibrate: bool = True,
    ) -> Transfer:
        """`allocations`: address and bytes each; in the memory of that GPU, else in this process's.
        `threads`: that copy on the host; 0: one for each core, at most 8. `calibrate`: measure the
        GPU, if that was not done before. PEGA_INVALID_ARGUMENT says what is wrong with the layout.
        """
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
        if cuda_ordinal is not None:
            options.device = ON_CUDA
            options.device_ordinal = cuda_ordinal
            options.uncalibrated = int(not calibrate)
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
        after_stream: int | None = None,
    ) -> int:
        """The job's number. `kind` as wire.steps.JobKind; `device_blocks` of type 'I', paired with
        `slots`. On a GPU the copies begin behind what `after_stream`, a CUstream, was given until
        now. PEGA_INVALID_ARGUMENT or PEGA_LIMIT: nothing was started."""
        _check_pairs(device_blocks, slots)
        ends = array("I", group_ends)
        job = sized(JobStruct)
        job.kind = kind
        job.device_blocks = device_blocks.buffer_info()[0]
        job.slots = slots
        job.block_count = len(device_blocks)
        job.group_ends = ends.buffer_info()[0] if ends else None
        job.group_count = len(ends)
        if after_stream is not None:
            job.after_stream = ctypes.pointer(ctypes.c_uint64(after_stream))
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

    def stream_wait(self, job: int, group: int, stream: int) -> None:
        """On a GPU: `stream` goes on only when the group of this synchronous load is there; the
        caller goes on at once. Raises where that can't be: nothing may be computed upon it then."""
        with self._handle as transfer:
            self._library.check(
                self._library.quick.pega_transfer_stream_wait(transfer, job, group, stream)
            )

    def slabs_ready(self) -> int:
        """Slabs, from the first on, that synchronous loads may use now."""
        slabs = ctypes.c_uint32()
        with self._handle as transfer:
            self._library.check(
                self._library.quick.pega_transfer_slabs_ready(transfer, ctypes.byref(slabs))
            )
        return slabs.value

    def sync_possible(self) -> bool:
        """Whether synchronous loads are possible at all."""
        possible = ctypes.c_int()
        with self._handle as transfer:
            self._library.check(
                self._library.quick.pega_transfer_sync_possible(transfer, ctypes.byref(possible))
            )
        return possible.value != 0

    def fit_groups(
        self, device_blocks: array[int], slots: bytes, layers_per_group: int, calls_max: int
    ) -> list[int]:
        """End layers of the groups into which a synchronous load of these blocks can be cut with at
        most `calls_max` calls of the driver; none: not even one group fits."""
        _check_pairs(device_blocks, slots)
        ends = (ctypes.c_uint32 * self.layer_count)()
        count = ctypes.c_uint64()
        with self._handle as transfer:
            self._library.check(
                self._library.slow.pega_transfer_fit_groups(
                    transfer,
                    device_blocks.buffer_info()[0],
                    slots,
                    len(device_blocks),
                    layers_per_group,
                    calls_max,
                    ends,
                    ctypes.byref(count),
                )
            )
        return ends[: count.value]

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
        found, _ = self._stats()
        return transfer_stats(found)

    def cuda_stats(self) -> CudaStats:
        """All 0 on the host."""
        return cuda_stats(*self._stats())

    @property
    def closed(self) -> bool:
        return self._handle.closed

    def close(self) -> None:
        """Blocks until no copy runs; what has not started ends with PEGA_CANCELLED."""
        self._handle.close(
            lambda transfer: self._library.check(self._library.slow.pega_transfer_close(transfer))
        )

    def _stats(self) -> tuple[TransferStatsStruct, PegaError | None]:
        found = sized(TransferStatsStruct)
        with self._handle as transfer:
            self._library.check(
                self._library.quick.pega_transfer_get_stats(transfer, ctypes.byref(found))
            )
            error = self._library.failure(found.slab_code) if found.slab_code != OK else None
        return found, error


def _check_pairs(device_blocks: array[int], slots: bytes) -> None:
    if device_blocks.typecode != "I" or device_blocks.itemsize != 4:
        raise PegaError("PEGA_INVALID_ARGUMENT", "device_blocks is no array of type 'I'")
    if len(slots) != len(device_blocks) * SLOT_BYTES:
        raise PegaError(
            "PEGA_INVALID_ARGUMENT",
            f"{len(slots)} bytes of slots for {len(device_blocks)} blocks",
        )
