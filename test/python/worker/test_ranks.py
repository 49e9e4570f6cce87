"""Two ranks of one engine: each copies its own slots, and the scheduler side waits for both."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pegaflow.native.library import Library
from pegaflow.wire.ends import fold_ends, unpack_ends
from pegaflow.wire.steps import JobKind
from pegaflow.worker.worker_side import WorkerSide
from support.host_kv_cache import HostKVCache
from support.pega_server import PegaServer
from support.scheduler_stand_in import SchedulerStandIn
from support.told import Told
from support.waiting import until
from support.worker_steps import joined


@pytest.fixture
def scheduler(pega_server: PegaServer, library: Library, cache: HostKVCache) -> SchedulerStandIn:
    return SchedulerStandIn(pega_server.address, library, cache.slot_bytes, rank_count=2)


def test_each_rank_copies_its_own_slots(
    new_worker: Callable[..., WorkerSide], scheduler: SchedulerStandIn
) -> None:
    caches = [HostKVCache(), HostKVCache()]
    workers = [new_worker(rank) for rank in range(2)]
    workers[1].register(caches[1].tensors, caches[1].config)
    memory = scheduler.registration.memory
    alone = Told()
    late = scheduler.job(JobKind.LOAD_SYNC, [1], scheduler.slots(1))
    workers[0].begin_step(scheduler.orders(late))
    alone.end_step(workers[0])
    assert alone.outcome(late) == "failed", "a rank that joins late"
    assert memory.ranks_ready() == (0, False)
    workers[0].register(caches[0].tensors, caches[0].config)
    joined(scheduler)

    for rank, cache in enumerate(caches):
        cache.write(3, seed=rank)
        cache.write(4, seed=10 + rank)
    content = [[cache.read(3), cache.read(4)] for cache in caches]
    assert content[0] != content[1]
    slots = scheduler.slots(2)
    store = scheduler.job(JobKind.STORE, [3, 4], slots)
    reports: list[bytes] = []
    for worker in workers:
        worker.begin_step(scheduler.orders(store))

    def both_told() -> bool:
        for worker in workers:
            worker.end_step()
            ends = worker.take_ends()
            if ends is not None:
                reports.append(ends)
        return len(reports) == 2

    until(both_told, "both ranks have told the store's end")
    end = unpack_ends(fold_ends(*reports))[store.job_id]
    assert (end.done, end.failed) == (2, 0)

    load = scheduler.job(JobKind.LOAD_SYNC, [8, 9], slots)
    for worker, cache, was in zip(workers, caches, content, strict=True):
        cache.clear()
        worker.begin_step(scheduler.orders(load))
        assert [cache.read(8), cache.read(9)] == was
    for worker in workers:
        worker.close()
    scheduler.close()
