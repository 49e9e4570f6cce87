"""Stand-ins for vLLM's configuration: the attributes that identity/ reads, as vLLM 0.26 has them.

test/python/with_vllm reads a real one; here each attribute can be changed by itself.
"""

from __future__ import annotations

import copy
from types import SimpleNamespace
from typing import Any


class HfConfig:
    def __init__(self, **entries: Any) -> None:
        self.entries = entries
        self._commit_hash: str | None = None

    def to_dict(self) -> dict[str, Any]:
        return copy.deepcopy(self.entries)


class FullAttentionSpec(SimpleNamespace):
    """Named as vLLM's, because the name is what is looked at."""


class MLAAttentionSpec(SimpleNamespace):
    pass


class SlidingWindowSpec(SimpleNamespace):
    pass


def attention_spec(kind: type = FullAttentionSpec, **changes: Any) -> Any:
    return kind(
        **{
            "block_size": 16,
            "num_kv_heads": 8,
            "head_size": 128,
            "dtype": "torch.bfloat16",
            "kv_quant_mode": SimpleNamespace(name="NONE"),
            "non_causal": False,
            **changes,
        }
    )


def kv_cache_config(*specs: Any) -> Any:
    return SimpleNamespace(
        num_blocks=1000,
        kv_cache_groups=[
            SimpleNamespace(kv_cache_spec=spec, layer_names=["a"])
            for spec in specs or (attention_spec(),)
        ],
    )


def vllm_configuration(**changes: Any) -> Any:
    """changes: "cache_config.block_size" and the like, with __ for the dot."""
    config = SimpleNamespace(
        model_config=SimpleNamespace(
            model="/models/a",
            model_weights="",
            revision=None,
            hf_config=HfConfig(
                architectures=["LlamaForCausalLM"],
                _name_or_path="/models/a",
                hidden_size=64,
                rope_parameters={"rope_theta": 1e4, "rope_type": "default"},
            ),
            dtype="torch.bfloat16",
            quantization=None,
            quantization_config=None,
            convert="none",
            model_impl="auto",
            runner_type="generate",
            trust_remote_code=False,
            override_attention_dtype=None,
            disable_sliding_window=False,
            disable_cascade_attn=True,
            max_model_len=4096,
            is_encoder_decoder=False,
            is_diffusion=False,
            enable_sleep_mode=False,
        ),
        cache_config=SimpleNamespace(
            block_size=16,
            cache_dtype="auto",
            calculate_kv_scales=False,
            kv_cache_dtype_skip_layers=[],
            prefix_caching_hash_algo="sha256",
        ),
        parallel_config=SimpleNamespace(
            tensor_parallel_size=2,
            pipeline_parallel_size=1,
            decode_context_parallel_size=1,
            prefill_context_parallel_size=1,
            data_parallel_size=1,
            distributed_executor_backend="mp",
            nnodes=1,
            rank=0,
        ),
        scheduler_config=SimpleNamespace(policy="fcfs"),
        load_config=SimpleNamespace(
            load_format="auto", download_dir=None, model_loader_extra_config={}
        ),
        attention_config=SimpleNamespace(backend=None),
        speculative_config=None,
        additional_config={},
    )
    for path, value in changes.items():
        room, name = path.split("__") if "__" in path else ("", path)
        setattr(getattr(config, room) if room else config, name, value)
    return config
