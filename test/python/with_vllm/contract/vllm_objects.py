"""vLLM's own objects for an engine without a model: configurations, KV caches, requests.

The one place that knows how vLLM 0.24 to 0.32 differ in them.
"""

from __future__ import annotations

import copy
import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from vllm import SamplingParams
from vllm.config import (
    CacheConfig,
    DeviceConfig,
    KVTransferConfig,
    ModelConfig,
    ParallelConfig,
    SchedulerConfig,
    VllmConfig,
)
from vllm.v1.kv_cache_interface import (
    FullAttentionSpec,
    KVCacheConfig,
    KVCacheGroupSpec,
    KVCacheTensor,
)
from vllm.v1.request import Request

BLOCK_TOKENS = 16
LAYERS = ("model.layers.0.self_attn.attn", "model.layers.1.self_attn.attn")
_HEAD_SIZE = 8
_MODEL_CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "vocab_size": 4096,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": len(LAYERS),
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "head_dim": 16,
    "max_position_embeddings": 4096,
    "torch_dtype": "float16",
    "bos_token_id": 1,
    "eos_token_id": 2,
}


@dataclass(frozen=True, kw_only=True)
class EngineOptions:
    endpoint: str
    blocks: int = 64
    ranks: int = 1
    async_scheduling: bool = False
    runner: str = "v1"
    """Whose form of SchedulerOutput, and whose order of hooks: "v1" or "v2"."""
    prefix_caching: bool = True
    requests_most: int = 8
    step_tokens: int = 64
    run_id: str = ""
    """Empty: vLLM chooses one."""
    settings: dict[str, Any] = field(default_factory=dict)
    """Of the connector, beside those that keep a busy machine from turning hits into misses."""


_PATIENT = {
    "weights_id": "contract",
    "min_load_tokens": 0,
    "query_wait_ms": 1000.0,
    "query_deadline_ms": 10_000.0,
    "reserve_deadline_ms": 10_000.0,
    "store_blocks_share": 0.5,
    "transfer_threads": 1,
}


def make_vllm_config(options: EngineOptions, model_folder: Path) -> VllmConfig:
    (model_folder / "config.json").write_text(json.dumps(_MODEL_CONFIG))
    transfer = {
        "kv_connector": "PegaKVConnector",
        "kv_connector_module_path": "pegaflow.connector",
        "kv_role": "kv_both",
        "kv_connector_extra_config": {
            "endpoint": options.endpoint,
            **_PATIENT,
            **options.settings,
        },
    }
    if options.run_id:
        transfer["engine_id"] = options.run_id
    config = VllmConfig(
        model_config=ModelConfig(
            model=str(model_folder),
            dtype="float16",
            seed=0,
            skip_tokenizer_init=True,
            max_model_len=2048,
        ),
        scheduler_config=SchedulerConfig(
            max_num_seqs=options.requests_most,
            max_num_batched_tokens=options.step_tokens,
            max_model_len=2048,
            enable_chunked_prefill=True,
            is_encoder_decoder=False,
        ),
        cache_config=CacheConfig(
            block_size=BLOCK_TOKENS, enable_prefix_caching=options.prefix_caching
        ),
        parallel_config=ParallelConfig(
            tensor_parallel_size=options.ranks, distributed_executor_backend="mp"
        ),
        device_config=DeviceConfig(device="cpu"),
        kv_transfer_config=KVTransferConfig(**transfer),
    )
    # The CPU's platform has no asynchronous scheduling; the scheduler does not ask the platform.
    config.scheduler_config.async_scheduling = options.async_scheduling
    config.cache_config.num_gpu_blocks = options.blocks
    return config


def config_of_rank(config: VllmConfig, rank: int) -> VllmConfig:
    """As that worker has it."""
    own = copy.copy(config)
    own.parallel_config = copy.copy(config.parallel_config)
    own.parallel_config.rank = rank
    return own


def make_kv_cache_config(blocks: int) -> KVCacheConfig:
    spec = FullAttentionSpec(
        block_size=BLOCK_TOKENS, num_kv_heads=1, head_size=_HEAD_SIZE, dtype=torch.float16
    )
    page = spec.page_size_bytes
    if "layers" in {f.name for f in dataclasses.fields(KVCacheTensor)}:  # 0.29 and newer
        tensors = [
            KVCacheTensor(
                size=page * blocks * len(LAYERS),
                layers=list(LAYERS),
                layer_stride=page * blocks,
                block_stride=page,
            )
        ]
    else:
        tensors = [KVCacheTensor(size=page * blocks, shared_by=[layer]) for layer in LAYERS]
    return KVCacheConfig(
        num_blocks=blocks,
        kv_cache_tensors=tensors,
        kv_cache_groups=[KVCacheGroupSpec(list(LAYERS), spec)],
    )


def make_kv_caches(kv_cache_config: KVCacheConfig) -> dict[str, torch.Tensor]:
    """What a worker allocates and registers: one tensor a layer, blocks outermost."""
    blocks = kv_cache_config.num_blocks
    caches = {}
    for tensor in kv_cache_config.kv_cache_tensors:
        backing = torch.zeros(tensor.size, dtype=torch.int8)
        names = getattr(tensor, "layers", None) or tensor.shared_by
        stride = getattr(tensor, "layer_stride", 0)
        for index, name in enumerate(names):
            page = kv_cache_config.kv_cache_groups[0].kv_cache_spec.page_size_bytes
            part = backing[index * stride : index * stride + page * blocks]
            shape = (blocks, 1, BLOCK_TOKENS, page // BLOCK_TOKENS // 2)
            caches[name] = part.view(torch.float16).view(shape)
    return caches


def make_request(
    request_id: str,
    prompt: list[int],
    answer_tokens: int,
    block_hasher: Any,
    *,
    prompt_logprobs: bool = False,
    cache_salt: str | None = None,
) -> Request:
    sampling = SamplingParams(
        max_tokens=answer_tokens,
        temperature=0.0,
        ignore_eos=True,
        prompt_logprobs=1 if prompt_logprobs else None,
    )
    return Request(
        request_id=request_id,
        prompt_token_ids=list(prompt),
        sampling_params=sampling,
        pooling_params=None,
        cache_salt=cache_salt,
        block_hasher=block_hasher,
    )
