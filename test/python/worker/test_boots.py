"""Servers that die, restart and come late; registrations of older boots; other weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pegaflow.client.engine_id import engine_id_for
from pegaflow.wire.steps import JobKind
from pegaflow.worker.worker_side import WorkerSide
from support.host_kv_cache import HostKVCache
from support.pega_server import PegaServer
from support.scheduler_stand_in import SchedulerStandIn
from support.told import Told
from support.waiting import until
from support.worker_steps import joined, stored


def hold_files(server: PegaServer) -> set[str]:
    """Engine ids of the hold files that the pool's folder has."""
    return {path.name.rpartition("-")[2] for path in Path(server.folder).rglob("hold-*")}


def test_loads_that_were_granted_go_on_without_the_server(
    pega_server: PegaServer,
    worker: WorkerSide,
    scheduler: SchedulerStandIn,
    cache: HostKVCache,
) -> None:
    slots, content = stored(worker, scheduler, cache, [1, 2])
    pega_server.kill()
    until(lambda: scheduler.registration.lost, "the scheduler side has seen the loss")
    told = Told()
    for _ in range(3):  # however late it comes
        load = scheduler.job(JobKind.LOAD_SYNC, [7, 8], slots)
        worker.begin_step(scheduler.orders(load))
        assert [cache.read(block) for block in (7, 8)] == content
        told.end_step(worker)
        assert told.outcome(load) == "done"
        cache.clear()


def test_an_old_boot_stays_open_while_a_slot_is_held_and_goes_then(
    pega_server: PegaServer,
    worker: WorkerSide,
    scheduler: SchedulerStandIn,
    cache: HostKVCache,
) -> None:
    slots, content = stored(worker, scheduler, cache, [1, 2])
    old = scheduler.registration
    old_id = engine_id_for(scheduler.run_id, old.boot_number, 0).hex()
    pega_server.restart()
    until(lambda: old.lost, "the scheduler side has seen the restart")
    scheduler.register_again()
    joined(scheduler)
    new_slots, new_content = stored(worker, scheduler, cache, [3])

    # Both boots' loads in one step; only the old one's bits keep its registration.
    both = [
        scheduler.job(JobKind.LOAD_SYNC, [7, 8], slots, boot_number=old.boot_number),
        scheduler.job(JobKind.LOAD_SYNC, [9], new_slots),
    ]
    worker.begin_step(scheduler.orders(*both))
    assert [cache.read(block) for block in (7, 8, 9)] == content + new_content
    told = Told()
    told.end_step(worker)
    assert [told.outcome(job) for job in both] == ["done", "done"]
    assert old_id in hold_files(pega_server)

    old.memory.drop(slots, scheduler.slot_bytes)
    old.close()
    until(lambda: old_id not in hold_files(pega_server), "nobody has the old engine's file open")
    late = scheduler.job(JobKind.LOAD_ASYNC, [7, 8], slots, boot_number=old.boot_number)
    worker.begin_step(scheduler.orders(late))
    told.end_step(worker)
    assert told.outcome(late) == "failed"


def test_a_job_that_runs_keeps_its_registration(
    pega_server: PegaServer,
    worker: WorkerSide,
    scheduler: SchedulerStandIn,
    cache: HostKVCache,
) -> None:
    """Its end is told although the server went while it ran."""
    slots, content = stored(worker, scheduler, cache, [1, 2])
    load = scheduler.job(JobKind.LOAD_ASYNC, [7, 8], slots, request_id="a")
    worker.begin_step(scheduler.orders(load))
    pega_server.restart()
    scheduler.registration.memory.drop(slots, scheduler.slot_bytes)
    scheduler.register_again()
    joined(scheduler)
    told = Told()
    told.until_ended(worker, [load])
    assert told.outcome(load) == "done"
    assert told.received == ["a"]
    assert [cache.read(block) for block in (7, 8)] == content


def test_a_worker_that_comes_before_the_scheduler_side_joins_it(
    pega_server: PegaServer, worker: WorkerSide, scheduler: SchedulerStandIn, cache: HostKVCache
) -> None:
    """The server takes a worker's namespace from its scheduler side, which may come later."""
    pega_server.restart()
    until(lambda: scheduler.registration.lost, "the scheduler side has seen the restart")
    scheduler.register_again()
    joined(scheduler)
    stored(worker, scheduler, cache, [1])


def test_other_weights_are_another_engine(
    pega_server: PegaServer,
    worker: WorkerSide,
    scheduler: SchedulerStandIn,
    cache: HostKVCache,
) -> None:
    slots, content = stored(worker, scheduler, cache, [1, 2])
    first = scheduler.registration
    scheduler.epoch = 1
    # A load of before the reset may come with the first step of the new epoch, and later.
    load = scheduler.job(JobKind.LOAD_SYNC, [7, 8], slots)
    worker.begin_step(scheduler.orders(load))
    assert [cache.read(block) for block in (7, 8)] == content
    scheduler.register_again()
    assert scheduler.registration.engine_id != first.engine_id
    joined(scheduler)
    again = scheduler.job(JobKind.LOAD_SYNC, [9, 10], slots)
    worker.begin_step(scheduler.orders(again))
    assert [cache.read(block) for block in (9, 10)] == content
    told = Told()
    told.end_step(worker)
    assert (told.outcome(load), told.outcome(again)) == ("done", "done")
    stored(worker, scheduler, cache, [3])
    first.memory.drop(slots, scheduler.slot_bytes)
    first.close()
    until(lambda: first.engine_id.hex() not in hold_files(pega_server), "the first one is closed")


def test_a_lost_session_of_a_living_boot_is_opened_again_when_nothing_is_held(
    worker: WorkerSide,
    scheduler: SchedulerStandIn,
    cache: HostKVCache,
) -> None:
    slots, content = stored(worker, scheduler, cache, [1])
    memory = scheduler.registration.memory
    link = worker._link
    assert link is not None
    link.reopen("a test")
    until(lambda: not memory.ranks_ready()[1], "synchronous loads are taken back")
    load = scheduler.job(JobKind.LOAD_SYNC, [7], slots)
    worker.begin_step(scheduler.orders(load))
    assert [cache.read(7)] == content
    told = Told()
    told.end_step(worker)
    assert told.outcome(load) == "done"
    memory.drop(slots, scheduler.slot_bytes)
    joined(scheduler)
    stored(worker, scheduler, cache, [2])


def test_a_server_that_comes_late_is_found(
    pega_server: PegaServer,
    new_worker: Callable[[], WorkerSide],
    scheduler: SchedulerStandIn,
    cache: HostKVCache,
    caplog: pytest.LogCaptureFixture,
) -> None:
    pega_server.kill()
    worker = new_worker()
    worker.register(cache.tensors, cache.config)
    until(lambda: "PEGA_UNAVAILABLE" in caplog.text, "the worker has looked for a server")
    pega_server.start()
    until(lambda: scheduler.registration.lost, "the scheduler side has seen the restart")
    scheduler.register_again()
    joined(scheduler)
    stored(worker, scheduler, cache, [1])


def test_close_gives_everything_back(
    pega_server: PegaServer,
    worker: WorkerSide,
    scheduler: SchedulerStandIn,
    cache: HostKVCache,
) -> None:
    stored(worker, scheduler, cache, [1])
    worker.close()
    assert scheduler.registration.memory.ranks_ready() == (0, False)
    worker.close()
    engine_id = scheduler.registration.engine_id.hex()
    scheduler.close()
    until(lambda: engine_id not in hold_files(pega_server), "the hold file is removed")
