"""One engine in one process that copies until its standard input ends: for killed_worker.py.

Tells on stdout, a line of JSON each: that it has begun, then how many rounds were right. `--verify`
stores blocks, loads them into others and compares every byte; without it copies are always under
way and nothing is looked at.
"""

from __future__ import annotations

import argparse
import json
import select
import sys
from collections.abc import Callable

from pool import reserved

from pegaflow.native.library import Library
from pegaflow.settings import Settings
from pegaflow.wire.steps import JobKind
from pegaflow.worker.worker_side import WorkerSide
from support.cuda_driver import CudaDriver
from support.cuda_kv_cache import CudaKVCache
from support.host_kv_cache import HostKVCache
from support.scheduler_stand_in import SchedulerStandIn
from support.told import Told
from support.worker_steps import joined

BLOCKS = 64
"""A half is stored, the other half is loaded into."""
IN_FLIGHT = 6


class CopyingWorker:
    def __init__(self, address: str, gpu: str) -> None:
        shape = {"layers": 4, "blocks": BLOCKS, "head_elements": 1024}
        self.cache: HostKVCache
        if gpu == "cpu":
            self.cache = HostKVCache(**shape)
        else:
            driver = CudaDriver(int(gpu))
            self.cache = CudaKVCache(driver, driver.new_stream(), **shape)
        library = Library.load()
        self.scheduler = SchedulerStandIn(address, library, self.cache.slot_bytes)
        self.worker = WorkerSide(
            Settings(endpoint=address),
            run_id=self.scheduler.run_id,
            rank=0,
            rank_count=1,
            name="copying worker",
            load_library=lambda: library,
            current_stream=lambda _gpu: getattr(self.cache, "stream", 0),
        )
        self.worker.register(self.cache.tensors, self.cache.config)
        joined(self.scheduler)
        self.half = BLOCKS // 2
        self.slots = b"".join(reserved(self.scheduler, self.half))

    def close(self) -> None:
        self.worker.close()
        self.scheduler.close()

    def round_is_right(self, number: int) -> bool:
        cache, half = self.cache, self.half
        for block in range(half):
            cache.write(block, seed=number * half + block)
        told = Told()
        store = self.scheduler.job(JobKind.STORE, range(half), self.slots)
        self._step(told, store)
        cache.clear()
        cut = half // 2
        loads = [
            self.scheduler.job(JobKind.LOAD_SYNC, range(half, half + cut), self.slots[: cut * 8]),
            self.scheduler.job(
                JobKind.LOAD_ASYNC, range(half + cut, 2 * half), self.slots[cut * 8 :]
            ),
        ]
        self._step(told, *loads)
        ended_well = all(told.outcome(job) == "done" for job in (store, *loads))
        return ended_well and all(
            cache.read(half + block) == cache.content(number * half + block)
            for block in range(half)
        )

    def copy_until(self, stop: Callable[[], bool]) -> None:
        """Two jobs a step, on slots of their own; some are always under way."""
        others = b"".join(reserved(self.scheduler, self.half))
        told = Told()
        self._step(told, self.scheduler.job(JobKind.STORE, range(self.half), self.slots))
        while not stop():
            store = self.scheduler.job(JobKind.STORE, range(self.half), others)
            load = self.scheduler.job(
                JobKind.LOAD_ASYNC, range(self.half, 2 * self.half), self.slots
            )
            self.worker.begin_step(self.scheduler.orders(store, load))
            told.end_step(self.worker)
            while load.job_id - len(told.ends) > IN_FLIGHT:
                told.end_step(self.worker)

    def _step(self, told: Told, *jobs: object) -> None:
        self.worker.begin_step(self.scheduler.orders(*jobs))
        told.until_ended(self.worker, jobs)


def goes_on() -> bool:
    """Nobody has closed standard input."""
    return not select.select([sys.stdin], [], [], 0)[0]


def tell(**values: object) -> None:
    print(json.dumps(values), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--address", required=True)
    parser.add_argument("--gpu", default="0")
    parser.add_argument("--verify", action="store_true")
    arguments = parser.parse_args()
    worker = CopyingWorker(arguments.address, arguments.gpu)
    if arguments.verify:
        number = 0
        while goes_on():
            if not worker.round_is_right(number):
                tell(wrong=number)
                sys.exit(1)
            number += 1
            tell(right=number)
    else:
        tell(begun=True)
        worker.copy_until(lambda: not goes_on())
    worker.close()


if __name__ == "__main__":
    main()
