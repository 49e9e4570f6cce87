"""EngineMemory and Transfer on a real pool."""

from __future__ import annotations

from array import array
from collections.abc import Iterator

import pytest

from pegaflow.errors import PegaError
from pegaflow.native.library import Library
from pegaflow.native.memory import EngineMemory
from pegaflow.native.transfer import Segment, Transfer
from pegaflow.wire.steps import JobKind
from support.host_kv_cache import HostKVCache
from support.pega_server import PegaServer
from support.scheduler_stand_in import SchedulerStandIn

SOON_MS = 30_000


@pytest.fixture
def cache() -> HostKVCache:
    return HostKVCache()


@pytest.fixture
def scheduler(
    pega_server: PegaServer, library: Library, cache: HostKVCache
) -> Iterator[SchedulerStandIn]:
    stand_in = SchedulerStandIn(pega_server.address, library, cache.slot_bytes)
    yield stand_in
    stand_in.close()


def transfer_of(memory: EngineMemory, cache: HostKVCache) -> Transfer:
    plane = cache.blocks * cache.page_bytes
    return Transfer.create(
        memory,
        allocations=[(cache.address, cache.size)],
        segments=[
            Segment(layer, 0, layer * plane, cache.page_bytes, cache.page_bytes)
            for layer in range(len(cache.names))
        ],
        block_count=cache.blocks,
        threads=2,
    )


def test_holds_until_dropped_or_stale(pega_server: PegaServer, scheduler: SchedulerStandIn) -> None:
    memory = scheduler.registration.memory
    assert memory.boot_number() == scheduler.registration.boot_number
    assert memory.engine_idle()
    slots = scheduler.slots(3)
    pages = 3 * -(-scheduler.slot_bytes // 4096)
    assert memory.held_pages() == pages
    assert not memory.engine_idle()
    memory.hold(slots[:8], scheduler.slot_bytes)
    memory.drop(slots, scheduler.slot_bytes)
    assert memory.held_pages() == pages // 3
    with pytest.raises(PegaError) as refused:
        memory.drop(slots, scheduler.slot_bytes)
    assert refused.value.code == "PEGA_INVALID_ARGUMENT"
    with pytest.raises(PegaError, match="7 bytes"):
        memory.hold(b"seven b", scheduler.slot_bytes)

    pega_server.restart()
    with pytest.raises(PegaError) as stale:
        memory.hold(slots, scheduler.slot_bytes)
    assert stale.value.code == "PEGA_STALE_BOOT"
    assert not memory.engine_idle()
    memory.drop(slots[:8], scheduler.slot_bytes)
    assert memory.engine_idle()


def test_ranks_are_ready_when_all_have_said_so(scheduler: SchedulerStandIn) -> None:
    memory = scheduler.registration.memory
    assert memory.open_slabs() >= 1
    assert memory.ranks_ready() == (0, False)
    memory.report_ready(5, True)
    assert memory.ranks_ready() == (0, False), "the scheduler is no rank"


def test_copies_by_groups(scheduler: SchedulerStandIn, cache: HostKVCache) -> None:
    memory = scheduler.registration.memory
    transfer = transfer_of(memory, cache)
    assert transfer.slot_bytes == cache.slot_bytes
    assert transfer.layer_count == 2
    blocks = array("I", [3, 5])
    for block in blocks:
        cache.write(block, seed=block)
    before = [cache.read(block) for block in blocks]
    slots = scheduler.slots(2)
    store = transfer.submit(JobKind.STORE, blocks, slots)
    assert transfer.wait(store, 0, SOON_MS)
    cache.clear()
    load = transfer.submit(JobKind.LOAD_SYNC, array("I", [8, 9]), slots, group_ends=[1, 2])
    assert transfer.wait(load, 0, SOON_MS)
    assert transfer.wait(load, 1, SOON_MS)
    assert [cache.read(8), cache.read(9)] == before
    report = transfer.poll(load)
    assert (report.done, report.groups_done, report.error) == (True, 2, None)
    transfer.forget(store)
    transfer.forget(load)
    with pytest.raises(PegaError) as forgotten:
        transfer.poll(load)
    assert forgotten.value.code == "PEGA_NOT_FOUND"
    stats = transfer.stats()
    assert (stats.load_bytes, stats.store_bytes) == (2 * cache.slot_bytes, 2 * cache.slot_bytes)
    assert (stats.load_jobs, stats.store_jobs, stats.failed_jobs) == (1, 1, 0)

    with pytest.raises(PegaError, match="1 transfers"):
        memory.close()
    assert memory.boot_number() > 0, "still open"
    transfer.close()
    with pytest.raises(PegaError) as closed:
        transfer.poll(load)
    assert closed.value.code == "PEGA_CANCELLED"


def test_a_failed_job_raises_in_wait_and_tells_in_poll(
    scheduler: SchedulerStandIn, cache: HostKVCache
) -> None:
    transfer = transfer_of(scheduler.registration.memory, cache)
    nowhere = array("I", [31, 0]).tobytes()
    job = transfer.submit(JobKind.LOAD_ASYNC, array("I", [1]), nowhere)
    with pytest.raises(PegaError) as failed:
        transfer.wait(job, 0, SOON_MS)
    assert failed.value.code == "PEGA_NOT_FOUND"
    report = transfer.poll(job)
    assert report.done
    assert report.error is not None
    assert report.error.code == "PEGA_NOT_FOUND"
    assert report.error.message != ""
    transfer.close()


def test_refuses_jobs_and_layouts_that_make_no_sense(
    scheduler: SchedulerStandIn, cache: HostKVCache
) -> None:
    memory = scheduler.registration.memory
    transfer = transfer_of(memory, cache)
    slots = scheduler.slots(1)
    for blocks, given in ((array("I", [1, 2]), slots), (array("Q", [1]), slots)):
        with pytest.raises(PegaError) as refused:
            transfer.submit(JobKind.STORE, blocks, given)
        assert refused.value.code == "PEGA_INVALID_ARGUMENT"
    with pytest.raises(PegaError, match="16"):
        transfer.submit(JobKind.STORE, array("I", [16]), slots)
    transfer.close()
    with pytest.raises(PegaError, match="allocation"):
        Transfer.create(
            memory,
            allocations=[(cache.address, 4096)],
            segments=[Segment(0, 0, 0, 4096, 4096)],
            block_count=2,
            threads=1,
        )
