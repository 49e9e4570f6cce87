"""A worker side beside a scheduler side, on a real server and real memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from pegaflow.native.library import Library
from pegaflow.settings import Settings
from pegaflow.worker.worker_side import WorkerSide
from support.host_kv_cache import HostKVCache
from support.pega_server import PegaServer
from support.scheduler_stand_in import SchedulerStandIn
from support.worker_steps import joined, no_stream


@pytest.fixture
def cache(request: pytest.FixtureRequest) -> HostKVCache:
    """Small, but where a test is parametrized with another."""
    return HostKVCache(**getattr(request, "param", {}))


@pytest.fixture
def current_stream() -> Callable[[int], int]:
    """What the model thread computes on, where the cache is in a GPU's memory."""
    return no_stream


@pytest.fixture
def scheduler(
    pega_server: PegaServer, library: Library, cache: HostKVCache
) -> Iterator[SchedulerStandIn]:
    stand_in = SchedulerStandIn(pega_server.address, library, cache.slot_bytes)
    yield stand_in
    stand_in.close()


@pytest.fixture
def new_worker(
    pega_server: PegaServer,
    library: Library,
    scheduler: SchedulerStandIn,
    current_stream: Callable[[int], int],
) -> Iterator[Callable[..., WorkerSide]]:
    """Makes worker sides of the scheduler's engine; they are closed at the end."""
    made: list[WorkerSide] = []

    def make(rank: int = 0) -> WorkerSide:
        made.append(
            WorkerSide(
                Settings(endpoint=pega_server.address, transfer_threads=2),
                run_id=scheduler.run_id,
                rank=rank,
                rank_count=scheduler.rank_count,
                name="test",
                load_library=lambda: library,
                current_stream=current_stream,
            )
        )
        return made[-1]

    yield make
    for worker in made:
        worker.close()


@pytest.fixture
def worker(
    new_worker: Callable[[], WorkerSide], scheduler: SchedulerStandIn, cache: HostKVCache
) -> WorkerSide:
    """Registered, and every slab open."""
    side = new_worker()
    side.register(cache.tensors, cache.config)
    joined(scheduler)
    return side
