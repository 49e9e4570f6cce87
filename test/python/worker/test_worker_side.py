"""The worker side's steps: loads, stores, their ends, against a real server."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pegaflow.native.library import Library
from pegaflow.native.transfer import Transfer
from pegaflow.settings import Settings
from pegaflow.wire.handshake import unpack_handshake
from pegaflow.wire.steps import JobKind
from pegaflow.worker.device import HostDevice
from pegaflow.worker.worker_side import WorkerSide
from support.host_kv_cache import HostKVCache
from support.scheduler_stand_in import SchedulerStandIn
from support.told import Told
from support.waiting import until
from support.worker_steps import joined, no_stream, stored


class WatchedDevice(HostDevice):
    loads_awaited = 0

    def await_load(self, transfer: Transfer, number: int) -> None:
        super().await_load(transfer, number)
        self.loads_awaited += 1


def test_a_synchronous_load_is_there_when_the_forward_begins(
    worker: WorkerSide, scheduler: SchedulerStandIn, cache: HostKVCache
) -> None:
    slots, content = stored(worker, scheduler, cache, [1, 2, 3])
    first = scheduler.job(JobKind.LOAD_SYNC, [7, 8], slots[:16], request_id="a")
    second = scheduler.job(JobKind.LOAD_SYNC, [9], slots[16:], request_id="b")
    worker.begin_step(scheduler.orders(first, second))
    assert [cache.read(block) for block in (7, 8, 9)] == content
    told = Told()
    told.end_step(worker)
    assert (told.outcome(first), told.outcome(second)) == ("done", "done")
    told.end_step(worker)
    assert len(told.ends) == 2
    assert not told.received
    assert not told.failed_blocks


@pytest.mark.parametrize("cache", [{"blocks": 64, "head_elements": 4096}], indirect=True)
def test_a_synchronous_load_that_takes_its_time_is_waited_for(
    worker: WorkerSide, scheduler: SchedulerStandIn, cache: HostKVCache
) -> None:
    blocks = list(range(1, 33))  # 16 MiB
    slots, content = stored(worker, scheduler, cache, blocks)
    device = WatchedDevice(threads=2)
    worker._device = device
    load = scheduler.job(JobKind.LOAD_SYNC, [block + 31 for block in blocks], slots)
    worker.begin_step(scheduler.orders(load))
    last = cache.read(63)
    assert last == content[-1]
    assert device.loads_awaited == 1
    assert worker.end_step() == set()
    asynchronous = scheduler.job(JobKind.LOAD_ASYNC, [1], slots[:8])
    worker.begin_step(scheduler.orders(asynchronous))
    assert device.loads_awaited == 1


@pytest.mark.parametrize("after_the_forward", [False, True])
def test_an_asynchronous_load_is_told_once(
    worker: WorkerSide,
    scheduler: SchedulerStandIn,
    cache: HostKVCache,
    after_the_forward: bool,
) -> None:
    """vLLM 0.29 and later begin a step without synchronous loads after its forward."""
    slots, content = stored(worker, scheduler, cache, [1, 2])
    load = scheduler.job(JobKind.LOAD_ASYNC, [7, 8], slots, request_id="a")
    worker.begin_step(scheduler.orders(load))
    told = Told()
    if not after_the_forward:
        told.end_step(worker)
        worker.begin_step(scheduler.orders())
    told.until_ended(worker, [load])
    assert told.outcome(load) == "done"
    assert told.received == ["a"]
    assert not told.failed_blocks
    assert [cache.read(block) for block in (7, 8)] == content


def test_a_store_reads_what_the_forward_has_written(
    worker: WorkerSide, scheduler: SchedulerStandIn, cache: HostKVCache
) -> None:
    """Also in a step in which vLLM doesn't call wait_for_save."""
    slots = scheduler.slots(1)
    cache.write(4, seed=1)
    store = scheduler.job(JobKind.STORE, [4], slots)
    worker.begin_step(scheduler.orders(store))
    cache.write(4, seed=2)
    computed = cache.read(4)
    told = Told()
    told.until_ended(worker, [store])
    cache.clear()
    worker.begin_step(scheduler.orders(scheduler.job(JobKind.LOAD_SYNC, [5], slots)))
    assert cache.read(5) == computed


def test_a_request_with_two_loads_is_received_when_both_are_over(
    worker: WorkerSide, scheduler: SchedulerStandIn, cache: HostKVCache
) -> None:
    slots, _ = stored(worker, scheduler, cache, [1, 2])
    loads = [
        scheduler.job(JobKind.LOAD_ASYNC, [7 + i], slots[8 * i : 8 * i + 8], request_id="a")
        for i in range(2)
    ]
    worker.begin_step(scheduler.orders(*loads))
    told = Told()
    told.until_ended(worker, loads)
    assert told.received == ["a"]


def test_a_job_that_can_t_be_copied_fails_once(
    worker: WorkerSide, scheduler: SchedulerStandIn
) -> None:
    nowhere = b"\x1f\0\0\0\0\0\0\0"
    jobs = [
        scheduler.job(JobKind.LOAD_SYNC, [1], nowhere, request_id="sync"),
        scheduler.job(JobKind.LOAD_ASYNC, [2], nowhere, request_id="async"),
        scheduler.job(JobKind.STORE, [3], nowhere, request_id="store"),
        scheduler.job(JobKind.LOAD_ASYNC, [4, 4], nowhere * 2, request_id="twice"),
        scheduler.job(JobKind.LOAD_SYNC, [99], nowhere, request_id="no block"),
    ]
    worker.begin_step(scheduler.orders(*jobs))
    told = Told()
    told.until_ended(worker, jobs)
    assert [told.outcome(job) for job in jobs] == ["failed"] * 5
    assert sorted(told.received) == ["async", "twice"]
    assert told.failed_blocks == {1, 2, 4, 99}, "of loads alone"
    failures = worker.recorder.take()["failures"]
    assert isinstance(failures, dict)
    assert sum(failures.values()) == 5


def test_a_load_s_failed_blocks_are_told_no_later_than_its_end(
    worker: WorkerSide, scheduler: SchedulerStandIn
) -> None:
    nowhere = b"\x1f\0\0\0\0\0\0\0"
    worker.begin_step(scheduler.orders(scheduler.job(JobKind.LOAD_ASYNC, [2], nowhere)))
    failed: set[int] = set()

    def received() -> bool:
        requests = worker.end_step()
        failed.update(worker.failed_blocks())
        assert not requests or failed == {2}
        return bool(requests)

    until(received, "the load is over")


def test_a_job_of_an_unknown_boot_fails_at_once(
    worker: WorkerSide, scheduler: SchedulerStandIn
) -> None:
    slots = scheduler.slots(1)
    load = scheduler.job(JobKind.LOAD_ASYNC, [6], slots, boot_number=7, request_id="a")
    store = scheduler.job(JobKind.STORE, [6], slots, boot_number=7)
    worker.begin_step(scheduler.orders(load, store))
    told = Told()
    told.end_step(worker)
    assert (told.outcome(load), told.outcome(store)) == ("failed", "failed")
    assert told.received == ["a"]
    assert told.failed_blocks == {6}


def test_a_rank_that_has_not_joined_fails_jobs_at_once(
    new_worker: Callable[[], WorkerSide], scheduler: SchedulerStandIn, cache: HostKVCache
) -> None:
    worker = new_worker()
    slots = scheduler.slots(1)
    load = scheduler.job(JobKind.LOAD_SYNC, [6], slots)
    worker.begin_step(scheduler.orders(load))
    told = Told()
    told.end_step(worker)
    assert told.outcome(load) == "failed"
    assert told.failed_blocks == {6}
    worker.register(cache.tensors, cache.config)
    joined(scheduler)
    stored(worker, scheduler, cache, [1])


def test_orders_that_can_t_be_read_make_every_block_suspect(
    worker: WorkerSide,
    scheduler: SchedulerStandIn,
    cache: HostKVCache,
    caplog: pytest.LogCaptureFixture,
) -> None:
    whole = scheduler.orders(scheduler.job(JobKind.LOAD_SYNC, [6], scheduler.slots(1)))
    for payload in (b"", b"\0" * 64, whole[:-3], whole[:20]):
        worker.begin_step(payload)
        assert worker.end_step() == set()
        assert worker.failed_blocks() == set(range(1, cache.blocks))
        assert worker.take_ends() is None
    assert len([r for r in caplog.records if "can't be read" in r.message]) == 1
    stored(worker, scheduler, cache, [1])


def test_close_during_copies_ends_every_job_once(
    worker: WorkerSide, scheduler: SchedulerStandIn, cache: HostKVCache
) -> None:
    slots, _ = stored(worker, scheduler, cache, [1, 2, 3, 4])
    loads = [
        scheduler.job(JobKind.LOAD_ASYNC, [8 + i], slots[8 * i : 8 * i + 8], request_id=f"r{i}")
        for i in range(4)
    ]
    stores = [scheduler.job(JobKind.STORE, [i], scheduler.slots(1)) for i in range(1, 4)]
    worker.begin_step(scheduler.orders(*loads, *stores))
    worker.close()
    late = scheduler.job(JobKind.LOAD_SYNC, [15], slots[:8])
    worker.begin_step(scheduler.orders(late))
    told = Told()
    told.until_ended(worker, [*loads, *stores, late])
    assert sorted(told.received) == ["r0", "r1", "r2", "r3"]
    assert told.outcome(late) == "failed"
    assert {told.outcome(store) for store in stores} == {"failed"}, "they had not begun"
    for load, block in zip(loads, range(8, 12), strict=True):
        assert (told.outcome(load) == "failed") == (block in told.failed_blocks)
    worker.close()


def test_tells_what_it_is_or_why_not(
    new_worker: Callable[[], WorkerSide], cache: HostKVCache
) -> None:
    worker = new_worker()
    assert "no KV cache" in unpack_handshake(worker.handshake()).refusal
    cache.config.kv_cache_groups *= 2
    worker.register(cache.tensors, cache.config)
    assert "2 KV-cache groups" in unpack_handshake(worker.handshake()).refusal
    del cache.config.kv_cache_groups[1:]
    worker.register(cache.tensors, cache.config)
    handshake = unpack_handshake(worker.handshake())
    assert handshake.refusal == ""
    assert handshake.slot_bytes == cache.slot_bytes
    assert handshake.device == "cpu"
    assert handshake.layout.startswith("2 layers")


def test_a_refused_engine_never_connects(
    library: Library, cache: HostKVCache, scheduler: SchedulerStandIn
) -> None:
    worker = WorkerSide(
        Settings(endpoint="unix:///nonexistent/pega.sock"),
        run_id="run",
        rank=0,
        rank_count=1,
        name="test",
        load_library=lambda: library,
        current_stream=no_stream,
        refusal="sliding windows",
    )
    worker.register(cache.tensors, cache.config)
    assert unpack_handshake(worker.handshake()).refusal == "sliding windows"
    load = scheduler.job(JobKind.LOAD_ASYNC, [1], bytes(8), request_id="a")
    worker.begin_step(scheduler.orders(load))
    assert worker.end_step() == {"a"}
    worker.close()
