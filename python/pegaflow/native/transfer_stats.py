"""What a transfer has done so far, and on a GPU how: records out of pega_transfer_stats."""

from __future__ import annotations

from dataclasses import dataclass

from pegaflow.errors import PegaError
from pegaflow.native.structs import TransferStatsStruct


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


@dataclass(frozen=True, slots=True)
class CudaStats:
    driver_calls: int
    submit_s: float
    """Of callers, while synchronous loads were given to the driver."""
    staged_bytes: int
    direct_bytes: int
    staging_bytes: int
    device_bytes: int
    """All GPU memory that the transfer takes."""
    registered_bytes: int
    registering_s: float
    slabs_registered: int
    slab_error: PegaError | None
    """Why a slab was left out."""


def transfer_stats(found: TransferStatsStruct) -> TransferStats:
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


def cuda_stats(found: TransferStatsStruct, slab_error: PegaError | None) -> CudaStats:
    return CudaStats(
        driver_calls=found.driver_calls_total,
        submit_s=found.submit_ns_total / 1e9,
        staged_bytes=found.staged_bytes_total,
        direct_bytes=found.direct_bytes_total,
        staging_bytes=found.staging_bytes,
        device_bytes=found.device_bytes,
        registered_bytes=found.registered_bytes,
        registering_s=found.registering_ns_total / 1e9,
        slabs_registered=found.slabs_registered,
        slab_error=slab_error,
    )
