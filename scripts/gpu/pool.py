"""Pool: a `pega serve` of its own and one engine on it, in this process, for the scripts beside it.

Works in a clone that `npm run build` has built and in what pack.mjs packs.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "python"), str(ROOT / "test" / "python")]
os.environ["PATH"] = f"{ROOT / 'bin'}:{os.environ['PATH']}"  # pack.mjs puts a node there

from pegaflow.native.library import Library  # noqa: E402
from support.inspect_view import get_pool  # noqa: E402
from support.pega_server import PegaServer  # noqa: E402
from support.scheduler_stand_in import SchedulerStandIn  # noqa: E402

RESERVED_AT_ONCE = 256


class Pool:
    def __init__(self, pool_size: str, *, device: str) -> None:
        """`device`: as pega serve's --device."""
        self.server = PegaServer(pool_size, device)
        self.library = Library.load()
        try:
            self.server.start()
        except BaseException:
            self.server.remove()
            raise

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: object) -> None:
        self.server.remove()

    def await_filled(self) -> None:
        while True:
            pool = get_pool(self.server.address)
            if pool.slabs_ready == pool.slabs_total:
                return
            time.sleep(0.01)

    def engine(self, slot_bytes: int) -> SchedulerStandIn:
        return SchedulerStandIn(self.server.address, self.library, slot_bytes)


def reserved(engine: SchedulerStandIn, count: int) -> list[bytes]:
    """Slots, held for good; neighbours in the pool as far as there are."""
    slots: list[bytes] = []
    while len(slots) < count:
        some = engine.slots(min(RESERVED_AT_ONCE, count - len(slots)))
        slots.extend(some[at : at + 8] for at in range(0, len(some), 8))
    return slots


def in_runs(items: list[Any], run: int, seed: int) -> list[Any]:
    """Shuffled, but for runs of so many; 0: as they are."""
    if run == 0:
        return list(items)
    runs = [items[at : at + run] for at in range(0, len(items), run)]
    random.Random(seed).shuffle(runs)
    return [item for one in runs for item in one]


class Figures:
    """A line of JSON for each, to a file and to stdout."""

    def __init__(self, path: str | None) -> None:
        self._file = open(path, "a") if path else None  # noqa: SIM115

    def tell(self, what: str, **figures: object) -> None:
        line = json.dumps({"what": what, **figures})
        print(line, flush=True)
        if self._file is not None:
            self._file.write(line + "\n")
            self._file.flush()


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
