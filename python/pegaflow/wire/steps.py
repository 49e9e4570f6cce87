"""What the scheduler side asks of the workers in one step, as packed bytes.

It travels in vLLM's connector metadata, once a step to every rank. The scheduler side packs,
workers unpack; nothing here knows vLLM. Little-endian:

    header   magic u32 | epoch u32 | jobs u32 | ranks u32
    job      id u64 | boot number u64 | kind u8 | 0 u8 | request id bytes u16 | blocks u32
             | device blocks: blocks × u32 | slots: blocks × ranks × 8 | request id (UTF-8)

Slots are as pega.proto has them: for each block those of all ranks, u32 ordinal and u32 page each.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

SLOT_BYTES_ON_WIRE = 8

_MAGIC = 0x53474550  # "PEGS"
_HEADER = struct.Struct("<IIII")
_JOB = struct.Struct("<QQBBHI")


class JobKind(IntEnum):
    """Numbered as enum pega_job_kind of native/c/pega.h."""

    LOAD_SYNC = 0
    LOAD_ASYNC = 1
    STORE = 2


@dataclass(frozen=True, slots=True)
class CopyJob:
    """Blocks of one request to be copied between the device and the pool."""

    job_id: int
    """Rising, never used twice by one scheduler."""
    kind: JobKind
    boot_number: int
    """Of the registration whose grant the slots are."""
    request_id: str
    device_blocks: array[int]
    """'I'; paired with slots."""
    slots: bytes


@dataclass(frozen=True, slots=True)
class StepOrders:
    """All of one step; jobs in the order in which they are to be submitted."""

    epoch: int
    """Of the weights: a worker with another one registers again (docs/protocol.md §5)."""
    jobs: Sequence[CopyJob]


def pack_step(orders: StepOrders, rank_count: int) -> bytes:
    parts = [_HEADER.pack(_MAGIC, orders.epoch, len(orders.jobs), rank_count)]
    for job in orders.jobs:
        request_id = job.request_id.encode()
        blocks = len(job.device_blocks)
        if len(job.slots) != blocks * rank_count * SLOT_BYTES_ON_WIRE:
            raise ValueError(
                f"{len(job.slots)} bytes of slots for {blocks} blocks of {rank_count} ranks"
            )
        parts.append(_JOB.pack(job.job_id, job.boot_number, job.kind, 0, len(request_id), blocks))
        parts.append(_little_endian(job.device_blocks))
        parts.append(job.slots)
        parts.append(request_id)
    return b"".join(parts)


def unpack_step(payload: bytes, rank: int) -> StepOrders:
    """Raises ValueError for bytes that pack_step did not make."""
    magic, epoch, job_count, rank_count = _HEADER.unpack_from(payload, 0)
    if magic != _MAGIC or rank >= rank_count:
        raise ValueError(f"not a step for rank {rank}: magic {magic:#x}, {rank_count} ranks")
    at = _HEADER.size
    jobs = []
    for _ in range(job_count):
        job_id, boot_number, kind, _zero, id_bytes, blocks = _JOB.unpack_from(payload, at)
        at += _JOB.size
        device_blocks = array("I", payload[at : at + blocks * 4])
        if sys.byteorder == "big":
            device_blocks.byteswap()
        at += blocks * 4
        slots_end = at + blocks * rank_count * SLOT_BYTES_ON_WIRE
        slots = slots_of_rank(payload[at:slots_end], rank, rank_count)
        at = slots_end + id_bytes
        if at > len(payload):
            raise ValueError("the step's bytes end within a job")
        request_id = payload[slots_end:at].decode()
        jobs.append(CopyJob(job_id, JobKind(kind), boot_number, request_id, device_blocks, slots))
    return StepOrders(epoch, jobs)


def slots_of_rank(slots: bytes, rank: int, rank_count: int) -> bytes:
    """One rank's share of blocks × ranks × 8 bytes."""
    if rank_count == 1:
        return slots
    return array("Q", slots)[rank::rank_count].tobytes()


def _little_endian(values: array[int]) -> bytes:
    if sys.byteorder == "big":
        values = array(values.typecode, values)
        values.byteswap()
    return values.tobytes()
