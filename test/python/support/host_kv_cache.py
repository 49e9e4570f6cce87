"""A KV cache in this process's memory with tensors and a configuration as vLLM's, without torch.

HostKVCache lies in one buffer, layer after layer, as vLLM 0.29 and later have it; cuda_kv_cache.py
has it in a GPU's memory. The other classes are what tests of layouts are made of.
"""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class FakeStorage:
    address: int
    size: int

    def data_ptr(self) -> int:
        return self.address

    def nbytes(self) -> int:
        return self.size


@dataclass(frozen=True)
class FakeTensor:
    storage: FakeStorage
    offset_elements: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    element_bytes: int = 2
    dtype: str = "torch.bfloat16"
    device: str = "cpu"

    def data_ptr(self) -> int:
        return self.storage.address + self.offset_elements * self.element_bytes

    def element_size(self) -> int:
        return self.element_bytes

    def storage_offset(self) -> int:
        return self.offset_elements

    def stride(self) -> tuple[int, ...]:
        return self.strides

    def untyped_storage(self) -> FakeStorage:
        return self.storage


@dataclass
class FullAttentionSpec:
    page_size_bytes: int


@dataclass
class SlidingWindowSpec(FullAttentionSpec):
    pass


@dataclass
class UniformTypeKVCacheSpecs:
    kv_cache_specs: dict[str, FullAttentionSpec]


@dataclass
class Group:
    layer_names: list[str]
    kv_cache_spec: object


@dataclass
class OldTensor:
    """0.24 to 0.28."""

    size: int
    shared_by: list[str]
    offset: int = 0
    block_stride: int = 0


@dataclass
class NewTensor:
    """0.29 and later."""

    size: int
    layers: list[str]
    layer_stride: int
    block_stride: int
    offset: int = 0
    host_resident: bool = False


@dataclass
class Config:
    num_blocks: int
    kv_cache_tensors: Sequence[object]
    kv_cache_groups: list[Group] = field(default_factory=list)


def layer_name(number: int) -> str:
    return f"model.layers.{number}.self_attn.attn"


class HostKVCache:
    """`layers` × `blocks` pages of 2 heads × 16 tokens × `head_elements` (K and V packed), bf16."""

    device = "cpu"

    def __init__(self, layers: int = 2, blocks: int = 16, head_elements: int = 64) -> None:
        self.blocks = blocks
        self.page_bytes = 2 * 16 * head_elements * 2
        self.names = [layer_name(number) for number in range(layers)]
        self.size = layers * blocks * self.page_bytes
        self.address = self._allocate()
        storage = FakeStorage(self.address, self.size)
        inner = (2, 16, head_elements)
        strides = (self.page_bytes // 2, 16 * head_elements, head_elements, 1)
        self.tensors = {
            name: FakeTensor(
                storage,
                number * blocks * self.page_bytes // 2,
                (blocks, *inner),
                strides,
                device=self.device,
            )
            for number, name in enumerate(self.names)
        }
        self.config = Config(
            blocks,
            [NewTensor(self.size, self.names, blocks * self.page_bytes, self.page_bytes)],
            [Group(list(self.names), FullAttentionSpec(self.page_bytes))],
        )

    @property
    def slot_bytes(self) -> int:
        return len(self.names) * self.page_bytes

    def write(self, block: int, seed: int) -> None:
        """content() of that seed into all layers of a block."""
        content = self.content(seed)
        for layer in range(len(self.names)):
            at = layer * self.page_bytes
            self._put(self._offset(layer, block), content[at : at + self.page_bytes])

    def content(self, seed: int) -> bytes:
        """Of a block: tells layer and seed."""
        pages = []
        for layer in range(len(self.names)):
            period = bytes((seed * 31 + layer * 7 + i) % 251 for i in range(251))
            pages.append((period * (self.page_bytes // len(period) + 1))[: self.page_bytes])
        return b"".join(pages)

    def clear(self) -> None:
        self._put(0, bytes(self.size))

    def read(self, block: int) -> bytes:
        """All layers of a block."""
        layers = range(len(self.names))
        return b"".join(self._get(self._offset(layer, block), self.page_bytes) for layer in layers)

    def _allocate(self) -> int:
        self._buffer = mmap.mmap(-1, self.size)
        return ctypes.addressof(ctypes.c_char.from_buffer(self._buffer))

    def _put(self, at: int, content: bytes) -> None:
        self._buffer[at : at + len(content)] = content

    def _get(self, at: int, size: int) -> bytes:
        return self._buffer[at : at + size]

    def _offset(self, layer: int, block: int) -> int:
        return (layer * self.blocks + block) * self.page_bytes
