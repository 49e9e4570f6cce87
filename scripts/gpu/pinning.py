"""How long a waiting worker waits: from the start of `pega serve` to the first slab, and to all.

    python3 scripts/gpu/pinning.py --pool-size 30gb --out pinning.jsonl

One line of JSON a round, in seconds since the server's start: when it was ready, when the worker
could use its first slab on the GPU, and when all slabs were registered. Needs no torch.
"""

from __future__ import annotations

import argparse
import time

from pool import Figures, Pool

from pegaflow.native.transfer import Segment, Transfer
from support.cuda_driver import CudaDriver
from support.inspect_view import get_pool

BLOCK_BYTES = 2 << 20
BLOCKS = 8


def one_round(arguments: argparse.Namespace, driver: CudaDriver, figures: Figures) -> None:
    memory = driver.allocate(BLOCKS * BLOCK_BYTES)
    begun = time.monotonic()
    with Pool(arguments.pool_size, device=str(arguments.gpu)) as pool:
        ready_s = time.monotonic() - begun
        engine = pool.engine(BLOCK_BYTES)
        transfer = Transfer.create(
            engine.registration.memory,
            allocations=[(memory, BLOCKS * BLOCK_BYTES)],
            segments=[Segment(0, 0, 0, BLOCK_BYTES, BLOCK_BYTES)],
            block_count=BLOCKS,
            cuda_ordinal=arguments.gpu,
        )
        total = get_pool(pool.server.address).slabs_total
        first_s = None
        while (slabs := transfer.slabs_ready()) < total:
            error = transfer.cuda_stats().slab_error
            assert error is None, error
            if slabs > 0 and first_s is None:
                first_s = time.monotonic() - begun
            time.sleep(0.002)
        all_s = time.monotonic() - begun
        stats = transfer.cuda_stats()
        figures.tell(
            "pinning",
            pool_size=arguments.pool_size,
            slabs=total,
            server_ready_s=round(ready_s, 3),
            first_slab_s=round(first_s if first_s is not None else all_s, 3),
            all_s=round(all_s, 3),
            registering_s=round(stats.registering_s, 3),
        )
        transfer.close()
        engine.close()
    driver.free(memory)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", help="a file that the lines are added to")
    parser.add_argument("--pool-size", default="30gb")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--gpu", type=int, default=0)
    arguments = parser.parse_args()
    figures = Figures(arguments.out)
    driver = CudaDriver(arguments.gpu)
    for _ in range(arguments.rounds):
        one_round(arguments, driver, figures)


if __name__ == "__main__":
    main()
