"""Steps that many tests of the worker side begin with."""

from __future__ import annotations

from collections.abc import Sequence

from pegaflow.wire.steps import JobKind
from pegaflow.worker.worker_side import WorkerSide
from support.host_kv_cache import HostKVCache
from support.scheduler_stand_in import SchedulerStandIn
from support.told import Told
from support.waiting import until


def no_stream(_gpu: int) -> int:
    """What a worker side on the host is given; nobody may ask."""
    raise AssertionError("a KV cache on the host has no stream")


def joined(scheduler: SchedulerStandIn) -> None:
    """The worker has registered with the scheduler's current registration."""
    memory = scheduler.registration.memory
    until(lambda: memory.ranks_ready()[1], "the worker is ready for synchronous loads")


def stored(
    worker: WorkerSide, scheduler: SchedulerStandIn, cache: HostKVCache, blocks: Sequence[int]
) -> tuple[bytes, list[bytes]]:
    """Slots that have the content of these blocks, and the content."""
    for block in blocks:
        cache.write(block, seed=block)
    content = [cache.read(block) for block in blocks]
    slots = scheduler.slots(len(blocks))
    job = scheduler.job(JobKind.STORE, blocks, slots)
    told = Told()
    worker.begin_step(scheduler.orders(job))
    told.until_ended(worker, [job])
    assert told.outcome(job) == "done"
    assert not told.received
    assert not told.failed_blocks
    cache.clear()
    return slots, content
