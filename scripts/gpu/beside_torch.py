"""Copies in a process that computes with torch: are the bytes right, how fast, what do they slow?

    python3 scripts/gpu/beside_torch.py --out beside.jsonl

Starts a server of its own and copies blocks of an 8B model's KV cache. One line of JSON a figure:
  bytes    what was stored comes back, bit by bit, into other blocks and from shuffled slots
  memory   of the GPU, that a transfer takes
  load     GB/s and the caller's time of a synchronous load, by how blocks and slots are scattered
  slowed   a bf16 matrix product alone and beside copies, in turns: by how many % it is slower
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from array import array

from pool import Figures, Pool, in_runs, percentile, reserved

import torch
from pegaflow.native.transfer import Transfer
from pegaflow.wire.steps import JobKind
from torch_kv import TorchKV

SOON_MS = 60_000
CALLS_MAX = 500
LAYERS_PER_GROUP = 4
SCATTERED = {"blocks shuffled": (1, 0), "runs of 16": (16, 16), "both shuffled": (1, 1)}


class Bench:
    def __init__(
        self, kv: TorchKV, transfer: Transfer, slots: list[bytes], figures: Figures
    ) -> None:
        self.kv = kv
        self.transfer = transfer
        self.slots = slots
        self.figures = figures
        self.on_gpu = kv.device.type == "cuda"

    def submit(
        self, kind: JobKind, blocks: list[int], slots: list[bytes], ends: list[int] | None = None
    ) -> int:
        stream = torch.cuda.current_stream().cuda_stream if self.on_gpu else None
        return self.transfer.submit(
            int(kind), array("I", blocks), b"".join(slots), ends or (), after_stream=stream
        )

    def end(self, job: int, groups: int = 1) -> None:
        assert self.transfer.wait(job, groups - 1, SOON_MS), "a copy does not end"
        self.transfer.forget(job)

    def synchronize(self) -> None:
        if self.on_gpu:
            torch.cuda.synchronize()

    # ---- what is measured -----------------------------------------------------------------------

    def bytes_are_right(self) -> None:
        count = len(self.slots)
        for seed, run in enumerate((0, 16, 1)):
            self.kv.fill(seed)
            blocks = in_runs(list(range(self.kv.blocks)), run, seed)[:count]
            slots = in_runs(self.slots, run, seed + 10)
            expected = self.kv.of_blocks(blocks)
            self.end(self.submit(JobKind.STORE, blocks, slots))
            self.kv.clear()
            into = in_runs(list(range(self.kv.blocks)), run, seed + 20)[:count]
            job = self.submit(JobKind.LOAD_SYNC, into, slots)
            if self.on_gpu:
                self.transfer.stream_wait(job, 0, torch.cuda.current_stream().cuda_stream)
            else:
                self.transfer.wait(job, 0, SOON_MS)
            found = self.kv.of_blocks(into)  # computed behind the load
            right = all(torch.equal(a, b) for a, b in zip(expected, found, strict=True))
            self.end(job)
            self.figures.tell("bytes", run=run, blocks=count, right=right)
            assert right, "other bytes came back"

    def loads(self, repeats: int) -> None:
        for name, (device_run, host_run) in SCATTERED.items():
            blocks = in_runs(list(range(self.kv.blocks)), device_run, 1)[: len(self.slots)]
            slots = in_runs(self.slots, host_run, 2)
            ends = self.transfer.fit_groups(
                array("I", blocks), b"".join(slots), LAYERS_PER_GROUP, CALLS_MAX
            )
            seconds, submit_ms = [], []
            calls = self.transfer.cuda_stats().driver_calls
            for _ in range(repeats):
                self.synchronize()
                begun = time.perf_counter()
                job = self.submit(JobKind.LOAD_SYNC, blocks, slots, ends)
                submit_ms.append((time.perf_counter() - begun) * 1e3)
                self.end(job, max(1, len(ends)))
                seconds.append(time.perf_counter() - begun)
            copied = len(slots) * self.kv.block_bytes
            self.figures.tell(
                "load",
                scattered=name,
                groups=max(1, len(ends)),
                gb_per_s=round(copied / statistics.median(seconds) / 1e9, 2),
                gb_per_s_worst=round(copied / max(seconds) / 1e9, 2),
                submit_ms=round(statistics.median(submit_ms), 3),
                submit_ms_p90=round(percentile(submit_ms, 0.9), 3),
                driver_calls=(self.transfer.cuda_stats().driver_calls - calls) // repeats,
            )

    def slowed(self, kind: JobKind, rounds: int, size: int) -> None:
        """In turns, so that what the GPU's clock does meets both alike."""
        a = torch.randn(size, size, dtype=torch.bfloat16, device=self.kv.device)
        b = torch.randn(size, size, dtype=torch.bfloat16, device=self.kv.device)
        out = torch.empty_like(a)
        blocks = in_runs(list(range(self.kv.blocks)), 1, 3)[: len(self.slots)]
        job = self.submit(kind, blocks, self.slots)
        begun = time.perf_counter()
        self.end(job)
        copy_s = time.perf_counter() - begun
        self.products(a, b, out, 4)  # the first ones choose their kernel
        product_s = self.products(a, b, out, 4) / 4
        count = max(4, math.ceil(1.5 * copy_s / product_s))
        slower, covered = [], 0
        for _ in range(rounds):
            alone = self.products(a, b, out, count)
            jobs = [self.submit(kind, blocks, self.slots) for _ in range(3)]
            beside = self.products(a, b, out, count)
            covered += not self.transfer.poll(jobs[-1]).done
            for job in jobs:
                self.end(job)
            slower.append((beside / alone - 1) * 100)
        mean = statistics.fmean(slower)
        spread = 1.96 * statistics.stdev(slower) / math.sqrt(len(slower))
        self.figures.tell(
            "slowed",
            beside=kind.name.lower(),
            percent=round(mean, 2),
            percent_95=[round(mean - spread, 2), round(mean + spread, 2)],
            products_in_a_round=count,
            rounds=rounds,
            rounds_wholly_beside_copies=covered,
            product_tflops=round(2 * size**3 / product_s / 1e12, 1),
        )

    def products(self, a: torch.Tensor, b: torch.Tensor, out: torch.Tensor, count: int) -> float:
        """Seconds of the GPU for so many."""
        if not self.on_gpu:
            begun = time.perf_counter()
            for _ in range(count):
                torch.matmul(a, b, out=out)
            return time.perf_counter() - begun
        first, last = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        first.record()
        for _ in range(count):
            torch.matmul(a, b, out=out)
        last.record()
        last.synchronize()
        return first.elapsed_time(last) / 1e3


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", help="a file that the lines are added to")
    parser.add_argument("--blocks", type=int, default=625, help="copied at once; default 625")
    parser.add_argument("--layers", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=40, help="of each measurement")
    parser.add_argument("--product", type=int, default=8192, help="size of the matrix product")
    parser.add_argument("--gpu", default="0", help="its number, or cpu to see that this runs")
    return parser.parse_args()


def free_on(device: str) -> int:
    return torch.cuda.mem_get_info(device)[0] if device != "cpu" else 0


def main() -> None:
    arguments = read_arguments()
    figures = Figures(arguments.out)
    device = "cpu" if arguments.gpu == "cpu" else f"cuda:{arguments.gpu}"
    if device != "cpu":
        torch.cuda.set_device(device)
        torch.ones(1, device=device)  # torch's context, before memory is looked at
    kv = TorchKV(2 * arguments.blocks, arguments.layers, device)
    # An engine holds half of the pool at most.
    slot_room = arguments.blocks * kv.block_bytes * 9 // 4 + (512 << 20)
    with Pool(f"{slot_room >> 20}mb", device=arguments.gpu) as pool:
        pool.await_filled()
        engine = pool.engine(kv.block_bytes)
        memory = engine.registration.memory
        slabs = memory.open_slabs()
        slots = reserved(engine, arguments.blocks)
        free_bytes = free_on(device)
        begun = time.perf_counter()
        transfer = kv.open_transfer(memory)
        opened_s = time.perf_counter() - begun
        while transfer.slabs_ready() < slabs:
            error = transfer.cuda_stats().slab_error
            assert error is None, error
            time.sleep(0.01)
        bench = Bench(kv, transfer, slots, figures)
        for kind in (JobKind.STORE, JobKind.LOAD_ASYNC, JobKind.LOAD_SYNC):
            bench.end(bench.submit(kind, [3, 1], slots[:2]))
        stats = transfer.cuda_stats()
        figures.tell(
            "memory",
            taken_mib=round((free_bytes - free_on(device)) / 2**20, 1),
            told_mib=round(stats.device_bytes / 2**20, 1),
            staging_mib=stats.staging_bytes >> 20,
            open_s=round(opened_s, 3),
            registering_s=round(stats.registering_s, 3),
            registered_gib=round(stats.registered_bytes / 2**30, 2),
        )
        bench.bytes_are_right()
        bench.loads(arguments.rounds)
        for kind in (JobKind.LOAD_SYNC, JobKind.STORE):
            bench.slowed(kind, arguments.rounds, arguments.product)
        transfer.close()
        engine.close()


if __name__ == "__main__":
    main()
