"""Random schedules of everything that the other tests do one by one; a failure names its seed.

PEGA_TEST_SEED=N runs that one; PEGA_TEST_SCHEDULES=N as many (80).
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator

import pytest

from support.pega_server import PegaServer
from with_vllm.contract.random_schedule import RandomSchedule

_EVENTS = 60
_PARTS = 10
_SEED = os.environ.get("PEGA_TEST_SEED")
_COUNT = int(os.environ.get("PEGA_TEST_SCHEDULES", "80"))


@pytest.fixture(scope="module")
def server() -> Iterator[PegaServer]:
    """Small: blocks are evicted, and Reserve answers "full"."""
    server = PegaServer(pool_size="32mb")
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.mark.parametrize("part", range(1 if _SEED else _PARTS))
def test_random_schedules(server: PegaServer, part: int) -> None:
    seeds = [int(_SEED)] if _SEED else range(part, _COUNT, _PARTS)
    happened: Counter[str] = Counter()
    for seed in seeds:
        schedule = RandomSchedule(seed, server)
        try:
            schedule.run(_EVENTS)
            happened += schedule.happened
        except BaseException as error:
            raise AssertionError(f"PEGA_TEST_SEED={seed}: {error!r}") from error
        finally:
            schedule.close()
    if len(seeds) >= 20:  # they reach what they are for
        assert happened["hits"] > happened["requests"] // 10, happened
        assert min(happened["aborts"], happened["preemptions"]) > 0, happened
