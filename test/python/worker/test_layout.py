"""describe_layout: every form in which vLLM 0.24 to 0.32 gives a KV cache, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pegaflow.worker.layout import UnsupportedLayout, describe_layout
from support.host_kv_cache import (
    Config,
    FakeStorage,
    FakeTensor,
    FullAttentionSpec,
    Group,
    HostKVCache,
    NewTensor,
    OldTensor,
    SlidingWindowSpec,
    UniformTypeKVCacheSpecs,
    layer_name,
)

PAGE = 4096
BLOCKS = 8
NAMES = [layer_name(number) for number in (10, 2, 1)]  # as a dictionary may have them
IN_ORDER = [2, 1, 0]


def group(spec: object | None = None) -> Group:
    return Group(list(NAMES), spec or FullAttentionSpec(PAGE))


def tensor(
    storage: FakeStorage,
    offset_bytes: int,
    block_stride: int,
    inner: tuple[int, ...] = (2, 16, 64),
    inner_strides: tuple[int, ...] = (1024, 64, 1),
    blocks: int = BLOCKS,
) -> FakeTensor:
    return FakeTensor(
        storage, offset_bytes // 2, (blocks, *inner), (block_stride // 2, *inner_strides)
    )


def old_form() -> tuple[dict[str, FakeTensor], Config]:
    """A tensor for each layer."""
    storages = [FakeStorage((number + 1) << 20, BLOCKS * PAGE) for number in range(3)]
    caches = {name: tensor(storages[i], 0, PAGE) for i, name in enumerate(NAMES)}
    tensors = [OldTensor(BLOCKS * PAGE, [name]) for name in NAMES]
    return caches, Config(BLOCKS, tensors, [group()])


def packed_form() -> tuple[dict[str, FakeTensor], Config]:
    """0.24 to 0.28: all layers of a block side by side."""
    storage = FakeStorage(1 << 20, 3 * BLOCKS * PAGE)
    caches = {name: tensor(storage, i * PAGE, 3 * PAGE) for i, name in enumerate(NAMES)}
    tensors = [
        OldTensor(storage.size, [name], offset=i * PAGE, block_stride=3 * PAGE)
        for i, name in enumerate(NAMES)
    ]
    return caches, Config(BLOCKS, tensors, [group()])


def new_form(layer_stride: int, block_stride: int) -> tuple[dict[str, FakeTensor], Config]:
    storage = FakeStorage(1 << 20, 3 * BLOCKS * PAGE)
    caches = {name: tensor(storage, i * layer_stride, block_stride) for i, name in enumerate(NAMES)}
    placed = NewTensor(storage.size, list(NAMES), layer_stride, block_stride)
    return caches, Config(BLOCKS, [placed], [group()])


def layers_outermost() -> tuple[dict[str, FakeTensor], Config]:
    return new_form(BLOCKS * PAGE, PAGE)


def blocks_outermost() -> tuple[dict[str, FakeTensor], Config]:
    return new_form(PAGE, 3 * PAGE)


def test_a_tensor_for_each_layer() -> None:
    layout = describe_layout(*old_form())
    assert layout.block_count == BLOCKS
    assert layout.slot_bytes == 3 * PAGE
    assert [address >> 20 for address, _ in layout.allocations] == [3, 2, 1]
    assert [segment.layer for segment in layout.segments] == [0, 1, 2]
    assert [segment.allocation for segment in layout.segments] == [0, 1, 2]
    assert {segment.block_stride_bytes for segment in layout.segments} == {PAGE}


@pytest.mark.parametrize("form", [packed_form, blocks_outermost])
def test_layers_side_by_side(form: object) -> None:
    assert callable(form)
    layout = describe_layout(*form())
    assert layout.allocations == ((1 << 20, 3 * BLOCKS * PAGE),)
    assert [s.offset_bytes for s in layout.segments] == [i * PAGE for i in IN_ORDER]
    assert {s.block_stride_bytes for s in layout.segments} == {3 * PAGE}


def test_one_memory_for_all_layers() -> None:
    layout = describe_layout(*layers_outermost())
    assert layout.allocations == ((1 << 20, 3 * BLOCKS * PAGE),)
    assert [s.offset_bytes for s in layout.segments] == [i * BLOCKS * PAGE for i in IN_ORDER]
    assert layout.on_the_wire().allocation_bytes == (3 * BLOCKS * PAGE,)


def test_the_text_tells_what_is_in_a_page_and_not_where_pages_lie() -> None:
    forms = [old_form(), packed_form(), layers_outermost(), blocks_outermost()]
    texts = {describe_layout(*form).text for form in forms}
    assert len(texts) == 1
    assert len(texts.pop()) < 256


def test_the_text_tells_order_and_type_of_what_is_in_a_page() -> None:
    caches, config = old_form()
    heads_inside = {
        name: replace(cache, strides=(PAGE // 2, 64, 128, 1)) for name, cache in caches.items()
    }
    other_type = {name: replace(cache, dtype="torch.float16") for name, cache in caches.items()}
    every = {
        describe_layout(tensors, config).text for tensors in (caches, heads_inside, other_type)
    }
    assert len(every) == 3


def test_kernels_that_divide_a_block() -> None:
    caches, config = layers_outermost()
    halves = {
        name: FakeTensor(
            cache.storage, cache.offset_elements, (2 * BLOCKS, 2, 8, 64), (1024, 512, 64, 1)
        )
        for name, cache in caches.items()
    }
    layout = describe_layout(halves, config)
    assert layout.slot_bytes == 3 * PAGE
    assert layout.text != describe_layout(caches, config).text


def test_layers_may_differ_in_size() -> None:
    name, other = NAMES[0], NAMES[1]
    storages = [FakeStorage(1 << 20, BLOCKS * PAGE), FakeStorage(2 << 20, BLOCKS * PAGE // 2)]
    caches = {
        name: tensor(storages[0], 0, PAGE),
        other: tensor(storages[1], 0, PAGE // 2, (1, 16, 64)),
    }
    specs = {name: FullAttentionSpec(PAGE), other: FullAttentionSpec(PAGE // 2)}
    config = Config(
        BLOCKS,
        [OldTensor(storages[0].size, [name]), OldTensor(storages[1].size, [other])],
        [Group([name, other], UniformTypeKVCacheSpecs(specs))],
    )
    layout = describe_layout(caches, config)
    assert [segment.bytes for segment in layout.segments] == [PAGE // 2, PAGE]


def test_a_page_may_have_padding() -> None:
    caches, config = layers_outermost()
    small = {name: replace(c, shape=(BLOCKS, 2, 15, 64)) for name, c in caches.items()}
    assert describe_layout(small, config).slot_bytes == 3 * PAGE


def test_a_layer_that_shares_another_s_cache_is_stored_once() -> None:
    caches, config = layers_outermost()
    shared = "model.layers.11.self_attn.attn"
    caches[shared] = caches[NAMES[0]]
    config.kv_cache_groups[0].layer_names.append(shared)
    assert len(describe_layout(caches, config).segments) == 3


def test_the_host_cache_of_the_tests_is_one_of_these() -> None:
    cache = HostKVCache()
    layout = describe_layout(cache.tensors, cache.config)
    assert layout.slot_bytes == cache.slot_bytes
    assert layout.allocations == ((cache.address, cache.size),)


def refused(caches: dict[str, FakeTensor], config: Config) -> str:
    with pytest.raises(UnsupportedLayout) as refusal:
        describe_layout(caches, config)
    return str(refusal.value)


def test_refuses_other_attention_and_several_groups() -> None:
    caches, config = layers_outermost()
    config.kv_cache_groups = [group(SlidingWindowSpec(PAGE))]
    assert "SlidingWindowSpec" in refused(caches, config)
    config.kv_cache_groups = [group(), group()]
    assert "2 KV-cache groups" in refused(caches, config)


def test_refuses_planes_of_keys_and_values() -> None:
    """Before 0.23: (2, blocks, …)."""
    caches, config = layers_outermost()
    planes = {
        name: replace(c, shape=(2, BLOCKS, 16, 64), strides=(BLOCKS * PAGE // 4, 1024, 64, 1))
        for name, c in caches.items()
    }
    assert "one contiguous page" in refused(planes, config)


def test_refuses_heads_outside_of_blocks() -> None:
    """LHBNC: block stride is a head's share of the page. BHLNC: heads outside of layers."""
    caches, config = new_form(BLOCKS * PAGE, PAGE // 2)
    heads_first = {
        name: replace(c, strides=(PAGE // 4, BLOCKS * PAGE // 4, 64, 1))
        for name, c in caches.items()
    }
    assert "one contiguous page" in refused(heads_first, config)
    caches, config = new_form(PAGE // 2, 3 * PAGE)
    heads_second = {
        name: replace(c, strides=(3 * PAGE // 2, 3 * PAGE // 4, 64, 1))
        for name, c in caches.items()
    }
    assert "one contiguous page" in refused(heads_second, config)


def test_refuses_a_tensor_that_is_elsewhere() -> None:
    caches, config = layers_outermost()
    caches[NAMES[1]] = replace(caches[NAMES[1]], offset_elements=64)
    assert NAMES[1] in refused(caches, config)


def test_refuses_blocks_beyond_the_memory() -> None:
    caches, config = old_form()
    config.num_blocks += 1
    assert "required is one contiguous page a block" in refused(caches, config)


def test_refuses_layers_that_are_missing_or_that_nobody_placed() -> None:
    caches, config = layers_outermost()
    more = {**caches, "model.layers.99.attn": tensor(FakeStorage(9 << 20, PAGE * BLOCKS), 0, PAGE)}
    assert "model.layers.99.attn" in refused(more, config)
    del caches[NAMES[0]]
    assert NAMES[0] in refused(caches, config)
    config.kv_cache_groups[0].layer_names.remove(NAMES[1])
    assert NAMES[1] in refused(caches, config)


def test_refuses_memory_that_is_not_the_device_s() -> None:
    caches, config = layers_outermost()
    placed = config.kv_cache_tensors[0]
    assert isinstance(placed, NewTensor)
    placed.host_resident = True
    assert "host memory" in refused(caches, config)
