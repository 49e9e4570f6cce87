"""The worker side on a GPU's KV cache, under the fake driver: what begins behind which stream.

Scheduler side and worker side are one process here, as with vLLM's uniproc executor.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pegaflow.errors import PegaError
from pegaflow.native.library import Library
from pegaflow.native.transfer import Transfer
from pegaflow.wire.handshake import unpack_handshake
from pegaflow.wire.steps import JobKind
from pegaflow.worker import rank_link
from pegaflow.worker.worker_side import WorkerSide
from support.cuda_driver import CudaDriver, load_fake
from support.cuda_kv_cache import CudaKVCache
from support.fake_cuda import ILLEGAL_ADDRESS, INVALID_VALUE, OUT_OF_MEMORY, FakeCuda
from support.scheduler_stand_in import SchedulerStandIn
from support.told import Told
from support.waiting import until
from support.worker_steps import joined, stored

COPIES = ("cuMemcpyHtoDAsync_v2", "cuMemcpyDtoHAsync_v2", "cuMemcpy2DAsync_v2", "cuLaunchKernel")


@pytest.fixture(autouse=True, scope="session")
def calibrations(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Measured by the first test, read by the others."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def fake(library: Library) -> Iterator[FakeCuda]:
    driver = FakeCuda(load_fake(Path(library.path).parent / "fake-cuda"))
    driver.reset()
    yield driver
    assert driver.misuse() == []


@pytest.fixture
def driver(fake: FakeCuda) -> Iterator[CudaDriver]:
    opened = CudaDriver()
    yield opened
    fake.release_all()


@pytest.fixture
def cache(driver: CudaDriver) -> CudaKVCache:
    return CudaKVCache(driver, driver.new_stream())


@pytest.fixture
def current_stream(cache: CudaKVCache) -> Callable[[int], int]:
    return lambda gpu: cache.stream if gpu == 0 else -1


def test_says_which_gpu_it_is_on(worker: WorkerSide) -> None:
    assert unpack_handshake(worker.handshake()).device == "cuda:0"


def test_blocks_come_back_as_they_were(
    worker: WorkerSide, scheduler: SchedulerStandIn, cache: CudaKVCache
) -> None:
    slots, content = stored(worker, scheduler, cache, [1, 2, 3])
    sync = scheduler.job(JobKind.LOAD_SYNC, [7, 8], slots[:16], request_id="a")
    asynchronous = scheduler.job(JobKind.LOAD_ASYNC, [9], slots[16:], request_id="b")
    worker.begin_step(scheduler.orders(sync, asynchronous))
    assert [cache.read(block) for block in (7, 8)] == content[:2], "the stream has waited"
    told = Told()
    told.until_ended(worker, [sync, asynchronous])
    assert cache.read(9) == content[2]
    assert told.received == ["b"]
    assert not told.failed_blocks


def test_a_load_begins_behind_the_stream_and_the_caller_waits_for_neither(
    worker: WorkerSide, scheduler: SchedulerStandIn, cache: CudaKVCache, fake: FakeCuda
) -> None:
    slots, content = stored(worker, scheduler, cache, [1])
    fake.hold(cache.stream)
    cache.enqueue_write(7, seed=99)
    load = scheduler.job(JobKind.LOAD_SYNC, [7], slots)
    worker.begin_step(scheduler.orders(load))
    assert worker.end_step() == set()
    assert worker.take_ends() is None, "an earlier step is still writing to block 7"
    fake.release(cache.stream)
    assert cache.read(7) == content[0]
    told = Told()
    told.until_ended(worker, [load])
    assert told.outcome(load) == "done"


def test_a_store_reads_behind_what_the_step_has_enqueued(
    worker: WorkerSide, scheduler: SchedulerStandIn, cache: CudaKVCache, fake: FakeCuda
) -> None:
    slots = scheduler.slots(1)
    store = scheduler.job(JobKind.STORE, [4], slots)
    cache.write(4, seed=1)
    worker.begin_step(scheduler.orders(store))
    fake.hold(cache.stream)
    cache.enqueue_write(4, seed=2)
    before = len(fake.pending())
    told = Told()
    told.end_step(worker)
    until(lambda: len(fake.pending()) > before + 1, "the store waits for the stream")
    told.end_step(worker)
    assert not told.ends
    fake.release(cache.stream)
    computed = cache.read(4)
    told.until_ended(worker, [store])
    cache.clear()
    worker.begin_step(scheduler.orders(scheduler.job(JobKind.LOAD_SYNC, [5], slots)))
    assert cache.read(5) == computed
    assert computed[-1] == cache.content(2)[-1]


def test_a_synchronous_load_that_can_t_begin_spoils_its_step_and_no_other(
    worker: WorkerSide, scheduler: SchedulerStandIn, cache: CudaKVCache, fake: FakeCuda
) -> None:
    slots, content = stored(worker, scheduler, cache, [1])
    fake.fail("cuMemcpyHtoDAsync_v2", INVALID_VALUE)
    load = scheduler.job(JobKind.LOAD_SYNC, [7], slots)
    store = scheduler.job(JobKind.STORE, [9], scheduler.slots(1))
    told = Told()
    worker.begin_step(scheduler.orders(load, store))
    told.end_step(worker)
    assert (told.outcome(load), told.outcome(store)) == ("failed", "failed")
    assert told.failed_blocks == {7}
    worker.begin_step(scheduler.orders(scheduler.job(JobKind.LOAD_SYNC, [7], slots)))
    assert cache.read(7) == content[0]


def test_where_the_stream_can_t_wait_the_thread_does(
    worker: WorkerSide,
    scheduler: SchedulerStandIn,
    cache: CudaKVCache,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slots, content = stored(worker, scheduler, cache, [1])

    def refuse(*_: object) -> None:
        raise PegaError("PEGA_DEVICE", "cuStreamWaitEvent: refused")

    monkeypatch.setattr(Transfer, "stream_wait", refuse)
    load = scheduler.job(JobKind.LOAD_SYNC, [7], slots)
    worker.begin_step(scheduler.orders(load))
    told = Told()
    told.end_step(worker)
    assert told.outcome(load) == "done"
    assert cache.read(7) == content[0]


def test_an_error_that_ends_the_context_ends_every_job_once(
    worker: WorkerSide, scheduler: SchedulerStandIn, cache: CudaKVCache, fake: FakeCuda
) -> None:
    slots, _ = stored(worker, scheduler, cache, [1, 2])
    for call in COPIES:
        fake.fail(call, ILLEGAL_ADDRESS, times=0)
    loads = [
        scheduler.job(kind, [7 + i], slots[8 * i : 8 * i + 8], request_id=f"r{i}")
        for i, kind in enumerate((JobKind.LOAD_SYNC, JobKind.LOAD_ASYNC))
    ]
    told = Told()
    worker.begin_step(scheduler.orders(*loads))
    told.until_ended(worker, loads)
    assert [told.outcome(load) for load in loads] == ["failed", "failed"]
    assert told.failed_blocks == {7, 8}
    assert told.received == ["r1"]


def test_close_waits_for_the_copies_on_the_gpu(
    worker: WorkerSide, scheduler: SchedulerStandIn, cache: CudaKVCache, fake: FakeCuda
) -> None:
    slots, content = stored(worker, scheduler, cache, [1])
    fake.hold(cache.stream)
    load = scheduler.job(JobKind.LOAD_ASYNC, [7], slots, request_id="a")
    before = len(fake.pending())
    cache.enqueue_write(7, seed=3)
    worker.begin_step(scheduler.orders(load))
    until(lambda: len(fake.pending()) > before + 1, "the load waits for the stream")
    closing = threading.Thread(target=worker.close)
    closing.start()
    until(lambda: worker._boots.open[0].closed, "the worker closes")
    assert closing.is_alive()
    fake.release(cache.stream)
    closing.join()
    told = Told()
    told.until_ended(worker, [load])
    assert cache.read(7) == content[0]


def test_slabs_that_can_t_be_registered_are_not_reported_and_said_once(
    new_worker: Callable[[], WorkerSide],
    scheduler: SchedulerStandIn,
    cache: CudaKVCache,
    fake: FakeCuda,
    caplog: pytest.LogCaptureFixture,
) -> None:
    fake.fail("cuMemHostRegister_v2", OUT_OF_MEMORY, times=0)
    worker = new_worker()
    worker.register(cache.tensors, cache.config)

    def said() -> list[str]:
        return [r.message for r in caplog.records if "cuMemHostRegister" in r.message]

    until(lambda: said(), "the failure is in the log")
    assert scheduler.registration.memory.ranks_ready() == (0, False)
    load = scheduler.job(JobKind.LOAD_ASYNC, [7], scheduler.slots(1), request_id="a")
    worker.begin_step(scheduler.orders(load))
    told = Told()
    told.until_ended(worker, [load])
    assert told.outcome(load) == "failed"
    assert len([line for line in said() if "by this GPU" in line]) == 1


def test_a_gpu_without_memory_is_tried_again(
    new_worker: Callable[[], WorkerSide],
    scheduler: SchedulerStandIn,
    cache: CudaKVCache,
    fake: FakeCuda,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(rank_link, "DEVICE_AGAIN_S", 0.3)
    fake.fail("cuMemAlloc_v2", OUT_OF_MEMORY, times=5)  # 64 MiB of staging down to 4
    worker = new_worker()
    worker.register(cache.tensors, cache.config)
    joined(scheduler)
    assert any("not registered" in record.message for record in caplog.records)
    stored(worker, scheduler, cache, [1])


def test_nothing_stays_on_the_gpu(
    new_worker: Callable[[], WorkerSide],
    scheduler: SchedulerStandIn,
    cache: CudaKVCache,
    fake: FakeCuda,
) -> None:
    before = fake.open()
    worker = new_worker()
    worker.register(cache.tensors, cache.config)
    joined(scheduler)
    stored(worker, scheduler, cache, [1, 2])
    assert len(fake.open()) > len(before)
    worker.close()
    assert fake.open() == before
