"""A synchronous load that was promised does not fail; a step that lost one stores nothing."""

from __future__ import annotations

import os
from pathlib import Path

from pegaflow.native.library import Library
from pegaflow.wire.steps import JobKind
from pegaflow.worker.worker_side import WorkerSide
from support.host_kv_cache import HostKVCache
from support.pega_server import PegaServer
from support.scheduler_stand_in import SchedulerStandIn
from support.told import Told
from support.waiting import until
from support.worker_steps import stored


def test_no_load_is_promised_between_the_look_at_the_bits_and_the_close(
    worker: WorkerSide, scheduler: SchedulerStandIn, cache: HostKVCache
) -> None:
    """The session ends inside of a tick of the link's thread, unseen by the scheduler side."""
    slots, _ = stored(worker, scheduler, cache, [1, 2])
    memory = scheduler.registration.memory
    memory.drop(slots, scheduler.slot_bytes)
    (copies,) = worker._boots.open
    look, report = copies._memory.engine_idle, copies.report_slabs
    promised: list[tuple[int, bool]] = []

    def look_and_be_late() -> bool:
        idle = look()
        if idle and not promised:
            memory.hold(slots, scheduler.slot_bytes)
            promised.append(memory.ranks_ready())
        return idle

    def report_and_lose() -> int:
        slabs = report()
        copies.registration.lose("the session ended")
        return slabs

    copies._memory.engine_idle = look_and_be_late  # type: ignore[method-assign]
    copies.report_slabs = report_and_lose  # type: ignore[method-assign]
    until(lambda: bool(promised), "the worker has looked at the bits")
    memory.drop(slots, scheduler.slot_bytes)
    assert promised == [(0, False)]


def test_slabs_count_up_to_the_first_that_cannot_be_opened(
    pega_server: PegaServer, library: Library, cache: HostKVCache
) -> None:
    """Who grants a synchronous load takes every ordinal below the count for reachable."""
    scheduler = SchedulerStandIn(pega_server.address, library, cache.slot_bytes)

    def slabs() -> list[Path]:
        files = Path(pega_server.folder).rglob("slab-*")
        return sorted(files, key=lambda path: int(path.name.split("-")[2]))

    until(lambda: len(slabs()) >= 2, "two slabs are filled")
    first = slabs()[0]
    os.rename(first, f"{first}.gone")
    assert scheduler.registration.memory.open_slabs() == 0
    scheduler.close()


def test_a_step_whose_synchronous_load_failed_stores_nothing(
    worker: WorkerSide, scheduler: SchedulerStandIn, cache: HostKVCache
) -> None:
    slots, _ = stored(worker, scheduler, cache, [1, 2])
    load = scheduler.job(JobKind.LOAD_SYNC, [7], slots[:8], boot_number=1)
    spoiled = scheduler.job(JobKind.STORE, [9], scheduler.slots(1))
    told = Told()
    worker.begin_step(scheduler.orders(load, spoiled))
    told.until_ended(worker, [load, spoiled])
    assert told.failed_blocks == {7}
    assert told.outcome(spoiled) == "failed"
    later = scheduler.job(JobKind.STORE, [9], scheduler.slots(1))
    worker.begin_step(scheduler.orders(later))
    told.until_ended(worker, [later])
    assert told.outcome(later) == "done"
