"""TorchKV: a KV cache as vLLM 0.26 allocates it for an 8B model: a bf16 tensor a layer, 64 KiB a block.

In memory the order within a block is token, head; each layer is an allocation of its own.
"""

from __future__ import annotations

import torch
from pegaflow.native.memory import EngineMemory
from pegaflow.native.transfer import Segment, Transfer

HEADS, TOKENS, HEAD_BYTES = 8, 16, 512  # K and V side by side


class TorchKV:
    def __init__(self, blocks: int, layers: int, device: str) -> None:
        self.blocks = blocks
        self.device = torch.device(device)
        self.layers = [
            torch.zeros(
                blocks, TOKENS, HEADS, HEAD_BYTES // 2, dtype=torch.bfloat16, device=device
            ).permute(0, 2, 1, 3)
            for _ in range(layers)
        ]
        self.page_bytes = HEADS * TOKENS * HEAD_BYTES
        self.block_bytes = layers * self.page_bytes

    def open_transfer(self, memory: EngineMemory) -> Transfer:
        storages = [layer.untyped_storage() for layer in self.layers]
        on_gpu = self.device.type == "cuda"
        return Transfer.create(
            memory,
            allocations=[(storage.data_ptr(), storage.nbytes()) for storage in storages],
            segments=[
                Segment(layer, layer, 0, self.page_bytes, self.page_bytes)
                for layer in range(len(self.layers))
            ],
            block_count=self.blocks,
            cuda_ordinal=(self.device.index or 0) if on_gpu else None,
        )

    def fill(self, seed: int) -> None:
        """Any bits, no two blocks alike."""
        torch.manual_seed(seed)
        for layer in self.layers:
            bits = torch.empty(layer.numel(), dtype=torch.int16, device=self.device)
            bits.random_(-(1 << 15), 1 << 15)
            _bits_of(layer).copy_(bits.view(self.blocks, -1))

    def clear(self) -> None:
        for layer in self.layers:
            _bits_of(layer).zero_()

    def of_blocks(self, blocks: list[int]) -> list[torch.Tensor]:
        """A copy, layer by layer, as bits."""
        at = torch.tensor(blocks, device=self.device)
        return [_bits_of(layer).index_select(0, at) for layer in self.layers]


def _bits_of(layer: torch.Tensor) -> torch.Tensor:
    """Blocks × what a block has, as 16-bit integers."""
    return layer.permute(0, 2, 1, 3).view(torch.int16).view(layer.shape[0], -1)
