"""What registering slabs does to the model's thread: kernel launches and graph capture beside it.

    python3 scripts/gpu/beside_registering.py --pool-size 30gb --out registering.jsonl

In turns: launches with nothing beside them, then a transfer is opened, which registers the pool
in the background, and launches go on until it has; before copies have begun (registering does not
pause then) and after (it does, once serving). One line of JSON a figure:
  launch   microseconds of a launch call, torch's and the bare driver's, alone and beside
  ratio    p99 and p50 beside by those alone, of all rounds
  capture  graphs captured and replayed right while slabs were being registered
"""

from __future__ import annotations

import argparse
import gc
import time
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field

from pool import Figures, Pool, percentile, reserved

import torch
from pegaflow.native.transfer import Transfer
from pegaflow.wire.steps import JobKind
from raw_launch import RawLaunch
from support.scheduler_stand_in import SchedulerStandIn
from torch_kv import TorchKV

BURST = 200
"""Launches between two waits for the GPU: the queue never fills."""


@dataclass
class Launches:
    """Microseconds of each call."""

    torch: list[float] = field(default_factory=list)
    driver: list[float] = field(default_factory=list)

    def take(self, raw: RawLaunch, value: torch.Tensor) -> None:
        """A burst of both."""
        for _ in range(BURST):
            begun = time.perf_counter_ns()
            value.add_(1)
            self.torch.append((time.perf_counter_ns() - begun) / 1e3)
        for _ in range(BURST):
            self.driver.append(raw.microseconds())
        torch.cuda.synchronize()


class Registering:
    """A transfer from its opening until all slabs are registered."""

    def __init__(self, kv: TorchKV, engine: SchedulerStandIn, slot: bytes, serving: bool) -> None:
        self._slabs = engine.registration.memory.open_slabs()
        self._transfer: Transfer = kv.open_transfer(engine.registration.memory)
        self._serving = serving
        if serving:
            self._copy(slot)

    def goes_on(self) -> bool:
        stats = self._transfer.cuda_stats()
        assert stats.slab_error is None, stats.slab_error
        return stats.slabs_registered < self._slabs

    def close(self) -> float:
        """Seconds in the driver's registering calls."""
        seconds = self._transfer.cuda_stats().registering_s
        self._transfer.close()
        return seconds

    def _copy(self, slot: bytes) -> None:
        job = self._transfer.submit(int(JobKind.STORE), array("I", [0]), slot)
        assert self._transfer.wait(job, 0, 60_000)
        self._transfer.forget(job)


def measure_launches(
    open_registering: Callable[[bool], Registering], rounds: int, figures: Figures
) -> None:
    raw = RawLaunch(torch.cuda.current_stream().cuda_stream)
    value = torch.zeros(32, device="cuda")
    Launches().take(raw, value)
    for serving in (False, True):
        alone, beside = Launches(), Launches()
        for _ in range(rounds):
            before = len(beside.torch)
            registering = open_registering(serving)
            gc.disable()
            while registering.goes_on():
                beside.take(raw, value)
            seconds = registering.close()
            for _ in range(max(1, (len(beside.torch) - before) // BURST)):
                alone.take(raw, value)
            gc.enable()
            figures.tell("round", serving=serving, registering_s=round(seconds, 3))
        tell(figures, serving, alone, beside)


def tell(figures: Figures, serving: bool, alone: Launches, beside: Launches) -> None:
    ratios: dict[str, float] = {}
    for who in ("torch", "driver"):
        found: dict[str, dict[str, float]] = {}
        for when, launches in (("alone", alone), ("beside", beside)):
            values = getattr(launches, who)
            shares = {"p50": 0.5, "p99": 0.99, "p999": 0.999, "max": 1.0}
            found[when] = {name: percentile(values, share) for name, share in shares.items()}
            figures.tell(
                "launch",
                who=who,
                when=when,
                serving=serving,
                count=len(values),
                **{f"{name}_us": round(value, 2) for name, value in found[when].items()},
            )
        for name in ("p50", "p99"):
            ratios[f"{who}_{name}"] = round(found["beside"][name] / found["alone"][name], 3)
    figures.tell("ratio", serving=serving, **ratios)


def capture_graphs(open_registering: Callable[[bool], Registering], figures: Figures) -> None:
    a = torch.randn(1024, 1024, dtype=torch.bfloat16, device="cuda")
    expected = a @ a @ a
    torch.cuda.synchronize()
    for serving in (False, True):
        captured = 0
        registering = open_registering(serving)
        while registering.goes_on():
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):  # vLLM's mode: global
                out = a @ a @ a
            out.zero_()
            graph.replay()
            torch.cuda.synchronize()
            assert torch.equal(out, expected), "a graph computes something else"
            captured += 1
        registering.close()
        figures.tell("capture", serving=serving, captured=captured, right=captured > 0)


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
    torch.cuda.set_device(arguments.gpu)
    kv = TorchKV(8, 32, f"cuda:{arguments.gpu}")
    with Pool(arguments.pool_size, device=str(arguments.gpu)) as pool:
        pool.await_filled()
        engine = pool.engine(kv.block_bytes)
        (slot,) = reserved(engine, 1)

        def open_registering(serving: bool) -> Registering:
            return Registering(kv, engine, slot, serving)

        capture_graphs(open_registering, figures)
        measure_launches(open_registering, arguments.rounds, figures)
        engine.close()


if __name__ == "__main__":
    main()
