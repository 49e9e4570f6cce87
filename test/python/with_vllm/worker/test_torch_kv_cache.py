"""The worker side on KV caches that the installed vLLM (from 0.29 on) allocated with torch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from pegaflow.native.library import Library
from pegaflow.settings import Settings
from pegaflow.wire.steps import JobKind
from pegaflow.worker.layout import UnsupportedLayout, describe_layout
from pegaflow.worker.worker_side import WorkerSide
from support.pega_server import PegaServer
from support.scheduler_stand_in import SchedulerStandIn
from support.told import Told
from support.worker_steps import joined, no_stream

torch = pytest.importorskip("torch", reason="real tensors need the environment of vLLM")
layouts = pytest.importorskip("vllm.v1.kv_cache_layout", reason="vLLM 0.29 and later place layers")
interface = pytest.importorskip("vllm.v1.kv_cache_interface")
worker_utils = pytest.importorskip("vllm.v1.worker.utils")

BLOCKS = 12
NAMES = [f"model.layers.{number}.self_attn.attn" for number in range(3)]
CONTIGUOUS = ["LBHNC", "LBNHC", "BLHNC", "BLNHC"]
IN_PIECES = ["LHBNC", "BHLNC"]


def allocate(layout_name: str) -> tuple[dict[str, Any], Any]:
    layout = layouts.KVCacheLayout[layout_name]
    spec = interface.FullAttentionSpec(
        block_size=16, num_kv_heads=4, head_size=32, dtype=torch.bfloat16
    )
    layer_stride, block_stride, *_ = interface.compute_layout_strides(
        spec, BLOCKS, len(NAMES), layout
    )
    size = len(NAMES) * BLOCKS * spec.page_size_bytes
    placed = interface.KVCacheTensor(
        size=size, layers=NAMES, layer_stride=layer_stride, block_stride=block_stride
    )
    config = interface.KVCacheConfig(
        num_blocks=BLOCKS,
        kv_cache_tensors=[placed],
        kv_cache_groups=[interface.KVCacheGroupSpec(list(NAMES), spec)],
    )
    return worker_utils.allocate_kv_cache(config, torch.device("cpu"), layout), config


@pytest.mark.parametrize("layout_name", IN_PIECES)
def test_refuses_a_block_in_pieces(layout_name: str) -> None:
    with pytest.raises(UnsupportedLayout, match="contiguous"):
        describe_layout(*allocate(layout_name))


def test_the_text_differs_where_the_bytes_of_a_page_do() -> None:
    texts = {name: describe_layout(*allocate(name)).text for name in CONTIGUOUS}
    assert texts["LBHNC"] == texts["BLHNC"]
    assert texts["LBNHC"] == texts["BLNHC"]
    assert texts["LBHNC"] != texts["LBNHC"]


@pytest.fixture(params=CONTIGUOUS)
def kv_cache(request: pytest.FixtureRequest) -> tuple[dict[str, Any], Any]:
    return allocate(request.param)


@pytest.fixture
def scheduler(
    pega_server: PegaServer, library: Library, kv_cache: tuple[dict[str, Any], Any]
) -> Iterator[SchedulerStandIn]:
    slot_bytes = describe_layout(*kv_cache).slot_bytes
    stand_in = SchedulerStandIn(pega_server.address, library, slot_bytes)
    yield stand_in
    stand_in.close()


def test_blocks_come_back_as_they_were(
    pega_server: PegaServer,
    library: Library,
    scheduler: SchedulerStandIn,
    kv_cache: tuple[dict[str, Any], Any],
) -> None:
    tensors, config = kv_cache
    worker = WorkerSide(
        Settings(endpoint=pega_server.address),
        run_id=scheduler.run_id,
        rank=0,
        rank_count=1,
        name="test",
        load_library=lambda: library,
        current_stream=no_stream,
    )
    try:
        worker.register(tensors, config)
        joined(scheduler)
        for tensor in tensors.values():
            tensor.copy_(torch.randn(tensor.shape))
        before = {name: tensor.clone() for name, tensor in tensors.items()}
        slots = scheduler.slots(2)
        store = scheduler.job(JobKind.STORE, [3, 10], slots)
        worker.begin_step(scheduler.orders(store))
        told = Told()
        told.until_ended(worker, [store])
        load = scheduler.job(JobKind.LOAD_SYNC, [5, 1], slots)
        worker.begin_step(scheduler.orders(load))
        told.end_step(worker)
        assert (told.outcome(store), told.outcome(load)) == ("done", "done")
        expected = {name: tensor.clone() for name, tensor in before.items()}
        for tensor in expected.values():
            tensor[5], tensor[1] = tensor[3].clone(), tensor[10].clone()
        for name, tensor in tensors.items():
            assert torch.equal(tensor, expected[name]), f"{name}: only blocks 5 and 1 have changed"
    finally:
        worker.close()
