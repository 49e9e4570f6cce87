"""The layout of this rank's KV cache in bytes, as the transfer engine wants it.

Placements come from vLLM's configuration (placement.py) and are checked against the tensors: a
block of the block manager must be one contiguous page for each layer. Nothing is guessed from
shapes; a shape only tells which strides mean anything. Tensors are used by duck-typing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pegaflow.client.records import Layout
from pegaflow.native.transfer import Segment
from pegaflow.worker.placement import Placement, UnsupportedLayout, read_placements

__all__ = ["TensorLike", "UnsupportedLayout", "WorkerLayout", "describe_layout"]


class Storage(Protocol):
    def data_ptr(self) -> int: ...
    def nbytes(self) -> int: ...


class TensorLike(Protocol):
    """What is used of a torch.Tensor."""

    @property
    def shape(self) -> Sequence[int]: ...
    @property
    def dtype(self) -> Any: ...
    @property
    def device(self) -> Any: ...
    def data_ptr(self) -> int: ...
    def element_size(self) -> int: ...
    def storage_offset(self) -> int: ...
    def stride(self) -> Sequence[int]: ...
    def untyped_storage(self) -> Storage: ...


@dataclass(frozen=True, slots=True)
class WorkerLayout:
    allocations: tuple[tuple[int, int], ...]
    """Address and bytes of each."""
    segments: tuple[Segment, ...]
    """One for each layer, in layer order."""
    block_count: int
    slot_bytes: int
    """Of one block, all layers."""
    text: str
    """Stable: ranks with equal texts put equal bytes into a slot for equal content."""

    def on_the_wire(self) -> Layout:
        sizes = tuple(size for _, size in self.allocations)
        return Layout(sizes, self.segments, self.block_count)


def describe_layout(kv_caches: Mapping[str, Any], kv_cache_config: Any) -> WorkerLayout:
    """Raises UnsupportedLayout."""
    block_count = int(kv_cache_config.num_blocks)
    placements = read_placements(kv_cache_config)
    allocations: dict[tuple[int, int], int] = {}
    segments: list[Segment] = []
    descriptions = []
    for placement in placements:
        tensor = _tensor_of(kv_caches, placement.layer)
        _check_place(placement, tensor, block_count)
        storage = tensor.untyped_storage()
        memory = (storage.data_ptr(), storage.nbytes())
        segments.append(
            Segment(
                layer=len(segments),
                allocation=allocations.setdefault(memory, len(allocations)),
                offset_bytes=placement.offset_bytes,
                block_stride_bytes=placement.block_stride_bytes,
                bytes=placement.page_bytes,
            )
        )
        descriptions.append(_page_text(placement, tensor))
    _check_aliases(kv_caches, placements)
    return WorkerLayout(
        allocations=tuple(allocations),
        segments=tuple(segments),
        block_count=block_count,
        slot_bytes=sum(segment.bytes for segment in segments),
        text=_text_of(placements, descriptions),
    )


def _tensor_of(kv_caches: Mapping[str, Any], layer: str) -> TensorLike:
    tensor = kv_caches.get(layer)
    if tensor is None:
        raise UnsupportedLayout(f"vLLM registered no KV cache for layer {layer}")
    if not hasattr(tensor, "untyped_storage"):
        raise UnsupportedLayout(
            f"the KV cache of layer {layer} is a {type(tensor).__name__}; required is one tensor"
        )
    return tensor  # type: ignore[no-any-return]


def _check_place(placement: Placement, tensor: TensorLike, block_count: int) -> None:
    """The tensor is where the configuration says, and a block is one page of it."""
    storage = tensor.untyped_storage()
    offset_bytes = tensor.data_ptr() - storage.data_ptr()
    if (
        offset_bytes != placement.offset_bytes
        or tensor.storage_offset() * tensor.element_size() != offset_bytes
    ):
        raise UnsupportedLayout(
            f"layer {placement.layer} begins {offset_bytes} bytes into its memory; vLLM's "
            f"configuration says {placement.offset_bytes}"
        )
    end_bytes = (
        placement.offset_bytes
        + (block_count - 1) * placement.block_stride_bytes
        + placement.page_bytes
    )
    if placement.block_stride_bytes < placement.page_bytes or end_bytes > storage.nbytes():
        raise UnsupportedLayout(
            f"layer {placement.layer}: {block_count} blocks of {placement.page_bytes} bytes, "
            f"{placement.block_stride_bytes} apart from byte {placement.offset_bytes} on, in "
            f"{storage.nbytes()} bytes of memory; required is one contiguous page a block"
        )
    _check_strides(placement, tensor)


def _check_strides(placement: Placement, tensor: TensorLike) -> None:
    """Blocks are the outermost dimension, and what is inside of one stays within its page."""
    outer, inner_bytes = _inner_bytes(tensor)
    # vLLM's kernels may divide a block of its manager into several of theirs.
    divides = outer > 0 and (
        placement.block_stride_bytes == outer
        or (placement.page_bytes % outer == 0 and placement.block_stride_bytes % outer == 0)
    )
    if not divides or inner_bytes > min(outer, placement.page_bytes):
        raise UnsupportedLayout(
            f"layer {placement.layer} has strides {tuple(tensor.stride())} of "
            f"{tensor.element_size()} bytes; required is that a block of {placement.page_bytes} "
            "bytes is one contiguous page"
        )


def _inner_bytes(tensor: TensorLike) -> tuple[int, int]:
    """Bytes between two (kernel) blocks, and from the first to the last byte of one."""
    size = tensor.element_size()
    strides = tensor.stride()
    inside = zip(tensor.shape[1:], strides[1:], strict=True)
    reach = sum((count - 1) * stride for count, stride in inside)
    return strides[0] * size, (reach + 1) * size


def _check_aliases(kv_caches: Mapping[str, Any], placements: Sequence[Placement]) -> None:
    """Layers that share another's KV are stored with it. Any other layer would be missed."""
    placed = {placement.layer for placement in placements}
    addresses = {kv_caches[layer].data_ptr() for layer in placed}
    for layer, tensor in kv_caches.items():
        if layer in placed:
            continue
        if not hasattr(tensor, "data_ptr") or tensor.data_ptr() not in addresses:
            raise UnsupportedLayout(
                f"layer {layer} has a KV cache that vLLM's configuration does not place"
            )


def _page_text(placement: Placement, tensor: TensorLike) -> str:
    """What tells how the bytes within a page are ordered; not where pages lie."""
    outer, _ = _inner_bytes(tensor)
    piece_bytes = min(outer, placement.page_bytes)
    inside = [
        f"{count}@{stride}"
        for count, stride in zip(tensor.shape[1:], tensor.stride()[1:], strict=True)
        if count > 1
    ]
    return f"{placement.page_bytes}/{piece_bytes} {tensor.dtype} {' '.join(inside)}"


def _text_of(placements: Sequence[Placement], descriptions: Sequence[str]) -> str:
    """Short enough for a field of the identity: the first layer in words, all in a digest."""
    whole = "\n".join(
        f"{placement.layer} {description}"
        for placement, description in zip(placements, descriptions, strict=True)
    )
    digest = hashlib.sha256(whole.encode()).hexdigest()[:32]
    return f"{len(placements)} layers, first {descriptions[0]}, all {digest}"
