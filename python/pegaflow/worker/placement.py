"""Where vLLM's KV-cache configuration says that each layer lies: bytes, from 0.24 to 0.32.

Reads kv_cache_config by its attributes alone; what the tensors really are is layout.py's business.
vLLM 0.24-0.28 gives each layer a tensor (or, packed, an offset and a common block stride); from
0.29 on a tensor places many layers, `layer_stride` apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

_SUPPORTED_SPECS = ("FullAttentionSpec", "MLAAttentionSpec", "TQFullAttentionSpec")


class UnsupportedLayout(Exception):
    """What was found, and what is required: one sentence, for the log."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Block b of a layer: page_bytes at offset_bytes + b * block_stride_bytes of its storage."""

    layer: str
    offset_bytes: int
    block_stride_bytes: int
    page_bytes: int


def read_placements(kv_cache_config: Any) -> list[Placement]:
    """Of every layer that has memory of its own, in an order that all vLLMs have: by the numbers in
    the layers' names. Raises UnsupportedLayout."""
    specs = _spec_of_layers(kv_cache_config)
    placements: dict[str, Placement] = {}
    for placement in _all_placements(kv_cache_config, specs):
        before = placements.setdefault(placement.layer, placement)
        if before != placement:
            raise UnsupportedLayout(
                f"layer {placement.layer} is placed twice: {before} and {placement}"
            )
    if not placements:
        raise UnsupportedLayout("the KV-cache configuration has no layer with a KV cache")
    return sorted(placements.values(), key=lambda placement: _natural_order(placement.layer))


def _spec_of_layers(kv_cache_config: Any) -> dict[str, Any]:
    groups = kv_cache_config.kv_cache_groups
    if len(groups) != 1:
        raise UnsupportedLayout(
            f"the model has {len(groups)} KV-cache groups; required is one with full attention"
        )
    group = groups[0]
    of_layers = getattr(group.kv_cache_spec, "kv_cache_specs", None)
    specs: dict[str, Any] = (
        dict(of_layers)
        if of_layers is not None
        else dict.fromkeys(group.layer_names, group.kv_cache_spec)
    )
    for layer, spec in specs.items():
        kind = type(spec).__name__
        if kind not in _SUPPORTED_SPECS:
            raise UnsupportedLayout(
                f"layer {layer} has a {kind}; required is full attention "
                f"({' or '.join(_SUPPORTED_SPECS)})"
            )
    return specs


def _all_placements(kv_cache_config: Any, specs: dict[str, Any]) -> Iterable[Placement]:
    for tensor in kv_cache_config.kv_cache_tensors:
        if getattr(tensor, "host_resident", False):
            raise UnsupportedLayout("a KV-cache tensor lies in host memory; required is the device")
        layers = getattr(tensor, "layers", None)
        if layers is not None:
            for position, layer in enumerate(layers):
                yield Placement(
                    layer,
                    tensor.offset + position * tensor.layer_stride,
                    tensor.block_stride,
                    _page_bytes(specs, layer),
                )
        else:
            for layer in tensor.shared_by:
                page_bytes = _page_bytes(specs, layer)
                # No stride of its own: the tensor is this layer's alone, pages back to back.
                stride = tensor.block_stride or page_bytes
                yield Placement(layer, tensor.offset, stride, page_bytes)


def _page_bytes(specs: dict[str, Any], layer: str) -> int:
    spec = specs.get(layer)
    if spec is None:
        raise UnsupportedLayout(f"layer {layer} has memory but is in no KV-cache group")
    return int(spec.page_size_bytes)


def _natural_order(name: str) -> list[tuple[int, str]]:
    """layers.2 before layers.10."""
    parts = re.split(r"(\d+)", name)
    return [(int(part), "") if part.isdigit() else (-1, part) for part in parts]
