"""wire/steps.py: what is packed for all ranks comes out for each; nothing else is taken."""

from __future__ import annotations

import random
from array import array

import pytest

from pegaflow.wire.steps import CopyJob, JobKind, StepOrders, pack_step, slots_of_rank, unpack_step


def random_job(source: random.Random, job_id: int, rank_count: int) -> CopyJob:
    blocks = source.randrange(0, 40)
    return CopyJob(
        job_id,
        source.choice(list(JobKind)),
        source.randrange(1 << 63),
        source.choice(["", "cmpl-1", "é" * 20]),
        array("I", [source.randrange(1 << 32) for _ in range(blocks)]),
        source.randbytes(blocks * rank_count * 8),
    )


@pytest.mark.parametrize("rank_count", [1, 2, 8])
def test_each_rank_gets_its_slots_and_everything_else(rank_count: int) -> None:
    source = random.Random(rank_count)
    for _ in range(50):
        jobs = [random_job(source, job_id, rank_count) for job_id in range(source.randrange(5))]
        packed = pack_step(StepOrders(7, jobs), rank_count)
        for rank in range(rank_count):
            orders = unpack_step(packed, rank)
            assert orders.epoch == 7
            assert [
                (job.job_id, job.kind, job.boot_number, job.request_id, job.device_blocks)
                for job in orders.jobs
            ] == [
                (job.job_id, job.kind, job.boot_number, job.request_id, job.device_blocks)
                for job in jobs
            ]
            assert [job.slots for job in orders.jobs] == [
                slots_of_rank(job.slots, rank, rank_count) for job in jobs
            ]


def test_the_ranks_shares_are_the_whole() -> None:
    slots = bytes(range(48))  # two blocks of three ranks
    shares = [slots_of_rank(slots, rank, 3) for rank in range(3)]
    assert shares[1] == slots[8:16] + slots[32:40]
    assert sorted(b"".join(shares)) == sorted(slots)


def test_slots_that_do_not_fit_the_blocks_are_refused() -> None:
    job = CopyJob(1, JobKind.STORE, 2, "", array("I", [5]), b"\0" * 8)
    with pytest.raises(ValueError, match="8 bytes of slots for 1 blocks of 2 ranks"):
        pack_step(StepOrders(0, [job]), 2)


@pytest.mark.parametrize("rank", [1, 5])
def test_a_rank_that_is_none_of_them_is_refused(rank: int) -> None:
    with pytest.raises(ValueError, match=f"not a step for rank {rank}"):
        unpack_step(pack_step(StepOrders(0, []), 1), rank)


def test_other_bytes_and_bytes_cut_short_are_refused() -> None:
    packed = pack_step(StepOrders(0, [random_job(random.Random(3), 1, 1)]), 1)
    with pytest.raises(ValueError, match="not a step"):
        unpack_step(b"\0" * 64, 0)
    with pytest.raises(ValueError, match="end within a job"):
        unpack_step(packed[:-1] if not packed.endswith(b"\0") else packed[:-9], 0)
