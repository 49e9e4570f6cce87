"""What the link alone does to a matrix product: torch's own pinned copies beside it, no pega.

    python3 scripts/gpu/beside_dma.py

The measure for beside_torch.py: DMA uses memory and power of the GPU, whoever asks for it. One line
of JSON for each direction: how much longer the product takes, in percent, ± a 95 % interval.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics

import torch

SIZE = 8192
COPIED_BYTES = 1310 << 20
PRODUCTS = 26  # about as long as two copies
COPIES = 3


def product_ms(a: torch.Tensor, b: torch.Tensor, out: torch.Tensor) -> float:
    first, last = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    first.record()
    for _ in range(PRODUCTS):
        torch.matmul(a, b, out=out)
    last.record()
    last.synchronize()
    return first.elapsed_time(last)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=20)
    rounds = parser.parse_args().rounds
    a, b = (torch.randn(SIZE, SIZE, dtype=torch.bfloat16, device="cuda") for _ in range(2))
    out = torch.empty_like(a)
    host = torch.empty(COPIED_BYTES, dtype=torch.uint8, pin_memory=True)
    device = torch.empty(COPIED_BYTES, dtype=torch.uint8, device="cuda")
    stream = torch.cuda.Stream()
    product_ms(a, b, out)  # the first ones choose their kernel
    for name, source, target in (("dma h2d", host, device), ("dma d2h", device, host)):
        slower = []
        for _ in range(rounds):
            alone = product_ms(a, b, out)
            with torch.cuda.stream(stream):
                for _ in range(COPIES):
                    target.copy_(source, non_blocking=True)
            slower.append((product_ms(a, b, out) / alone - 1) * 100)
            stream.synchronize()
        spread = 1.96 * statistics.stdev(slower) / math.sqrt(rounds)
        line = {
            "beside": name,
            "percent": round(statistics.fmean(slower), 2),
            "pm": round(spread, 2),
        }
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
